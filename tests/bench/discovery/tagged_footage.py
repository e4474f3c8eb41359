"""How well masks follow from tags on real pictures: branches of several rates against the plain one alone.

``--pictures`` is a folder with ``trainval.json`` (COCO, polygons) and ``images/``: every picture is cut into its four
quarters, each is tagged by what it shows, and all are judged. ``--davis`` is a folder in DAVIS layout, given once or
more: ``--classes dog=dog,libby`` says which clips show a category; all others show none of them. One clip after the
other is held out: its tags are not learnt from. Of a category in less than ``LEAST`` of a picture nothing is said.

    python -m tests.bench.discovery.tagged_footage --backbone FILE --pictures FOLDER
    python -m tests.bench.discovery.tagged_footage --backbone FILE --davis A --davis B --classes dog=dog,libby

What is measured is kept, a line of JSON for each case: the same command goes on where it stopped.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from al_core.discovery.tags.backbone import Backbone, load_backbone
from al_core.discovery.tags.dilated_classifier import STEPS, TaggedFrame, new_classifier, train
from al_core.discovery.tags.localisation import normalised, refined
from al_core.evaluation.bootstrap import mean_estimate
from tests.bench.discovery.tags_proof import ARMS, FIGURES, judge
from tests.bench.proofs.proof import real_clips

LEAST = 0.01
"""Share of a picture from which a category is tagged as there; where less of it is seen, nothing is said."""

EVERY, WIDTH = 8, 427
"""Of a clip, every such frame is taken, so many pixels wide."""

PRECISION = 0.5
"""At which recall is compared; at .7 there is hardly any."""


@dataclass(frozen=True, eq=False)
class Tagged:
    """A picture, the clip that it is of (its number, for pictures alone), and where each category is.

    Attributes:
        masks: bool [categories, h, w].
    """

    group: str
    image: NDArray[np.uint8]
    masks: NDArray[np.bool_]

    @property
    def present(self) -> NDArray[np.float32]:
        """Return what a person who tags says of each category: 1, 0, or NaN for nothing."""
        shares = self.masks.mean(axis=(1, 2))
        return np.where(shares >= LEAST, 1, np.where(shares == 0, 0, np.nan)).astype(np.float32)


def quarters(folder: Path) -> Iterator[Tagged]:
    """Yield the quarters of the pictures of a folder, with the masks of their polygons."""
    said = json.loads((folder / "trainval.json").read_text(encoding="utf-8"))
    kinds = [category["id"] for category in said["categories"]]
    for picture in said["images"]:
        read = cv2.imread(str(folder / "images" / picture["file_name"]))
        image = np.asarray(read[..., ::-1], np.uint8)
        height, width = image.shape[:2]
        scale = np.array([width / picture["width"], height / picture["height"]])
        drawn = np.zeros((len(kinds), height, width), np.uint8)
        for one in (one for one in said["annotations"] if one["image_id"] == picture["id"]):
            for polygon in one["segmentation"]:
                corners = (np.array(polygon).reshape(-1, 2) * scale).round().astype(np.int32)
                cv2.fillPoly(drawn[kinds.index(one["category_id"])], [corners], 1)
        for rows in (slice(0, height // 2), slice(height // 2, height)):
            for columns in (slice(0, width // 2), slice(width // 2, width)):
                yield Tagged(str(picture["id"]), image[rows, columns], drawn[:, rows, columns] > 0)


def frames_of(folders: Sequence[Path], classes: Mapping[str, Sequence[str]]) -> Iterator[Tagged]:
    """Yield frames of all clips of some folders; a clip's object is of the category that names it."""
    for folder in folders:
        for name, clip in real_clips(folder, 10_000, WIDTH).items():
            for index in range(0, clip.n_frames, EVERY):
                shown = np.zeros(clip.size, bool)
                for mask in clip.truth[index].values():
                    shown |= mask
                none = np.zeros_like(shown)
                yield Tagged(
                    name, clip.images[index], np.stack([shown if name in c else none for c in classes.values()])
                )


def measured(learnt: Sequence[Tagged], judged: Sequence[Tagged], backbone: Backbone, seed: int) -> dict[str, float]:
    """Return the figures of both arms; chances, and the truth's tags, say what is looked for."""
    tagged = [TaggedFrame(backbone.see(one.image), one.present) for one in learnt]
    found: dict[str, float] = {}
    for arm, rates in ARMS.items():
        started = time.process_time()
        network = new_classifier(backbone.channels, len(learnt[0].masks), seed, rates)
        train(network, tagged, seed, STEPS)
        found[f"{arm}: seconds"] = time.process_time() - started
        rows = []
        for category in range(len(learnt[0].masks)):
            scores, shown, truth = [], [], []
            for one in (one for one in judged if one.present[category] == 1):
                here = [c for c in range(len(one.masks)) if one.present[c] == 1]
                maps = normalised(network.maps(backbone.see(one.image))[here])
                probability, place = refined(one.image, maps), here.index(category)
                scores.append(cv2.resize(maps[place], one.image.shape[1::-1]).ravel())
                shown.append(((probability[place] > 0.5) & (probability.argmax(axis=0) == place)).ravel())
                truth.append(one.masks[category].ravel())
            if scores:
                rows.append(judge(np.concatenate(scores), np.concatenate(shown), np.concatenate(truth), PRECISION))
        found |= {f"{arm}: {name}": float(np.mean([row[k] for row in rows])) for k, name in enumerate(FIGURES)}
    return found


@click.command()
@click.option("--backbone", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--pictures", type=click.Path(exists=True, path_type=Path))
@click.option("--davis", multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--classes", multiple=True, help="NAME=CLIP,CLIP")
@click.option("--seeds", default=2, show_default=True)
@click.option("--work", default=Path("runs/tagged"), show_default=True, type=click.Path(path_type=Path))
def main(
    backbone: Path, pictures: Path | None, davis: Sequence[Path], classes: Sequence[str], seeds: int, work: Path
) -> None:
    """Measure what is not measured yet, and print all cases."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "cases.jsonl"
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    known: dict[str, dict[str, float]] = dict(json.loads(line) for line in lines)
    network = load_backbone(backbone)
    for name, learnt, judged, seed in cases(pictures, davis, classes, seeds):
        if name not in known:
            known[name] = measured(learnt, judged, network, seed)
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps([name, known[name]]) + "\n")
            print(name, {figure: round(value, 3) for figure, value in known[name].items()}, flush=True)
    tell(known)


def cases(
    pictures: Path | None, davis: Sequence[Path], classes: Sequence[str], seeds: int
) -> Iterator[tuple[str, Sequence[Tagged], Sequence[Tagged], int]]:
    """Yield name, what is learnt from, what is judged, and seed of each case."""
    if pictures is not None:
        cut = list(quarters(pictures))
        for seed in range(seeds):
            yield f"pictures, {seed}", cut, cut, seed
    groups = {name: clips.split(",") for name, clips in (text.split("=", 1) for text in classes)}
    if davis and groups:
        frames = list(frames_of(davis, groups))
        named = [clip for clips in groups.values() for clip in clips]
        for seed in range(seeds):
            yield f"tagged clips, {seed}", frames, [one for one in frames if one.group in named], seed
            for held in named:
                others = [one for one in frames if one.group != held]
                yield f"{held} held out, {seed}", others, [one for one in frames if one.group == held], seed


def tell(known: Mapping[str, Mapping[str, float]]) -> None:
    """Print all cases, and the difference of both arms over them."""
    console, table = Console(width=160), Table("case", *(f"{arm}: {name}" for name in FIGURES for arm in ARMS))
    for name, figures in known.items():
        table.add_row(name, *(f"{figures[f'{arm}: {figure}']:.3f}" for figure in FIGURES for arm in ARMS))
    console.print(table)
    ours, alone = ARMS
    for kind in ("pictures", "tagged clips", "held out"):
        mine = [figures for name, figures in known.items() if kind in name]
        for figure in FIGURES:
            if mine:
                apart = np.array([one[f"{ours}: {figure}"] - one[f"{alone}: {figure}"] for one in mine])
                console.print(f"{kind}, {figure}: {mean_estimate(apart, np.random.default_rng(0), 10_000)}")


if __name__ == "__main__":
    main()
