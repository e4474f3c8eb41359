"""How uncertain each frame is, as named components; each lies in [0, 1] and is higher where less is certain.

A component of a frame is a mean over its objects. What no teacher sees has no mask to disagree about, so a frame
without objects would look certain. It is compared with the frames beside it and, in number, with the nearest frame
that people labelled: an object that was there and that no teacher sees is one of the greatest doubt
(docs/students.md has the figures).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadSettings
from al_core.masks.matching import ANY_OVERLAP, matched
from al_core.masks.overlap import overlaps
from al_core.records import COMPONENTS, ONE_SHOT, Shots
from al_core.settings import PluginTable, UncertaintySettings
from al_core.stores.predictions import FramePrediction, PredictedObject

Components = dict[str, NDArray[np.float32]]

OtherComponent = Callable[[FramePrediction, FramePrediction | None], float]
"""A component of other people's code: from a frame and the one before it in its shot, if any, to [0, 1]."""

OTHER_COMPONENTS: PluginTable[OtherComponent] = PluginTable("component of uncertainty", {}, "fewframes.components")

Expected = Callable[[int], int]
"""Number of objects that a frame of this number should show."""


def expected_objects(labelled: Mapping[int, int], elsewhere: int = 0, shots: Shots = ONE_SHOT) -> Expected:
    """Expect in each frame as many objects as people saw in the nearest frame of its shot that they labelled.

    Args:
        labelled: frame number -> number of objects, of the frames of one video that people labelled.
        elsewhere: what to expect in a shot without such frames.
        shots: of the video.
    """
    of_shot: defaultdict[int, list[int]] = defaultdict(list)
    for frame in sorted(labelled):
        of_shot[shots.shot_of(frame)].append(frame)
    return _AsNearest(dict(labelled), dict(of_shot), elsewhere, shots)


@dataclass(frozen=True)
class _AsNearest:
    """What :func:`expected_objects` returns, which travels to workers: the labelled frames of each shot, rising."""

    labelled: Mapping[int, int]
    of_shot: Mapping[int, list[int]]
    elsewhere: int
    shots: Shots

    def __call__(self, frame_idx: int) -> int:
        frames = self.of_shot.get(self.shots.shot_of(frame_idx))
        return self.labelled[min(frames, key=lambda i: abs(i - frame_idx))] if frames else self.elsewhere


class FrameScorer:
    """Scores frames as they come, neighbours in time in order; only the masks of the last one are kept.

    Args:
        expected: how many objects a frame should show (:func:`expected_objects`); without it nothing is expected, and
            a frame without objects between others without objects has 0 in all components.
        shots: of the video; frames on two sides of a cut are not compared.
        others: names of components in :data:`OTHER_COMPONENTS`.
    """

    def __init__(self, expected: Expected | None = None, shots: Shots = ONE_SHOT, others: Sequence[str] = ()) -> None:
        self._others = {name: OTHER_COMPONENTS[name] for name in others}
        self._other_rows: list[list[float]] = []
        self._expected = expected
        self._shots = shots
        self._rows: list[list[float]] = []
        self._misfit: list[float] = []
        self._steps: list[float] = []
        self._last: FramePrediction | None = None

    def add(self, frame: FramePrediction) -> None:
        """Take the next frame of the video.

        Raises:
            BadSettings: a component of other people's code gives something else than a number in [0, 1].
        """
        objects = frame.objects
        before = self._last
        if before is not None and not self._shots.together(before.frame_idx, frame.frame_idx):
            before = None
        if self._last is not None:
            self._steps.append(np.nan if before is None else inconsistency(before.objects, objects))
        self._other_rows.append([_checked(name, made(frame, before), frame) for name, made in self._others.items()])
        n_expected = len(objects) if self._expected is None else self._expected(frame.frame_idx)
        unseen = max(0, n_expected - len(objects))
        self._rows.append([component(objects, unseen) for component in _OF_OBJECTS.values()])
        self._misfit.append(0.0 if self._expected is None else _misfit(objects, n_expected))
        self._last = frame

    def components(self) -> Components:
        """Return the named components of all frames so far, float32 [n] in [0, 1].

        - ``class_entropy``: mean entropy of the objects' class distributions with "no object", over log(C + 1).
        - ``mutual_information``: mean of the part of it that is disagreement between teachers, over log(C + 1).
        - ``box_spread``: mean standard deviation of box corners over the box's diagonal, at most 1.
        - ``mask_disagreement``: 1 - mean pairwise IoU of the teachers' masks.
        - ``existence_disagreement``: mean of 4 p (1 - p), p the share of teachers that see the object.
        - ``temporal_inconsistency``: the greater of two: 1 - IoU of the objects with those of the frames before and
          after in its shot, where an object that vanishes or appears counts 1; and by how much the number of objects is
          off.

        Those of other people's code follow under their names.

        An object that is expected and not seen counts 1 in the means of class entropy and of existence disagreement.
        Means of boxes, masks and over time weigh each object by its existence.
        """
        values = np.array(self._rows, np.float32).reshape(-1, len(_OF_OBJECTS))
        found = {name: values[:, column] for column, name in enumerate(_OF_OBJECTS)}
        found["temporal_inconsistency"] = np.maximum(
            _mean_of_neighbours(np.array(self._steps, np.float32), len(values)), np.array(self._misfit, np.float32)
        )
        others = np.array(self._other_rows, np.float32).reshape(len(values), len(self._others))
        return {name: found[name] for name in COMPONENTS} | dict(zip(self._others, others.T, strict=True))


def _checked(name: str, value: float, frame: FramePrediction) -> float:
    if not (isinstance(value, float | int | np.number) and 0 <= value <= 1):
        raise BadSettings(
            f"uncertainty.plugins: expected of {name!r} a number in [0, 1] for each frame, got {value!r} for frame "
            f"{frame.frame_idx}; mend it, or leave it out"
        )
    return float(value)


def combine(components: Mapping[str, NDArray[np.float32]], weights: UncertaintySettings) -> NDArray[np.float32]:
    """Return the acquisition score, the weighted mean of the components: float32 [n] in [0, 1], higher where less is
    certain.

    Raises:
        BadSettings: every weight is 0.
    """
    values = np.stack([components[name] for name in (*COMPONENTS, *weights.plugins)])
    return (_shares(weights) @ values).astype(np.float32)


def inconsistency(first: Sequence[PredictedObject], second: Sequence[PredictedObject]) -> float:
    """Return how little the objects of two neighbouring frames agree, in [0, 1]; 0 when neither has any.

    Objects are paired so that the sum of their masks' IoU is greatest; a pair counts 1 - IoU, an object
    without a partner 1, each weighted by existence (of a pair, the greater one).
    """
    if not first or not second:
        return float(bool(first or second))
    iou = overlaps([o.soft_mask for o in first], [o.soft_mask for o in second])
    rows, columns = np.array(matched(iou, ANY_OVERLAP), np.intp).reshape(-1, 2).T
    before, after = _existence(first), _existence(second)
    weight = np.maximum(before[rows], after[columns])
    alone = before.sum() - before[rows].sum() + after.sum() - after[columns].sum()
    total = weight.sum() + alone
    lost = weight @ (1 - iou[rows, columns]) + alone
    return min(1.0, float(lost / total)) if total > 0 else 0.0


def _mean(values: Sequence[float], weights: Sequence[float] | None = None) -> float:
    # Clipped, since sums of rounded numbers may leave [0, 1] by a rounding error.
    if not values or (weights is not None and not sum(weights) > 0):
        return 0.0
    return float(np.clip(np.average(values, weights=weights), 0, 1))


def _largest_entropy(found: PredictedObject) -> float:
    return float(np.log(len(found.class_probabilities)))


def _misfit(objects: Sequence[PredictedObject], n_expected: int) -> float:
    """Return by how much the number of objects, each counted by its existence, is off: in [0, 1]."""
    n_seen = float(_existence(objects).sum())
    return abs(n_seen - n_expected) / max(n_seen, n_expected, 1.0)


_OF_OBJECTS: dict[str, Callable[[Sequence[PredictedObject], int], float]] = {
    "class_entropy": lambda objects, unseen: _mean(
        [o.class_entropy / _largest_entropy(o) for o in objects] + [1.0] * unseen
    ),
    "mutual_information": lambda objects, _: _mean([o.mutual_information / _largest_entropy(o) for o in objects]),
    "box_spread": lambda objects, _: _mean([min(o.box_spread, 1.0) for o in objects], [o.existence for o in objects]),
    "mask_disagreement": lambda objects, _: _mean([1 - o.mask_iou for o in objects], [o.existence for o in objects]),
    "existence_disagreement": lambda objects, unseen: _mean(
        [o.existence_disagreement for o in objects] + [1.0] * unseen
    ),
}
"""Components that are means over a frame's objects, from the objects and the number of expected ones not seen."""


def _shares(weights: UncertaintySettings) -> NDArray[np.float64]:
    others = [weights.plugin_weight] * len(weights.plugins)
    values = np.array([*(getattr(weights, name) for name in COMPONENTS), *others], np.float64)
    if not values.sum() > 0:
        raise BadSettings("uncertainty: expected at least one weight above 0, got only zeros")
    return values / values.sum()


def _mean_of_neighbours(steps: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Average the steps from the frame before and to the frame after, float32 [n]; a lone frame has 0, and a step that
    is NaN does not count."""
    total, count = np.zeros(n, np.float32), np.zeros(n, np.float32)
    known = ~np.isnan(steps)
    for part in (slice(1, None), slice(None, -1)):
        total[part] += np.where(known, steps, 0)
        count[part] += known
    return total / np.maximum(count, 1)


def _existence(objects: Sequence[PredictedObject]) -> NDArray[np.float64]:
    return np.array([o.existence for o in objects])
