"""How long commands take that people give often: ``python -m tests.bench.speed.command_times``.

Each is given several times in a process of its own, in a project of two finished rounds whose third waits for a person.
Beside the time on the clock stands the processor's, which a busy machine changes less. ``--beside TREE`` gives each
command in turn in a checkout of another revision too, so that both have the same load.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.table import Table

from al_core.project import Project
from al_core.records import FrameRef, LabelRequest, Selected
from al_core.settings import Settings
from tests.toys.labelled_project import finished_project, step

COMMANDS = ("--help", "status", "settings", "run", "round", "versions", "annotator list", "doctor")


class Took(NamedTuple):
    """Seconds that a command took: on the clock, and of the processor, its children's included."""

    clock: float
    processor: float


@click.command()
@click.option("--times", default=10, show_default=True, type=click.IntRange(1), help="How often each is given.")
@click.option("--beside", type=click.Path(exists=True, path_type=Path), help="A checkout of another revision.")
@click.option("--only", multiple=True, type=click.Choice(COMMANDS), help="This command; may be given again.")
def main(times: int, beside: Path | None, only: tuple[str, ...]) -> None:
    """Measure commands and print a table."""
    table = Table("command", "of", "median s", "least s", "most s", "processor s (median)", "(least)", box=None)
    trees = {"here": Path.cwd()} | ({} if beside is None else {"beside": beside.resolve()})
    with tempfile.TemporaryDirectory() as folder:
        project = waiting_project(Path(folder))
        for command in only or COMMANDS:
            took: dict[str, list[Took]] = {of: [] for of in trees}
            # The first one writes what Python compiles, as an installation does.
            for number in range(3 if command == "doctor" else times + 1):
                for of, tree in trees.items():
                    one = once(project, command, tree, Path(folder))
                    took[of] += [one] if number else []
            for of, measured in took.items():
                table.add_row(command, of, *(f"{seconds:.2f}" for seconds in _summary(measured)))
    Console().print(table)
    Console().print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


def _summary(took: list[Took]) -> tuple[float, ...]:
    clock, used = [each.clock for each in took], [each.processor for each in took]
    return statistics.median(clock), min(clock), max(clock), statistics.median(used), min(used)


def waiting_project(folder: Path) -> Project:
    """Make a project whose third round waits for a person at our page."""
    project, ledger, _ = finished_project(folder)
    settings = Settings().changed({"annotator.backend": "page"})
    ledger.begin_round(settings)
    chosen = Selected(FrameRef(1, 4), 0, 0.5, "chosen")
    ledger.put_selection(3, "hybrid", [chosen])
    step(ledger, 3, "select", 0.5)
    ledger.put_requests([LabelRequest.of(3, chosen)])
    step(ledger, 3, "request", 0.5)
    return project


def once(project: Project, command: str, tree: Path, scratch: Path) -> Took:
    """Give a command of a checkout.

    Args:
        scratch: folder in which Python keeps what it compiled.

    Raises:
        SystemExit: it failed.
    """
    words = command.split() if command.startswith("-") else [*command.split(), "--project", str(project.root)]
    env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONPYCACHEPREFIX": str(scratch / "compiled")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    began, used = time.perf_counter(), _processor()
    arguments = [sys.executable, "-m", "flows.cli.main", *words]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=tree, env=env)
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
    return Took(time.perf_counter() - began, _processor() - used)


def _processor() -> float:
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
