"""Shots of a video: where it cuts to another scene, and where it shows the same thing over and over.

Two neighbouring frames belong to different shots when the one can neither be moved into the other (optical flow leaves
a rest) nor has its colours. Either alone is common within a shot: fast motion leaves a rest, changing light changes the
colours. A flash, or a scene of up to ``FLASH`` frames between two stretches of the same one, is no cut. Fades and
dissolves are not looked for.

Frames show the same thing when not a single pixel of the small picture changes by more than noise does. Each is
compared with the first of its stretch, so slow motion ends a stretch in time.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadVideo
from al_core.footage.images import read_image, resized, working_size
from al_core.footage.video import decode
from al_core.records import Shots, Video

LONG_SIDE = 128
"""Pixels of the longer side of the small pictures that are compared."""

DIFFERENT = 0.2
"""Least :func:`difference` of two frames of different shots; docs/selection.md says what it was measured on."""

FLASH = 3
"""Most frames of a flash, or of a scene that counts as one."""

NOISE = 3
"""Grey values, of 255, by which a pixel of a small picture may change while it shows the same thing."""

_MOST_REST = 3.0
_COLOUR_BINS = (8, 16, 16)
_FAINT = 2.0
_LEAST_SIDE = 32

Picture = NDArray[np.uint8]


def find_shots(pictures: Iterable[Picture]) -> Shots:
    """Find the cuts and still stretches of a video.

    Args:
        pictures: all frames in order, RGB uint8 [h, w, 3], small (:func:`small_pictures`); only a few are kept.
    """
    cuts: list[int] = []
    stills: list[tuple[int, int]] = []
    first: tuple[int, Picture] | None = None
    last = 0
    window: deque[_Look] = deque(maxlen=2 * FLASH + 2)
    for last, picture in enumerate(pictures):
        window.append(_Look(picture))
        if last > FLASH:
            # The frame looked at lies so far back that what comes after a flash is known.
            cuts += _cut_at(window, len(window) - 1 - FLASH, last - FLASH)
        if first is None or not _same(first[1], picture):
            stills += _stretch(first, last - 1)
            first = last, picture
    for frame_idx in range(max(last - FLASH + 1, 1), last + 1):
        cuts += _cut_at(window, len(window) - 1 - (last - frame_idx), frame_idx)
    return Shots(tuple(cuts), (*stills, *_stretch(first, last)))


def small_pictures(video: Video) -> Iterator[Picture]:
    """Decode all frames of a video, in order, RGB uint8, the longer side at most ``LONG_SIDE`` pixels.

    Raises:
        BadVideo: it is not there, or cannot be read.
    """
    size = working_size(video.height, video.width, LONG_SIDE)
    if video.kind == "folder":
        for name in video.files:
            yield resized(read_image(Path(video.uri) / name, video.bits), size)
        return
    if not Path(video.uri).exists():
        raise BadVideo(f"{video.uri}: the video {video.name!r} is no longer there; ingest it from its new place")
    for _, picture in decode(Path(video.uri), size=size):
        yield picture


def difference(before: Picture, after: Picture) -> float:
    """Return how little two small pictures have in common, in [0, 3]: the rest that flow leaves times the difference of
    their colours.

    The rest is the mean difference of brightness after the one was moved into the other, apart from a change of the
    mean, over the mean contrast of the other; at most 3. The colours are compared as histograms in CIE L*a*b*, half the
    sum of absolute differences.
    """
    return _difference(_Look(before), _Look(after))


@dataclass(frozen=True, eq=False)
class _Look:
    """A small picture and what is compared of it."""

    picture: Picture

    @cached_property
    def brightness(self) -> Picture:
        """Grey values, uint8 [h, w]."""
        return np.asarray(cv2.cvtColor(self.picture, cv2.COLOR_RGB2GRAY), np.uint8)

    @cached_property
    def colours(self) -> NDArray[np.float32]:
        """Share of the pixels in each bin of L*a*b*, float32."""
        lab = cv2.cvtColor(self.picture, cv2.COLOR_RGB2LAB)
        counts = cv2.calcHist([lab], [0, 1, 2], None, list(_COLOUR_BINS), [0, 256] * 3)
        return np.asarray(counts / counts.sum(), np.float32)


def _cut_at(window: deque[_Look], position: int, frame_idx: int) -> list[int]:
    """Return the frame at a position of the window if a shot begins with it."""
    before, here = window[position - 1], window[position]
    if _difference(before, here) < DIFFERENT:
        return []
    later = [window[i] for i in range(position + 1, min(position + 1 + FLASH, len(window)))]
    earlier = [window[i] for i in range(max(position - 1 - FLASH, 0), position - 1)]
    flash = any(_difference(before, look) < DIFFERENT for look in later) or any(
        _difference(look, here) < DIFFERENT for look in earlier
    )
    return [] if flash else [frame_idx]


def _difference(before: _Look, after: _Look) -> float:
    colours = float(np.abs(before.colours - after.colours).sum()) / 2
    if colours * _MOST_REST < DIFFERENT:
        # The flow, which takes the time, could not make it more.
        return colours
    return min(_rest(before.brightness, after.brightness), _MOST_REST) * colours


def _rest(before: Picture, after: Picture) -> float:
    height, width = after.shape
    if min(height, width) < _LEAST_SIDE:
        moved = before.astype(np.float32)
    else:
        # OpenCV's types do not know that the flow need not be given.
        dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        flow = dis.calc(after, before, None)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        source = (x + flow[..., 0], y + flow[..., 1])
        moved = cv2.remap(before, *source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    centred = after - float(after.mean())
    rest = np.abs(moved - float(moved.mean()) - centred).mean()
    return float(rest / (np.abs(centred).mean() + _FAINT))


def _same(first: Picture, picture: Picture) -> bool:
    return first.shape == picture.shape and bool(cv2.absdiff(first, picture).max() <= NOISE)


def _stretch(first: tuple[int, Picture] | None, last: int) -> list[tuple[int, int]]:
    return [(first[0], last)] if first is not None and last > first[0] else []
