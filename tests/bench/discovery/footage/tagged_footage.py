"""How well masks follow from tags on real pictures: branches of several rates against the plain one alone.

Every picture of fruits and nuts is cut into its four quarters, each is tagged by what it shows, and all are judged. Of
eleven clips of DAVIS some show a dog or a car; one of these after the other is held out: its tags are not learnt from.
Of a category in less than ``LEAST`` of a picture nothing is said. The network is MobileNetV2's of ImageNet.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.discovery.tags.backbone import Backbone, load_backbone
from al_core.discovery.tags.dilated_classifier import STEPS, TaggedFrame, new_classifier, train
from al_core.discovery.tags.localisation import normalised
from tests.bench.discovery.tags_proof import ARMS, PROOF, Said, told
from tests.bench.proofs.proof import Figures, Proof, real_clips

LEAST = 0.01
"""Share of a picture from which a category is tagged as there; where less of it is seen, nothing is said."""

EVERY, WIDTH = 8, 427
"""Of a clip, every such frame is taken, so many pixels wide."""

BACKBONE = "weights/mobilenetv2_imagenet_deepsort.pt"
DAVIS = ("davis16_val", "davis16_train")
CLASSES = {"dog": ("dog", "libby", "dog-agility"), "car": ("car-shadow", "drift-straight")}

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


def figures(case: tuple[Sequence[Tagged], Sequence[Tagged], Backbone], seed: int, folder: Path) -> Figures:
    """Both arms, on what is judged; chances, and the truth's tags, say what is looked for."""
    learnt, judged, backbone = case
    tagged = [TaggedFrame(backbone.see(one.image), one.present) for one in learnt]
    found: dict[str, float] = {}
    for arm, rates in ARMS.items():
        network = new_classifier(backbone.channels, len(learnt[0].masks), seed, rates)
        train(network, tagged, seed, STEPS)
        rows = []
        for category in range(len(learnt[0].masks)):
            said = []
            for one in (one for one in judged if one.present[category] == 1):
                here = [c for c in range(len(one.masks)) if one.present[c] == 1]
                maps = normalised(network.maps(backbone.see(one.image))[here])
                said.append(Said.of(one.image, maps, here.index(category), one.masks[category]))
            rows += [told(arm, said, PRECISION)] if said else []
        found |= {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    return found


def proofs(data: Path) -> Sequence[Proof]:
    """Return the proof on fruits and nuts, and that on clips of dogs and cars of which each is held out in turn."""

    def pictures(seed: int) -> Mapping[str, Any]:
        cut = list(quarters(data / "images" / "fruits-nuts"))
        return {"fruits-nuts": (cut, cut, load_backbone(data / BACKBONE))}

    def clips(seed: int) -> Mapping[str, Any]:
        frames, backbone = (
            list(frames_of([data / "video_masks" / name for name in DAVIS], CLASSES)),
            load_backbone(data / BACKBONE),
        )
        return {
            held: (
                [one for one in frames if one.group != held],
                [one for one in frames if one.group == held],
                backbone,
            )
            for held in itertools.chain.from_iterable(CLASSES.values())
        }

    return (
        replace(PROOF, name="tagged pictures", footage=pictures, figures=figures, repeated=True),
        replace(
            PROOF,
            name="tagged clips",
            footage=clips,
            figures=figures,
            pooled="each of five clips held out",
            repeated=True,
        ),
    )
