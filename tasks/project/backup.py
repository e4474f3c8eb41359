"""One file that holds a project as of one moment, made while rounds go on, and a project from such a file.

The ledger is copied first, the files that it names after it: whatever is written in between is newer than the ledger
says, and a round that goes on from the backup does that step again. What may be computed again (decoded frames, flow),
the orchestrator's own state and the videos themselves, which lie outside of the project, are not in the file.
"""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from al_core.errors import BadBackup, NoSpace, OutputExists
from al_core.files import replaced
from al_core.fingerprint import fingerprint_file
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import Progress

MANIFEST = "fewframes-backup.json"
LEDGER = "ledger.duckdb"

LEFT_OUT = frozenset(
    {"cache", "prefect", "snapshot", "ledger.duckdb", "ledger.duckdb.wal", "owner.json", "undelivered.json"}
)
"""In the project's folder; hidden files and unfinished ones (``.part``) are left out too."""

Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Backup:
    """What is in a backup.

    Attributes:
        n_bytes: of all files together.
    """

    path: Path
    n_files: int
    n_bytes: int
    created_at: str


def back_up(project: Project, ledger: Ledger, out: Path, on_progress: Tell | None = None) -> Backup:
    """Write a backup; an older file of that name is replaced only when the new one is whole.

    Raises:
        NoSpace: the disk is full.
    """
    out = out.resolve()
    try:
        with (
            replaced(out) as unfinished,
            tempfile.TemporaryDirectory(prefix=".backup-", dir=out.parent) as scratch,
        ):
            ledger.copy_to(str(Path(scratch) / LEDGER))
            return _write(project, Path(scratch) / LEDGER, unfinished, out, on_progress)
    except OSError as error:
        raise NoSpace.caused_by(error, out.parent) or error from None


def restore(backup: Path, root: Path, on_progress: Tell | None = None) -> Backup:
    """Make a project of a backup. Every file is compared with what was written; nothing appears if one differs.

    Raises:
        BadBackup: the file is none, is cut short, or was changed.
        OutputExists: there is something in the folder.
        NoSpace: the disk is full.
    """
    root = root.resolve()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise OutputExists(f"{root} is not empty; a backup is restored into a new folder, so that nothing is lost")
    try:
        with replaced(root) as unfinished:
            unfinished.mkdir()
            manifest = _extract(backup, unfinished, on_progress)
    except tarfile.TarError as error:
        raise BadBackup(f"{backup}: is no whole backup ({error}); use another one") from None
    except OSError as error:
        raise NoSpace.caused_by(error, root.parent) or error from None
    sizes = [entry["size"] for entry in manifest["files"]]
    return Backup(backup, len(sizes), sum(sizes), manifest["created_at"])


def _write(project: Project, ledger_copy: Path, part: Path, out: Path, on_progress: Tell | None) -> Backup:
    files = [(LEDGER, ledger_copy), *((project.relative(path), path) for path in _files(project.root))]
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    entries = []
    with tarfile.open(part, "w") as archive:
        for done, (name, path) in enumerate(files):
            entry = _add(archive, name, path)
            if entry is not None:
                entries.append(entry)
            if on_progress is not None:
                on_progress(Progress(done + 1, len(files), name))
        # It comes last, so a file that was cut short has none.
        content = json.dumps({"format": 1, "created_at": created_at, "files": entries}).encode()
        header = tarfile.TarInfo(MANIFEST)
        header.size = len(content)
        archive.addfile(header, io.BytesIO(content))
    return Backup(out, len(entries), sum(e["size"] for e in entries), created_at)


def _files(root: Path) -> Iterator[Path]:
    """Yield what belongs into a backup, in a fixed order."""
    for folder, names, files in os.walk(root):
        left_out = LEFT_OUT if Path(folder) == root else frozenset()
        names[:] = sorted(name for name in names if not name.startswith(".") and name not in left_out)
        for name in sorted(set(files) - left_out):
            if not name.startswith(".") and not name.endswith((".part", ".tmp")):
                yield Path(folder, name)


def _add(archive: tarfile.TarFile, name: str, path: Path) -> dict[str, Any] | None:
    """Add a file as it is now; None when it has gone, as old checkpoints do."""
    try:
        # Files are replaced, never changed in place: an open one stays as it is.
        with path.open("rb") as file:
            header = tarfile.TarInfo(name)
            status = os.fstat(file.fileno())
            header.size, header.mtime = status.st_size, int(status.st_mtime)
            content = _Hashed(file, status.st_size)
            archive.addfile(header, content)
    except FileNotFoundError:
        return None
    return {"name": name, "size": header.size, "sha256": content.sha256.hexdigest()}


class _Hashed(io.RawIOBase):
    """A file that is hashed while it is read, and ends after ``size`` bytes: a log may grow meanwhile."""

    def __init__(self, file: Any, size: int) -> None:
        self._file = file
        self._left = size
        self.sha256 = hashlib.sha256()

    def read(self, n: int = -1) -> bytes:
        """Return the next bytes."""
        wanted = self._left if n < 0 else min(n, self._left)
        content: bytes = self._file.read(wanted)
        self._left -= len(content)
        self.sha256.update(content)
        return content


def _extract(backup: Path, folder: Path, on_progress: Tell | None) -> dict[str, Any]:
    try:
        archive = tarfile.open(backup, "r:")  # noqa: SIM115
    except FileNotFoundError:
        raise BadBackup(f"{backup}: there is no such file") from None
    with archive:
        members = archive.getmembers()
        if not members or members[-1].name != MANIFEST:
            raise BadBackup(f"{backup}: is no whole backup: its list of files is missing; use another one")
        for done, member in enumerate(members):
            archive.extract(member, folder, filter="data")
            if on_progress is not None:
                on_progress(Progress(done + 1, len(members), member.name))
    listed = folder / MANIFEST
    manifest: dict[str, Any] = json.loads(listed.read_text())
    listed.unlink()
    for entry in manifest["files"]:
        path = folder / entry["name"]
        if not path.is_file() or fingerprint_file(path) != entry["sha256"]:
            raise BadBackup(f"{backup}: {entry['name']} is not what was written; use another backup")
    return manifest
