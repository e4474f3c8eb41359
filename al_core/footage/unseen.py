"""Footage that no project holds and a student is to label: videos, folders of frames, and pictures one by one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from al_core.errors import BadSettings
from al_core.files import printable
from al_core.footage.discovery import Survey, nothing_in, survey
from al_core.footage.images import FRAME_SUFFIXES
from al_core.footage.numbering import NO_NUMBER
from al_core.footage.sources import Source, listed, numbers_of


def unseen(paths: Iterable[str | Path], separate: bool = False) -> Survey:
    """Find what can be labelled in files and folders, each under a name of its own; masks beside frames are passed by.

    An image by itself, and a folder of images without numbers, are pictures: each is taken as a video of one frame.

    Args:
        separate: images in folders are pictures, also where their numbers would make them frames of a video.

    Raises:
        BadVideo: there is no such path, or nothing in one of them can be labelled.
    """
    found = [_below(Path(path).absolute(), separate) for path in paths]
    sources = _named_apart([source for one in found for source in one.sources])
    return Survey(sources, [file for one in found for file in one.passed_over])


def _below(path: Path, separate: bool) -> Survey:
    if path.is_file() and path.suffix.lower() in FRAME_SUFFIXES:
        return Survey([_picture(path)])
    found = survey(path)
    # Masks that belong to no frames are a problem of those who learn from them.
    footage = [source for source in found.sources if not (source.problem and source.masks)]
    if not footage:
        raise nothing_in(path)
    return Survey([one for source in footage for one in _pictures_or_video(source, separate)], found.passed_over)


def frame_choice(text: str | None) -> tuple[range, ...]:
    """Parse numbers of frames, such as ``0,5,10-20``; None stands for no choice.

    Raises:
        BadSettings: another form, or a range that falls.
    """
    chosen = []
    for part in text.split(",") if text is not None else ():
        first, dash, last = (word.strip() for word in part.partition("-"))
        if not (first.isdecimal() and (last.isdecimal() or not dash)) or int(last or first) < int(first):
            raise BadSettings(f"frames are numbers from 0 and ranges, such as 0,5,10-20; got {text!r}")
        chosen.append(range(int(first), int(last or first) + 1))
    return tuple(chosen)


def frames_to_see(n_frames: int, stride: int = 1, choice: Sequence[range] = ()) -> list[int]:
    """Return the numbers of the frames of a video that are looked at, rising: every ``stride``-th, or those chosen.

    Args:
        choice: empty for all; numbers beyond the end of a video are left out.
    """
    if not choice:
        return list(range(0, n_frames, stride))
    return sorted({i for numbers in choice for i in numbers[: max(0, n_frames - numbers.start)]})


def _pictures_or_video(source: Source, separate: bool) -> Iterator[Source]:
    images = listed(source.path, FRAME_SUFFIXES) if source.kind == "folder" else []
    if images and (separate or NO_NUMBER in numbers_of(images).values()):
        yield from map(_picture, images)
    else:
        yield replace(source, masks=None)


def _picture(image: Path) -> Source:
    return Source(image.stem, image.parent, picture=image.name)


def _named_apart(sources: Sequence[Source]) -> list[Source]:
    """Return sources whose names differ, also from those of files that differ in upper and lower case."""
    taken: set[str] = set()
    named = []
    for source in sources:
        plain = name = printable(source.name)
        count = 1
        while name.lower() in taken:
            count += 1
            name = f"{plain}-{count}"
        taken.add(name.lower())
        named.append(replace(source, name=name))
    return named
