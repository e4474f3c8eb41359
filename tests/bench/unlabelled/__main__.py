"""What frames that nobody labelled teach a student: each system against the student without them.

    python -m tests.bench.unlabelled --data FOLDER --only "pool, 2 labels" --systems none,self
    python -m tests.bench.unlabelled --data FOLDER --minutes 0

FOLDER holds ``video_masks/davis16_val``, ``video_masks/davis16_train`` and ``images/usiigaci-phase``. Every system is
held against the student without unlabelled frames twice: trained for as many steps, and for as many processor seconds.
What is measured is kept, a line of JSON for each arm and seed: the same command goes on where it stopped, and cells
that were not run say so. Other steps, sizes or frames are other cells.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table as Printed

from al_core.evaluation.bootstrap import mean_estimate
from al_core.fingerprint import code_version
from al_core.footage.clips import Clip, clips_of
from al_core.settings import Settings
from tasks.benchmark.one_clip import evenly, labels_of
from tasks.processes.children import use_threads
from tests.bench.proofs.proof import LEAST_CASES
from tests.bench.unlabelled.clip_study import ClipStudy, LabelledClip
from tests.bench.unlabelled.depth_arms import DepthArms
from tests.bench.unlabelled.image_study import ImageStudy
from tests.bench.unlabelled.study import NONE, ON_CLIPS, SYSTEMS, Bench, Steps, Study

PROOFS = ("pool, 2 labels", "pool, 4 labels", "cells, 5 labels")
FIGURES = {"pool": ("J of teachers' masks", "J&F delivered"), "cells": ("AP50", "AJI")}
DRAWS = 10_000
RTMDET = Settings().student.config
HEAD = ("system", "proof", "figure", "it", "without, equal steps", "difference (95 %)", "without, equal seconds")
HEAD += ("difference (95 %)", "seconds (it / without)", "verdict")


@dataclass(frozen=True)
class Cell:
    """One training to be measured; ``as_long_as`` names the system whose seconds it takes, "" for equal steps."""

    proof: str
    system: str
    seed: int
    as_long_as: str = ""

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What its record is found by."""
        return self.proof, self.system, self.seed, self.as_long_as


class Records:
    """What was measured, in a file of its own for each set of steps and sizes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        found = [record for line in lines if (record := _whole(line)) is not None]
        self._known = {tuple(record["cell"]): record for record in found}

    def __contains__(self, cell: Cell) -> bool:
        return cell.key in self._known

    def __getitem__(self, cell: Cell) -> dict[str, Any]:
        return self._known[cell.key]

    def add(self, cell: Cell, **measured: Any) -> None:
        """Keep what was measured of a cell."""
        record = {"cell": list(cell.key), "code": code_version(), **measured}
        with self._path.open("a", encoding="utf-8") as file:
            # A line of its own, also after the half of one that a killed run left.
            file.write("\n" + json.dumps(record))
        self._known[cell.key] = record


def cells_of(proofs: Sequence[str], systems: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """Return what is to be measured, in an order in which a run that is stopped has both sides of something."""
    others = [system for system in systems if system != NONE]
    found = []
    for proof in proofs:
        possible = [system for system in others if system not in ON_CLIPS or proof.startswith("pool")]
        for seed in seeds:
            found.append(Cell(proof, NONE, seed))
            for system in possible:
                found += [Cell(proof, system, seed), Cell(proof, NONE, seed, system)]
    return found


def measure(bench: Bench, cell: Cell, records: Records) -> None:
    """Train and measure a cell.

    How long a system's step takes is told by its own cell and that without unlabelled frames, which come before.
    """
    steps = bench.steps.arm
    if cell.as_long_as:
        theirs = records[Cell(cell.proof, cell.as_long_as, cell.seed)]["seconds"]
        ours = records[Cell(cell.proof, NONE, cell.seed)]["seconds"]
        steps = max(round(steps * theirs / ours), 1)
    figures, seconds = bench.measure(cell.system, cell.seed, steps)
    records.add(cell, steps=steps, seconds=round(seconds, 2), figures=figures)


def rows_of(proof: str, system: str, seeds: Sequence[int], records: Records) -> Iterator[tuple[str, ...]]:
    """Yield a line for each figure of a system on a proof."""
    mine = [Cell(proof, system, seed) for seed in seeds]
    rivals = [[Cell(proof, NONE, seed, how) for seed in seeds] for how in ("", system)]
    paired = [
        [(records[a], records[b]) for a, b in zip(mine, theirs, strict=True) if a in records and b in records]
        for theirs in rivals
    ]
    for figure in FIGURES[proof.partition(",")[0]]:
        compared = [_compared(pairs, figure) for pairs in paired]
        if not compared[0]:
            yield (system, proof, figure, *[""] * (len(HEAD) - 4), "not measured")
            continue
        own, steps, steps_told, sign = compared[0]
        long, long_told, long_sign = compared[1][1:] if compared[1] else ("not measured", "", None)
        seconds = " / ".join(f"{np.mean([pair[k]['seconds'] for pair in paired[0]]):.0f}" for k in (0, 1))
        yield (system, proof, figure, own, steps, steps_told, long, long_told, seconds, _verdict(sign, long_sign))


def _compared(pairs: Sequence[tuple[Mapping[str, Any], ...]], figure: str) -> tuple[str, str, str, int] | None:
    """Return both means, the difference with its interval over cases, and its sign where it is certain, else 0."""
    if not pairs:
        return None
    cases = sorted(pairs[0][0]["figures"][figure])
    ours, theirs = (
        np.array([[pair[k]["figures"][figure][case] for case in cases] for pair in pairs]).mean(axis=0) for k in (0, 1)
    )
    apart = mean_estimate(ours - theirs, np.random.default_rng(0), DRAWS)
    sign = 1 if apart.low > 0 else -1 if apart.high < 0 else 0
    sign = sign if len(cases) >= LEAST_CASES else 0
    return (
        f"{ours.mean():.3f}",
        f"{theirs.mean():.3f}",
        f"{apart.value:+.3f} ({apart.low:+.3f} to {apart.high:+.3f})",
        sign,
    )


def _verdict(steps: int, seconds: int | None) -> str:
    words = {1: "wins", 0: "undecided", -1: "LOSES", None: "not measured"}
    return f"{words[steps]}; {words[seconds]}"


def _whole(line: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return record


class FirstFrames:
    """The first frames of a clip."""

    def __init__(self, clip: Clip, n_frames: int) -> None:
        self._clip = clip
        self.n_frames = min(n_frames, clip.n_frames)
        self.size = clip.size
        self.sha256 = f"{clip.sha256}-{self.n_frames}"

    def read(self, frame_idx: int) -> Any:
        """Return one frame, RGB uint8 [h, w, 3]."""
        return self._clip.read(frame_idx)


def study_of(
    proof: str, data: Path, settings: Settings, frames: int, every: int, cache: Path, names: Sequence[str] = ()
) -> Study:
    """Return the footage of a proof.

    Args:
        frames: at most so many first frames of each clip.
        every: every so manyth unlabelled frame is measured.
        names: of the clips in the pool; all of them where none is named.
    """
    kind, _, count = proof.partition(", ")
    if kind == "cells":
        return ImageStudy("cells", data / "images" / "usiigaci-phase", settings)
    n_labels, side = int(count.split()[0]), settings.frames.working_long_side
    clips = [c for group in ("davis16_val", "davis16_train") for c in clips_of(data / "video_masks" / group, None)]
    pool = {}
    for found in (one for one in clips if not names or one.name in names):
        clip = Clip(found.source, side)
        first = FirstFrames(clip, frames)
        truth = labels_of(clip, [i for i in clip.truth_frames if i < first.n_frames])
        pool[found.name] = LabelledClip(first, truth, evenly(first.n_frames, n_labels))
    return ClipStudy(f"pool-{n_labels}", pool, settings, cache, every)


def depth_of(study: Study, folder: Path, steps: int) -> DepthArms | None:
    """Return what arms on clips know of depth; None for images, of which no camera moves."""
    if not isinstance(study, ClipStudy):
        return None
    clips = {study.number(name): study.frames(name) for name in study.names}
    return DepthArms(clips, study.settings.student, folder / "depth", steps)


def settings_of(side: int, methods: str, student: str = RTMDET, device: str = "cpu") -> Settings:
    """Return the settings of all studies."""
    changes: dict[str, Any] = {"student.config": student, "student.long_side": side, "student.device": device}
    changes["propagation.methods"] = methods.split(",")
    return Settings().changed(changes)


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", default=Path("runs/unlabelled"), show_default=True, type=click.Path(path_type=Path))
@click.option("--only", help="Semicolon-separated proofs; default: all.")
@click.option("--systems", default=",".join(SYSTEMS), show_default=True)
@click.option("--seeds", default="100,101", show_default=True)
@click.option("--minutes", default=480.0, show_default=True, help="Processor minutes after which nothing is begun.")
@click.option("--base-steps", default=250, show_default=True, help="Of the student that all arms go on from.")
@click.option("--steps", default=150, show_default=True, help="Of every arm.")
@click.option("--side", default=320, show_default=True, help="student.long_side.")
@click.option("--frames", default=1000, show_default=True, help="At most so many first frames of each clip.")
@click.option("--every", default=1, show_default=True, help="Every so manyth unlabelled frame is measured.")
@click.option("--methods", default="flow", show_default=True, help="Comma-separated propagators of what is delivered.")
@click.option("--student", default=RTMDET, show_default=True, help="student.config; cycle needs semantic_unet.")
@click.option("--depth-steps", default=400, show_default=True, help="Of the network of depth, where an arm needs it.")
@click.option("--clips", help="Comma-separated clips of the pool; default: all.")
@click.option("--device", default="cpu", show_default=True, help="Of the student; records of devices are kept apart.")
def main(
    data: Path,
    work: Path,
    only: str | None,
    systems: str,
    seeds: str,
    minutes: float,
    base_steps: int,
    steps: int,
    side: int,
    frames: int,
    every: int,
    methods: str,
    student: str,
    depth_steps: int,
    clips: str | None,
    device: str,
) -> None:
    """Measure what is not measured yet, and print every cell."""
    use_threads(1)
    console = Console(width=220)
    settings = settings_of(side, methods, student, device)
    name = f"{base_steps}-{steps}-{side}-{frames}-{every}-{methods}"
    name += "" if student == RTMDET else f"-{student}"
    name += f"-{clips}" if clips else ""
    name += "" if device == "cpu" else f"-{device}"
    records, proofs = Records(work / f"{name}.jsonl"), only.split(";") if only else list(PROOFS)
    chosen, numbers = systems.split(","), [int(seed) for seed in seeds.split(",")]
    benches: dict[str, Bench] = {}
    todo = [cell for cell in cells_of(proofs, chosen, numbers) if cell not in records]
    for left, cell in zip(range(len(todo), 0, -1), todo, strict=True):
        if time.process_time() > 60 * minutes:
            console.print(f"{minutes:g} processor minutes are spent: {left} cells are left")
            break
        if cell.proof not in benches:
            names = clips.split(",") if clips else ()
            study = study_of(cell.proof, data, settings, frames, every, work / "cache", names)
            depth = depth_of(study, work / name, depth_steps)
            benches[cell.proof] = Bench(study, Steps(base_steps, steps), work / name, depth=depth)
        measure(benches[cell.proof], cell, records)
        console.print(f"{cell}: {records[cell]['seconds']} s, {left - 1} left", highlight=False)
    table = Printed(*HEAD, title=f"Unlabelled frames: base {base_steps}, then {steps} steps at {side} pixels")
    for system in dict.fromkeys([*SYSTEMS, *chosen]):
        for proof in PROOFS if system != NONE else ():
            for row in rows_of(proof, system, numbers, records):
                table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
