"""CPU seconds of each part of predicting and propagating, on one clip, with one thread.

python -m tests.bench.speed.step_seconds --data DAVIS --sequence soccerball --student CHECKPOINT
python -m tests.bench.speed.step_seconds ... --set propagation.flow_preset=fine --set teachers.agreement_iou=1 --exact

Every part is measured alone, with what it needs from others at hand. What grows with the video is told for 1,000
frames, what is done once (training) for a video. CPU seconds of the process, so that other work on the machine counts
little; the first run of a part is the one that is told, except that libraries are loaded before.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import cv2

from al_core.footage.clips import Clip, clips_of
from al_core.footage.images import working_size
from al_core.fusion import fuse
from al_core.propagation import Resources, build
from al_core.propagation.affinity.encoder_training import trained_encoder
from al_core.records import FrameLabel
from al_core.settings import Settings
from al_core.stores.disk_cache import DiskCache
from al_core.stores.optical_flow import FlowStore
from flows.cli.options import settings_options
from tasks.benchmark.one_clip import evenly, labels_of
from tasks.project.run_settings import parse_overrides
from tasks.steps.propagate import Decoded


class Row(NamedTuple):
    """CPU seconds of a part."""

    part: str
    video: float = 0.0
    thousand: float = 0.0


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sequence", required=True)
@click.option("--labels", "n_labels", default=4, show_default=True)
@click.option("--student", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A round's checkpoint.")
@click.option("--exact", is_flag=True, help="Predict in single precision.")
@settings_options
def main(
    data: Path,
    sequence: str,
    n_labels: int,
    student: Path | None,
    exact: bool,
    preset: str | None,
    changes: tuple[str, ...],
) -> None:
    """Measure every part, and print a row for each as it is known."""
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    settings = Settings().changed(parse_overrides(changes))
    (full,) = clips_of(data, [sequence])
    clip = Clip(full.source, settings.frames.working_long_side)
    people = labels_of(full, evenly(full.n_frames, n_labels))
    rows = propagation_rows(clip, people, full.size, settings)
    rows += [predict_row(student, clip, settings, exact)] if student is not None else []
    for row in rows:
        click.echo(json.dumps({**row._asdict(), "frames": clip.n_frames, "labels": n_labels}))
    click.echo(f"for 1,000 frames: {sum(row.thousand for row in rows):.0f} s, all parts together")


def propagation_rows(
    clip: Clip, people: Mapping[int, FrameLabel], size: tuple[int, int], settings: Settings
) -> list[Row]:
    """Flow, the three propagators of ``auto``, and what makes delivered masks of theirs."""
    labels = Decoded(people)
    with tempfile.TemporaryDirectory() as folder:
        asked = settings.propagation
        resources = Resources(asked, Path(folder))
        flow = FlowStore(Path(folder) / "flow").clip(clip, asked.flow_long_side, asked.flow_preset)
        seconds = spent(lambda: [flow.pair(i) for i in range(clip.n_frames - 1)])
        rows = [per_thousand("flow between frames, both ways", seconds, clip.n_frames)]
        carried = list(build("flow", resources).propagate(clip, labels))
        rows += [carrying("flow", resources, clip, labels)]
        if not asked.encoder:
            shape = working_size(*clip.size, asked.flow_long_side)
            disk = DiskCache(Path(folder) / "affinity", 10**9)
            rows += [Row("encoder of a clip", spent(lambda: trained_encoder(clip, shape, disk, asked.encoder_steps)))]
        rows += [carrying("affinity", resources, clip, labels)]
        first = build("specialist", resources).propagate(clip, labels)
        # Training comes before the first frame; a labelled one needs no network.
        rows += [Row("training of specialist", spent(lambda: next(first)))]
        rows += [carrying("specialist", resources, clip, labels)]
        seconds = spent(lambda: list(fuse(people, lambda: iter(carried), None, size, asked)))
        return [*rows, per_thousand("masks at full size", seconds, clip.n_frames)]


def carrying(name: str, resources: Resources, clip: Clip, labels: Decoded) -> Row:
    """What a propagator takes whose flow and training are at hand."""
    return per_thousand(
        f"{name} carries", spent(lambda: list(build(name, resources).propagate(clip, labels))), clip.n_frames
    )


def predict_row(checkpoint: Path, clip: Clip, settings: Settings, exact: bool) -> Row:
    """What the teachers take."""
    from al_core.students.build import load_members
    from al_core.uncertainty.augment import views_named
    from al_core.uncertainty.ensemble import in_fast_layout, in_fast_precision, predict_frames, weakest_score

    teachers = settings.teachers
    asked = teachers.model_copy(update={"score_threshold": weakest_score(teachers)})
    members = in_fast_layout(load_members(checkpoint, "cpu", asked))
    members = in_fast_precision(members, False if exact else None)
    frames = [(i, clip.read(i)) for i in range(clip.n_frames)]
    views, side = views_named(teachers.views), settings.student.long_side
    seconds = spent(
        lambda: list(predict_frames(members, views, iter(frames), teachers, side, settings.student.max_objects))
    )
    return per_thousand("teachers predict", seconds, clip.n_frames)


def per_thousand(part: str, seconds: float, n_frames: int) -> Row:
    """A part that takes equally long for each frame."""
    return Row(part, thousand=1000 * seconds / n_frames)


def spent(work: Callable[[], Any]) -> float:
    """CPU seconds of a piece of work."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
