"""Measure masks of a category of which only boxes are known, while the others have masks.

    python -m tests.bench.discovery.boxed_categories --case toys --seed 100
    python -m tests.bench.discovery.boxed_categories --case fruits --data DATA --boxed 3 --seed 100
    python -m tests.bench.discovery.boxed_categories --case tabletop --data DATA --boxed 5 --seed 100

``DATA`` holds ``images/fruits-nuts`` (COCO polygons of three categories) or ``video_masks/other`` (DAVIS layout), in
which each object of ``tabletop`` is a category of its own and every eighth frame has labels. Boxes are those of the
truth; masks are made in the frames in which the boxes were given. ``clips`` are six frames of each clip of DAVIS 2016
below ``video_masks``, each clip a category. The project's own way is the one of the four that does best on the masks of
the other categories, as ``fewframes discover --method boxes`` chooses it. Nothing was chosen on tabletop or on clips;
that colours end the outline was chosen on fruits too.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from al_core.discovery.boxed.box_ways import BoxWay, KnownObject, choose_way, masks_by
from al_core.footage.clips import Clip, clips_of
from al_core.networks.network_state import kept_or_trained
from al_core.networks.shapes.box_crops import BoxedObject, window_around
from al_core.networks.shapes.shape_network import ShapeNetwork
from al_core.networks.shapes.shape_training import STEPS, new_shape_network, train_shapes
from al_core.stores.disk_cache import DiskCache
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.movers import iou
from tests.toys.labelling.two_skins import STRIPED, Scene, two_skins

CHOSEN = "chosen"
WIDTH = 448
EVERY = 8
N_TOYS, FEW_TOYS, FEW_STEPS = 8, 4, 60
FRAMES = 6
CACHE_BYTES = 200_000_000


def known_in(scenes: Sequence[Scene], boxed: int, tracks: bool) -> list[KnownObject]:
    """What is learnt from: all boxes, and masks of all categories but one.

    Args:
        tracks: a category is one object, seen in several scenes.
    """
    found = []
    for place, (image, objects) in enumerate(scenes):
        windows = [window_around(mask) for _, mask in objects]
        for number, (kind, mask) in enumerate(objects):
            others = tuple(window for n, window in enumerate(windows) if n != number)
            seen = BoxedObject(image, windows[number], kind, None if kind == boxed else mask, others)
            found.append(KnownObject(seen, (0, kind) if tracks else (place, number)))
    return found


def arms_on(
    scenes: Sequence[Scene], boxed: int, seed: int, steps: int, tracks: bool, kept: DiskCache
) -> dict[str, Any]:
    """The overlap of each mask of the boxed category by every way, and the way that the project would choose.

    Args:
        kept: holds trainings, so that one that was killed goes on.
    """
    kinds = 1 + max(kind for _, objects in scenes for kind, _ in objects)

    def train(half: int | None, objects: Sequence[BoxedObject]) -> ShapeNetwork:
        network, key = new_shape_network(kinds, seed), f"boxed-{boxed}-{seed}-{steps}-{half}"
        return kept_or_trained(kept, key, network, lambda keep: train_shapes(network, objects, seed, keep, steps=steps))

    known = known_in(scenes, boxed, tracks)
    choice = choose_way(known, train)
    network = train(None, [one.seen for one in known])
    found: dict[str, Any] = {}
    for way in BoxWay:
        values = []
        for image, objects in scenes:
            wanted = [mask for kind, mask in objects if kind == boxed]
            masks = masks_by(way, network, image, [window_around(mask) for mask in wanted], [boxed] * len(wanted))
            values += [round(iou(mask, truth), 4) for mask, truth in zip(masks, wanted, strict=True)]
        found[way.value] = values
    return found | {CHOSEN: found[choice.way.value], "way": choice.way.value, "held out": dict(choice.iou)}


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


def clips(data: Path) -> list[Scene]:
    """Six frames of each clip of DAVIS, evenly spaced; categories are the clips, by name, from 0."""
    folders = [data / "video_masks" / half for half in ("davis16_train", "davis16_val")]
    scenes = []
    every = sorted((clip for folder in folders for clip in clips_of(folder, None)), key=lambda clip: clip.name)
    for kind, clip in enumerate(every):
        small = Clip(clip.source, WIDTH)
        for index in np.linspace(0, small.n_frames - 1, FRAMES).round().astype(int).tolist():
            objects = [(kind, mask) for mask in small.truth(index).values() if mask.sum() >= 30]
            scenes.append((small.read(index), objects))
    return scenes


def means_on(scenes: Sequence[Scene], boxed: int, tracks: bool, seed: int, folder: Path, steps: int = STEPS) -> Figures:
    """The mean overlap of every arm on one category that has only boxes."""
    found = arms_on(scenes, boxed, seed, steps, tracks, DiskCache(folder / f"boxed-{len(scenes)}", CACHE_BYTES))
    return {arm: float(np.mean(found[arm])) for arm in (*BoxWay, CHOSEN)}


def figures(scenes: Sequence[Scene], seed: int, cache: Path, steps: int = STEPS) -> Figures:
    """The mean overlap of every arm on the toys of a seed, where the striped category only has boxes."""
    return means_on(scenes, STRIPED, False, seed, cache, steps)


PROOF = Proof(
    "boxes",
    (
        Claim(BoxWay.SPREADS, BoxWay.HEAD),
        Claim(BoxWay.SPREADS, BoxWay.COLOURS),
        Claim(BoxWay.HEAD, BoxWay.COLOURS),
        Claim(CHOSEN, BoxWay.COLOURS),
    ),
    lambda seed: {"two categories": two_skins(seed, N_TOYS)},
    figures,
    seeds=5,
    on_clips=False,
)
QUICK = replace(
    PROOF,
    name="quick boxes",
    footage=lambda seed: {f"two categories, {FEW_TOYS} pictures": two_skins(seed, FEW_TOYS)},
    figures=partial(figures, steps=FEW_STEPS),
)

CASES: Mapping[str, Callable[[Path], list[Scene]]] = {"fruits": fruits, "tabletop": tabletop, "clips": clips}


@click.command()
@click.option("--case", "name", type=click.Choice(["toys", *CASES]), required=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path))
@click.option("--boxed", default=STRIPED + 1, help="The category, from 1, of which only boxes are known.")
@click.option("--seed", default=100)
@click.option("--steps", default=STEPS)
@click.option("--work", default=Path("runs/boxed"), type=click.Path(path_type=Path), help="Trainings are kept there.")
@click.option("--out", type=click.Path(path_type=Path), help="A file to which a line of JSON is added.")
def main(name: str, data: Path | None, boxed: int, seed: int, steps: int, work: Path, out: Path | None) -> None:
    """Measure one case."""
    torch.set_num_threads(1)
    started = time.process_time()
    if data is None and name != "toys":
        raise click.UsageError(f"{name} needs --data")
    scenes = CASES[name](data) if data is not None and name != "toys" else two_skins(seed, N_TOYS)
    found = arms_on(scenes, boxed - 1, seed, steps, name in ("tabletop", "clips"), DiskCache(work / name, CACHE_BYTES))
    seconds = round(time.process_time() - started, 1)
    means = {arm: round(float(np.mean(found[arm])), 4) for arm in (*BoxWay, CHOSEN)}
    record = {"case": name, "boxed": boxed, "seed": seed, "steps": steps, "means": means, "ious": found}
    text = json.dumps({**record, "seconds": seconds})
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
    click.echo(text)


if __name__ == "__main__":
    main()
