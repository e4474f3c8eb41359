"""Mask R-CNN on the Shapes toy set of Matterport's implementation: VOC-style mAP at IoU 0.5 on unseen images.

Images of 128x128 pixels hold one to four squares, circles and triangles in random colours on a random ground;
later ones lie over earlier ones, and of shapes whose boxes overlap by more than 0.3 the earlier ones are left out.
The published figure is 0.967 for boxes, measured on 10 images with a network pretrained on COCO. Here the student
starts from random weights, through the same ``train_student`` that the loop uses; all images are drawn from the seed.

    OMP_NUM_THREADS=1 python tests/bench/accuracy/shapes.py [--iterations 500] [--work-dir runs/shapes]

Stopped in the middle, the same command goes on.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from al_core.evaluation.metrics import ScoredRegion, TruthRegion, voc_average_precision
from al_core.masks.rle import box as rle_box
from al_core.masks.rle import encode
from al_core.records import FrameRef, MaskLabel, Progress
from al_core.settings import StudentSettings, TeacherSettings
from al_core.students.build import Member, load_members
from al_core.students.train import TrainedStudent, TrainingSample, train_student

SIDE = 128
BUFFER = 20
"""Pixels between a shape's centre and the border, and the smallest half side."""

MAX_OVERLAP = 0.3
CATEGORIES = {1: "square", 2: "circle", 3: "triangle"}
PUBLISHED = 0.967

TRAIN_VIDEO, TEST_VIDEO = 1, 2
"""Unseen images differ from those trained on by the first number of their seed."""


@dataclass(frozen=True)
class Shape:
    """A shape: category, colour, centre and half side in pixels."""

    category_id: int
    colour: tuple[int, int, int]
    x: int
    y: int
    half: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(x0, y0, x1, y1) of the square around the centre, by which overlap is judged."""
        return self.x - self.half, self.y - self.half, self.x + self.half, self.y + self.half

    def draw(self, canvas: NDArray[np.uint8], value: tuple[int, ...]) -> None:
        """Fill the shape with a value, in place."""
        x, y, half = self.x, self.y, self.half
        if self.category_id == 1:
            cv2.rectangle(canvas, (x - half, y - half), (x + half, y + half), value, -1)
        elif self.category_id == 2:
            cv2.circle(canvas, (x, y), half, value, -1)
        else:
            reach = half / math.sin(math.radians(60))
            corners = [(x, y - half), (round(x - reach), y + half), (round(x + reach), y + half)]
            cv2.fillPoly(canvas, [np.array(corners, np.int32)], value)


def random_shapes(rng: np.random.Generator) -> list[Shape]:
    """One to four shapes, without those that a later one nearly covers."""
    shapes = [_random_shape(rng) for _ in range(rng.integers(1, 5))]
    kept: list[Shape] = []
    for shape in reversed(shapes):
        if all(_overlap(shape.box, other.box) <= MAX_OVERLAP for other in kept):
            kept.append(shape)
    return kept[::-1]


def scene(frame: FrameRef, seed: int) -> tuple[NDArray[np.uint8], list[tuple[int, NDArray[np.bool_]]]]:
    """Image uint8 RGB [128, 128, 3] and, for each shape that can be seen, its category and visible mask."""
    rng = np.random.default_rng([seed, frame.video_id, frame.frame_idx])
    image = np.empty((SIDE, SIDE, 3), np.uint8)
    image[:] = _random_colour(rng)
    owner = np.full((SIDE, SIDE), -1, np.int16)
    shapes = random_shapes(rng)
    for number, shape in enumerate(shapes):
        shape.draw(image, shape.colour)
        shape.draw(owner, (number,))
    masks = [(shape.category_id, owner == number) for number, shape in enumerate(shapes)]
    return image, [(category_id, mask) for category_id, mask in masks if mask.any()]


def training_sample(frame: FrameRef, seed: int) -> TrainingSample:
    """A scene's masks as labels."""
    _, objects = scene(frame, seed)
    labels = (MaskLabel(track, category, encode(mask)) for track, (category, mask) in enumerate(objects, 1))
    return TrainingSample(frame, tuple(labels))


def train(args: argparse.Namespace) -> TrainedStudent:
    """Train on scenes, or go on; print the loss now and then."""
    frames = [FrameRef(TRAIN_VIDEO, i) for i in range(args.train_images)]
    student = StudentSettings(
        config=args.student,
        override=str(args.override),
        long_side=SIDE,
        batch_size=args.batch,
        learning_rate=args.learning_rate,
        checkpoint_interval=100,
    )
    return train_student(
        student,
        TeacherSettings(decays=tuple(args.decays)),
        [training_sample(frame, args.seed) for frame in frames],
        CATEGORIES,
        lambda frame: scene(frame, args.seed)[0],
        args.work_dir,
        args.seed,
        args.iterations,
        args.start,
        on_progress=_printer(),
    )


def test(member: Member, frames: Sequence[FrameRef], seed: int) -> tuple[list[ScoredRegion], list[ScoredRegion]]:
    """A member's boxes and masks on unseen scenes."""
    from mmdet.structures import DetDataSample

    meta = {"img_shape": (SIDE, SIDE), "ori_shape": (SIDE, SIDE), "scale_factor": (1.0, 1.0)}
    boxes, masks = [], []
    for frame in frames:
        image = torch.from_numpy(scene(frame, seed)[0]).permute(2, 0, 1).contiguous()
        with torch.inference_mode():
            batch = {"inputs": [image], "data_samples": [DetDataSample(metainfo=meta)]}
            found = member.model.test_step(batch)[0].pred_instances.cpu().numpy()
        for score, label, box, mask in zip(found.scores, found.labels, found.bboxes, found.masks, strict=True):
            about = partial(ScoredRegion, frame.frame_idx, member.category_ids[label], float(score))
            boxes.append(about(tuple(box.tolist())))
            masks.append(about(encode(mask)))
    return boxes, masks


def truth(frames: Sequence[FrameRef], seed: int) -> tuple[list[TruthRegion], list[TruthRegion]]:
    """True boxes and masks of scenes."""
    boxes, masks = [], []
    for frame in frames:
        for category_id, mask in scene(frame, seed)[1]:
            rle = encode(mask)
            x, y, width, height = rle_box(rle)
            boxes.append(TruthRegion(frame.frame_idx, category_id, (x, y, x + width, y + height)))
            masks.append(TruthRegion(frame.frame_idx, category_id, rle))
    return boxes, masks


def interval(
    found: Sequence[ScoredRegion], true: Sequence[TruthRegion], images: Sequence[int], rng: np.random.Generator
) -> tuple[float, float]:
    """95% bootstrap interval of the mAP over images."""
    found_in = {i: [p for p in found if p.image == i] for i in images}
    true_in = {i: [t for t in true if t.image == i] for i in images}
    figures = []
    for _ in range(200):
        drawn = list(enumerate(rng.choice(images, len(images))))
        again = [ScoredRegion(n, p.category_id, p.score, p.region) for n, i in drawn for p in found_in[i]]
        wanted = [TruthRegion(n, t.category_id, t.region) for n, i in drawn for t in true_in[i]]
        figures.append(voc_average_precision(again, wanted).mean)
    low, high = np.quantile(figures, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Train, test, print."""
    args = arguments()
    trained = train(args)
    for note in trained.notes:
        print(note)
    print(f"trained {args.iterations} iterations, {trained.seconds:.0f} s in this call, on {trained.device}")
    frames = [FrameRef(TEST_VIDEO, i) for i in range(args.test_images)]
    images = [frame.frame_idx for frame in frames]
    for member in load_members(trained.checkpoint):
        started = time.monotonic()
        for kind, found, true in zip(
            ("box", "mask"), test(member, frames, args.seed), truth(frames, args.seed), strict=True
        ):
            figure = voc_average_precision(found, true).mean
            low, high = interval(found, true, images, np.random.default_rng(args.seed))
            print(
                f"{member.name}: {kind} mAP50 {figure:.3f} [{low:.3f}, {high:.3f}] on {len(frames)} unseen images; "
                f"published {PUBLISHED} (boxes, 10 images, pretrained on COCO)",
                flush=True,
            )
        print(f"  tested in {time.monotonic() - started:.0f} s")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What a run is told on its command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=500)
    parser.add_argument("--train-images", type=int, default=2000)
    parser.add_argument("--test-images", type=int, default=100)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--decays", type=float, nargs="+", default=[0.9, 0.97])
    parser.add_argument("--student", default="mask_rcnn_r50_fpn")
    parser.add_argument("--override", type=Path, default=Path(__file__).with_name("shapes_student.py"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work-dir", type=Path, default=Path("runs/shapes"))
    parser.add_argument("--start", type=Path, help="weights to begin with, e.g. the student.pth of an earlier call")
    return parser.parse_args(given)


def _printer() -> Callable[[Progress], None]:
    started = time.monotonic()

    def show(progress: Progress) -> None:
        if progress.done % 10 == 0 or progress.done == progress.total:
            seconds = time.monotonic() - started
            print(f"{progress.done}/{progress.total} {progress.note} {seconds:.0f} s", flush=True)

    return show


def _random_colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue


def _random_shape(rng: np.random.Generator) -> Shape:
    category_id, colour = int(rng.integers(1, 4)), _random_colour(rng)
    x, y = rng.integers(BUFFER, SIDE - BUFFER, 2).tolist()
    return Shape(category_id, colour, x, y, int(rng.integers(BUFFER, SIDE // 4)))


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return both / (sum(areas) - both)


if __name__ == "__main__":
    main()
