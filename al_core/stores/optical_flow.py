"""Dense optical flow between neighbouring frames, computed once per clip and kept on disk.

DIS flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016) as OpenCV has it. Kept
as fixed point of 1/32 pixel in chunks of consecutive pairs of frames, under the hash of the clip's content,
the size and the preset: campaigns and processes that share the folder share the work.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
from cachetools import LRUCache
from numpy.typing import NDArray

from al_core.footage.clips import ClipFrames
from al_core.footage.images import resized, working_size
from al_core.settings import Table
from al_core.stores.disk_cache import DiskCache

CHUNK_PAIRS = 16
STEPS_PER_PIXEL = 32
"""Fixed point of the stored flow; the greatest motion is 1023 pixels a frame."""

_FORMAT = "dis2"
_CHUNKS_IN_MEMORY = 8
_PAIRS_IN_MEMORY = 24
_CODEC = pa.Codec("zstd", 1)

Flow = NDArray[np.float32]
"""[h, w, 2]: for each pixel the way to the same point in the other frame, (x, y) in pixels."""


def _fine() -> cv2.DISOpticalFlow:
    """Make an estimator at full resolution whose refinement trusts the picture more than smoothness."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)
    dis.setVariationalRefinementAlpha(5)
    dis.setVariationalRefinementDelta(20)
    dis.setUseMeanNormalization(False)
    return dis


def _balanced() -> cv2.DISOpticalFlow:
    """Make an estimator as :func:`_fine` does, with one round of refinement instead of five."""
    dis = _fine()
    dis.setVariationalRefinementIterations(1)
    return dis


FLOW_PRESETS: Table[Callable[[], cv2.DISOpticalFlow]] = Table(
    "flow preset",
    {
        "ultrafast": lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST),
        "fast": lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST),
        "medium": lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM),
        "balanced": _balanced,
        "fine": _fine,
    },
)
"""Makers of flow estimators by name, fastest first."""


class FlowStore:
    """Flow of any number of clips in one folder, which may be deleted at any time.

    Args:
        folder: shared with other stores, also of other processes.
        gigabytes: how big the folder may grow; the least recently used chunks go first.
    """

    def __init__(self, folder: Path, gigabytes: float = 10.0) -> None:
        self._disk = DiskCache(folder, int(gigabytes * 1e9))

    def clip(self, frames: ClipFrames, long_side: int, preset: str, one_by_one: bool = False) -> "ClipFlow":
        """Return the flow of one clip with the frames' longer side at most ``long_side`` pixels.

        Args:
            one_by_one: work out no other pair than is asked for, and keep none on disk: for who waits for a few.

        Raises:
            UnknownName: there is no such preset.
        """
        size = working_size(*frames.size, long_side)
        return ClipFlow(self._disk, frames, size, FLOW_PRESETS.check(preset), one_by_one)


class ClipFlow:
    """Flow between the neighbouring frames of one clip; ``size`` is its (height, width) in pixels."""

    def __init__(
        self, disk: DiskCache, frames: ClipFrames, size: tuple[int, int], preset: str, one_by_one: bool = False
    ) -> None:
        self.size = size
        self._one_by_one = one_by_one
        self._disk = disk
        self._frames = frames
        self._preset = preset
        self._chunks: LRUCache[int, Sequence[NDArray[np.uint8]]] = LRUCache(_CHUNKS_IN_MEMORY)
        self._pairs_seen: LRUCache[int, NDArray[np.float32]] = LRUCache(_PAIRS_IN_MEMORY)

    def pair(self, frame_idx: int) -> tuple[Flow, Flow]:
        """Return the flow from frame ``frame_idx`` to the next one, and back, in pixels of ``size``.

        Raises:
            ValueError: there is no such frame or no next one.
        """
        if not 0 <= frame_idx < self._frames.n_frames - 1:
            raise ValueError(
                f"flow goes from a frame to the next: expected 0 to {self._frames.n_frames - 2}, got {frame_idx}"
            )
        both = self._pairs_seen.get(frame_idx)
        if both is None:
            both = self._pairs_seen[frame_idx] = _decode(self._coded(frame_idx), self.size)
        return both[0], both[1]

    def _coded(self, frame_idx: int) -> NDArray[np.uint8]:
        """Return the flow of a pair as it is kept."""
        number, position = divmod(frame_idx, CHUNK_PAIRS)
        chunk = self._chunks.get(number) or self._disk.arrays(self._key(number), map(str, self._pairs(number)))
        if not chunk:
            pairs = self._pairs(number)
            if self._one_by_one:
                return self._computed(range(frame_idx, frame_idx + 1))[0]
            chunk = self._computed(pairs)
            self._disk.put_arrays(self._key(number), {str(i): part for i, part in zip(pairs, chunk, strict=True)})
        self._chunks[number] = chunk
        return chunk[position]

    def _computed(self, pairs: range) -> Sequence[NDArray[np.uint8]]:
        """Return the flow of consecutive pairs, coded."""
        grey = [self._brightness(i) for i in range(pairs.start, pairs.stop + 1)]
        local = threading.local()

        def work(i: int) -> NDArray[np.uint8]:
            if not hasattr(local, "dis"):
                local.dis = FLOW_PRESETS[self._preset]()
            forward = local.dis.calc(grey[i], grey[i + 1], None)
            backward = local.dis.calc(grey[i + 1], grey[i], None)
            return _encode(np.stack([forward, backward]))

        with _one_opencv_thread(), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return list(pool.map(work, range(len(pairs))))

    def _brightness(self, frame_idx: int) -> NDArray[np.uint8]:
        """Return the largest of the three colours: it tells apart what looks the same in grey, such as red on green."""
        red, green, blue = cv2.split(resized(self._frames.read(frame_idx), self.size))
        return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)

    def _pairs(self, number: int) -> range:
        return range(number * CHUNK_PAIRS, min((number + 1) * CHUNK_PAIRS, self._frames.n_frames - 1))

    def _key(self, number: int) -> str:
        height, width = self.size
        source = "x".join(map(str, self._frames.size[::-1]))
        return f"{self._frames.sha256}/{width}x{height}-of-{source}-{self._preset}-{_FORMAT}/{number:06d}.flow"


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV to one thread: DIS cuts a frame into a stripe for each, and the flow depends on the stripes."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _encode(flows: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Encode flow fields, [2, h, w, 2], as compressed differences between neighbouring columns."""
    limit = np.iinfo(np.int16)
    fixed = np.rint(np.clip(flows * np.float32(STEPS_PER_PIXEL), limit.min, limit.max)).astype(np.int16)
    planes = np.ascontiguousarray(fixed.transpose(0, 3, 1, 2))
    planes[..., 1:] = planes[..., 1:] - planes[..., :-1]
    return np.frombuffer(_CODEC.compress(planes.tobytes(), asbytes=True), np.uint8)


def _decode(coded: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """Invert :func:`_encode` but for rounding to 1/32 pixel: float32 [2, h, w, 2]."""
    shape = (2, 2, *size)
    raw = _CODEC.decompress(coded, decompressed_size=2 * int(np.prod(shape)), asbytes=True)
    differences = np.frombuffer(raw, np.int16).reshape(shape)
    # Sums wrap around as the differences did.
    planes = np.cumsum(differences, axis=-1, dtype=np.int16)
    flows = np.empty((2, *size, 2), np.float32)
    for flow, both in zip(flows, planes, strict=True):
        np.multiply(cv2.merge(list(both)), np.float32(1 / STEPS_PER_PIXEL), out=flow, dtype=np.float32)
    return flows
