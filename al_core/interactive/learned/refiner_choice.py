"""Which refiner the page uses: the better one on labels that the network did not learn from, by gesture.

A frame is held out or learnt from by its number and that of its video alone, so that it stays on its side from round
to round, also where a network starts from that of the round before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from al_core.fingerprint import fingerprint
from al_core.interactive.clicks import starting_from
from al_core.interactive.gestures import box_around, next_click
from al_core.interactive.learned.learned_refiner import Method
from al_core.interactive.learned.situations import LabelledObjects, spoilt
from al_core.interactive.refiner import Refiner
from al_core.records import FrameRef

HELD_OUT = 0.2
"""Share of the labelled frames that no network learns from."""

FEWEST_JUDGED = 6
"""With fewer objects held out, nothing is changed."""

MOST_JUDGED = 16
"""Objects that refiners are compared on at most."""

FIRST = (1,)
LATER = (2, 3)
"""Clicks after which a mask is compared: the first one, and more."""

Mask = NDArray[np.bool_]
Trial = Callable[[Refiner, NDArray[np.uint8], Mask, Mask], float]


@dataclass(frozen=True, slots=True)
class Choice:
    """How one gesture is done from now on.

    Attributes:
        method: the chosen one.
        iou: mean IoU of each method on the objects that were held out.
        objects: how many these were.
    """

    method: Method
    iou: Mapping[Method, float]
    objects: int


def is_held_out(frame: FrameRef) -> bool:
    """Tell whether a labelled frame is kept for comparing refiners."""
    drawn = int(fingerprint(["refiner", frame.video_id, frame.frame_idx])[:8], 16)
    return drawn < HELD_OUT * 16**8


def choose_refiners(
    methods: Mapping[Method, Refiner], held_out: Sequence[LabelledObjects], seed: int
) -> dict[str, Choice]:
    """Compare refiners on objects that none of them learned from; returns the choice by gesture.

    Another method than the plain one is chosen where its gain is more than one standard error of its mean.

    Args:
        methods: with the plain one among them.
        held_out: frames with what people drew there; where the plain refiner drew it, the comparison favours that one.
    """
    rng = np.random.default_rng((seed, 1))
    objects = [(frame.image, mask, spoilt(mask, rng)) for frame in held_out for mask in frame.large]
    if len(objects) > MOST_JUDGED:
        kept = np.sort(rng.choice(len(objects), MOST_JUDGED, replace=False))
        objects = [objects[int(i)] for i in kept]
    return {gesture: _choice(methods, objects, trial) for gesture, trial in TRIALS.items()}


def _choice(
    methods: Mapping[Method, Refiner],
    objects: Sequence[tuple[NDArray[np.uint8], Mask, Mask]],
    trial: Trial,
) -> Choice:
    if len(objects) < FEWEST_JUDGED:
        return Choice(Method.PLAIN, {}, len(objects))
    found = {method: np.array([trial(refiner, *one) for one in objects]) for method, refiner in methods.items()}
    best = max(found, key=lambda method: float(found[method].mean()))
    gains = found[best] - found[Method.PLAIN]
    certain = gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains))
    return Choice(
        best if certain else Method.PLAIN, {m: float(values.mean()) for m, values in found.items()}, len(objects)
    )


def _clicked(
    refiner: Refiner, image: NDArray[np.uint8], truth: Mask, shown: Mask, from_shown: bool, counts: Sequence[int]
) -> float:
    """Return the mean IoU after so many clicks, each in the middle of what is wrong."""
    mask = shown if from_shown else np.zeros_like(truth)
    start, clicks, found = mask.astype(np.float32), [], []
    for number in range(1, max(counts) + 1):
        click = next_click(mask, truth, 0.0, np.random.default_rng(0))
        if click is not None:
            clicks.append(click)
            mask = refiner.with_clicks(image, starting_from(start, clicks), clicks)
        if number in counts:
            found.append(_iou(mask, truth))
    return float(np.mean(found))


def _boxed(refiner: Refiner, image: NDArray[np.uint8], truth: Mask, shown: Mask) -> float:
    """Return the IoU of what is found in the object's box, where nothing else is known."""
    box = box_around(truth, 0.0, np.random.default_rng(0))
    return _iou(refiner.with_box(image, np.zeros(truth.shape, np.float32), box), truth)


TRIALS: Mapping[str, Trial] = {
    "first_click": partial(_clicked, from_shown=False, counts=FIRST),
    "clicks": partial(_clicked, from_shown=False, counts=LATER),
    "first_correction": partial(_clicked, from_shown=True, counts=FIRST),
    "corrections": partial(_clicked, from_shown=True, counts=LATER),
    "box": _boxed,
}
"""What each gesture is judged by: the IoU that it comes to on one object, of which a wrong mask may be shown."""


def _iou(one: Mask, other: Mask) -> float:
    either = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / either if either else 1.0
