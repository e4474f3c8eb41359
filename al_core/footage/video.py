"""Probe and decode video files: exact frame numbers, time stamps and rates, frames the right way up.

Frames are counted from 0 in presentation order; frame n is the n-th picture that the decoder gives when it
reads the file from its start. Everything else here (time stamps, seeking) is measured against that.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadVideo
from al_core.footage.images import DEEP_BITS
from al_core.footage.truncation import promised_size
from al_core.records import Progress

VIDEO_SUFFIXES = (
    *(".mp4", ".mov", ".avi", ".mkv", ".webm"),
    *(".m4v", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".3g2", ".ogv", ".vob", ".mxf"),
)
"""Endings of files that are taken for videos without a look inside: where they cannot be read, that is an error."""

_NOT_FOOTAGE = {"tty", "image2", "ico", "hls", "dash", "concat", "imf", "sdp", "rtsp", "rtp", "lavfi"}
"""FFmpeg's readers of text and pictures, and of lists that lead to other files, perhaps on other machines."""

# A seek empties the decoder's pipeline; decoding a few frames more is cheaper.
_SEEK_COST_FRAMES = 8
_PROGRESS_EVERY = 50

# How much sooner than promised a video may end before frames are thought to be missing.
_END_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class VideoInfo:
    """What is known of a video before any of its frames is kept.

    Attributes:
        fps: exact frame rate, e.g. 30000/1001; the mean rate where it varies.
        height, width: size of an upright frame in pixels.
        rotation: degrees clockwise that stored frames are turned by to be upright: 0, 90, 180 or 270.
        variable_fps: the frames are not evenly spaced in time.
        times_us: presentation time of each frame in microseconds as the file says it, so the first may differ
            from 0; shape [n_frames], rising.
        bits: of a value in a folder's 16-bit images; see :func:`~al_core.footage.images.bits_in_use`.
    """

    fps: Fraction
    n_frames: int
    height: int
    width: int
    rotation: int
    variable_fps: bool
    times_us: NDArray[np.int64]
    bits: int = DEEP_BITS


@dataclass(frozen=True, slots=True, eq=False)
class FrameIndex:
    """Where the frames of a file are, for seeking.

    Attributes:
        pts: presentation time stamp of each frame in ticks of the stream, int64, shape [n_frames], rising.
        keyframes: numbers of the frames from which decoding can start, rising.
    """

    pts: NDArray[np.int64]
    keyframes: tuple[int, ...]


def probe(path: Path, on_progress: Callable[[Progress], None] | None = None) -> VideoInfo:
    """Decode a video once from start to end, keeping no picture, and return what it is.

    Counting what the decoder gives is the only count that later decoding is sure to repeat: packets may hold
    invisible frames, and headers may lie.

    Raises:
        BadVideo: there is no such file, it is no video, it is cut short, it holds no frame, or a frame cannot
            be decoded.
    """
    _check_whole(path)
    pts: list[int | None] = []
    first: Any = None
    with _opened(path) as (container, stream):
        expected = stream.frames
        rates = (stream.guessed_rate, stream.average_rate, stream.base_rate)
        time_base = stream.time_base
        clockless = container.format.name == "avi"
        promised_seconds = _promised_seconds(stream.metadata)
        for frame in _pictures(path, container, stream):
            first = first or frame
            if (frame.width, frame.height) != (first.width, first.height):
                raise BadVideo(
                    f"{path}: the size changes from {first.width}x{first.height} to "
                    f"{frame.width}x{frame.height} at frame {len(pts)}; one size was expected. {_mend(path)}"
                )
            pts.append(frame.pts)
            if on_progress and len(pts) % _PROGRESS_EVERY == 0:
                on_progress(Progress(len(pts), max(expected, len(pts)), path.name))
        if first is None:
            raise BadVideo(f"{path}: the video stream holds no frames; at least one was expected")
        last_seconds = float((frame.duration or 0) * time_base)
        rotation = _clockwise(first)
        height, width = (first.height, first.width) if rotation in (0, 180) else (first.width, first.height)
    if on_progress:
        on_progress(Progress(len(pts), len(pts), path.name))
    if clockless and pts[0] is not None:
        # AVI knows frames per second and no start; the reader adds the decoder's delay.
        pts = [None if p is None else p - pts[0] for p in pts]
    fps, variable, times_us = _timing(pts, time_base, [rate for rate in rates if rate])
    _check_end(path, times_us, last_seconds, promised_seconds)
    return VideoInfo(fps, len(pts), height, width, rotation, variable, times_us)


def plays(path: Path) -> bool:
    """Tell whether the decoder gives more than one picture of a file, whatever its name."""
    try:
        with av.open(str(path.absolute()), options={"format_whitelist": _footage_formats()}) as container:
            pictures = av.stream.Disposition.attached_pic
            streams = [s for s in container.streams.video if not s.disposition & pictures]
            return bool(streams) and len(list(islice(container.decode(streams[0]), 2))) == 2
    except (av.FFmpegError, OSError, ValueError):
        return False


@cache
def _footage_formats() -> str:
    names = {part for name in av.formats_available for part in name.split(",")}
    return ",".join(sorted(name for name in names - _NOT_FOOTAGE if not name.endswith("_pipe")))


def index_frames(path: Path, n_frames: int) -> FrameIndex | None:
    """Read the packets' time stamps, decoding nothing.

    Args:
        n_frames: as :func:`probe` counted them.

    Returns:
        None where packets and frames do not correspond one to one, or time stamps tell the order of storage
            and not of presentation (AVI with B-frames): such a file can only be decoded from its start.
    """
    stamps: list[int | None] = []
    key_stamps: list[int] = []
    with _opened(path) as (container, stream):
        for packet in _reading(path, container.demux(stream), stream):
            if packet.size and not packet.is_discard:
                stamps.append(packet.pts)
                if packet.is_keyframe and packet.pts is not None:
                    key_stamps.append(packet.pts)
        reorders = bool(stream.codec_context.has_b_frames)
        numbered_as_stored = container.format.name == "avi" or not _falls(stamps)
    if len(stamps) != n_frames or None in stamps or (reorders and numbered_as_stored):
        return None
    pts = np.sort(np.asarray(stamps, np.int64))
    if np.any(np.diff(pts) <= 0):
        return None
    return FrameIndex(pts, tuple(sorted(np.searchsorted(pts, key_stamps).tolist())))


def _falls(stamps: Sequence[int | None]) -> bool:
    return any(a is not None and b is not None and b < a for a, b in pairwise(stamps))


def decode(
    path: Path,
    indices: Sequence[int] | None = None,
    *,
    index: FrameIndex | None = None,
    size: tuple[int, int] | None = None,
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Decode frames, in order, without ever holding more than a few.

    Args:
        indices: frame numbers in rising order; None for all.
        index: from :func:`index_frames`; with it, decoding jumps to the keyframe before a wanted frame where
            that is shorter. Without it the file is decoded from its start. The frames are the same.
        size: (height, width) in pixels of the upright result, averaged over areas; None for full size.

    Yields:
        (frame number, RGB image): uint8 [height, width, 3], upright; alpha is dropped, grey becomes RGB.

    Raises:
        BadVideo: the file cannot be read, a frame cannot be decoded, or there is no such frame.
        ValueError: frame numbers that do not rise from 0 on.
    """
    wanted = None if indices is None else _rising(path, indices)
    if wanted is not None and not wanted:
        return
    with _opened(path) as (container, stream):
        if wanted is None or index is None:
            pictures = _from_start(path, container, stream, wanted)
        else:
            pictures = _seeking(path, container, stream, wanted, index)
        for number, frame in pictures:
            yield number, _upright(frame, size)


def _from_start(path: Path, container: Any, stream: Any, wanted: Sequence[int] | None) -> Iterator[tuple[int, Any]]:
    numbered = enumerate(_pictures(path, container, stream))
    if wanted is None:
        yield from numbered
        return
    number = -1
    for target in wanted:
        for number, frame in numbered:
            if number == target:
                yield number, frame
                break
        else:
            raise _no_such_frame(path, target, number + 1)


class _Lost(Exception):
    """The decoder gave other frames after a seek than the index says."""


def _seeking(
    path: Path, container: Any, stream: Any, wanted: Sequence[int], index: FrameIndex
) -> Iterator[tuple[int, Any]]:
    if wanted[-1] >= len(index.pts):
        raise _no_such_frame(path, wanted[-1], len(index.pts))
    done = 0
    try:
        for number, frame in _by_jumps(path, container, stream, wanted, index):
            yield number, frame
            done += 1
    except (_Lost, BadVideo):
        # Reading from the start raises what is really damaged.
        with _opened(path) as (again, again_stream):
            yield from _from_start(path, again, again_stream, wanted[done:])


def _by_jumps(
    path: Path, container: Any, stream: Any, wanted: Sequence[int], index: FrameIndex
) -> Iterator[tuple[int, Any]]:
    pictures: Iterator[Any] = iter(())
    following: int | None = None
    for target in wanted:
        keyframe = _keyframe_before(index, target)
        if following is None or keyframe > following + _SEEK_COST_FRAMES:
            container.seek(int(index.pts[keyframe]), stream=stream)
            pictures, following = _pictures(path, container, stream), keyframe
            frame = _first_at(pictures, int(index.pts[keyframe]))
        else:
            frame = next(pictures, None)
        while True:
            if frame is None or frame.pts != index.pts[following]:
                raise _Lost
            following += 1
            if following > target:
                break
            frame = next(pictures, None)
        yield target, frame


def _keyframe_before(index: FrameIndex, target: int) -> int:
    """Return the last keyframe at or before a frame; raise :class:`_Lost` where there is none."""
    position = bisect_right(index.keyframes, target)
    if not position:
        raise _Lost
    return index.keyframes[position - 1]


def _first_at(pictures: Iterator[Any], pts: int) -> Any:
    """Return the first picture from ``pts`` on: those before it depend on frames before the keyframe."""
    return next((frame for frame in pictures if frame.pts is None or frame.pts >= pts), None)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open the container and its main video stream; neither may be used after the block."""
    try:
        container = av.open(str(path.absolute()))
    except FileNotFoundError:
        raise BadVideo(f"{path}: there is no such file") from None
    except (av.FFmpegError, OSError) as error:
        raise BadVideo(
            f"{path}: cannot be read as a video ({_reason(error)}); expected {_suffixes()}. "
            "Check that it plays; if it does not, copy or download it again"
        ) from None
    with container:
        pictures = av.stream.Disposition.attached_pic
        streams = [s for s in container.streams.video if not s.disposition & pictures]
        if not streams:
            raise BadVideo(f"{path}: the file holds no video stream; expected a video")
        stream = streams[0]
        stream.thread_type = "AUTO"
        yield container, stream


def _pictures(path: Path, container: Any, stream: Any) -> Iterator[Any]:
    """Yield the decoder's frames from the current position on."""
    return _reading(path, container.decode(stream), stream)


def _reading(path: Path, items: Iterator[Any], stream: Any) -> Iterator[Any]:
    """Yield frames or packets; what is wrong with them is raised as BadVideo."""
    last: int | None = None
    try:
        for item in items:
            if item.is_corrupt:
                raise BadVideo(f"{path}: what follows {_moment(last, stream)} is damaged. {_mend(path)}")
            yield item
            last = item.pts
    except av.FFmpegError as error:
        raise BadVideo(
            f"{path}: reading fails after {_moment(last, stream)} ({_reason(error)}). {_mend(path)}"
        ) from None


def _check_whole(path: Path) -> None:
    if not path.is_file():
        raise BadVideo(f"{path}: there is no such file")
    size = path.stat().st_size
    if not size:
        raise BadVideo(f"{path}: the file is empty; expected {_suffixes()}. Copy or download it again")
    promised = promised_size(path)
    if promised is not None and promised > size:
        raise BadVideo(
            f"{path}: the file is cut short: it has {size} bytes, its header promises {promised}. "
            "Copy or download it again"
        )


def _check_end(path: Path, times_us: NDArray[np.int64], last_seconds: float, promised_seconds: float) -> None:
    """Compare the end with the promised one: damage between headers can make a reader stop early without an error."""
    end = times_us[-1] / 1e6 + last_seconds
    longest = max(np.diff(times_us), default=0) / 1e6
    if end + longest + _END_SECONDS < promised_seconds:
        raise BadVideo(
            f"{path}: frames are missing: the last one that can be read ends at {end:.3f} s, "
            f"the header promises {promised_seconds:.3f} s. Copy or download it again"
        )


def _promised_seconds(metadata: Mapping[str, str]) -> float:
    """Return when a Matroska track ends, in seconds, as its writer noted ("00:01:02.5"); 0 where it did not."""
    for name, value in metadata.items():
        clock = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", value) if name.startswith("DURATION") else None
        if clock:
            return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
    return 0.0


def _timing(
    pts: Sequence[int | None], time_base: Fraction, rates: Sequence[Fraction]
) -> tuple[Fraction, bool, NDArray[np.int64]]:
    """Return the rate, whether it varies, and time stamps in microseconds.

    A rate is constant when some rate puts every frame within one tick of its time stamp.
    """
    usual = rates[0] if rates else Fraction(25)
    ticks = np.asarray([-1 if p is None else p for p in pts], np.int64)
    if None in pts or np.any(np.diff(ticks) <= 0):
        numbers = np.arange(len(pts))
        return usual, False, _microseconds(numbers, 1 / usual)
    times_us = _microseconds(ticks, time_base)
    if len(ticks) == 1:
        return usual, False, times_us
    mean = Fraction(len(ticks) - 1) / (int(ticks[-1] - ticks[0]) * time_base)
    # 1001 is the largest denominator of the rates in use (24000/1001, 30000/1001, 60000/1001).
    for rate in (*rates, mean.limit_denominator(1001), mean):
        even = np.arange(len(ticks)) * float(1 / (rate * time_base)) if rate else np.inf
        if np.all(np.abs(ticks - ticks[0] - even) <= 1 + 1e-6):
            return rate, False, times_us
    return mean, True, times_us


def _microseconds(ticks: NDArray[np.int64], tick: Fraction) -> NDArray[np.int64]:
    scale = tick * 1_000_000
    exact = [(2 * int(t) * scale.numerator + scale.denominator) // (2 * scale.denominator) for t in ticks]
    return np.asarray(exact, np.int64)


def _upright(frame: Any, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    rotation = _clockwise(frame)
    if size is None:
        image = frame.to_ndarray(format="rgb24")
    else:
        height, width = size if rotation in (0, 180) else size[::-1]
        image = frame.to_ndarray(format="rgb24", height=height, width=width, interpolation="AREA", threads=1)
    return np.ascontiguousarray(np.rot90(image, -rotation // 90))


def _clockwise(frame: Any) -> int:
    """Return the degrees clockwise to upright, to the nearest quarter turn; FFmpeg counts counter-clockwise."""
    return -90 * round(frame.rotation / 90) % 360


def _rising(path: Path, indices: Sequence[int]) -> list[int]:
    wanted = [int(i) for i in indices]
    if any(a >= b for a, b in pairwise(wanted)) or (wanted and wanted[0] < 0):
        raise ValueError(f"{path}: frame numbers are expected from 0 and rising, got {wanted[:10]}")
    return wanted


def _no_such_frame(path: Path, number: int, n_frames: int) -> BadVideo:
    return BadVideo(f"{path}: frame {number} was asked for, the video has {n_frames} frames (from 0)")


def _moment(pts: int | None, stream: Any) -> str:
    return "the start" if pts is None else f"{float(pts * stream.time_base):.3f} s"


def _mend(path: Path) -> str:
    return f"Mend it with: ffmpeg -i {path.name} -c:v libx264 -crf 16 mended.mp4"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _suffixes() -> str:
    return ", ".join(VIDEO_SUFFIXES)
