"""One message to an address that may do anything: never answer, answer for ever, lead elsewhere, be no address.

The whole of it ends by the clock. Time limits of HTTP clients are for each read, so that an answer that comes in drops
would never meet them; here the connection is given up when the time is over, and the body of an answer is never read.
"""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import httpx

from al_core.errors import causes
from tasks.network.loopback import is_on_loopback, misfits, unusable_proxy

_FIRST_WAIT = 0.25
_MOST_SECONDS_A_TRY = 2.0
_GRACE = 0.2


def deliver(url: str, body: Mapping[str, object], seconds: float) -> str:
    """Send a message; returns why it was not delivered, without the address, or nothing when it was.

    What may get better is tried again until the time is over.

    Args:
        body: is sent as JSON.
        seconds: for all tries together, whatever the other side does.
    """
    problem: Future[str] = Future()

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                problem.set_result(runner.run(_deliver(url, body, seconds)))
        except Exception as error:
            problem.set_result(_words(error))

    # A thread of its own, as the caller may have a loop that runs; nobody waits for it when a name server hangs.
    threading.Thread(target=work, name="message", daemon=True).start()
    try:
        return problem.result(seconds + _GRACE)
    except TimeoutError:
        return _LATE


_LATE = "it did not answer in time"


async def _deliver(url: str, body: Mapping[str, object], seconds: float) -> str:
    problem = unusable_proxy(url)
    until, wait = time.monotonic() + seconds, _FIRST_WAIT
    if problem:
        return problem
    problem = _LATE
    async with httpx.AsyncClient(trust_env=not is_on_loopback(url), timeout=None) as client:
        while (left := until - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(min(left, _MOST_SECONDS_A_TRY)):
                    problem, final = await _ask(client, url, body)
            except (httpx.TransportError, TimeoutError) as error:
                problem, final = _words(error), _certificate_problem(error) is not None
            if final:
                break
            await asyncio.sleep(max(0.0, min(wait, until - time.monotonic())))
            wait *= 2
    return problem


async def _ask(client: httpx.AsyncClient, url: str, body: Mapping[str, object]) -> tuple[str, bool]:
    """Return what is wrong with the answer, and whether another try would be in vain."""
    async with client.stream("POST", url, json=body) as answer:
        status = answer.status_code
    if answer.is_success:
        return "", True
    if answer.is_redirect:
        return f"it answered {status}: it has moved, give its new address", True
    return f"it answered {status}", answer.is_client_error and status != httpx.codes.TOO_MANY_REQUESTS


def _words(error: Exception) -> str:
    """Return what an error means, without what libraries say about it, which may repeat the address."""
    certificate = _certificate_problem(error)
    if certificate is not None:
        return f"its certificate is not trusted ({certificate}); SSL_CERT_FILE can name a file with yours"
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return _LATE
    if isinstance(error, httpx.ConnectError):
        return "nothing answers there (ConnectError)"
    if isinstance(error, httpx.TransportError | httpx.InvalidURL):
        return type(error).__name__
    found = misfits()
    return f"{found[0].variable} {found[0].problem}; {found[0].mend}" if found else type(error).__name__


def _certificate_problem(error: BaseException | None) -> str | None:
    found = (cause for cause in causes(error) if isinstance(cause, ssl.SSLCertVerificationError))
    return next((cause.verify_message for cause in found), None)


class _Loop(asyncio.SelectorEventLoop):
    """A loop that looks names up in threads which the end of the process does not wait for."""

    async def getaddrinfo(self, *args: Any, **options: Any) -> Any:
        """Look up a name, as :func:`socket.getaddrinfo`."""
        found: Future[Any] = Future()

        def look() -> None:
            found.set_running_or_notify_cancel()
            try:
                found.set_result(socket.getaddrinfo(*args, **options))
            except Exception as error:
                found.set_exception(error)

        threading.Thread(target=look, name="name", daemon=True).start()
        return await asyncio.wrap_future(found, loop=self)
