"""Measure masks of a category of which only boxes are known, while the others have masks.

    python -m tests.bench.discovery.boxed_categories --case toys --seed 100
    python -m tests.bench.discovery.boxed_categories --case fruits --data DATA --boxed 3 --seed 100
    python -m tests.bench.discovery.boxed_categories --case tabletop --data DATA --boxed 2 --seed 100

``DATA`` holds ``images/fruits-nuts`` (COCO polygons of three categories) or ``video_masks/other`` (DAVIS layout), in
which each object of ``tabletop`` is a category of its own and every eighth frame has labels. Boxes are those of the
truth; masks are made in the frames in which the boxes were given. Nothing was chosen on tabletop; that
colours end the outline was chosen on fruits too.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from al_core.interactive.boxes import refine_with_box
from al_core.masks.soft import Window
from al_core.networks.shapes.box_crops import BoxedObject, window_around
from al_core.networks.shapes.shape_refiner import masks_in_boxes
from al_core.networks.shapes.shape_training import STEPS, new_shape_network, train_shapes
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.movers import Mask, iou
from tests.toys.labelling.two_skins import STRIPED, Scene, two_skins

SPREADS, HEAD, COLOURS, BOTH = "saliency spreads", "head alone", "box refinement", "spreads, then colours"
WIDTH = 448
EVERY = 8
N_TOYS = 8

Cut = Callable[[NDArray[np.uint8], Sequence[Window], Sequence[int]], list[Mask]]


def examples_of(scenes: Sequence[Scene], boxed: int) -> list[BoxedObject]:
    """What is learnt from: all boxes, and masks of all categories but one."""
    found = []
    for image, objects in scenes:
        windows = [window_around(mask) for _, mask in objects]
        for number, (kind, mask) in enumerate(objects):
            others = tuple(window for n, window in enumerate(windows) if n != number)
            found.append(BoxedObject(image, windows[number], kind, None if kind == boxed else mask, others))
    return found


def judged(cut: Cut, scenes: Sequence[Scene], boxed: int) -> list[float]:
    """The overlap of each mask of the boxed category with the truth."""
    found = []
    for image, objects in scenes:
        wanted = [mask for kind, mask in objects if kind == boxed]
        masks = cut(image, [window_around(mask) for mask in wanted], [boxed] * len(wanted))
        found += [round(iou(mask, truth), 4) for mask, truth in zip(masks, wanted, strict=True)]
    return found


def arms_on(scenes: Sequence[Scene], boxed: int, seed: int, steps: int = STEPS) -> dict[str, list[float]]:
    """Every arm on the same scenes."""
    kinds = 1 + max(kind for _, objects in scenes for kind, _ in objects)
    found = {COLOURS: judged(_by_colours, scenes, boxed)}
    for name, spreads in ((SPREADS, True), (HEAD, False)):
        network = new_shape_network(kinds, seed, spreads)
        train_shapes(network, examples_of(scenes, boxed), seed, steps=steps)

        def cut(image, boxes, kinds, network=network):
            return [one.mask for one in masks_in_boxes(network, image, boxes, kinds)]

        def then_colours(image, boxes, kinds, network=network):
            made = masks_in_boxes(network, image, boxes, kinds)
            return [refine_with_box(image, one.probability, box) for one, box in zip(made, boxes, strict=True)]

        found[name] = judged(cut, scenes, boxed)
        if spreads:
            found[BOTH] = judged(then_colours, scenes, boxed)
    return found


def fruits(data: Path) -> list[Scene]:
    """Every image, with its polygons of categories 0, 1 and 2."""
    folder = data / "images" / "fruits-nuts"
    known = json.loads((folder / "trainval.json").read_text(encoding="utf-8"))
    scenes = []
    for about in known["images"]:
        image = cv2.imread(str(folder / "images" / about["file_name"]))
        scale = WIDTH / about["width"]
        size = (WIDTH, round(about["height"] * scale))
        objects = []
        for one in (a for a in known["annotations"] if a["image_id"] == about["id"]):
            canvas = np.zeros(size[::-1], np.uint8)
            outlines = [np.rint(np.array(p).reshape(-1, 2) * scale).astype(np.int32) for p in one["segmentation"]]
            objects.append((one["category_id"] - 1, cv2.fillPoly(canvas, outlines, 1) > 0))
        scenes.append((_smaller(image, size), objects))
    return scenes


def tabletop(data: Path) -> list[Scene]:
    """Every eighth frame; categories are the numbers of the objects, from 0."""
    folder = data / "video_masks" / "other"
    scenes = []
    for path in sorted((folder / "Annotations" / "480p" / "tabletop").glob("*.png"))[::EVERY]:
        numbers = np.array(Image.open(path))
        image = cv2.imread(str(folder / "JPEGImages" / "480p" / "tabletop" / f"{path.stem}.jpg"))
        size = (WIDTH, round(image.shape[0] * WIDTH / image.shape[1]))
        small = cv2.resize(numbers, size, interpolation=cv2.INTER_NEAREST)
        there = [int(n) for n in np.unique(small) if n not in (0, 255)]
        objects = [(n - 1, small == n) for n in there if (small == n).sum() >= 30]
        scenes.append((_smaller(image, size), objects))
    return scenes


def _smaller(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)[..., ::-1], np.uint8).copy()


def _by_colours(image: NDArray[np.uint8], boxes: Sequence[Window], kinds: Sequence[int]) -> list[Mask]:
    return [refine_with_box(image, np.zeros(image.shape[:2], np.float32), box) for box in boxes]


def figures(scenes: Sequence[Scene], seed: int, cache: Path) -> Figures:
    """The mean overlap of every arm on the toys of a seed, where the striped category only has boxes."""
    return {arm: float(np.mean(values)) for arm, values in arms_on(scenes, STRIPED, seed).items()}


PROOF = Proof(
    "boxes",
    (Claim(SPREADS, HEAD), Claim(SPREADS, COLOURS), Claim(BOTH, COLOURS), Claim(BOTH, SPREADS)),
    lambda seed: {"two categories": two_skins(seed, N_TOYS)},
    figures,
    seeds=5,
    on_clips=False,
)

CASES: Mapping[str, Callable[[Path], list[Scene]]] = {"fruits": fruits, "tabletop": tabletop}


@click.command()
@click.option("--case", "name", type=click.Choice(["toys", *CASES]), required=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path))
@click.option("--boxed", default=STRIPED + 1, help="The category, from 1, of which only boxes are known.")
@click.option("--seed", default=100)
@click.option("--steps", default=STEPS)
@click.option("--out", type=click.Path(path_type=Path), help="A file of JSON; default: the terminal.")
def main(name: str, data: Path | None, boxed: int, seed: int, steps: int, out: Path | None) -> None:
    """Measure one case."""
    torch.set_num_threads(1)
    started = time.process_time()
    if data is None and name != "toys":
        raise click.UsageError(f"{name} needs --data")
    scenes = CASES[name](data) if data is not None and name != "toys" else two_skins(seed, N_TOYS)
    found = arms_on(scenes, boxed - 1, seed, steps)
    seconds = round(time.process_time() - started, 1)
    means = {arm: round(float(np.mean(values)), 4) for arm, values in found.items()}
    record = {"case": name, "boxed": boxed, "seed": seed, "steps": steps, "means": means, "ious": found}
    text = json.dumps({**record, "seconds": seconds})
    if out is not None:
        out.write_text(text, encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
