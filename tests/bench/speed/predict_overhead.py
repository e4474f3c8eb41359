"""What predicting costs beside the networks' own forward passes, as a ratio (at most 1.1 is wanted).

A student learns three moving shapes for a short while; then M teachers x K views predict a clip of them. Each
repeat times, one after the other: the bare forward passes on tensors that lie ready, ``predict_frames`` on
frames in memory, and ``predict_video`` with reading, matching, writing and scoring. Medians over the repeats.

    python tests/bench/speed/predict_overhead.py [--frames 32] [--repeats 5] [--batches] [--folder DIR]
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmdet.structures import DetDataSample

from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import FrameRef, MaskLabel
from al_core.settings import Settings, StudentSettings, TeacherSettings
from al_core.stores.frames import FrameStore
from al_core.students.build import Member
from al_core.students.train import TrainingSample, train_student
from al_core.uncertainty.augment import views_named
from al_core.uncertainty.ensemble import predict_frames
from tasks.project.ingest import ingest_paths, open_frames
from tasks.steps.context import RoundContext
from tasks.steps.predict import load_members_for, predict_video

HEIGHT, WIDTH = 252, 448
Pass = tuple[Any, list[torch.Tensor]]


def masks(frame_idx: int) -> list[np.ndarray]:
    """A disc, a square and a triangle, bool [252, 448] each, that move through the picture."""
    drawn = [np.zeros((HEIGHT, WIDTH), np.uint8) for _ in range(3)]
    cv2.circle(drawn[0], (60 + 9 * frame_idx % 330, 70), 40, 1, -1)
    cv2.rectangle(drawn[1], (330 - 7 * frame_idx % 300, 120), (410 - 7 * frame_idx % 300, 180), 1, -1)
    corner = 40 + 5 * frame_idx % 340
    cv2.fillPoly(drawn[2], [np.array([[corner, 240], [corner + 80, 240], [corner + 40, 180]])], 1)
    return [mask.astype(bool) for mask in drawn]


def picture(frame_idx: int) -> np.ndarray:
    """The shapes over noise, BGR uint8 [252, 448, 3]."""
    image = np.random.default_rng(frame_idx).integers(60, 130, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for mask, colour in zip(masks(frame_idx), [(40, 40, 220), (40, 200, 40), (220, 120, 40)], strict=True):
        image[mask] = colour
    return image


def make_clip(folder: Path, n_frames: int) -> None:
    """Write the frames as a folder of PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n_frames):
        cv2.imwrite(str(folder / f"{i:05d}.png"), picture(i))


def train(project: Project, ledger: Ledger, frames: FrameStore, settings: Settings, iterations: int) -> Path:
    """A student that knows the shapes well enough to find a few objects a frame."""
    indices = range(0, ledger.videos()[0].n_frames, 4)
    samples = [
        TrainingSample(FrameRef(1, i), tuple(MaskLabel(t, 1, encode(m)) for t, m in enumerate(masks(i), start=1)))
        for i in indices
    ]
    return train_student(
        settings.student, settings.teachers, samples, ledger.categories(), frames.read,
        project.round_dir(1) / "student", seed=0, iterations=iterations,
    ).checkpoint  # fmt: skip


def passes_of(members: Sequence[Member], run: Callable[[], object]) -> list[Pass]:
    """The forward passes that ``run`` makes: (model, images of the batch), in order."""
    passes: list[Pass] = []

    def recorder(model: Any) -> Callable[[dict[str, Any]], Any]:
        def test_step(data: dict[str, Any]) -> Any:
            passes.append((model, list(data["inputs"])))
            return type(model).test_step(model, data)

        return test_step

    for member in members:
        member.model.test_step = recorder(member.model)
    run()
    for member in members:
        del member.model.test_step
    return passes


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - cpu


def bare(passes: Sequence[Pass]) -> Callable[[], None]:
    """The same forward passes, with everything that they need lying ready."""
    ready = []
    for model, images in passes:
        size = tuple(images[0].shape[1:])
        meta = {"img_shape": size, "ori_shape": size, "scale_factor": (1.0, 1.0)}
        ready.append((model, {"inputs": images, "data_samples": [DetDataSample(metainfo=meta) for _ in images]}))

    def run() -> None:
        with torch.inference_mode():
            for model, data in ready:
                model.test_step(data)

    return run


def report(name: str, seconds: list[tuple[float, float]], base: list[tuple[float, float]], n_frames: int) -> None:
    """One line: milliseconds a frame, and the median ratios to the bare forward passes beside it."""
    ratios = np.median(np.array(seconds) / np.array(base), axis=0)
    each = np.median(np.array(seconds)[:, 0]) / n_frames * 1e3
    print(f"  {name:<34}{each:8.1f} ms/frame   ratio {ratios[0]:.3f} (processor time {ratios[1]:.3f})")


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=120, help="of the student's training")
    parser.add_argument("--views", default="identity,flip")
    parser.add_argument("--folder", help="keeps the clip and the student there, for the next run")
    parser.add_argument("--batches", action="store_true", help="measure sizes of batches too")
    args = parser.parse_args()
    # Teachers that forget fast know the shapes after a short training.
    teachers = TeacherSettings(decays=(0.8, 0.9), views=tuple(args.views.split(",")))
    settings = Settings(student=StudentSettings(learning_rate=1e-3), teachers=teachers)
    with tempfile.TemporaryDirectory() as temporary:
        project = Project.at(args.folder or temporary)
        make_clip(project.root / "clip", args.frames)
        ledger = Ledger(project.ledger_path)
        ingest_paths(ledger, [project.root / "clip"])
        frames = open_frames(project, ledger, settings.frames)
        checkpoint = train(project, ledger, frames, settings, args.iterations)
        ledger.begin_round(settings)
        measure(RoundContext(project, ledger, 1), load_members_for(checkpoint, settings), args)


def measure(context: RoundContext, members: list[Member], args: argparse.Namespace) -> None:
    """Time the three ways beside each other, and sizes of batches if asked to."""
    (video,), settings = context.videos, context.settings
    images = list(context.frames.iterate(video.video_id))
    views = views_named(settings.teachers.views)

    def in_memory(n: int | None = None) -> list[Any]:
        side, most = settings.student.long_side, settings.student.max_objects
        return list(predict_frames(members, views, images, settings.teachers, side, most, n))

    passes = passes_of(members, in_memory)
    n_objects = sum(len(frame.objects) for frame in in_memory())
    print(
        f"{len(members)} teachers x {len(views)} views, {len(images)} frames of {WIDTH}x{HEIGHT}, "
        f"student sees {settings.student.long_side} pixels, {n_objects / len(images):.1f} objects a frame, "
        f"{torch.get_num_threads()} threads, {args.repeats} repeats"
    )
    times: dict[str, list[tuple[float, float]]] = {"bare": [], "frames": [], "video": []}
    for _ in range(args.repeats):
        times["bare"].append(timed(bare(passes)))
        times["frames"].append(timed(in_memory))
        times["video"].append(timed(lambda: predict_video(context, video, members)))
    report("bare forward passes", times["bare"], times["bare"], len(images))
    report("predict_frames, frames in memory", times["frames"], times["bare"], len(images))
    report("predict_video, read to ledger", times["video"], times["bare"], len(images))
    for n in (1, 2, 4, 8, 16) if args.batches else ():
        batched = [timed(bare(passes_of(members, lambda n=n: in_memory(n)))) for _ in range(args.repeats)]
        report(f"bare, {n} images a pass", batched, times["bare"], len(images))


if __name__ == "__main__":
    main()
