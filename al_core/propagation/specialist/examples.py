"""What a specialist learns from: crops of labelled frames, with priors as wrong as those it will be given.

The prior of a labelled frame is carried there from the *other* labelled frames, so the network sees how the flow really
fails on this clip. Where there are no others, and now and then elsewhere, the true mask is moved and blurred instead.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.footage.clips import ClipFrames
from al_core.masks.soft import Size, SoftMask, Window, shrink, union
from al_core.propagation.base import Labels, Propagator
from al_core.propagation.labelled_clip import carried_to, reader, tracks_of

MOST_FRAMES = 64
"""Labelled frames of one clip that are learnt from, evenly spaced; the others are left out."""

CROP = 96
"""Height and width of what the network learns from, in pixels, at most."""

ROTATION = 30.0
SCALE = (0.75, 1.25)
"""Turns in degrees and sizes of the crops, as OSVOS has them (Caelles et al., CVPR 2017)."""

FAR_SCALE = (0.5, 2.0)
"""Sizes where one frame of a video alone is labelled, which shows objects at one size only, however near they come."""

BLANK_SHARE = 0.2
"""Crops without a prior, of clips with one object: the network also learns how the object looks."""

MOVED_SHARE = 0.4
"""Crops whose prior is the true mask, moved."""

ELSEWHERE_SHARE = 0.25
"""Crops that lie anywhere in the frame: the network is applied to all of it."""

Masks = Mapping[int, SoftMask]


@dataclass(frozen=True, eq=False)
class ExampleFrame:
    """One labelled frame at the size of the flow, RGB uint8 [h, w, 3].

    Attributes:
        priors: what other labelled frames say of this one, one entry per way of asking; by track.
        alone: the clip has one object only.
        sizes: of the crops, least and most.
    """

    image: NDArray[np.uint8]
    truth: Masks
    priors: Sequence[Masks]
    alone: bool
    sizes: tuple[float, float] = SCALE

    @property
    def tracks(self) -> list[int]:
        """The objects that are there, or that a prior thinks to be there, in rising order."""
        return sorted({track for masks in (self.truth, *self.priors) for track in masks})


class Crop(NamedTuple):
    """One thing to learn from: a :func:`network_input`, and where the object is, float32 [h, w] in [0, 1]."""

    inputs: NDArray[np.float32]
    target: NDArray[np.float32]


def crop_sizes(n_labels: int, trial: bool) -> tuple[float, float]:
    """Return the least and the most size of crops; a trial with one label stands for a video that has others, too."""
    return FAR_SCALE if n_labels == 1 and not trial else SCALE


def network_input(
    image: NDArray[np.uint8], own: NDArray[np.float32], others: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Stack what the network sees: float32 [h, w, 5], the picture in about [-2, 2] and both priors in [0, 1].

    Args:
        image: RGB uint8 [h, w, 3].
        own: float32 [h, w] in [0, 1], where the object may be.
        others: float32 [h, w] in [0, 1], where any other object may be.
    """
    return np.dstack([image * np.float32(4 / 255) - 2, own, others])


def labelled_frames(
    frames: ClipFrames,
    labels: Labels,
    size: Size,
    carry: Propagator,
    most: int = MOST_FRAMES,
    sizes: tuple[float, float] = SCALE,
) -> Iterator[ExampleFrame]:
    """Yield the labelled frames of a clip with their priors, in rising order.

    Args:
        size: (height, width) of the masks that ``carry`` gives.
        carry: brings the masks of other labelled frames to this one.
        most: frames that are given, evenly spaced; never more than :data:`MOST_FRAMES`.
        sizes: of the crops, least and most.
    """
    marks = sorted(labels)
    alone = len(tracks_of(labels)) == 1
    read = reader(frames, size)
    chosen = {int(i) for i in np.linspace(0, len(marks) - 1, min(len(marks), most, MOST_FRAMES)).round()}
    for at in sorted(chosen):
        truth = {track: shrink(mask, size).soft(size) for track, mask in labels[marks[at]].items()}
        before, after = marks[max(at - 1, 0) : at], marks[at + 1 : at + 2]
        sources = [before + after, before] if before and after else [before + after]
        arrived = [carried_to(frames, {i: labels[i] for i in marked}, marks[at], carry) for marked in sources if marked]
        priors = [{t: c.mask for t, c in found.tracks.items() if c.mask.values.size} for found in arrived]
        image = read(marks[at])
        yield ExampleFrame(image, {t: m for t, m in truth.items() if m.values.size}, priors, alone, sizes)


def draw(frame: ExampleFrame, rng: np.random.Generator, side: int = CROP) -> Crop:
    """Draw a square crop around one object of a frame, turned, scaled and with other light; a frame without objects
    teaches what is none."""
    tracks = frame.tracks
    track = int(rng.choice(tracks)) if tracks else 0
    kind = rng.random()
    blank = frame.alone and kind < BLANK_SHARE
    moved = not frame.priors or kind > 1 - MOVED_SHARE
    known = frame.truth if moved else frame.priors[int(rng.integers(len(frame.priors)))]
    known = {} if blank else known
    own = [known[track]] if track in known else []
    others = [mask for number, mask in known.items() if number != track]
    target = [frame.truth[track]] if track in frame.truth else []
    wrong = [_drift(part, rng) if moved else _RIGHT for part in (own, others)]
    size = (frame.image.shape[0], frame.image.shape[1])
    place = _placement([*own, *target], size, rng, side, frame.sizes)
    image = cv2.warpAffine(
        frame.image, place[:2], (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    known_own, known_others = (_painted(p, place, side, drift) for p, drift in zip((own, others), wrong, strict=True))
    inputs = network_input(np.asarray(image, np.uint8), known_own, known_others)
    inputs[..., :3] = inputs[..., :3] * rng.uniform(0.85, 1.15, 3) + rng.uniform(-0.2, 0.2)
    return Crop(inputs, _painted(target, place, side))


def split(masks: Masks, track: int, size: Size) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (an object, all others together) as float32 [h, w] in [0, 1]; zero for what is not there."""
    own, others = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for number, mask in masks.items():
        h, w = mask.values.shape
        part = (own if number == track else others)[mask.y : mask.y + h, mask.x : mask.x + w]
        np.maximum(part, mask.values * np.float32(1 / 255), out=part)
    return own, others


class _Drift(NamedTuple):
    """How a mask goes wrong: an affine map of its frame, [3, 3], and the deviation of a blur, in pixels."""

    move: NDArray[np.float64]
    blur: float


_RIGHT = _Drift(np.eye(3), 0)


def _placement(
    masks: Sequence[SoftMask], size: Size, rng: np.random.Generator, side: int, scale: tuple[float, float]
) -> NDArray[np.float64]:
    """Draw the affine map, [3, 3], from a frame to a crop in which some part of some masks lies near the middle."""
    inside = [np.argwhere(mask.values > 127) + np.array([mask.y, mask.x]) for mask in masks]
    points = np.concatenate(inside) if inside else np.zeros((0, 2))
    if len(points) and rng.random() >= ELSEWHERE_SHARE:
        y, x = (float(value) for value in points[rng.integers(len(points))])
    else:
        x, y = rng.uniform(0, size[1]), rng.uniform(0, size[0])
    turned: Any = cv2.getRotationMatrix2D((x, y), rng.uniform(-ROTATION, ROTATION), rng.uniform(*scale))
    place = np.vstack([turned, [0, 0, 1]])
    if rng.random() < 0.5:
        place = np.array([[-1, 0, 2 * x], [0, 1, 0], [0, 0, 1]]) @ place
    place[:2, 2] += side / 2 - np.array([x, y]) + rng.uniform(-side / 4, side / 4, 2)
    return place


def _painted(
    masks: Iterable[SoftMask], place: NDArray[np.float64], side: int, drift: _Drift = _RIGHT
) -> NDArray[np.float32]:
    """Return masks of a frame together in a crop, float32 [side, side] in [0, 1]."""
    painted = np.zeros((side, side), np.float32)
    for mask in masks:
        shift = np.array([[1, 0, mask.x], [0, 1, mask.y], [0, 0, 1]])
        move = (place @ drift.move @ shift)[:2]
        values = cv2.warpAffine(mask.values, move, (side, side))
        np.maximum(painted, values * np.float32(1 / 255), out=painted)
    return np.asarray(cv2.GaussianBlur(painted, (0, 0), drift.blur), np.float32) if drift.blur else painted


def _drift(masks: Sequence[SoftMask], rng: np.random.Generator) -> _Drift:
    """Draw how masks are shifted, stretched and blurred a little, as if the flow had been wrong."""
    if not masks:
        return _RIGHT
    window = union([Window(m.x, m.y, m.x + m.values.shape[1], m.y + m.values.shape[0]) for m in masks])
    extent = np.array([window.x1 - window.x0, window.y1 - window.y0])
    zoom, shift = rng.uniform(0.9, 1.1, 2), rng.uniform(-0.1, 0.1, 2) * extent
    centre = np.array([window.x0, window.y0]) + extent / 2
    move = np.eye(3)
    move[:2] = np.hstack([np.diag(zoom), (centre - zoom * centre + shift)[:, None]])
    return _Drift(move, float(rng.uniform(0.5, 2)))
