"""Run the proofs on seeds that nothing was chosen on, and print one table, losses included.

    python -m tests.bench.proofs --toys
    python -m tests.bench.proofs
    python -m tests.bench.proofs --only harmonic --seeds 5
    python -m tests.bench.proofs --only harmonic,affinity --data DAVIS

What is measured is kept, a line of JSON for each proof, footage and seed: the same command goes on where it stopped.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table as Printed

from al_core.fingerprint import code_version
from al_core.settings import Table
from tasks.processes.children import use_threads
from tests.bench.proofs.proof import HELD_BACK, LEAST_CASES, Figures, Proof, Row, real_clips

NAMES = (
    *("points", "discovery", "harmonic", "selector", "trajectories", "tracks", "specialist", "affinity"),
    *("tags", "exemplars", "boxes", "cycle", "unlabelled", "depth", "granularity", "granularity losses", "scribbles"),
    "shapes",
)
"""From the quickest to the dearest."""

TOYS = (
    *("discovery", "quick tags", "quick exemplars", "quick cycle", "quick unlabelled", "quick depth"),
    *("quick granularity", "quick boxes", "quick scribbles"),
)
"""What learns from frames that nobody labelled or from cheap labels, on toys: shorter trainings on as many seeds."""

PLACES = {name: f"tests.bench.proofs.{name}_proof:PROOF" for name in NAMES}
ELSEWHERE = {
    "points": "tests.bench.transfer.points_proof:PROOF",
    "cycle": "tests.bench.proofs.unlabelled_proof:PIXELS",
    "discovery": "tests.bench.discovery.discovery_proof:PROOF",
    "granularity": "tests.bench.discovery.granularity_proof:PROOF",
    "granularity losses": "tests.bench.discovery.granularity_proof:LOSS_PROOF",
    "tags": "tests.bench.discovery.tags_proof:PROOF",
    "exemplars": "tests.bench.discovery.exemplars_proof:PROOF",
    "boxes": "tests.bench.discovery.boxed_categories:PROOF",
    "scribbles": "tests.bench.discovery.scribbles_proof:PROOF",
}
QUICK = {
    **{f"quick {name}": place.replace("PROOF", "QUICK") for name, place in (PLACES | ELSEWHERE).items()},
    "quick cycle": "tests.bench.proofs.unlabelled_proof:QUICK_PIXELS",
}
PROOFS: Table[Proof] = Table("proof", {**PLACES, **ELSEWHERE, **{name: QUICK[name] for name in TOYS if name in QUICK}})
REAL = "real clips"
HEAD = ("system", "footage (cases)", "rival", "figure", "means", "difference", "95 % interval", "seconds", "verdict")


@dataclass(frozen=True)
class Case:
    """What is measured at once: the footage of one seed, or one real clip."""

    proof: Proof
    footage: str
    seed: int
    clip: Any

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from every other."""
        return self.proof.name, self.footage, self.seed


class Measured:
    """The figures that are known, kept as lines of a file.

    Args:
        folder: of the file, and of what may be computed again.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file = folder / "proofs.jsonl"
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.is_file() else []
        records = [record for line in lines if (record := _record(line)) is not None]
        self._known = {(r["proof"], r["footage"], r["seed"]): r for r in records}

    def __contains__(self, case: Case) -> bool:
        return case.key in self._known

    def measure(self, case: Case) -> float:
        """Measure a case and keep its figures; returns the processor seconds that it took."""
        started = time.process_time()
        figures = dict(case.proof.figures(case.clip, case.seed, self._folder / "cache"))
        seconds = time.process_time() - started
        names = dict(zip(("proof", "footage", "seed"), case.key, strict=True))
        record = {**names, "figures": figures, "seconds": round(seconds, 2), "code": code_version()}
        with self._file.open("a", encoding="utf-8") as file:
            # A line of its own, also after the half of one that a killed run left.
            file.write("\n" + json.dumps(record))
        self._known[case.key] = record
        return seconds

    def of(self, cases: Sequence[Case]) -> list[Mapping[str, Any]]:
        """The records of those of some cases that are measured."""
        return [self._known[case.key] for case in cases if case in self]


def cases_of(proof: Proof, seeds: int, clips: Mapping[str, Any]) -> list[Case]:
    """Everything that a proof is measured on: real clips where there are some, else made footage."""
    if clips:
        return [Case(proof, REAL, n, clip) for n, clip in enumerate(clips.values())] if proof.on_clips else []
    numbers = range(HELD_BACK, HELD_BACK + seeds)
    return [Case(proof, name, n, clip) for n in numbers for name, clip in proof.footage(n).items()]


def in_turn(groups: Sequence[Sequence[Case]]) -> Iterator[Case]:
    """The first case of each proof, then the second of each: a run that is stopped has some of all."""
    for number in range(max(map(len, groups), default=0)):
        yield from (group[number] for group in groups if number < len(group))


def run(groups: Sequence[Sequence[Case]], measured: Measured, minutes: float, console: Console) -> None:
    """Measure what is not measured yet; nothing is begun once so many processor minutes are spent."""
    todo = [case for case in in_turn(groups) if case not in measured]
    for number, case in enumerate(todo, start=1):
        if time.process_time() > 60 * minutes:
            console.print(f"{minutes:g} processor minutes are spent: {len(todo) - number + 1} cases are left")
            return
        seconds = measured.measure(case)
        name = f"{case.proof.name}, {case.footage}, seed {case.seed}"
        console.print(f"{number} of {len(todo)}: {name}: {seconds:.1f} s", highlight=False)


def rows_of(proof: Proof, cases: Sequence[Case], measured: Measured) -> list[Row]:
    """Every claim of a proof on all of its footage."""
    rows = []
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(proof.pooled if proof.pooled and case.footage != REAL else case.footage, []).append(case)
    for footage, group in groups.items():
        found = measured.of(group)
        seconds = sum(record["seconds"] for record in found)
        told = by_footage(found) if proof.repeated else [record["figures"] for record in found]
        rows += [Row.of(claim, footage, told, seconds) for claim in proof.claims]
    return rows


def by_footage(found: Sequence[Mapping[str, Any]]) -> list[Figures]:
    """The figures of each footage, means over seeds: cases that share their footage are no further cases."""
    groups: dict[str, list[Figures]] = {}
    for record in found:
        groups.setdefault(record["footage"], []).append(record["figures"])
    return [{arm: float(np.mean([one[arm] for one in group])) for arm in group[0]} for group in groups.values()]


def table_of(rows: Sequence[Row]) -> Printed:
    """One table of all claims."""
    table = Printed(*HEAD, title="Proofs on held-back footage", caption="Seconds: all arms of a proof together.")
    for row in rows:
        style = {"LOSES": "red", "wins": "green"}.get(row.verdict)
        table.add_row(*row.cells, style=style)
    return table


def _record(line: str) -> dict[str, Any] | None:
    """A line of the file; None for the half of one that a killed run left."""
    try:
        record: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return record


@click.command()
@click.option("--only", help="Comma-separated proofs; default: all.")
@click.option("--toys", is_flag=True, help=f"{','.join(TOYS)}, {LEAST_CASES} seeds each.")
@click.option("--seeds", type=click.IntRange(1), help="Of each proof; default: the proof's own number.")
@click.option("--minutes", default=600.0, show_default=True, help="Processor minutes after which nothing is begun.")
@click.option("--work", default=Path("runs/proofs"), show_default=True, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Real clips in DAVIS layout instead.")
@click.option("--frames", default=24, show_default=True, help="Of each real clip.")
def main(
    only: str | None, toys: bool, seeds: int | None, minutes: float, work: Path, data: Path | None, frames: int
) -> None:
    """Measure what is not measured yet, and print all claims."""
    use_threads(1)
    logging.getLogger("mmengine").setLevel(logging.ERROR)
    console = Console(width=220)
    clips = real_clips(data, frames) if data else {}
    proofs = [PROOFS[name] for name in (only.split(",") if only else TOYS if toys else NAMES)]
    groups = [cases_of(proof, seeds or (LEAST_CASES if toys else proof.seeds), clips) for proof in proofs]
    measured = Measured(work / f"{data.name}-{frames}" if data else work)
    run(groups, measured, minutes, console)
    rows = [row for proof, cases in zip(proofs, groups, strict=True) for row in rows_of(proof, cases, measured)]
    console.print(table_of(rows))


if __name__ == "__main__":
    main()
