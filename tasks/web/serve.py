"""Serve a project: own its ledger, let people label, and take each round on when it is answered."""

import gc
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from rich.console import Console

from al_core.errors import LedgerConflict
from al_core.ledger.file.owner import Owner, remove_owner, write_owner
from al_core.ledger.file.signature import Signature
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.ledger.client import living_owner, open_ledger, tell_of_foreign_note
from tasks.network.forwarded import checked_prefix, trusted_networks
from tasks.network.loopback import reach_loopback_directly
from tasks.preflight import check_rounds
from tasks.preflight.changed_footage import check_footage
from tasks.processes.children import NICENESS
from tasks.processes.round_news import RoundNews
from tasks.processes.rounds import ServedRounds
from tasks.processes.supervisor import RestartedProcess
from tasks.scheduling.prefect_server import lasting_server
from tasks.web.app import create_app
from tasks.web.state import WebContext
from tasks.web.transport.listening import Address, ended_by_signals, listening, server_of
from tasks.web.transport.logs import server_logs

_log = logging.getLogger(__name__)

# A call gives the interpreter up and takes it back at every statement; with the usual 5 ms each may wait that long.
_SWITCH_SECONDS = 0.0005


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
        BadVideo: they would label other pictures than those that were taken in.
    """
    reach_loopback_directly()
    _refuse_a_second(project)
    check_rounds(project)
    check_footage(project, open_ledger(project))
    sys.setswitchinterval(_SWITCH_SECONDS)
    ledger = Ledger(project.ledger_path, patience)
    with (
        server_logs(project.root),
        _prefect(project, console, commands.work),
        ledger.owned(),
        listening(address) as listener,
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
        owner = Owner(
            Signature.of(project.ledger_path), url, context.secret, context.instance, certificate, address.links_to
        )
        app = create_app(context)
        server = server_of(app, address)
        with _noted(project, owner), rounds, app.state.label_cache.embedded, ended_by_signals(server):
            _say(console, f"{project.root.name} is served at {url}; Ctrl-C ends it.")
            for line in _what_next(project, ledger):
                _say(console, line)
            news.tell(rounds.state())
            rounds.wake()
            with _spared():
                server.run(sockets=[listener])
            _say(console, "ending: a run that is under way stops, and goes on when the project is served or run again.")


@contextmanager
def _spared() -> Iterator[None]:
    """Look for no garbage in what was loaded before the block, which stays as long as the server does: to go through it
    takes a tenth of a second, in which nobody is answered."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


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
        stack.enter_context(RestartedProcess("the worker", work, project.root / "work.log", niceness=NICENESS))
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
        yield f"Everybody who labels needs a link: fewframes annotator add NAME {project.option}"
    if ledger.last_round() is None:
        yield f"No round has begun. Begin one in another terminal: fewframes run {project.option}"
