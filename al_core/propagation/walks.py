"""Walks from the human frame before and from the one after that meet in between, for several propagators."""

import pickle
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from al_core.masks.soft import Patch, Size
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack
from al_core.propagation.labelled_clip import frames_around, tracks_of

WAITING_BYTES = 32_000_000
"""Masks of the walk backward that wait in memory; more wait in a temporary file."""

Masks = NDArray[np.uint8]
"""Masks of a frame: [tracks, h, w], probabilities of 1/255."""


class Found(NamedTuple):
    """What a walk found in a frame.

    Attributes:
        masks: of its objects.
        presence: how likely each is to be seen at all, float32 [tracks] in [0, 1]; None where a walk does not say.
    """

    masks: Masks
    presence: NDArray[np.float32] | None = None


Run = Callable[[int, range, int], Iterator[Found]]
"""A walk: (the human frame that it begins at, the frames that it comes through, the human frame that it goes towards or
one outside of the clip) -> what it finds in each of them."""


def walked(
    n_frames: int, labels: Labels, size: Size, walk: Callable[[Sequence[int]], Run]
) -> Iterator[PropagatedFrame]:
    """Yield every frame of a clip in order, human ones as they are, the others walked to from both sides.

    Args:
        size: (height, width) of the masks.
        walk: gives the walk that looks for some tracks.
    """

    def between(start: int, end: int) -> Iterator[PropagatedFrame]:
        tracks = tracks_of({i: labels[i] for i in (start, end) if i in labels})
        if not tracks or end == start + 1:
            yield from (PropagatedFrame(i, {}) for i in range(start + 1, end))
        else:
            yield from met_between(walk(tracks), labels, tracks, size, start, end)

    return frames_around(n_frames, labels, size, between)


def met_between(
    run: Run, labels: Labels, tracks: Sequence[int], size: Size, start: int, end: int
) -> Iterator[PropagatedFrame]:
    """Yield the frames between two human ones, each walked to from both sides and blended.

    What the walk backward finds waits in a temporary file, so memory does not grow with the gap.

    Args:
        tracks: those that the walks look for, in the order of their masks.
        size: (height, width) of the masks.
        start, end: the human frames on both sides; before the first and after the last one there is one walk only.
    """
    with tempfile.SpooledTemporaryFile(WAITING_BYTES) as file:
        spool = Spool(file)
        if end in labels:
            for found in run(end, range(end - 1, start, -1), start):
                spool.put(found)
        forward = run(start, range(start + 1, end), end) if start in labels else None
        for i in range(start + 1, end):
            sides = [(next(forward), i - start)] if forward is not None else []
            if end in labels:
                sides.append((spool.get(end - 1 - i), end - i))
            yield PropagatedFrame(i, blended(tracks, sides, size))


def blended(tracks: Sequence[int], sides: Sequence[tuple[Found, int]], size: Size) -> dict[int, PropagatedTrack]:
    """Blend the masks of both walks, by track; a walk counts the less the farther it came."""
    total = sum(1 / distance for _, distance in sides)
    weights = [1 / distance / total for _, distance in sides]
    blended = {}
    for number, track in enumerate(tracks):
        found = [side.masks[number] * np.float32(1 / 255) for side, _ in sides]
        values = np.add.reduce([f * np.float32(weight) for f, weight in zip(found, weights, strict=True)])
        patch = Patch(0, 0, values).trimmed()
        if patch.values.size:
            seen = [1.0 if side.presence is None else float(side.presence[number]) for side, _ in sides]
            present = float(np.dot(seen, weights))
            blended[track] = PropagatedTrack(patch.soft(size), present * confidence(values, found))
    return blended


def confidence(mask: NDArray[np.float32], sides: Sequence[NDArray[np.float32]]) -> float:
    """Estimate the overlap with the true mask, in [0, 1].

    The mean of what the probabilities themselves promise (expected intersection over expected union of the mask cut
    at 0.5) and of how far the two walks agree; docs/propagation.md says how good it is.

    Args:
        mask: float32 [h, w] in [0, 1].
        sides: the one or two masks that it was blended from.
    """
    inside = mask > 0.5
    promised = float(mask[inside].sum() / max(np.maximum(mask, inside).sum(), 1e-6))
    agreed = promised
    if len(sides) == 2:
        agreed = float(np.minimum(*sides).sum() / max(np.maximum(*sides).sum(), 1e-6))
    return (promised + agreed) / 2


class Spool:
    """Values of any kind in a file that nobody else writes, to be read again in any order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._places: list[tuple[int, int]] = []

    def put(self, value: Any) -> None:
        """Add one at the end."""
        data = zlib.compress(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), 1)
        self._places.append((self._file.seek(0, 2), len(data)))
        self._file.write(data)

    def get(self, number: int) -> Any:
        """Return the ``number``-th that was added."""
        place, length = self._places[number]
        self._file.seek(place)
        return pickle.loads(zlib.decompress(self._file.read(length)))
