"""A toy campaign step by step, how the project looked before and after each step when nobody disturbed it, and whether
another one looks the same."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import Settings, load_settings
from tests.faults import children
from tests.faults.framework import expect
from tests.toys.projects import write_clip, write_settings
from tests.toys.students import tiny_student

STEPS = ("select", "request", "collect", "train", "predict", "propagate", "audit", "finish")
Place = tuple[int, str]
"""(round, step)."""

_TIMES = (
    "started_at",
    "finished_at",
    "created_at",
    "updated_at",
    "written_at",
    "happened_at",
    "applied_at",
    "added_at",
)
_OTHER_EACH_TIME = (*_TIMES, "attempts", "seconds", "flow_run_id", "code")
_LINKED_FROM = 50_000
"""Larger files are not copied but linked: what writes them puts new ones in their place."""


@dataclass(frozen=True)
class Undisturbed:
    """A finished campaign with a copy of its project before and after each step.

    Attributes:
        counted: calls by which each step leaves something on disk, by name.
        seconds: that each step takes.
    """

    folder: Path
    rounds: int
    counted: dict[Place, dict[str, int]]
    seconds: dict[Place, float]

    def places(self) -> list[Place]:
        """All steps, in order."""
        return [(round_id, step) for round_id in range(1, self.rounds + 1) for step in STEPS]

    def calls(self, place: Place, among: frozenset[str] = children.MARKS) -> int:
        """How often a step leaves something on disk, by calls of these names."""
        return sum(n for name, n in self.counted[place].items() if name in among)

    def before(self, place: Place, folder: Path) -> Project:
        """A project in a new folder, as it was before a step."""
        return _copied(self.folder / "before" / _name(place), folder)

    def after(self, place: Place) -> dict[str, str]:
        """What the project held after a step."""
        found: dict[str, str] = json.loads((self.folder / "after" / f"{_name(place)}.json").read_text())
        return found

    def finished(self, folder: Path) -> Project:
        """A project in a new folder, as it was at the end."""
        return _copied(self.folder / "project", folder)


def run_undisturbed(folder: Path, rounds: int) -> Undisturbed:
    """Run the campaign in children, one a step."""
    project = Project.at(folder / "project")
    folder.mkdir(parents=True)
    data = write_clip(folder / "data")
    children.run(ingest, project, data)
    settings = toy_settings(folder, rounds)
    counted, seconds = {}, {}
    for round_id in range(1, rounds + 1):
        Ledger(project.ledger_path).begin_round(settings)
        for step in STEPS:
            place = (round_id, step)
            _copied(project.root, folder / "before" / _name(place))
            ended = children.run(do, project, place, count=True)
            expect(ended.code == 0, f"{place}: {ended.said}")
            counted[place], seconds[place] = dict(ended.counted), ended.seconds
            after = folder / "after" / f"{_name(place)}.json"
            after.parent.mkdir(exist_ok=True)
            after.write_text(json.dumps(contents(project)))
    return Undisturbed(folder, rounds, counted, seconds)


def toy_settings(folder: Path, rounds: int) -> Settings:
    """Of a campaign that takes seconds."""
    student = tiny_student(folder)
    changes: dict[str, Any] = {
        f"student.{name}": getattr(student, name)
        for name in ("config", "override", "long_side", "max_objects", "device")
    }
    return load_settings(str(write_settings(folder))).changed(
        changes | {"stopping.max_rounds": rounds, "compute.threads": 1}
    )


def ingest(project: Project, data: Path) -> None:
    """Take the clip in; called in a child."""
    from tasks.ledger.client import open_ledger
    from tasks.project.ingest import ingest_paths

    assert not ingest_paths(open_ledger(project), [data]).failed


def do(project: Project, place: Place) -> Any:
    """One step, as the flow does it but for the orchestrator's records; called in a child."""
    from tasks.steps.context import RoundContext
    from tasks.steps.table import STEPS, close

    round_id, step = place
    context = RoundContext.open(project, round_id)
    return close(context) if step == "finish" else STEPS[step].do(context).to_json()


def contents(project: Project) -> dict[str, str]:
    """Everything that the ledger and the rounds' files hold, but for times: by name, as text or hash."""
    connection = duckdb.connect(str(project.ledger_path), read_only=not _wal(project).exists())
    try:
        found = dict(_tables(connection))
    finally:
        connection.close()
    files = (p for folder in ("rounds", "outbox", "inbox") for p in sorted((project.root / folder).rglob("*")))
    for path in files:
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith(".part"):
            found[project.relative(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def expect_same(found: dict[str, str], expected: dict[str, str]) -> None:
    """Raise a loss that names what differs."""
    differing = sorted(k for k in found.keys() | expected.keys() if found.get(k) != expected.get(k))
    shown = [f"{k}: {str(found.get(k))[:1500]} instead of {str(expected.get(k))[:1500]}" for k in differing[:2]]
    expect(not differing, f"differs from the undisturbed run: {', '.join(differing)}; {'; '.join(shown)}")


def _tables(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    names = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    for (name,) in names:
        columns = [c for c, *_ in connection.execute(f'SELECT * FROM "{name}" LIMIT 0').description or ()]
        kept = ", ".join(f'"{c}"' for c in columns if c not in _OTHER_EACH_TIME)
        rows = connection.execute(f'SELECT {kept} FROM "{name}"').fetchall()
        yield f"table {name}", repr(sorted((_plain(row) for row in rows), key=repr))


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row without the times in its JSON."""
    return tuple(_without_times(v) if isinstance(v, str) and v.startswith("{") else v for v in row)


def _without_times(text: str) -> str:
    content = json.loads(text)
    content.pop("as_of", None)
    content.pop("notes", None)
    return json.dumps(content, sort_keys=True)


def _wal(project: Project) -> Path:
    return project.ledger_path.with_name("ledger.duckdb.wal")


def _copied(source: Path, target: Path) -> Project:
    def copy(file: str, place: str) -> None:
        if os.path.getsize(file) < _LINKED_FROM or "ledger.duckdb" in file:
            shutil.copy2(file, place)
        else:
            os.link(file, place)

    try:
        shutil.copytree(source, target, copy_function=copy)
    except (shutil.Error, OSError):
        # Another file system, where nothing can be linked.
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    return Project.at(target)


def _name(place: Place) -> str:
    return f"{place[0]}-{place[1]}"
