"""The folder of one project, and where everything in it lies."""

import hashlib
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Project:
    """Paths of a project; nothing is made until it is needed.

    Attributes:
        root: the project's folder, absolute.
        shared_cache: a folder for decoded frames and flow that several projects may share; None keeps them inside.
    """

    root: Path
    shared_cache: Path | None = None

    @classmethod
    def at(cls, root: str | Path, shared_cache: str | Path | None = None) -> "Project":
        """Return the project in a folder, which need not exist yet."""
        cache = Path(shared_cache).resolve() if shared_cache else None
        return cls(Path(root).resolve(), cache)

    @property
    def option(self) -> str:
        """What names the project to a command, in a form that can be pasted: folders may have spaces in their names."""
        return f"--project {shlex.quote(str(self.root))}"

    @property
    def ledger_path(self) -> Path:
        """The DuckDB file that holds every round."""
        return self.root / "ledger.duckdb"

    @property
    def cache(self) -> Path:
        """Decoded frames and flow; may be deleted at any time."""
        return self.shared_cache or self.root / "cache"

    @property
    def prefect_home(self) -> Path:
        """The orchestrator's own state; may be deleted at any time, only history is lost."""
        return self.root / "prefect"

    @property
    def inbox(self) -> Path:
        """Folder in which people drop label files."""
        return self.root / "inbox"

    @property
    def outbox(self) -> Path:
        """Folder with the frames that wait for labels."""
        return self.root / "outbox"

    @property
    def pretrained(self) -> Path:
        """Folder of networks that were trained on the project's whole footage."""
        return self.root / "pretrained"

    @property
    def place(self) -> str:
        """Six digits that follow from machine and folder: a copy on the same machine has others."""
        return hashlib.sha256(f"{socket.gethostname()}:{self.root}".encode()).hexdigest()[:6]

    def round_dir(self, round_id: int) -> Path:
        """Return the folder of one round: student, predictions, delivered masks."""
        return self.root / "rounds" / f"{round_id:04d}"

    def relative(self, path: Path) -> str:
        """Return a path as the ledger stores it: relative to the project, so that the folder can be moved."""
        return path.relative_to(self.root).as_posix()

    def absolute(self, path: str) -> Path:
        """Invert :meth:`relative`."""
        return self.root / path
