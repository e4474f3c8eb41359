"""What a specialist learns from: crops of labelled frames, with priors as wrong as those it will be given.

The prior of a labelled frame is carried there from the *other* labelled frames, so the network sees how the flow really
fails on this clip. Where there are no others, and now and then elsewhere, the true mask is moved and blurred instead.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.footage.clips import ClipFrames
from al_core.masks.soft import Size, SoftMask, shrink
from al_core.propagation.base import Labels, Propagator
from al_core.propagation.labelled_clip import carried_to, reader, tracks_of

MOST_FRAMES = 64
"""Labelled frames of one clip that are learnt from, evenly spaced; the others are left out."""

CROP = 160
"""Height and width of what the network learns from, in pixels, at most."""

ROTATION = 30.0
SCALE = (0.75, 1.25)
"""Turns in degrees and sizes of the crops, as OSVOS has them (Caelles et al., CVPR 2017)."""

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
    """

    image: NDArray[np.uint8]
    truth: Masks
    priors: Sequence[Masks]
    alone: bool

    @property
    def tracks(self) -> list[int]:
        """The objects that are there, or that a prior thinks to be there, in rising order."""
        return sorted({track for masks in (self.truth, *self.priors) for track in masks})


class Crop(NamedTuple):
    """One thing to learn from: a :func:`network_input`, and where the object is, float32 [h, w] in [0, 1]."""

    inputs: NDArray[np.float32]
    target: NDArray[np.float32]


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


def labelled_frames(frames: ClipFrames, labels: Labels, size: Size, carry: Propagator) -> Iterator[ExampleFrame]:
    """Yield the labelled frames of a clip with their priors, in rising order.

    Args:
        size: (height, width) of the masks that ``carry`` gives.
        carry: brings the masks of other labelled frames to this one.
    """
    marks = sorted(labels)
    alone = len(tracks_of(labels)) == 1
    read = reader(frames, size)
    chosen = {int(i) for i in np.linspace(0, len(marks) - 1, min(len(marks), MOST_FRAMES)).round()}
    for at in sorted(chosen):
        truth = {track: shrink(mask, size).soft(size) for track, mask in labels[marks[at]].items()}
        before, after = marks[max(at - 1, 0) : at], marks[at + 1 : at + 2]
        sources = [before + after, before] if before and after else [before + after]
        arrived = [carried_to(frames, {i: labels[i] for i in marked}, marks[at], carry) for marked in sources if marked]
        priors = [{t: c.mask for t, c in found.tracks.items() if c.mask.values.size} for found in arrived]
        image = read(marks[at])
        yield ExampleFrame(image, {t: m for t, m in truth.items() if m.values.size}, priors, alone)


def draw(frame: ExampleFrame, rng: np.random.Generator, side: int = CROP) -> Crop:
    """Draw a square crop around one object of a frame, turned, scaled and with other light; a frame without objects
    teaches what is none."""
    tracks = frame.tracks
    track = int(rng.choice(tracks)) if tracks else 0
    kind = rng.random()
    blank = frame.alone and kind < BLANK_SHARE
    moved = not frame.priors or kind > 1 - MOVED_SHARE
    known = frame.truth if moved else frame.priors[int(rng.integers(len(frame.priors)))]
    size: Size = (frame.image.shape[0], frame.image.shape[1])
    own, others = (np.zeros(size, np.float32), np.zeros(size, np.float32)) if blank else split(known, track, size)
    if moved and not blank:
        own, others = _moved(own, rng), _moved(others, rng)
    target = frame.truth[track].full() if track in frame.truth else np.zeros(size, np.float32)
    place = _placement(np.maximum(own, target), rng, side)
    image = cv2.warpAffine(frame.image, place, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    masks: Any = cv2.warpAffine(np.dstack([own, others, target]), place, (side, side), flags=cv2.INTER_LINEAR)
    inputs = network_input(np.asarray(image, np.uint8), masks[..., 0], masks[..., 1])
    inputs[..., :3] = inputs[..., :3] * rng.uniform(0.85, 1.15, 3) + rng.uniform(-0.2, 0.2)
    return Crop(inputs, masks[..., 2])


def split(masks: Masks, track: int, size: Size) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (an object, all others together) as float32 [h, w] in [0, 1]; zero for what is not there."""
    own, others = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for number, mask in masks.items():
        h, w = mask.values.shape
        part = (own if number == track else others)[mask.y : mask.y + h, mask.x : mask.x + w]
        np.maximum(part, mask.values * np.float32(1 / 255), out=part)
    return own, others


def _placement(mask: NDArray[np.float32], rng: np.random.Generator, side: int) -> NDArray[np.float64]:
    """Draw the affine map, [2, 3], from a frame to a crop in which some part of a mask lies near the middle."""
    rows, columns = np.nonzero(mask > 0.5)
    if len(rows) and rng.random() >= ELSEWHERE_SHARE:
        chosen = rng.integers(len(rows))
        x, y = float(columns[chosen]), float(rows[chosen])
    else:
        x, y = rng.uniform(0, mask.shape[1]), rng.uniform(0, mask.shape[0])
    place: Any = cv2.getRotationMatrix2D((x, y), rng.uniform(-ROTATION, ROTATION), rng.uniform(*SCALE))
    if rng.random() < 0.5:
        place = np.array([[-1, 0, 2 * x], [0, 1, 0]]) @ np.vstack([place, [0, 0, 1]])
    place[:, 2] += side / 2 - np.array([x, y]) + rng.uniform(-side / 4, side / 4, 2)
    return place


def _moved(mask: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Shift, stretch and blur a mask a little, as if the flow had been wrong."""
    x, y, w, h = cv2.boundingRect((mask > 0.5).view(np.uint8))
    if not w:
        return mask
    zoom, shift = rng.uniform(0.9, 1.1, 2), rng.uniform(-0.1, 0.1, 2) * (w, h)
    centre = np.array([x + w / 2, y + h / 2])
    move = np.hstack([np.diag(zoom), (centre - zoom * centre + shift)[:, None]])
    wrong = cv2.warpAffine(mask, move, mask.shape[::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(wrong, (0, 0), rng.uniform(0.5, 2)), np.float32)
