"""Find what can be ingested: video files, folders of numbered frames, and masks that lie beside them.

Three layouts are understood, alone or in a folder of several::

    clip.mp4                                      a video file (mp4, avi, mkv, mov, webm)
    clip/00000.jpg, 00001.jpg, ...                a folder of frames, numbered without gaps from any number
    ROOT/JPEGImages/480p/dog/00000.jpg, ...       the DAVIS layout: frames, and for some or all of them
    ROOT/Annotations/480p/dog/00000.png, ...      a mask of the same name (the level "480p" may be absent)

A mask is an image whose values number the objects: 0 is background, 255 a region to ignore, every other value
a track, the same object having the same value in all frames (unless the video is ingested with identities per
frame). In 16-bit masks 255 is a track like any other. A sequence of plain grey masks that hold nothing but 0
and 255 shows one object in white, as DAVIS 2016 does.

``categories.json`` beside ``Annotations`` (or beside or within a separate folder of masks) names the objects:
either ``{"1": "car", "2": "person"}`` for every sequence, or ``{"dog": {"1": "dog"}}`` per sequence. Objects
that it does not name get the default category.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from al_core.errors import BadLabel, BadVideo
from al_core.fingerprint import fingerprint_file
from al_core.footage import video
from al_core.footage.images import FRAME_SUFFIXES, MASK_SUFFIXES, check_image, read_indices
from al_core.footage.video import VIDEO_SUFFIXES, VideoInfo
from al_core.masks import rle
from al_core.masks.rle import Rle
from al_core.project import Project
from al_core.records import IGNORE_TRACK, Progress

FOLDER_FPS = Fraction(25)
"""Rate of a folder of frames, which has no clock of its own."""

IGNORE_INDEX = 255
"""Value of the region in an 8-bit mask that counts neither as object nor as background."""

DEFAULT_CATEGORY = "object"

_FRAMES_FOLDER, _MASKS_FOLDER, _CATEGORIES_FILE = "JPEGImages", "Annotations", "categories.json"
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class TrueObject:
    """One object that a mask image shows; a region to ignore has track 0 and no category."""

    track_id: int
    category: str | None
    rle: Rle


@dataclass(frozen=True, slots=True)
class Source:
    """A video that may be ingested; nothing of it is read before it is asked for.

    Attributes:
        path: absolute path of the file or of the folder of frames.
        masks: folder of its masks, if it has any.
        problem: why it cannot be read, if that is known already; every method raises it.
    """

    name: str
    path: Path
    masks: Path | None = None
    problem: str = ""

    @property
    def kind(self) -> str:
        """ "file" or "folder"."""
        return "folder" if self.path.is_dir() else "file"

    def files(self) -> tuple[str, ...]:
        """Return the names of a folder's frames, in order; empty for a video file.

        Raises:
            BadVideo: no frames, a name without a number, a number twice, or a gap in the numbering.
        """
        self._check()
        if self.kind == "file":
            return ()
        return numbered_frames(self.path)

    def sha256(self) -> str:
        """Return the SHA-256 of the content, 64 hex digits: a file's bytes, or names and bytes of a folder's frames.

        Masks are not part of it: a video stays the same video when masks are drawn for it.
        """
        files = self.files()
        if self.kind == "file":
            return fingerprint_file(self.path)
        hashed = hashlib.sha256()
        for name in files:
            hashed.update(name.encode() + b"\0" + bytes.fromhex(fingerprint_file(self.path / name)))
        return hashed.hexdigest()

    def probe(self, on_progress: Callable[[Progress], None] | None = None) -> VideoInfo:
        """Read every frame once for size, number, rate and time stamps.

        Raises:
            BadVideo: a frame is missing or cannot be read, or the sizes differ.
        """
        files = self.files()
        if self.kind == "file":
            return video.probe(self.path, on_progress)
        sizes = []
        for name in files:
            sizes.append(check_image(self.path / name))
            if sizes[-1] != sizes[0]:
                raise BadVideo(
                    f"{self.path / name}: the frame is {_size(sizes[-1])}, the first frame of the folder is "
                    f"{_size(sizes[0])}; one size was expected"
                )
            if on_progress:
                on_progress(Progress(len(sizes), len(files), self.name))
        numbers = np.arange(len(files), dtype=np.int64)
        times_us = numbers * 1_000_000 * FOLDER_FPS.denominator // FOLDER_FPS.numerator
        return VideoInfo(FOLDER_FPS, len(files), *sizes[0], 0, False, times_us)

    def truth(self, info: VideoInfo, category: str = DEFAULT_CATEGORY) -> dict[int, tuple[TrueObject, ...]]:
        """Read the masks by frame number; a frame whose mask is empty has an entry without objects.

        Args:
            category: of the objects that no ``categories.json`` names.

        Raises:
            BadLabel: a mask that cannot be read, has another size than its frame, or belongs to no frame.
        """
        self._check()
        if self.masks is None:
            return {}
        values: dict[int, dict[int, Rle]] = {}
        grey = True
        for frame, mask in self._mask_files(info.n_frames):
            indices, plain_grey = read_indices(mask)
            grey = grey and plain_grey
            if indices.shape != (info.height, info.width):
                raise BadLabel(
                    f"{mask}: the mask is {_size(indices.shape)}, its frame is "
                    f"{_size((info.height, info.width))}. Give the masks in the size of the frames"
                )
            present = [int(v) for v in np.unique(indices) if v]
            values[frame] = {_track(v, indices.dtype): rle.encode(indices == v) for v in present}
        names = _category_names(self.masks, self.name)
        if grey and {track for found in values.values() for track in found} == {IGNORE_TRACK}:
            values = {frame: dict(enumerate(found.values(), start=1)) for frame, found in values.items()}
        return {frame: _objects(found, names, category) for frame, found in sorted(values.items())}

    def _mask_files(self, n_frames: int) -> list[tuple[int, Path]]:
        """List (frame number, mask file); masks are named as a folder's frames, or by the number in a video file."""
        assert self.masks is not None
        masks = _listed(self.masks, MASK_SUFFIXES)
        if not masks:
            raise BadLabel(f"{self.masks}: the folder holds no masks; expected {_either(MASK_SUFFIXES)} images")
        if self.kind == "folder":
            frames = {Path(name).stem: number for number, name in enumerate(self.files())}
        else:
            frames = {mask.stem: n for mask in masks if 0 <= (n := _number(mask)) < n_frames}
        for mask in masks:
            if mask.stem not in frames:
                lacks = f"named {mask.stem}" if self.kind == "folder" else f"{_number(mask)} (of {n_frames}, from 0)"
                raise BadLabel(f"{mask}: a mask for no frame: {self.path} has no frame {lacks}. Remove or rename it")
        numbers = [frames[mask.stem] for mask in masks]
        for number, count in Counter(numbers).items():
            if count > 1:
                twice = [mask.name for mask in masks if frames[mask.stem] == number]
                raise BadLabel(f"{self.masks}: frame {number} has several masks: {', '.join(twice)}. Keep one")
        return list(zip(numbers, masks, strict=True))

    def _check(self) -> None:
        if self.problem:
            raise BadVideo(self.problem)
        if not self.path.exists():
            raise BadVideo(f"{self.path}: there is no such file or folder")


def discover(path: str | Path) -> list[Source]:
    """Find the videos in a file or folder, by name; what is wrong with one of them is raised when it is read.

    Raises:
        BadVideo: there is no such path, or no video and no frames in it.
    """
    path = Path(path).absolute()
    if not path.exists():
        raise BadVideo(f"{path}: there is no such file or folder")
    if path.is_file():
        if path.suffix.lower() not in VIDEO_SUFFIXES:
            hint = " Give the folder of frames instead" if path.suffix.lower() in FRAME_SUFFIXES else ""
            raise BadVideo(f"{path}: expected a video ({_either(VIDEO_SUFFIXES)}) or a folder.{hint}")
        return [Source(path.stem, path)]
    sources = _in_folder(path, depth=0)
    if not sources:
        raise BadVideo(
            f"{path}: the folder holds no frames and no videos; expected {_either(VIDEO_SUFFIXES)} files, "
            f"numbered {_either(FRAME_SUFFIXES)} images, or the DAVIS layout "
            f"({_FRAMES_FOLDER}, {_MASKS_FOLDER})"
        )
    return sources


def with_masks(sources: Sequence[Source], masks: str | Path) -> list[Source]:
    """Give sources the masks of a separate folder.

    Args:
        masks: a folder of masks when there is one source; otherwise a folder that holds, perhaps below ``Annotations``
            and a resolution, a folder of masks named as each source. Sources without one stay as they are.

    Raises:
        BadLabel: there is no such folder, or it holds masks for none of the sources.
    """
    folder = Path(masks).absolute()
    if not folder.is_dir():
        raise BadLabel(f"{folder}: there is no such folder of masks")
    if _listed(folder, MASK_SUFFIXES):
        readable = [source for source in sources if not source.problem]
        if len(readable) > 1:
            raise BadLabel(
                f"{folder}: holds the masks of one video, got {len(readable)} videos. "
                "Put the masks of each video into a folder with the video's name"
            )
        return [source if source.problem else replace(source, masks=folder) for source in sources]
    found = {f.name: f for f in reversed([folder, *_folders_below(folder, depth=0)])}
    named = [replace(s, masks=found[s.name]) if s.name in found else s for s in sources]
    if not any(s.name in found for s in sources):
        raise BadLabel(
            f"{folder}: holds no masks for {', '.join(s.name for s in sources)}; expected a folder with such "
            f"a name and {_either(MASK_SUFFIXES)} images in it"
        )
    return named


def numbered_frames(folder: Path) -> tuple[str, ...]:
    """Return the names of a folder's frames by their number, which is the last run of digits in a name.

    Numbers may start anywhere and may rise by a constant step (a video that was thinned out).

    Raises:
        BadVideo: no frames, a name without a number, a number twice, or a gap.
    """
    frames = _listed(folder, FRAME_SUFFIXES)
    if not frames:
        raise BadVideo(f"{folder}: the folder holds no frames; expected numbered {_either(FRAME_SUFFIXES)} images")
    for frame in frames:
        if _number(frame) < 0:
            raise BadVideo(f"{frame}: expected a number in a frame's name, e.g. 00000{frame.suffix}")
    frames.sort(key=_number)
    steps = [_number(b) - _number(a) for a, b in pairwise(frames)]
    if 0 in steps:
        twice = [frame.name for frame in frames[steps.index(0) :][:2]]
        raise BadVideo(f"{folder}: two frames have one number: {', '.join(twice)}. Keep one of them")
    step = min(steps) if len(steps) > 1 else 1
    for (before, after), rise in zip(pairwise(frames), steps, strict=True):
        if rise != step:
            raise BadVideo(
                f"{folder}: the numbering has a gap: {before.name} is followed by {after.name}. "
                "Add the missing frames, or number them without gaps"
            )
    return tuple(frame.name for frame in frames)


def _in_folder(folder: Path, depth: int) -> list[Source]:
    if Project(folder).ledger_path.exists():
        # A project of ours, with frames laid out for people: results, not sources.
        return []
    if (folder / _FRAMES_FOLDER).is_dir():
        return _davis(folder)
    videos, frames = _listed(folder, VIDEO_SUFFIXES), _listed(folder, FRAME_SUFFIXES)
    if videos and frames:
        problem = (
            f"{folder}: holds both videos ({videos[0].name}, ...) and images ({frames[0].name}, ...); "
            "name the video, or put the frames into a folder of their own"
        )
        return [Source(folder.name, folder, problem=problem)]
    if frames:
        return [_frames_source(folder)]
    sources = [Source(v.stem, v) for v in videos]
    if depth < _DEEPEST:
        sources += [s for child in _folders(folder) for s in _in_folder(child, depth + 1)]
    return sources


def _davis(root: Path) -> list[Source]:
    if _listed(root / _FRAMES_FOLDER, FRAME_SUFFIXES):
        return [replace(_frames_source(root / _FRAMES_FOLDER), name=root.name)]
    level = Path()
    resolutions = _folders(root / _FRAMES_FOLDER)
    if resolutions and not any(_listed(f, FRAME_SUFFIXES) for f in resolutions):
        if len(resolutions) > 1 and any(_folders(f) for f in resolutions):
            problem = (
                f"{root}: holds the frames in several sizes ({', '.join(f.name for f in resolutions)}); "
                f"name one of them, e.g. {resolutions[0]}"
            )
            return [Source(root.name, root, problem=problem)]
        level = Path(resolutions[0].name) if _folders(resolutions[0]) else level
    frames, masks = root / _FRAMES_FOLDER / level, root / _MASKS_FOLDER / level
    sequences = _folders(frames)
    found = [_frames_source(sequence) for sequence in sequences]
    for orphan in _folders(masks) if masks.is_dir() else []:
        if orphan.name not in {s.name for s in sequences}:
            problem = f"{orphan}: masks for no frames: there is no folder {frames / orphan.name}"
            found.append(Source(orphan.name, frames / orphan.name, orphan, problem))
    return found


def _frames_source(folder: Path) -> Source:
    """Return a folder of frames, with its masks when it lies in a DAVIS layout."""
    parts = list(folder.parts)
    if _FRAMES_FOLDER in parts:
        last = len(parts) - 1 - parts[::-1].index(_FRAMES_FOLDER)
        masks = Path(*parts[:last], _MASKS_FOLDER, *parts[last + 1 :])
        return Source(folder.name, folder, masks if masks.is_dir() else None)
    return Source(folder.name, folder)


def _category_names(masks: Path, sequence: str) -> dict[int, str]:
    """Read the names of objects by track from the nearest ``categories.json`` in the mask folder or above it."""
    places = (masks, *masks.parents[:3])
    file = next((p / _CATEGORIES_FILE for p in places if (p / _CATEGORIES_FILE).is_file()), None)
    if file is None:
        return {}
    expected = f'expected {{"1": "car", ...}} or {{"{sequence}": {{"1": "car", ...}}}}'
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadLabel(f"{file}: cannot be read as JSON ({error}); {expected}") from None
    if isinstance(content, dict) and any(isinstance(value, dict) for value in content.values()):
        content = content.get(sequence, {})
    if not isinstance(content, dict) or not all(_names_a_track(*item) for item in content.items()):
        raise BadLabel(f"{file}: {expected}, got {json.dumps(content)[:200]}")
    return {int(key): name for key, name in content.items()}


def _names_a_track(key: str, name: object) -> bool:
    return key.isdecimal() and int(key) != IGNORE_TRACK and isinstance(name, str) and bool(name)


def _objects(found: dict[int, Rle], names: dict[int, str], category: str) -> tuple[TrueObject, ...]:
    return tuple(
        TrueObject(track, None if track == IGNORE_TRACK else names.get(track, category), mask)
        for track, mask in sorted(found.items())
    )


def _track(value: int, dtype: np.dtype[np.integer]) -> int:
    return IGNORE_TRACK if value == IGNORE_INDEX and dtype == np.uint8 else value


def _number(file: Path) -> int:
    """Return the last run of digits in a file's name, -1 where there is none."""
    digits = re.findall(r"\d+", file.stem)
    return int(digits[-1]) if digits else -1


def _listed(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """List files with one of the endings, by name; hidden ones are left out: other programs put them there."""
    suffixes = tuple(suffixes)
    found = (f for f in folder.iterdir() if f.suffix.lower() in suffixes and not f.name.startswith("."))
    return sorted(f for f in found if f.is_file())


def _folders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def _folders_below(folder: Path, depth: int) -> list[Path]:
    children = _folders(folder)
    if depth < _DEEPEST:
        children += [f for child in children for f in _folders_below(child, depth + 1)]
    return children


def _either(suffixes: Sequence[str]) -> str:
    return f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"


def _size(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]} pixels (height x width)"
