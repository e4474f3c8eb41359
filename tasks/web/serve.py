"""Serve a project: own its ledger, let people label, and take each round on when it is answered."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from rich.console import Console

from al_core.errors import BadAddress, LedgerConflict
from al_core.ledger.file.owner import Owner, remove_owner, write_owner
from al_core.ledger.file.signature import Signature
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.ledger.client import living_owner, tell_of_foreign_note
from tasks.network.forwarded import checked_prefix, trusted_networks
from tasks.network.loopback import is_loopback, reach_loopback_directly
from tasks.preflight import check_rounds
from tasks.processes.round_news import RoundNews
from tasks.processes.rounds import ServedRounds
from tasks.processes.supervisor import RestartedProcess
from tasks.scheduling.prefect_server import lasting_server
from tasks.web.app import create_app
from tasks.web.state import WebContext
from tasks.web.transport.connections import patient_protocol, raised_limit
from tasks.web.transport.logs import server_logs

_log = logging.getLogger(__name__)

# Longer than clients keep idle connections, so that none is closed just when something is sent on it.
_KEEP_ALIVE_SECONDS = 30
_LAST_REQUESTS_SECONDS = 10
# A call gives the interpreter up and takes it back at every statement; with the usual 5 ms each may wait that long.
_SWITCH_SECONDS = 0.0005


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


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands that child processes of the server run.

    Attributes:
        run: takes the project's rounds on.
        work: runs what is deployed on a Prefect server; None keeps neither worker nor server.
    """

    run: Sequence[str]
    work: Sequence[str] | None = None


def serve(project: Project, address: Address, commands: Commands, console: Console, patience: float = 10.0) -> None:
    """Serve a project until Ctrl-C or SIGTERM.

    Args:
        patience: seconds to wait for another process that has the ledger file.

    Raises:
        LedgerConflict: it is served already; the message names the process and where it answers.
        BadAddress: the address cannot be had.
        BadSettings: people would label for rounds that are going to fail.
    """
    reach_loopback_directly()
    _refuse_a_second(project)
    check_rounds(project)
    sys.setswitchinterval(_SWITCH_SECONDS)
    ledger = Ledger(project.ledger_path, patience)
    with (
        server_logs(project.root),
        _prefect(project, console, commands.work),
        ledger.owned(),
        _listening(address) as listener,
    ):
        news = RoundNews(project, ledger, lambda text: _say(console, text))
        rounds = ServedRounds(project, ledger, commands.run, news.tell, news.tell)
        url = address.url(listener.getsockname()[1])
        context = WebContext(
            project,
            ledger,
            tls=address.certificate is not None,
            names=address.names,
            prefix=checked_prefix(address.prefix),
            proxies=trusted_networks(address.proxies),
            answered=rounds.wake,
            run_state=rounds.state,
        )
        certificate = str(address.certificate.resolve()) if address.certificate else ""
        owner = Owner(Signature.of(project.ledger_path), url, context.secret, context.instance, certificate)
        app = create_app(context)
        server = _server(app, address)
        with _noted(project, owner), rounds, app.state.label_cache.embedded, _ended_by_signals(server):
            _say(console, f"{project.root.name} is served at {url}; Ctrl-C ends it.")
            for line in _what_next(project, ledger):
                _say(console, line)
            news.tell(rounds.state())
            rounds.wake()
            server.run(sockets=[listener])
            _say(console, "ending: a run that is under way stops, and goes on when the project is served or run again.")


@contextmanager
def _prefect(project: Project, console: Console, work: Sequence[str] | None) -> Iterator[None]:
    """Keep a Prefect server, unless the user names one, and a worker; both are restarted when they end."""
    if work is None:
        yield
        return
    with ExitStack() as stack:
        if "PREFECT_API_URL" not in os.environ:
            url = stack.enter_context(lasting_server(project.prefect_home))
            _say(console, f"Prefect's pages are at {url.removesuffix('/api')}")
        stack.enter_context(RestartedProcess("the worker", work, project.root / "work.log"))
        yield


def _refuse_a_second(project: Project) -> None:
    tell_of_foreign_note(project)
    owner = living_owner(project)
    if owner is not None:
        how = f" (kill {owner.pid})" if owner.by.is_nearby() else ""
        raise LedgerConflict(
            f"{project.root} is served already, by {owner.by.who} at {owner.url}: open that address, or end that "
            f"process first{how}."
        )


def _server(app: FastAPI, address: Address) -> uvicorn.Server:
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
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listening(address: Address) -> Iterator[socket.socket]:
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


@contextmanager
def _noted(project: Project, owner: Owner) -> Iterator[None]:
    write_owner(project.ledger_path, owner)
    try:
        yield
    finally:
        remove_owner(project.ledger_path, owner)


def _say(console: Console, text: str) -> None:
    _log.info(text)
    console.print(text, highlight=False, soft_wrap=True)


def _what_next(project: Project, ledger: Ledger) -> Iterator[str]:
    if not any(not person.revoked and person.role is not Role.VIEWER for person in ledger.annotators()):
        yield f"Everybody who labels needs a link: fewframes annotator add NAME --project {project.root}"
    if ledger.last_round() is None:
        yield f"No round has begun. Begin one in another terminal: fewframes run --project {project.root}"
