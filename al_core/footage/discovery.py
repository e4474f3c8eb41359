"""Find footage below a path, and tell what is passed over (the layouts are those of ``al_core/footage/sources.py``)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from al_core.errors import BadVideo
from al_core.files import printable
from al_core.footage import video
from al_core.footage.images import FRAME_SUFFIXES
from al_core.footage.numbering import NO_NUMBER
from al_core.footage.sources import (
    CATEGORIES_FILE,
    FRAMES_FOLDER,
    MASKS_FOLDER,
    Source,
    broken_links,
    either,
    folders,
    listed,
    numbers_of,
    visible,
)
from al_core.footage.video import VIDEO_SUFFIXES
from al_core.project import Project

_KNOWN_FILES = (CATEGORIES_FILE, "export.json")
_LABELS = re.compile(rb'"annotations"|"shapes"|<annotation')
_LABELS_READ = 1 << 16
_NAMED = 4

_NO_FOOTAGE = "no video that can be played, and no frames"
IS_LABELS = (
    "looks like labels: take in the videos first, then these with: fewframes import FILE --as labels; masks as images "
    "that are to be held back are given with --masks"
)
_OURS = (
    "the folder is a project, and what lies in it is taken for its results; name the videos and folders in it that are "
    "footage"
)
_VIDEOS = f"a video ({', '.join(VIDEO_SUFFIXES[:5])} or any other that FFmpeg plays)"


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file that is no footage, or images that are not taken for frames; ``reason`` says why, for people."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies below a path: the videos, and what is passed over."""

    sources: list[Source] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)


def discover(path: str | Path) -> list[Source]:
    """Find the videos in a file or folder, by name; what is wrong with one of them is raised when it is read.

    Raises:
        BadVideo: there is no such path, or no video and no frames in it.
    """
    found = survey(path)
    if not found.sources:
        raise nothing_in(path)
    return found.sources


def survey(path: str | Path, without: str | Path | None = None) -> Survey:
    """Find the videos in a file or folder, and what is not taken.

    Args:
        without: a folder below that is not looked at, e.g. because it holds the masks.

    Raises:
        BadVideo: there is no such path, or it is a file and no video.
    """
    path = Path(path).absolute()
    if not path.exists():
        raise BadVideo(f"{path}: there is no such file or folder")
    if path.is_file():
        if not _is_video(path):
            hint = " Give the folder of frames instead" if path.suffix.lower() in FRAME_SUFFIXES else ""
            why = f"it {IS_LABELS}" if holds_labels(path) else f"expected {_VIDEOS} or a folder.{hint}"
            raise BadVideo(f"{path}: {why}")
        return Survey([Source(path.stem, path)])
    if _is_project(path):
        raise BadVideo(f"{path}: {_OURS}")
    search = _Search({Path(without).resolve()} if without is not None else set())
    search.folder(path)
    return search.found


def nothing_in(path: str | Path) -> BadVideo:
    """Return the error for a folder without footage."""
    return BadVideo(
        f"{Path(path).absolute()}: the folder holds no frames and no videos; expected {_VIDEOS}, "
        f"numbered {either(FRAME_SUFFIXES)} images, or the DAVIS layout ({FRAMES_FOLDER}, {MASKS_FOLDER})"
    )


def not_taken(passed_over: Iterable[PassedOver]) -> tuple[str, ...]:
    """Return one line for the person about each folder and reason for which files are passed over."""
    groups: dict[tuple[Path, str], list[str]] = {}
    for file in passed_over:
        groups.setdefault((file.path.parent, file.reason), []).append(file.path.name)
    return tuple(
        f"not taken: {len(names)} file{'s' if len(names) > 1 else ''} in {printable(folder)} "
        f"({printable(', '.join(names[:_NAMED]))}{', ...' if len(names) > _NAMED else ''}): {reason}"
        for (folder, reason), names in groups.items()
    )


class _Search:
    """Looks through folders; what it finds is in ``found``, in order.

    Args:
        seen: folders, resolved, that are not looked at; those that were are added, since links may lead back.
    """

    def __init__(self, seen: set[Path]) -> None:
        self.found = Survey()
        self._seen = seen

    def folder(self, folder: Path, with_frames: bool = True) -> None:
        """Look through a folder and those below.

        Args:
            with_frames: whether images may be frames: below a folder of frames they are masks, or frames again.
        """
        if folder.resolve() in self._seen or _is_project(folder):
            return
        self._seen.add(folder.resolve())
        if (folder / FRAMES_FOLDER).is_dir():
            self._davis(folder)
            return
        images = listed(folder, FRAME_SUFFIXES)
        videos = self._videos(folder)
        position = len(self.found.sources)
        in_sequence = len(images) > 1 and not videos and NO_NUMBER not in numbers_of(images).values()
        for child in folders(folder):
            self.folder(child, with_frames and not in_sequence)
        below = self.found.sources[position:]
        if not images:
            return
        if not with_frames:
            self._pass_over(images, "images below other frames; name their folder if they are a video of their own")
        elif videos:
            self._pass_over(images, "images beside videos; put them into a folder of their own if they are frames")
        elif not below or (in_sequence and not _pictures_of(images, below)):
            self.found.sources.insert(position, _frames_source(folder))
        else:
            self._pass_over(images, "images beside footage in folders; put them into a folder if they are frames")

    def _videos(self, folder: Path) -> list[Path]:
        """Take the videos of a folder; everything that is neither video nor image is passed over."""
        videos = []
        for file in visible(folder):
            if file.suffix.lower() in FRAME_SUFFIXES or file.name in _KNOWN_FILES:
                continue
            if _is_video(file):
                videos.append(file)
            else:
                self.found.passed_over.append(PassedOver(file, IS_LABELS if holds_labels(file) else _NO_FOOTAGE))
        self._pass_over(broken_links(folder), "links to what is not there")
        self.found.sources.extend(Source(video.stem, video) for video in videos)
        return videos

    def _davis(self, root: Path) -> None:
        self.found.sources.extend(_davis(root))
        self._videos(root)
        self._pass_over(listed(root, FRAME_SUFFIXES), f"images beside {FRAMES_FOLDER}")
        for child in folders(root):
            if not child.name.startswith((FRAMES_FOLDER, MASKS_FOLDER, "ImageSets")):
                self.folder(child, with_frames=False)

    def _pass_over(self, files: Iterable[Path], reason: str) -> None:
        self.found.passed_over.extend(PassedOver(file, reason) for file in files)


def _is_project(folder: Path) -> bool:
    """Tell whether a folder is a project of ours, with frames laid out for people: results, not sources."""
    return Project(folder).ledger_path.exists()


def _is_video(file: Path) -> bool:
    return file.suffix.lower() in VIDEO_SUFFIXES or video.plays(file)


def holds_labels(file: Path) -> bool:
    """Tell whether a file begins or ends like one of COCO, YouTube-VIS, LabelMe, CVAT or PASCAL VOC."""
    if file.suffix.lower() not in (".json", ".xml"):
        return False
    with file.open("rb") as opened:
        start = opened.read(_LABELS_READ)
        opened.seek(max(0, file.stat().st_size - _LABELS_READ))
        return bool(_LABELS.search(start) or _LABELS.search(opened.read()))


def _pictures_of(images: Sequence[Path], below: Sequence[Source]) -> bool:
    """Tell whether images are pictures of the videos below them, such as thumbnails, and not frames."""
    names = {source.name for source in below if source.kind == "file"}
    return any(image.stem in names for image in images)


def _davis(root: Path) -> list[Source]:
    if listed(root / FRAMES_FOLDER, FRAME_SUFFIXES):
        return [replace(_frames_source(root / FRAMES_FOLDER), name=root.name)]
    level = Path()
    resolutions = folders(root / FRAMES_FOLDER)
    if resolutions and not any(listed(f, FRAME_SUFFIXES) for f in resolutions):
        if len(resolutions) > 1 and any(folders(f) for f in resolutions):
            problem = (
                f"{root}: holds the frames in several sizes ({', '.join(f.name for f in resolutions)}); "
                f"name one of them, e.g. {resolutions[0]}"
            )
            return [Source(root.name, root, problem=problem)]
        level = Path(resolutions[0].name) if folders(resolutions[0]) else level
    frames, masks = root / FRAMES_FOLDER / level, root / MASKS_FOLDER / level
    sequences = folders(frames)
    found = [_frames_source(sequence) for sequence in sequences]
    for orphan in folders(masks) if masks.is_dir() else []:
        if orphan.name not in {s.name for s in sequences}:
            problem = f"{orphan}: masks for no frames: there is no folder {frames / orphan.name}"
            found.append(Source(orphan.name, frames / orphan.name, orphan, problem))
    return found


def _frames_source(folder: Path) -> Source:
    """Return a folder of frames, with its masks when it lies in a DAVIS layout."""
    parts = list(folder.parts)
    if FRAMES_FOLDER in parts:
        last = len(parts) - 1 - parts[::-1].index(FRAMES_FOLDER)
        masks = Path(*parts[:last], MASKS_FOLDER, *parts[last + 1 :])
        return Source(folder.name, folder, masks if masks.is_dir() else None)
    return Source(folder.name, folder)
