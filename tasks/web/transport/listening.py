"""Where a server listens, and what uvicorn is told so that it serves people well."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from al_core.errors import BadAddress
from tasks.network.forwarded import checked_prefix, trusted_networks
from tasks.network.loopback import is_loopback
from tasks.web.transport.connections import patient_protocol, raised_limit

# Longer than clients keep idle connections, so that none is closed just when something is sent on it.
_KEEP_ALIVE_SECONDS = 30
_LAST_REQUESTS_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Address:
    """Where a project is served.

    Attributes:
        host: an address of this machine, or a name for one.
        port: 0 takes any free one.
        certificate, key: PEM files for TLS; both or none.
        without_tls: serve other machines without TLS all the same.
        other_names: further host names that people reach it by.
        prefix: path below which people see it behind a reverse proxy, e.g. "/label-tool".
        proxies: addresses or ranges of proxies that may say who asks, over what, and below which path.
        links_to: URL that the links of people lead to; "" is where it is served.

    Raises:
        BadAddress: other machines would be served without TLS, and nobody said that this is right; or what is given is
            no prefix or address.
    """

    host: str = "127.0.0.1"
    port: int = 8600
    certificate: Path | None = None
    key: Path | None = None
    without_tls: bool = False
    other_names: tuple[str, ...] = ()
    prefix: str = ""
    proxies: tuple[str, ...] = ()
    links_to: str = ""

    def __post_init__(self) -> None:
        checked_prefix(self.prefix)
        trusted_networks(self.proxies)
        if (self.certificate is None) != (self.key is None):
            raise BadAddress("TLS needs both files: --certificate FILE and --key FILE")
        if not (self.is_loopback or self.certificate or self.without_tls):
            raise BadAddress(
                f"at {self.host} other machines could listen in on labels and sign-in links: give --certificate FILE "
                "and --key FILE, or --without-tls when something in front of this server does TLS"
            )

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def names(self) -> frozenset[str]:
        """Return the names that people may reach it by."""
        own = () if self.is_loopback else (self.host, socket.gethostname(), socket.getfqdn())
        return frozenset((*own, *self.other_names))

    def url(self, port: int) -> str:
        """Return where this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"{'https' if self.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def server_of(app: ASGIApp, address: Address) -> uvicorn.Server:
    """Return the server of an application; it leaves signals to :func:`ended_by_signals`."""
    limit = raised_limit()
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            # What proxies say is for us to believe or not.
            proxy_headers=False,
            ws="none",
            http=patient_protocol(limit),
            backlog=limit.waiting,
            loop="tasks.web.transport.handshakes:HandshakeLoop",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_LAST_REQUESTS_SECONDS,
            ssl_certfile=address.certificate,
            ssl_keyfile=address.key,
        )
    )


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn would send itself each once more when it is done, before we have tidied up."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextmanager
def ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """End a server by Ctrl-C or SIGTERM while the block runs."""
    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def listening(address: Address) -> Iterator[socket.socket]:
    """Listen at an address while the block runs.

    Raises:
        BadAddress: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # Named as TCP, or asyncio would leave Nagle's algorithm on: every answer would wait 40 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address.host, address.port))
        except OSError as error:
            raise BadAddress(
                f"{address.host}:{address.port} cannot be had ({error.strerror or error}): end what uses it, or give "
                "another one with --host and --port"
            ) from None
        listener.listen(2048)
        yield listener
