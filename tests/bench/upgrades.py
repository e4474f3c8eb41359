"""The upgrade matrix: schema of the ledger, state of its open round, and what the next release changes about settings.

``python -m tests.bench.upgrades`` makes a project of every earlier schema with its second round in each state, lets the
code of a next release go on with it, and prints what came of it. The project is the one in
``tests/projects/finished.tar.xz``, which old code made; the next release is a copy of this code with one setting more
in each section, one renamed, one gone, or all of it.
"""

import argparse
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import chdir
from dataclasses import asdict, dataclass, replace
from os import times
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from al_core.export.contents import ExportOptions
from al_core.ledger.file.schema import NEWEST, migrate
from al_core.ledger.store import Ledger
from al_core.project import Project

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = ROOT / "tests" / "projects" / "finished.tar.xz"

STATES = ("asked", "collecting", "trained", "predicted", "propagated", "finished")
"""How far round 2 is: asked for, one of its two answers there, and then by the step that was finished last."""
DONE = {
    "asked": ("select", "request"),
    "collecting": ("select", "request"),
    "trained": ("select", "request", "collect", "train"),
    "predicted": ("select", "request", "collect", "train", "predict"),
    "propagated": ("select", "request", "collect", "train", "predict", "propagate"),
}

CHANGES = ("none", "all three", "one more", "one renamed", "one gone")
OLD_NAME, NEW_NAME = "teacher_weight", "weight_of_teachers"


@dataclass(frozen=True)
class Cell:
    """One project before and after its upgrade.

    Attributes:
        reads_change_nothing: whether looking at it left the file as it was.
        kept: whether every finished step and every answer is as it was.
        ended: status of round 2 at the end.
        exports: hash of what rounds 1 and 2 deliver, as COCO.
        problem: the error, where one came.
        seconds: of the CPU that it took.
    """

    schema: int
    state: str
    change: str
    reads_change_nothing: bool = False
    kept: bool = False
    ended: str = ""
    exports: Sequence[str] = ()
    problem: str = ""
    seconds: float = 0.0


def main() -> None:
    """Print the matrix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schemas", type=int, nargs="+", default=list(range(1, NEWEST + 1)))
    parser.add_argument("--states", nargs="+", choices=STATES, default=list(STATES))
    parser.add_argument("--changes", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        for schema, state in chosen.worker:
            print(json.dumps(asdict(upgraded(schema, state, chosen.changes[0]))), flush=True)
        return
    wanted = list(itertools.product(chosen.schemas, chosen.states))
    cells = [cell for change in chosen.changes for cell in with_next_release(change, wanted, said)]
    Console(width=120).print(table(cells))
    print(f"{len(cells)} cells, {sum(cell.seconds for cell in cells):.0f} s of the CPU")
    sys.exit(0 if all(is_well(cell, cells) for cell in cells) else 1)


def said(cell: Cell) -> None:
    """Say what came of one cell, since all of them take a while."""
    what = cell.problem or f"{cell.ended}; kept {cell.kept}, read only {cell.reads_change_nothing}"
    print(
        f"{cell.change}, schema {cell.schema}, {cell.state}: {what} ({cell.seconds:.1f} s)", file=sys.stderr, flush=True
    )


def with_next_release(
    change: str, wanted: Sequence[tuple[int, str]], tell: Callable[[Cell], object] = lambda _: None
) -> list[Cell]:
    """Let the code of a next release, in a process of its own, go on with a project of each schema and state.

    Args:
        tell: called with each cell when it is there.
    """
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "next"
        write_release(tree, change)
        words = [sys.executable, "-m", "tests.bench.upgrades", "--changes", change, "--worker", json.dumps(wanted)]
        cells, errors = [], Path(name) / "errors.txt"
        with (
            errors.open("wb") as output,
            subprocess.Popen(
                words, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, stdout=subprocess.PIPE, stderr=output
            ) as child,
        ):
            for line in child.stdout:
                if line.startswith(b'{"schema"'):
                    cells.append(Cell(**json.loads(line)))
                    tell(cells[-1])
        return cells + [Cell(*lost, change, problem=errors.read_text()[-2000:]) for lost in wanted[len(cells) :]]


def write_release(tree: Path, change: str) -> None:
    """Write the code of a next release."""
    for name in ("al_core", "tasks", "flows", "configs"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "tests").symlink_to(ROOT / "tests")
    settings = tree / "al_core" / "settings.py"
    if change in ("one more", "all three"):
        first = re.compile(r'(class \w+\(_Section\):\n    """.*?"""\n)', re.DOTALL)
        text, n = first.subn(r"\1\n    next_release: NonNegative = 7\n", settings.read_text())
        assert n == len(re.findall(r"\(_Section\):", settings.read_text()))
        settings.write_text(text)
    if change in ("one renamed", "all three"):
        replace_all(tree, OLD_NAME, NEW_NAME)
        told = f'"propagation.{OLD_NAME}": "propagation.{NEW_NAME}", '
        replace_once(settings, "RENAMED: dict[str, str] = {", f"RENAMED: dict[str, str] = {{{told}")
    if change in ("one gone", "all three"):
        replace_once(settings, "    match_iou: Share = 0.5\n", "")
        replace_once(tree / "al_core" / "uncertainty" / "grouping.py", "max(settings.match_iou,", "max(0.5,")


def replace_all(tree: Path, old: str, new: str) -> None:
    """Put a word in the place of another in all modules."""
    for path in tree.rglob("*.py"):
        if not path.is_relative_to(tree / "tests"):
            path.write_text(re.sub(rf"\b{old}\b", new, path.read_text()))


def replace_once(path: Path, old: str, new: str) -> None:
    """Replace what stands in a file exactly once."""
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} has {text.count(old)} times {old!r}"
    path.write_text(text.replace(old, new))


# ---- one project


def upgraded(schema: int, state: str, change: str) -> Cell:
    """Make a project as an earlier version left it, and go on with it."""
    began = times()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "finished"
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(name, filter="data")
        project = Project.at(folder / "project")
        rewind(project, state, folder / "data" / "JPEGImages" / "480p" / "toy")
        downgrade(project.ledger_path, schema)
        with chdir(folder):
            cell = go_on(project, Cell(schema, state, change))
    return replace(cell, seconds=sum(times()[:4]) - sum(began[:4]))


def rewind(project: Project, state: str, video: Path) -> None:
    """Take round 2 back to a state, and let the ledger find the video where it lies now."""
    with duckdb.connect(str(project.ledger_path)) as connection:
        connection.execute("UPDATE video SET uri = ?", [str(video)])
        if state == "finished":
            return
        done = list(DONE[state])
        connection.execute(
            "UPDATE round SET status = 'running', stop_reason = NULL, finished_at = NULL WHERE round_id = 2"
        )
        connection.execute("DELETE FROM step WHERE round_id = 2 AND NOT list_contains(?, name)", [done])
        for table, made_by in (
            ("training_curve", "train"),
            ("prediction_batch", "predict"),
            ("prediction", "predict"),
            ("delivered_batch", "propagate"),
            ("delivered", "propagate"),
            ("delivered_category", "propagate"),
            ("quality", "audit"),
        ):
            if made_by not in done:
                connection.execute(f"DELETE FROM {table} WHERE round_id = 2")
        if "collect" not in done:
            kept = 1 if state == "collecting" else 0
            connection.execute(
                "CREATE TEMP TABLE undone AS SELECT request_id, answer_id FROM answer WHERE round_id = 2 "
                f"ORDER BY request_id OFFSET {kept}"
            )
            connection.execute("DELETE FROM label WHERE answer_id IN (SELECT answer_id FROM undone)")
            connection.execute("DELETE FROM answer WHERE answer_id IN (SELECT answer_id FROM undone)")
            undone = "request_id IN (SELECT request_id FROM undone)"
            connection.execute(f"UPDATE label_request SET status = 'open' WHERE {undone}")
    for name, made_by in (("student", "train"), ("predictions", "predict"), ("delivered", "propagate")):
        if made_by not in done:
            shutil.rmtree(project.round_dir(2) / name)


def downgrade(path: Path, schema: int) -> None:
    """Write the ledger anew with an earlier schema: its own migrations, and what it had columns for."""
    new = path.with_name("downgraded.duckdb")
    with duckdb.connect(str(new)) as connection:
        migrate(connection, up_to=schema)
        connection.execute(f"ATTACH '{path}' AS later (READ_ONLY)")
        columns_of = (
            "SELECT table_name, list(column_name) FROM duckdb_columns() WHERE database_name = ? AND NOT internal "
            "GROUP BY table_name"
        )
        here, there = (dict(connection.execute(columns_of, [name]).fetchall()) for name in (new.stem, "later"))
        views = {row[0] for row in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
        for table in sorted(set(here) & set(there) - views - {"schema_version"}):
            columns = ", ".join(name for name in here[table] if name in there[table])
            connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM later.{table}")
    path.with_name(f".{path.name}.id").unlink(missing_ok=True)
    new.replace(path)


def go_on(project: Project, cell: Cell) -> Cell:
    """Look at a project, run its round to the end, export."""
    from flows.round import run_round
    from tasks.processes.campaign_end import campaign_over
    from tasks.project.run_settings import settings_for_run
    from tasks.report.tables import print_status

    before, path = kept_rows(project), project.ledger_path
    content = path.read_bytes()
    try:
        print_status(project, Console(file=io.StringIO(), width=80))
        same = path.read_bytes() == content
        # Opening the file costs more than most steps: it stays open, as in a process that serves the project.
        with Ledger(path).owned():
            settings = settings_for_run(project, None, {})
            outcome = campaign_over(project, settings) or run_round.fn(project, settings)
            exports = [exported(project, number) for number in (1, 2)]
    except Exception as error:
        return Cell(cell.schema, cell.state, cell.change, problem=f"{type(error).__name__}: {error}"[:2000])
    kept = before.items() <= kept_rows(project).items()
    return Cell(cell.schema, cell.state, cell.change, same, kept, outcome.stop_reason or "goes on", exports)


def kept_rows(project: Project) -> dict[str, str]:
    """Return the finished steps and all answers with their masks, as text by what they are."""
    queries = {
        "step": "SELECT round_id, name, inputs_sha256, attempts, result FROM step WHERE status = 'finished'",
        "answer": "SELECT answer_id, request_id, round_id, video_id, frame_idx, seconds, created_at FROM answer",
        "label": "SELECT answer_id, track_id, category_id, rle_counts FROM label",
        "settings": "SELECT round_id, settings FROM round",
    }
    rows: dict[str, str] = {}
    with duckdb.connect(str(project.ledger_path), read_only=True) as connection:
        for what, query in queries.items():
            rows |= {f"{what} {row[:2]}": str(row) for row in connection.execute(query).fetchall()}
    return rows


def exported(project: Project, round_id: int) -> str:
    """Return the hash of what a round delivers, as COCO."""
    from tasks.project.export import Choice, export_project
    from tasks.project.ingest import open_frames

    ledger = Ledger(project.ledger_path)
    out = project.root / f"round{round_id}.json"
    frames = open_frames(project, ledger, ledger.round(round_id).settings.frames)
    export_project(project, ledger, frames, "coco", out, ExportOptions(), Choice(round_id))
    return hashlib.sha256(out.read_bytes()).hexdigest()


# ---- the table


def is_well(cell: Cell, cells: Iterable[Cell]) -> bool:
    """Tell whether a cell went on, lost nothing, and exports what every other one of the same state does."""
    same = {tuple(other.exports) for other in cells if other.state == cell.state}
    return cell.reads_change_nothing and cell.kept and not cell.problem and len(same) == 1


def table(cells: Sequence[Cell]) -> Table:
    """Return a row per change and schema, a column per state."""
    shown = Table("settings", "schema", *STATES)
    for change in dict.fromkeys(cell.change for cell in cells):
        for schema in sorted({cell.schema for cell in cells}):
            here = {cell.state: cell for cell in cells if (cell.change, cell.schema) == (change, schema)}
            words = ["" if s not in here else "goes on" if is_well(here[s], cells) else "FAILS" for s in STATES]
            shown.add_row(change, str(schema), *words)
    for cell in cells:
        if not is_well(cell, cells):
            print(cell)
    return shown


if __name__ == "__main__":
    main()
