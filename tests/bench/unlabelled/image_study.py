"""Images of cells: some with all their masks, some without, and some held out to measure on."""

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.video_quality import evaluate_video
from al_core.masks.rle import Rle, decode, encode
from al_core.masks.soft import SoftMask
from al_core.records import ALL, DeliveredMask, FrameLabel, FrameRef, Identities, MaskLabel, Provenance
from al_core.settings import Settings
from al_core.stores.predictions import PredictedObject
from al_core.students.semi.unlabelled import UnlabelledSample
from al_core.students.train import TrainingSample
from tests.bench.unlabelled.study import Figures, Predict

HELD_OUT_EVERY = 5
N_LABELLED = 5
IMAGES = 1
"""The number of the "video" that holds all images."""


class ImageStudy:
    """A folder with ``images/NAME.jpg`` and ``instances/NAME.png``, whose values are the numbers of the cells.

    Every fifth image is held out, five evenly spaced ones of the others are labelled.
    """

    def __init__(self, name: str, data: Path, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self._images = sorted((data / "images").glob("*.jpg"), key=_number)
        self._masks = [data / "instances" / f"{path.stem}.png" for path in self._images]
        numbers = range(len(self._images))
        self.held_out = [i for i in numbers if i % HELD_OUT_EVERY == HELD_OUT_EVERY - 1]
        rest = [i for i in numbers if i not in self.held_out]
        self.labelled = [rest[int(len(rest) * (k + 0.5) / N_LABELLED)] for k in range(N_LABELLED)]
        self.unlabelled = [i for i in rest if i not in self.labelled]

    @property
    def samples(self) -> list[TrainingSample]:
        """The labelled images."""
        return [TrainingSample(FrameRef(IMAGES, i), self._truth(i).masks) for i in self.labelled]

    def read(self, frame: FrameRef) -> NDArray[np.uint8]:
        """Return an image, RGB uint8."""
        image = cv2.imread(str(self._images[frame.frame_idx]))
        assert image is not None
        return np.ascontiguousarray(image[..., ::-1])

    def believed(self, predict: Predict) -> list[UnlabelledSample]:
        """Return the images without labels, with the cells of which the teachers are sure."""
        frames = [FrameRef(IMAGES, i) for i in self.unlabelled]
        found = []
        for frame, prediction in zip(frames, predict(frames), strict=True):
            sure = [o for o in prediction.objects if o.existence >= self.settings.student.unlabelled_confidence]
            masks = tuple(MaskLabel(n, 1, _rle(o)) for n, o in enumerate(sure, start=1))
            error = float(np.mean([1 - o.existence for o in prediction.objects])) if prediction.objects else 1.0
            found.append(UnlabelledSample(frame, masks, error))
        return found

    def figures(self, predict: Predict) -> Figures:
        """Return AP50 and the aggregated Jaccard index of the held-out images."""
        predictions = predict([FrameRef(IMAGES, i) for i in self.held_out])
        precision, jaccard = {}, {}
        for i, prediction in zip(self.held_out, predictions, strict=True):
            name, truth = self._images[i].stem, self._truth(i)
            masks = [
                DeliveredMask(0, n, 1, Provenance.TEACHER, o.existence, _rle(o))
                for n, o in enumerate(prediction.objects, start=1)
            ]
            rows = evaluate_video({0: masks}, {0: truth}, set(), Identities.PER_FRAME)
            whole = {r.metric: r.value for r in rows if (r.track_id, r.provenance) == (None, ALL)}
            precision[name] = whole.get("ap50", 0.0)
            seen = [decode(m.rle) for m in masks if m.confidence >= self.settings.teachers.score_threshold]
            jaccard[name] = aggregated_jaccard(seen, [decode(m.rle) for m in truth.objects])
        return {"AP50": precision, "AJI": jaccard}

    def _truth(self, number: int) -> FrameLabel:
        cells = cv2.imread(str(self._masks[number]), cv2.IMREAD_UNCHANGED)
        assert cells is not None
        masks = tuple(MaskLabel(int(n), 1, encode(cells == n)) for n in np.unique(cells) if n)
        return FrameLabel(FrameRef(IMAGES, number), masks)


def aggregated_jaccard(found: Sequence[NDArray[np.bool_]], truth: Sequence[NDArray[np.bool_]]) -> float:
    """Return the aggregated Jaccard index, in [0, 1]: each true object takes the mask that overlaps it best, and masks
    that are left count as wrong.

    After Kumar et al. 2017 (a dataset and a technique for generalized nuclear segmentation); 1 where nothing is there
    and nothing was found.
    """
    shared, union, used = 0, 0, set()
    for mask in truth:
        overlaps = [(int((mask & one).sum()), int((mask | one).sum())) for one in found]
        best = max(range(len(found)), key=lambda k: overlaps[k][0] / overlaps[k][1], default=None)
        if best is None or not overlaps[best][0]:
            union += int(mask.sum())
            continue
        shared, union = shared + overlaps[best][0], union + overlaps[best][1]
        used.add(best)
    union += sum(int(one.sum()) for k, one in enumerate(found) if k not in used)
    return shared / union if union else 1.0


def _rle(seen: PredictedObject) -> Rle:
    soft: SoftMask = seen.soft_mask
    return encode(soft.full() > 0.5)


def _number(path: Path) -> int:
    return int(re.findall(r"\d+", path.stem)[-1])
