"""The servers of several projects: each is a process of its own, restarted when it ends or hangs, and nobody else's
trouble."""

import logging
import re
import signal
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from al_core.errors import BadAddress
from al_core.ledger.file.owner import Owner, read_owner
from al_core.project import Project
from tasks.processes.heartbeat import Patience, Watchdog
from tasks.processes.supervisor import RestartedProcess

_log = logging.getLogger(__name__)

PATIENCE = Patience(warn=15.0, kill=120.0)
"""With a server that answered once and is silent now."""

STARTING_SECONDS = 600.0
"""What a server may take until it answers the first time: an old or large ledger is converted and checked before."""

_LOOK_SECONDS = 1.0
_ASK_SECONDS = 5.0
_NOT_IN_A_PATH = re.compile(r"[^A-Za-z0-9_~-]+")
_MEND = "It is tried again by itself, at the latest a minute from now. Tell the lead if that does not help."


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a project is not served at the moment.

    Attributes:
        error: what is wrong, with no path of this machine in it.
        mend: what to do.
    """

    error: str
    mend: str = _MEND


class ProjectServer(RestartedProcess):
    """The server of one project, which owns its ledger and listens on loopback only.

    Attributes:
        name: below which it is found, "/p/NAME/".

    Args:
        command: what serves the project.
        output: file for what the process that runs now prints.
        tell: called with a line whenever the project begins to be served, or is no longer.
        patience: with a server that hangs.
        starting: seconds that it may take until it answers the first time; then patience begins.
    """

    def __init__(
        self,
        project: Project,
        command: Sequence[str],
        output: Path,
        tell: Callable[[str], object] = lambda _: None,
        patience: Patience = PATIENCE,
        starting: float = STARTING_SECONDS,
    ) -> None:
        super().__init__(f"the server of {project.root.name}", command, output)
        self.project = project
        self.name = name_of(project.root)
        self._tell = tell
        self._starting = starting
        self._began = time.monotonic()
        self._owner: Owner | None = None
        self._trouble: Trouble | None = Trouble("it is about to be served", "Wait a moment, then look again.")
        # The certificates of the machine would take long to load, and are for nothing on loopback.
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.Client(timeout=_ASK_SECONDS, trust_env=False, verify=trust)
        self.watch(Watchdog(self._name, self._beat, patience, _LOOK_SECONDS))

    @property
    def owner(self) -> Owner | None:
        """Return the process that serves the project now; None while there is none, or it does not answer."""
        return self._owner if self._trouble is None else None

    @property
    def trouble(self) -> Trouble | None:
        """Return why the project is not served; None where it is."""
        return self._trouble

    def run(self, on_start: Callable[[], object] = lambda: None) -> int:
        """Serve the project until the process ends; returns the exit code."""
        self.output.unlink(missing_ok=True)
        self._owner = None
        self._began = time.monotonic()
        code = super().run(on_start)
        if not self.ending.is_set():
            self._stopped(Trouble(self._reason(code)))
        self._owner = None
        return code

    def _beat(self) -> object:
        """Ask the server how it is; what is returned changes with every answer, and as long as it may still start."""
        owner = self._owner or read_owner(self.project.ledger_path)
        if owner is None or owner.pid != self.pid:
            return self._sign_of_starting()
        try:
            health = self._client.get(f"{owner.url}/healthz")
            answers = health.raise_for_status().json().get("instance") == owner.instance
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            # It is on its way down, or up.
            return None if self._owner else self._sign_of_starting()
        except (httpx.HTTPError, ValueError):
            answers = False
        if answers:
            self._owner = owner
            if self._trouble is not None:
                self._trouble = None
                self._tell(f"{self.name} is served")
            return time.monotonic()
        if self._owner is None:
            return self._sign_of_starting()
        self._stopped(Trouble("its server does not answer at the moment: it is busy, or hangs"))
        return None

    def _sign_of_starting(self) -> float | None:
        """Return something new as long as a server that never answered may still be starting; then None."""
        now = time.monotonic()
        return now if now - self._began < self._starting else None

    def _stopped(self, trouble: Trouble) -> None:
        if self._trouble != trouble:
            self._trouble = trouble
            self._tell(f"{self.name} is not served: {trouble.error}")

    def _reason(self, code: int) -> str:
        """Say why the process ended, in its own last words where it ended by itself."""
        if self.hung is not None:
            return "its server hung and was ended"
        if code < 0:
            return f"its server was ended by {signal.Signals(-code).name}"
        lines = self.output.read_text(encoding="utf-8", errors="replace").split("\n") if self.output.exists() else []
        said = next((line.strip() for line in reversed(lines) if line.strip()), f"its server ended with code {code}")
        root = str(self.project.root)
        return said.removeprefix("Error: ").replace(f"{root}/", "").replace(root, self.name)


@contextmanager
def kept(servers: Sequence[ProjectServer]) -> Iterator[None]:
    """Keep servers running until the block ends; then all end at the same time."""
    with ExitStack() as stack:
        for server in servers:
            stack.enter_context(server)
        try:
            yield
        finally:
            for server in servers:
                server.ending.set()


def name_of(root: Path) -> str:
    """Return what a project is called in addresses: its folder's name, of letters, digits, - _ and ~."""
    return _NOT_IN_A_PATH.sub("-", root.name).strip("-") or "project"


def found_projects(places: Sequence[Path]) -> list[Project]:
    """Return the projects that are named: each place is one, or a folder of some.

    One whose ledger is gone is among them, so that somebody learns of it.

    Raises:
        BadAddress: there is none in a place, or two have the same name.
    """
    found: dict[str, Project] = {}
    for place in places:
        here = [place] if is_project(place) else sorted(path for path in _folders(place) if is_project(path))
        if not here:
            raise BadAddress(
                f"{place}: expected a project or a folder of projects, and there is none; begin one with: "
                f"fewframes ingest PATH {Project.at(place).option}"
            )
        for root in here:
            project = Project.at(root)
            other = found.setdefault(name_of(project.root), project)
            if other.root != project.root:
                raise BadAddress(
                    f"{other.root} and {project.root} would both be found at /p/{name_of(other.root)}/: rename "
                    "one of the folders"
                )
    return list(found.values())


def is_project(place: Path) -> bool:
    """Tell whether a folder holds a project, perhaps one whose ledger is gone."""
    return any((place / name).is_file() for name in ("ledger.duckdb", ".ledger.duckdb.id"))


def _folders(place: Path) -> list[Path]:
    return [path for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
