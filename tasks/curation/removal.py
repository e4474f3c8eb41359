"""Purge a video: every row about it, every file that was made of it, and what it left in other files of the project."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from al_core.errors import NotReady, RunLocked
from al_core.ledger.campaign.purging import Traces
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.processes.run_lock import is_run
from tasks.report.formatting import many


@dataclass(frozen=True, slots=True)
class Purge:
    """What is removed, or was.

    Attributes:
        files: of the project, absolute; a folder stands for all that is in it.
    """

    traces: Traces
    files: tuple[Path, ...]

    def describe(self) -> list[str]:
        """Return a line for each kind of thing that goes, and for what stays."""
        rows = ", ".join(f"{n:,} of {table}" for table, n in sorted(self.traces.rows.items()))
        lines = [f"rows of the ledger: {rows}", *(f"file: {path}" for path in self.files)]
        lines.append(f"stays: the footage itself, {self.traces.uri}")
        if self.traces.students:
            rounds = ", ".join(map(str, self.traces.students))
            lines.append(f"stays: what the students of {many(len(self.traces.students), 'round')} learned ({rounds})")
        lines.append("stays: its name in logs (run.log, serve.log, work.log), and backups that were made before")
        return lines


def planned_purge(project: Project, ledger: Ledger, name: str) -> Purge:
    """Return what purging a video would remove; nothing is changed.

    Raises:
        UnknownName: there is none of that name.
    """
    traces = ledger.traces(name)
    return Purge(traces, tuple(dict.fromkeys(_files(project, traces))))


def purge(project: Project, ledger: Ledger, name: str, who: str) -> Purge:
    """Remove every trace of a video from a project. Cut off in the middle, the same call does the rest.

    Raises:
        UnknownName: there is none of that name.
        NotReady: a round is under way.
        RunLocked: a process works on the rounds.
    """
    if is_run(project.root):
        raise RunLocked(f"a process works on the rounds of {project.root}; purge {name!r} when it is done, or end it")
    last = ledger.last_round()
    if last is not None and last.status == "running":
        raise NotReady(
            f"round {last.round_id} is under way and may have begun with {name!r}: exclude the video now, and purge it "
            "when the round is done or abandoned"
        )
    planned = planned_purge(project, ledger, name)
    # The files go first: as long as the rows are there, the same call finds what is left.
    remove_files(planned.files)
    ledger.purge_video(name, who)
    return planned


def remove_files(files: tuple[Path, ...]) -> None:
    """Delete files and folders; those that are gone already are passed over."""
    for path in files:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _files(project: Project, traces: Traces) -> Iterator[Path]:
    """Yield what was made of a video, as far as it is there."""
    yield from (path for path in map(project.absolute, traces.paths) if path.exists())
    yield from sorted(project.root.glob(f"rounds/*/*/{traces.video_id:05d}.*"))
    yield from sorted(path for path in project.cache.glob(f"*/{traces.sha256}") if path.is_dir())
    for folder in (project.outbox, project.inbox):
        yield from sorted(folder.glob(f"**/*-v{traces.video_id:05d}-f*"))
    # Copies of the whole ledger that lie in the project.
    yield from sorted(project.root.glob(f"{project.ledger_path.stem}-schema-*{project.ledger_path.suffix}"))
    snapshot = project.root / "snapshot"
    yield from (path for path in (snapshot,) if path.exists())
