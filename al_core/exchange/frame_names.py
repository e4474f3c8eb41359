"""Which frame of which video a file means: by the names of videos, frames' files and numbers, or by a template.

Without a template the first of these that names a frame holds: what the file itself says of video and frame; a folder
of the path that is called as a video; a name that begins with that of a video; a frame's file that only one video has;
and the number in the name where there is one video only.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from al_core.errors import BadLabel, UnknownName
from al_core.exchange.drawn import FrameName
from al_core.footage.numbering import NO_NUMBER, frame_numbers
from al_core.records import FrameRef, Video

PLACES = {
    "video": r"[^/]+?",
    "index": r"\d+",
    "number": r"\d+",
    "seconds": r"\d+(?:\.\d+)?",
    "milliseconds": r"\d+",
}
"""What a template may name: a video; a frame from 0 or from 1; the time of a frame."""

TimesUs = Callable[[int], Sequence[int]]
"""Presentation times of the frames of a video, by its number, in microseconds."""


@dataclass(frozen=True)
class Template:
    """A pattern of file names such as ``{video}/frame_{number}.jpg``; ``*`` stands for anything.

    Raises:
        BadLabel: it names no frame, or names something twice.
        UnknownName: it has a place that does not exist.
    """

    text: str

    def __post_init__(self) -> None:
        names = re.findall(r"\{([^{}]*)\}", self.text)
        for name in names:
            if name not in PLACES:
                raise UnknownName("place in a template", name, PLACES)
        if len(names) != len(set(names)):
            raise BadLabel(f"--match {self.text!r}: every place stands there once")
        if len(set(names) - {"video"}) != 1:
            raise BadLabel(
                f"--match {self.text!r}: expected one of {{index}} (from 0), {{number}} (from 1), {{seconds}} and "
                "{milliseconds}, which tells the frame, e.g. '{video}/{index}.jpg'"
            )

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The pattern of a whole path; folders above may be there or not, and so may the ending."""
        parts = re.split(r"(\{[^{}]*\}|\*)", self.text)
        told = "".join(
            f"(?P<{part[1:-1]}>{PLACES[part[1:-1]]})"
            if part.startswith("{")
            else ".*?"
            if part == "*"
            else re.escape(part)
            for part in parts
        )
        ending = "" if PurePosixPath(self.text).suffix else r"(?:\.[^./]+)?"
        return re.compile(rf"(?:.*/)?{told}{ending}")


class Matcher:
    """Finds frames by names.

    Args:
        videos: those of the project.
        times_us: the times of a video's frames; asked for only where a template names a time.
        template: how files are named; None to find out.
    """

    def __init__(self, videos: Sequence[Video], times_us: TimesUs, template: Template | None = None) -> None:
        self._videos = videos
        self._times_us = times_us
        self._template = template
        if template is not None and "{video}" not in template.text and len(videos) > 1:
            raise BadLabel(
                f"--match {template.text!r}: the project has {len(videos)} videos, so {{video}} has to stand in it"
            )
        self._names = {video.name: video for video in videos}
        self._folded = {video.name.casefold(): video for video in videos}
        self._owners: dict[str, list[FrameRef]] = defaultdict(list)
        for video in videos:
            for index, file in enumerate(video.files):
                self._owners[PurePosixPath(file).stem].append(FrameRef(video.video_id, index))
        self._files: dict[int, tuple[dict[str, int], dict[int, int]]] = {}

    def __call__(self, name: FrameName) -> tuple[Video, int]:
        """Return the video, and the frame's place in it, that a name means.

        Raises:
            BadLabel: it means none, or could mean several; the message says why.
        """
        path = name.path.replace("\\", "/")
        if self._template is not None and path:
            video, index = self._by_template(self._template, path)
        else:
            video, index = self._by_words(name, path) or self._by_path(path)
        if not 0 <= index < video.n_frames:
            raise BadLabel(
                f"{path or name.video}: means frame {index} of {video.name}, which has the frames 0 to "
                f"{video.n_frames - 1}"
            )
        return video, index

    def _video(self, name: str) -> Video | None:
        """Return the video that is called so, perhaps with an ending or in other cases."""
        for known in (name, PurePosixPath(name).stem):
            if known in self._names:
                return self._names[known]
            if known.casefold() in self._folded:
                return self._folded[known.casefold()]
        return None

    def _by_words(self, name: FrameName, path: str) -> tuple[Video, int] | None:
        """Read what a file says in words, beside the path of an image."""
        if name.index is None:
            return None
        video = self._video(name.video) if name.video else None
        if video is None and not path and len(self._videos) == 1:
            video = self._videos[0]
        if video is None and not path:
            raise self._unknown(name.video or "the file")
        return None if video is None else (video, name.index)

    def _by_path(self, path: str) -> tuple[Video, int]:
        place = PurePosixPath(path)
        for folder in reversed(place.parts[:-1]):
            if (video := self._video(folder)) is not None:
                return video, self._index(video, place.stem, path)
        for known in sorted(self._names, key=len, reverse=True):
            rest = place.stem[len(known) :]
            if place.stem.casefold().startswith(known.casefold()) and re.match(r"[^0-9A-Za-z].*\d", rest):
                return self._names[known], self._index(self._names[known], rest, path)
        owners = self._owners.get(place.stem, [])
        if len(owners) == 1:
            return next(v for v in self._videos if v.video_id == owners[0].video_id), owners[0].frame_idx
        if len(owners) > 1:
            raise BadLabel(
                f"{path}: {len(owners)} videos have a frame of this name; say which one by its folder, or with --match"
            )
        if len(self._videos) == 1:
            return self._videos[0], self._index(self._videos[0], place.stem, path)
        raise self._unknown(path)

    def _index(self, video: Video, stem: str, path: str) -> int:
        """Return the place of a frame by the name of its file, or by the last number in a name."""
        by_stem, by_number = self._files_of(video)
        if stem in by_stem:
            return by_stem[stem]
        number = frame_numbers([stem])[0]
        if number == NO_NUMBER:
            raise BadLabel(f"{path}: no number in it says which frame of {video.name} it is; tell with --match")
        if not video.files:
            return number
        if number not in by_number:
            raise BadLabel(f"{path}: {video.name} has no frame {number}; it has {video.files[0]} to {video.files[-1]}")
        return by_number[number]

    def _files_of(self, video: Video) -> tuple[dict[str, int], dict[int, int]]:
        """Return the places of a video's frames by their files' names, and by the numbers in them."""
        if video.video_id not in self._files:
            stems = [PurePosixPath(file).stem for file in video.files]
            self._files[video.video_id] = (
                {stem: i for i, stem in enumerate(stems)},
                {number: i for i, number in enumerate(frame_numbers(stems))},
            )
        return self._files[video.video_id]

    def _by_template(self, template: Template, path: str) -> tuple[Video, int]:
        found = template.pattern.fullmatch(path)
        if found is None:
            raise BadLabel(f"{path}: does not fit --match {template.text!r}")
        places = found.groupdict()
        named = places.pop("video", None)
        video = self._videos[0] if named is None else self._video(named)
        if video is None:
            raise self._unknown(str(named))
        ((kind, value),) = places.items()
        if kind in ("index", "number"):
            return video, int(value) - (kind == "number")
        seconds = float(value) / (1 if kind == "seconds" else 1000)
        return video, nearest_frame(self._times_us(video.video_id), seconds, path)

    def _unknown(self, name: str) -> BadLabel:
        return BadLabel(f"{name}: {UnknownName('video', name, self._names)} Name the video with --match")


def nearest_frame(times_us: Sequence[int], seconds: float, name: str) -> int:
    """Return the frame that is shown at a time, or nearest to it.

    Args:
        times_us: rising presentation times in microseconds.
        name: of the file, for the message.

    Raises:
        BadLabel: no frame lies within the time that frames are apart.
    """
    wanted = round(seconds * 1e6)
    after = bisect_left(times_us, wanted)
    around = [i for i in (after - 1, after) if 0 <= i < len(times_us)]
    index = min(around, key=lambda i: abs(times_us[i] - wanted))
    apart = (times_us[-1] - times_us[0]) / (len(times_us) - 1) if len(times_us) > 1 else 0
    if abs(times_us[index] - wanted) > max(apart, 1):
        raise BadLabel(f"{name}: means {seconds:g} s, the video ends at {times_us[-1] / 1e6:g} s")
    return index
