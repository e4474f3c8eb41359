"""Dense optical flow between neighbouring frames, computed once per clip and kept on disk.

DIS flow (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016) as OpenCV has it. Kept
as fixed point of 1/32 pixel in chunks of consecutive pairs of frames, under the hash of the clip's content,
the size and the preset: campaigns and processes that share the folder share the work.
"""

import os
import struct
import threading
import zlib
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
from al_core.settings import Table
from al_core.stores.disk_cache import DiskCache
from al_core.stores.frames import working_size

CHUNK_PAIRS = 16
STEPS_PER_PIXEL = 32
"""Fixed point of the stored flow; the greatest motion is 1023 pixels a frame."""

_FORMAT = "dis1"
_CHUNKS_IN_MEMORY = 8
_PAIRS_IN_MEMORY = 24
_HEAD = struct.Struct("<II")
_CODEC = pa.Codec("zstd", 1)

Flow = NDArray[np.float32]
"""[h, w, 2]: for each pixel the way to the same point in the other frame, (x, y) in pixels."""


def _opencv(preset: int) -> cv2.DISOpticalFlow:
    return cv2.DISOpticalFlow.create(preset)


def _fine() -> cv2.DISOpticalFlow:
    """Make an estimator at full resolution whose refinement trusts the picture more than smoothness."""
    dis = _opencv(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)
    dis.setVariationalRefinementAlpha(5)
    dis.setVariationalRefinementDelta(20)
    dis.setUseMeanNormalization(False)
    return dis


FLOW_PRESETS: Table[Callable[[], cv2.DISOpticalFlow]] = Table(
    "flow preset",
    {
        "ultrafast": lambda: _opencv(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST),
        "fast": lambda: _opencv(cv2.DISOPTICAL_FLOW_PRESET_FAST),
        "medium": lambda: _opencv(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM),
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

    def clip(self, frames: ClipFrames, long_side: int, preset: str) -> "ClipFlow":
        """Return the flow of one clip with the frames' longer side at most ``long_side`` pixels.

        Raises:
            UnknownName: there is no such preset.
        """
        return ClipFlow(self._disk, frames, working_size(*frames.size, long_side), FLOW_PRESETS.check(preset))


class ClipFlow:
    """Flow between the neighbouring frames of one clip.

    Attributes:
        size: (height, width) of the flow in pixels.
    """

    def __init__(self, disk: DiskCache, frames: ClipFrames, size: tuple[int, int], preset: str) -> None:
        self.size = size
        self._disk = disk
        self._frames = frames
        self._preset = preset
        self._chunks: LRUCache[int, Sequence[bytes]] = LRUCache(_CHUNKS_IN_MEMORY)
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
            number, position = divmod(frame_idx, CHUNK_PAIRS)
            both = self._pairs_seen[frame_idx] = _decode(self._chunk(number)[position], self.size)
        return both[0], both[1]

    def _chunk(self, number: int) -> Sequence[bytes]:
        chunk = self._chunks.get(number)
        if chunk is None:
            chunk = self._chunks[number] = self._kept(number) or self._computed(number)
        return chunk

    def _kept(self, number: int) -> Sequence[bytes] | None:
        """Read a chunk from disk; None where it is not there, was dropped meanwhile, or is damaged."""
        path = self._disk.use(self._key(number))
        try:
            return _split(path.read_bytes(), len(self._pairs(number))) if path else None
        except OSError:
            return None

    def _computed(self, number: int) -> Sequence[bytes]:
        pairs = self._pairs(number)
        grey = [self._brightness(i) for i in range(pairs.start, pairs.stop + 1)]
        local = threading.local()

        def work(i: int) -> bytes:
            if not hasattr(local, "dis"):
                local.dis = FLOW_PRESETS[self._preset]()
            forward = local.dis.calc(grey[i], grey[i + 1], None)
            backward = local.dis.calc(grey[i + 1], grey[i], None)
            return _encode(np.stack([forward, backward]))

        with _one_opencv_thread(), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            coded = list(pool.map(work, range(len(pairs))))
        self._disk.put(self._key(number), _join(coded))
        return coded

    def _brightness(self, frame_idx: int) -> NDArray[np.uint8]:
        """Return the largest of the three colours: it tells apart what looks the same in grey, such as red on green."""
        image = self._frames.read(frame_idx)
        if image.shape[:2] != self.size:
            image = cv2.resize(image, self.size[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        return np.ascontiguousarray(image.max(axis=2))

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


def _encode(flows: NDArray[np.float32]) -> bytes:
    """Encode flow fields, [2, h, w, 2], as compressed differences between neighbouring columns."""
    limit = np.iinfo(np.int16)
    fixed = np.rint(np.clip(flows * np.float32(STEPS_PER_PIXEL), limit.min, limit.max)).astype(np.int16)
    planes = np.ascontiguousarray(fixed.transpose(0, 3, 1, 2))
    planes[..., 1:] = planes[..., 1:] - planes[..., :-1]
    return bytes(_CODEC.compress(planes.tobytes(), asbytes=True))


def _decode(coded: bytes, size: tuple[int, int]) -> NDArray[np.float32]:
    """Invert :func:`_encode` but for rounding to 1/32 pixel: float32 [2, h, w, 2]."""
    shape = (2, 2, *size)
    raw = _CODEC.decompress(coded, decompressed_size=2 * int(np.prod(shape)), asbytes=True)
    differences = np.frombuffer(raw, np.int16).reshape(shape)
    # Sums wrap around as the differences did.
    planes = np.cumsum(differences, axis=-1, dtype=np.int16).astype(np.float32)
    planes *= np.float32(1 / STEPS_PER_PIXEL)
    return np.stack([cv2.merge(list(both)) for both in planes])


def _join(coded: Sequence[bytes]) -> bytes:
    return b"".join(_HEAD.pack(len(part), zlib.crc32(part)) + part for part in coded)


def _split(data: bytes, n: int) -> Sequence[bytes] | None:
    """Return the parts of a chunk's file; None when it does not hold ``n`` undamaged ones."""
    parts, at = [], 0
    while at + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, at)
        part = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(part) != length or zlib.crc32(part) != checksum:
            return None
        parts.append(part)
        at += _HEAD.size + length
    return parts if len(parts) == n and at == len(data) else None
