"""Frames at working size: decoded when they are asked for, kept on disk, read ahead in a thread.

Frames are kept in chunks of consecutive frames as JPEG (quality 95, full colour resolution); docs/data-formats.md
says what that costs.
"""

import queue
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from cachetools import LRUCache
from numpy.typing import NDArray

from al_core.errors import BadVideo, UnknownName
from al_core.footage.images import DEEP_BITS, read_image, resized, working_size
from al_core.footage.video import FrameIndex, decode, index_frames
from al_core.records import FrameRef, Video
from al_core.settings import FrameSettings
from al_core.stores.disk_cache import DiskCache
from al_core.stores.originals import Originals

CHUNK_FRAMES = 32
THUMBNAIL_GRID = (4, 8)
THUMBNAIL_LENGTH = 3 * THUMBNAIL_GRID[0] * THUMBNAIL_GRID[1]

_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
_FORMAT = "jpeg95"
_ARRAYS = ("ends", "jpegs", "thumbnails")
_CHUNKS_IN_MEMORY = 8
_FRAMES_AHEAD = 16

Image = NDArray[np.uint8]
T = TypeVar("T")


def thumbnail(image: Image) -> NDArray[np.float32]:
    """Return the mean colour of each field of a 4x8 grid, in CIE L*a*b* / 100, row by row; float32 [96].

    The distance between two such vectors tells how differently two frames are lit and arranged.
    """
    rows, columns = THUMBNAIL_GRID
    small = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return (cv2.cvtColor(small, cv2.COLOR_RGB2LAB) / 100).astype(np.float32).reshape(-1)


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Consecutive frames: where each JPEG ends in ``jpegs``, [n]; the JPEGs, [bytes]; thumbnails, [n, 96]."""

    ends: NDArray[np.int64]
    jpegs: NDArray[np.uint8]
    thumbnails: NDArray[np.float32]

    @classmethod
    def of(cls, images: Sequence[Image]) -> "_Chunk":
        """Encode images."""
        bgr = (cv2.cvtColor(image, cv2.COLOR_RGB2BGR) for image in images)
        coded = [cv2.imencode(".jpg", image, _JPEG)[1].reshape(-1) for image in bgr]
        ends = np.cumsum([len(c) for c in coded], dtype=np.int64)
        return cls(ends, np.concatenate(coded), np.stack([thumbnail(i) for i in images]))

    def image(self, position: int) -> Image:
        """Decode one frame, RGB uint8 [h, w, 3]."""
        start = int(self.ends[position - 1]) if position else 0
        image = cv2.imdecode(self.jpegs[start : int(self.ends[position])], cv2.IMREAD_COLOR_RGB)
        return np.asarray(image, np.uint8)


class FrameStore:
    """The frames of a project's videos at working size.

    Several stores, also of several processes and projects, may share one folder: chunks are kept by content and size.
    One store may be used from several threads.

    Args:
        cache_dir: folder for decoded frames; may be deleted at any time.
        settings: working size, and how big the folder may grow.
        originals: what refuses a video that was changed since it was taken in; None where that was looked at before.
    """

    def __init__(
        self, cache_dir: Path, videos: Iterable[Video], settings: FrameSettings, originals: Originals | None = None
    ) -> None:
        self._originals = originals
        self._videos = {video.video_id: video for video in videos}
        self._settings = settings
        self._disk = DiskCache(cache_dir, int(settings.cache_gigabytes * 1e9))
        self._memory: LRUCache[tuple[int, int], _Chunk] = LRUCache(_CHUNKS_IN_MEMORY)
        self._indices: dict[int, FrameIndex | None] = {}
        self._lock = threading.Lock()

    def size(self, video_id: int) -> tuple[int, int]:
        """Return (height, width) in pixels of a video's frames at working size."""
        video = self._video(video_id)
        return working_size(video.height, video.width, self._settings.working_long_side)

    def read(self, frame: FrameRef) -> Image:
        """Return one frame at working size, RGB uint8 [h, w, 3].

        Raises:
            BadVideo: there is no such frame, or its file is gone or was changed.
            UnknownName: there is no such video.
        """
        video = self._video(frame.video_id)
        self._check(video, [frame.frame_idx])
        number, position = divmod(frame.frame_idx, CHUNK_FRAMES)
        ((_, chunk),) = self._chunks(video, [number])
        return chunk.image(position)

    def iterate(self, video_id: int, indices: Sequence[int] | None = None) -> Iterator[tuple[int, Image]]:
        """Yield (frame number, RGB uint8 [h, w, 3] at working size), decoded ahead in a thread while the caller works.

        Args:
            indices: frame numbers, rising; None for all.
        """
        video = self._video(video_id)
        wanted = range(video.n_frames) if indices is None else [int(i) for i in indices]
        self._check(video, wanted)
        return _ahead(self._images(video, wanted), _FRAMES_AHEAD)

    def read_full(self, frame: FrameRef) -> Image:
        """Decode one frame at full resolution, RGB uint8 [height, width, 3]; it is not kept."""
        video = self._video(frame.video_id)
        self._check(video, [frame.frame_idx])
        ((_, image),) = self._decoded(video, [frame.frame_idx], None)
        return image

    def thumbnails(self, video_id: int, indices: Sequence[int] | None = None) -> NDArray[np.float32]:
        """Return the :func:`thumbnail` of frames, float32 [n, 96], to tell them apart before any student can.

        Args:
            indices: frame numbers, rising; None for all.
        """
        video = self._video(video_id)
        wanted = np.arange(video.n_frames) if indices is None else np.asarray(indices, np.int64).reshape(-1)
        self._check(video, wanted.tolist())
        found = np.empty((len(wanted), THUMBNAIL_LENGTH), np.float32)
        chunk_of = wanted // CHUNK_FRAMES
        missing = []
        for number in np.unique(chunk_of).tolist():
            kept = self._disk.arrays(self._key(video, number), ["thumbnails"])
            if kept is None:
                missing.append(number)
            else:
                found[chunk_of == number] = kept[0][wanted[chunk_of == number] % CHUNK_FRAMES]
        for number, chunk in self._chunks(video, missing):
            found[chunk_of == number] = chunk.thumbnails[wanted[chunk_of == number] % CHUNK_FRAMES]
        return found

    def _images(self, video: Video, wanted: Sequence[int]) -> Generator[tuple[int, Image], None, None]:
        by_chunk: dict[int, list[int]] = {}
        for frame_idx in wanted:
            by_chunk.setdefault(frame_idx // CHUNK_FRAMES, []).append(frame_idx)
        for number, chunk in self._chunks(video, list(by_chunk)):
            for frame_idx in by_chunk[number]:
                yield frame_idx, chunk.image(frame_idx % CHUNK_FRAMES)

    def _chunks(self, video: Video, numbers: Sequence[int]) -> Iterator[tuple[int, _Chunk]]:
        """Yield chunks in rising order; those that are not kept are decoded in one pass and kept."""
        with self._lock:
            absent = [n for n in numbers if (video.video_id, n) not in self._memory]
        missing = [n for n in absent if not self._disk.has(self._key(video, n))]
        fresh, decoded = self._fresh_chunks(video, missing), set(missing)
        for number in numbers:
            if number in decoded:
                yield next(fresh)
            else:
                yield number, self._kept(video, number) or next(self._fresh_chunks(video, [number]))[1]

    def _fresh_chunks(self, video: Video, numbers: Sequence[int]) -> Iterator[tuple[int, _Chunk]]:
        members = {n: range(n * CHUNK_FRAMES, min((n + 1) * CHUNK_FRAMES, video.n_frames)) for n in numbers}
        frames = self._decoded(video, [i for m in members.values() for i in m], self.size(video.video_id))
        for number, member in members.items():
            chunk = _Chunk.of([next(frames)[1] for _ in member])
            self._disk.put_arrays(self._key(video, number), {name: getattr(chunk, name) for name in _ARRAYS})
            self._remember(video, number, chunk)
            yield number, chunk

    def _kept(self, video: Video, number: int) -> _Chunk | None:
        with self._lock:
            chunk = self._memory.get((video.video_id, number))
        if chunk is None:
            arrays = self._disk.arrays(self._key(video, number), _ARRAYS)
            if arrays is None:
                return None
            chunk = _Chunk(*arrays)
            self._remember(video, number, chunk)
        return chunk

    def _remember(self, video: Video, number: int, chunk: _Chunk) -> None:
        with self._lock:
            self._memory[video.video_id, number] = chunk

    def _key(self, video: Video, number: int) -> str:
        height, width = self.size(video.video_id)
        depth = "" if video.bits == DEEP_BITS else f"-{video.bits}bits"
        return f"{video.sha256}/{width}x{height}-{_FORMAT}{depth}/{number:06d}.npz"

    def _decoded(
        self, video: Video, indices: Sequence[int], size: tuple[int, int] | None
    ) -> Iterator[tuple[int, Image]]:
        """Decode frames of the video itself; ``size`` is (height, width), None for full resolution."""
        if not indices:
            return
        path = Path(video.uri)
        if not path.exists():
            raise BadVideo(
                f"{path}: the video {video.name!r} is no longer there; put it back, or ingest it from its new place"
            )
        if self._originals is not None:
            self._originals.check(video, indices)
        if video.kind == "folder":
            yield from _decode_folder(video, indices, size)
            return
        from_start = indices[-1] == len(indices) - 1
        index = None if from_start else self._index(video)
        for frame_idx, image in decode(path, indices, index=index, size=size):
            if size is None:
                _check_size(path, image, video)
            yield frame_idx, image

    def _index(self, video: Video) -> FrameIndex | None:
        if video.video_id not in self._indices:
            self._indices[video.video_id] = index_frames(Path(video.uri), video.n_frames)
        return self._indices[video.video_id]

    def _video(self, video_id: int) -> Video:
        if video_id not in self._videos:
            raise UnknownName("video", str(video_id), map(str, self._videos))
        return self._videos[video_id]

    @staticmethod
    def _check(video: Video, indices: Sequence[int]) -> None:
        rising = all(a < b for a, b in pairwise(indices))
        if not rising or (indices and not (indices[0] >= 0 and indices[-1] < video.n_frames)):
            raise BadVideo(
                f"{video.name}: expected rising frame numbers from 0 to {video.n_frames - 1}, "
                f"got {list(indices[:10])}{'...' if len(indices) > 10 else ''}"
            )


def _decode_folder(video: Video, indices: Sequence[int], size: tuple[int, int] | None) -> Iterator[tuple[int, Image]]:
    for frame_idx in indices:
        path = Path(video.uri) / video.files[frame_idx]
        image = read_image(path, video.bits)
        _check_size(path, image, video)
        yield frame_idx, image if size is None else resized(image, size)


def _check_size(path: Path, image: Image, video: Video) -> None:
    if image.shape[:2] != (video.height, video.width):
        raise BadVideo(
            f"{path}: was {video.height}x{video.width} pixels (height x width) when it was ingested, is "
            f"{image.shape[0]}x{image.shape[1]} now; put the old content back, or ingest the new one into "
            "another project"
        )


def _ahead(items: Generator[T, None, None], depth: int) -> Generator[T, None, None]:
    """Yield the same items, made at most ``depth`` of them ahead by a thread that ends with this generator."""
    ready: queue.Queue[list[T] | BaseException] = queue.Queue(depth)
    stop = threading.Event()

    def work() -> None:
        try:
            for item in items:
                ready.put([item])
                if stop.is_set():
                    return
            ready.put(StopIteration())
        except BaseException as error:
            ready.put(error)
        finally:
            items.close()

    thread = threading.Thread(target=work, name="decode-ahead", daemon=True)
    thread.start()
    try:
        while True:
            made = ready.get()
            if isinstance(made, StopIteration):
                return
            if isinstance(made, BaseException):
                raise made
            yield made[0]
    finally:
        stop.set()
        while thread.is_alive():
            # The thread may be waiting for room.
            with suppress(queue.Empty):
                ready.get_nowait()
            thread.join(0.01)
