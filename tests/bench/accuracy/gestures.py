"""What clicks and boxes make of objects on real frames in DAVIS layout, beside plain GrabCut.

A click goes to the deepest point of the largest error. From nothing: IoU after 1, 3, 5 and 10 clicks and after a box.
On shown masks (those that the object has ``--shift`` frames earlier): IoU after 1, 3 and 5 clicks, and the share of
clicks that lower IoU by more than .005.

python -m tests.bench.accuracy.gestures --data FOLDER dog:18 libby:14
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from al_core.footage.images import read_image, read_indices
from al_core.interactive import Click, refine_with_box, starting_from
from al_core.interactive.closeup import window_of
from al_core.interactive.gestures import next_click
from al_core.interactive.refiner import PlainRefiner

COUNTS = (1, 3, 5, 10)
"""Clicks after which a mask is measured."""

WORSE = 0.005
"""A click that lowers IoU by more does harm."""

FEWEST_PIXELS = 50

Clicks = Callable[[np.ndarray, np.ndarray, list[Click]], np.ndarray]


@dataclass(frozen=True, eq=False)
class Object:
    """An object in a frame: picture uint8 [h, w, 3], truth and the mask shown, bool [h, w]."""

    name: str
    image: np.ndarray
    truth: np.ndarray
    shown: np.ndarray


@click.command()
@click.argument("frames", nargs=-1, required=True)
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--shift", default=6, show_default=True, help="Frames between a shown mask and the frame.")
@click.option("--most", default=8, show_default=True, help="Largest objects of a frame that are measured.")
def main(frames: tuple[str, ...], data: Path, shift: int, most: int) -> None:
    """Measure gestures on frames, each written CLIP:NUMBER."""
    found = [one for text in frames for one in objects(data, text, shift, most)]
    heads = [f"{n} click{'s' * (n > 1)}" for n in COUNTS]
    nothing = Table("from nothing", *heads, "box", "", *(f"GrabCut {n}" for n in COUNTS), "box")
    shown = Table("shown masks", "before", *heads[:3], "clicks that do harm", "that change nothing", "slowest")
    totals: list[list[list[float]]] = [[], []]
    for one in track(found, "clicking", transient=True):
        row = [
            *clicked(one, False, product())[0],
            box_iou(one, product_box),
            *clicked(one, False, naive)[0],
            box_iou(one, plain_box),
        ]
        totals[0].append(row)
        nothing.add_row(one.name, *(f"{v:.3f}" for v in row[:5]), "", *(f"{v:.3f}" for v in row[5:]))
        if one.shown.any():
            start = iou(one.shown, one.truth)
            values, harm, idle, slowest = clicked(one, True, product())
            totals[1].append([start, *values[:3], harm, idle, slowest])
            shown.add_row(one.name, *(f"{v:.3f}" for v in totals[1][-1]))
    for table, rows in zip((nothing, shown), totals, strict=True):
        means = [f"{v:.3f}" for v in np.mean(rows, axis=0)] if rows else []
        table.add_section()
        table.add_row("mean", *(means if table is shown else [*means[:5], "", *means[5:]]))
        Console(width=120).print(table)


def objects(data: Path, text: str, shift: int, most: int) -> list[Object]:
    """Read the objects of a frame, the largest first; masks of one sequence keep their numbers."""
    name, number = text.split(":")
    folder = data / "Annotations" / "480p" / name
    files = sorted(folder.glob("*.png"))
    if not files:
        raise click.BadParameter(f"expected masks (.png) in {folder}, found none")
    truth, earlier = (read_indices(files[max(0, i)])[0] for i in (int(number), int(number) - shift))
    image = read_image(data / "JPEGImages" / "480p" / name / f"{files[int(number)].stem}.jpg")
    sizes = {int(i): int(np.count_nonzero(truth == i)) for i in np.unique(truth) if 0 < i < 255}
    chosen = sorted((i for i in sizes if sizes[i] >= FEWEST_PIXELS), key=lambda i: -sizes[i])[:most]
    return [Object(f"{text} {i}", image, truth == i, earlier == i) for i in chosen]


def clicked(one: Object, from_shown: bool, method: Clicks) -> tuple[list[float], float, float, float]:
    """Return IoU after ``COUNTS`` clicks, the shares of clicks that do harm and that change nothing, and the longest
    time of one in seconds."""
    rng = np.random.default_rng(0)
    start = one.shown if from_shown else np.zeros_like(one.truth)
    mask, clicks, after, slowest = start, [], [iou(start, one.truth)], 0.0
    for _ in range(max(COUNTS)):
        wrong = next_click(mask, one.truth, 0.0, rng)
        if wrong is not None:
            clicks.append(wrong)
            began = time.perf_counter()
            mask = method(one.image, start, clicks)
            slowest = max(slowest, time.perf_counter() - began)
        after.append(iou(mask, one.truth))
    steps = np.diff(after[: len(clicks) + 1])
    shares = (float(np.mean(steps < -WORSE)), float(np.mean(steps == 0))) if len(steps) else (0.0, 0.0)
    return [after[n] for n in COUNTS], *shares, slowest


def product() -> Clicks:
    """Return a refinement as the page does it."""
    refiner = PlainRefiner()

    def refined(image: np.ndarray, start: np.ndarray, clicks: list[Click]) -> np.ndarray:
        return refiner.with_clicks(image, starting_from(start.astype(np.float32), clicks), clicks)

    return refined


def naive(image: np.ndarray, start: np.ndarray, clicks: list[Click]) -> np.ndarray:
    """Cut with GrabCut: a disk of 12 % of the long side around a click is likely the object, the edge is background."""
    h, w = start.shape
    scale = 200 / max(h, w)
    small = cv2.resize(image, (round(w * scale), round(h * scale)), interpolation=cv2.INTER_AREA)
    states = np.full(small.shape[:2], cv2.GC_PR_BGD, np.uint8)
    at = [(int((c.x + 0.5) * scale), int((c.y + 0.5) * scale), c.positive) for c in clicks]
    for x, y, positive in at:
        if positive:
            cv2.circle(states, (x, y), 24, cv2.GC_PR_FGD, -1)
    states[[0, -1]] = states[:, [0, -1]] = cv2.GC_BGD
    for x, y, positive in at:
        cv2.circle(states, (x, y), 2, cv2.GC_FGD if positive else cv2.GC_BGD, -1)
    cut = _grabcut(small, states, None, 4)
    _, parts = cv2.connectedComponents(cut.astype(np.uint8))
    kept = np.isin(parts, [parts[y, x] for x, y, positive in at if positive and parts[y, x]])
    return cv2.resize(kept.astype(np.float32), (w, h)) > 0.5


def product_box(one: Object) -> np.ndarray:
    """Read a box as the page does."""
    return refine_with_box(one.image, np.zeros(one.truth.shape, np.float32), window_of(one.truth))


def plain_box(one: Object) -> np.ndarray:
    """Cut the whole picture with GrabCut from a box, five iterations."""
    box = window_of(one.truth)
    rectangle = (box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0)
    return _grabcut(one.image, np.zeros(one.truth.shape, np.uint8), rectangle, 5)


def _grabcut(
    image: np.ndarray, states: np.ndarray, box: tuple[int, int, int, int] | None, iterations: int
) -> np.ndarray:
    cv2.setRNGSeed(0)
    mode = cv2.GC_INIT_WITH_MASK if box is None else cv2.GC_INIT_WITH_RECT
    cv2.grabCut(image[..., ::-1].copy(), states, box, np.zeros((1, 65)), np.zeros((1, 65)), iterations, mode)
    return (states == cv2.GC_FGD) | (states == cv2.GC_PR_FGD)


def box_iou(one: Object, method: Callable[[Object], np.ndarray]) -> float:
    """Return the IoU of what a method finds in the object's box."""
    return iou(method(one), one.truth)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Return the IoU of two masks, 1 where both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0


if __name__ == "__main__":
    main()
