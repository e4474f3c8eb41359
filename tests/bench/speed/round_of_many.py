"""What a round of many videos takes when people labelled a few frames, step by step.

    python -m tests.bench.speed.round_of_many --videos 1000 --labels 10 --rounds 4

The videos are generated: they share the frames of one tiny clip. Nothing is trained, and what the teachers say costs
nothing, so that the seconds are those of everything else. The student stays the same, or is another one in each round
(``--trained``). Processor seconds of the process beside those of the clock; the last rounds count.
"""

import json
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import FrameLabel, FrameRef, MaskLabel, Video
from al_core.settings import Settings
from al_core.stores.predictions import FramePrediction
from tasks.project.run_settings import parse_overrides
from tasks.steps import predict
from tasks.steps.context import RoundContext, Trained
from tasks.steps.table import STEPS, Step, close, once
from tests.toys.footage.movers import MoverClip, line, mover_clip
from tests.toys.ledgers import times_us
from tests.toys.workplace import sighting, write_frames

N_FRAMES = 6
SIZE = (48, 64)


@click.command()
@click.option("--videos", "n_videos", default=1000, show_default=True)
@click.option("--labels", "n_labels", default=10, show_default=True, help="Frames that people label in each round.")
@click.option("--rounds", "n_rounds", default=4, show_default=True)
@click.option("--trained", is_flag=True, help="Each round has another student.")
@click.option("--set", "changes", multiple=True, help="A setting, e.g. propagation.methods=flow.")
def main(n_videos: int, n_labels: int, n_rounds: int, trained: bool, changes: tuple[str, ...]) -> None:
    """Print a line of JSON for each step of each round."""
    cv2.setNumThreads(1)
    settings = Settings().changed(
        {"annotator.backend": "simulated", "selection.frames_per_round": n_labels, "stopping.max_rounds": 0}
        | parse_overrides(changes)
    )
    with tempfile.TemporaryDirectory() as folder:
        project = Project.at(Path(folder))
        ledger = Ledger(project.ledger_path)
        clip = mover_clip({1: line((24, 20), (2, 0))[:N_FRAMES]}, 8, SIZE)
        generate(project, ledger, clip, n_videos)
        stand_in(clip)
        for number in range(1, n_rounds + 1):
            ledger.begin_round(settings)
            context = RoundContext(project, ledger, number)
            for name, step in STEPS.items():
                work = train(number if trained else 0) if name == "train" else None
                tell(number, name, *spent(partial(done, context.of_round(number), step, work)))
            tell(number, "close", *spent(partial(close, context.of_round(number))))


def done(context: RoundContext, step: Step[Any], work: Any) -> None:
    """Do a step, with its own work or another one."""
    step.do(context) if work is None else once(context, step, work)


def tell(number: int, step: str, wall: float, cpu: float) -> None:
    """Print a line."""
    click.echo(json.dumps({"round": number, "step": step, "seconds": round(wall, 2), "cpu": round(cpu, 2)}))


def spent(work: Any) -> tuple[float, float]:
    """Seconds of the clock and of the processor that a piece of work takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def generate(project: Project, ledger: Ledger, clip: MoverClip, n_videos: int) -> None:
    """Put videos with truth into a ledger, all of which read the same frames."""
    files = write_frames(project.root / "frames", clip)
    with ledger.owned():
        ledger.add_categories(["disk"])
        for i in range(n_videos):
            video = Video(
                0, f"v{i:05d}", str(project.root / "frames"), "folder", f"{i:064d}", Fraction(25), N_FRAMES, *SIZE,
                files=files,
            )  # fmt: skip
            truth = [FrameLabel(FrameRef(0, k), (MaskLabel(1, 1, encode(t[1])),)) for k, t in enumerate(clip.truth)]
            ledger.add_video(video, times_us(N_FRAMES), truth)


def stand_in(clip: MoverClip) -> None:
    """Let teachers see the disk where it is, at once."""

    def seen_by(members: Any, frames: Any, settings: Settings) -> Iterator[FramePrediction]:
        for i, _ in frames:
            yield FramePrediction(i, (sighting(clip.truth[i][1]),), np.ones(4, np.float32) / 2)

    vars(predict).update(predicted_by=seen_by, load_members_for=lambda *args: [])


def train(number: int) -> Any:
    """A student of which nothing is known but its hash."""
    return lambda context: Trained("student.pth", f"{number:064d}", labels=1)


if __name__ == "__main__":
    main()
