"""Videos that can be ingested: files, folders of numbered frames, and masks that lie beside them.

Three layouts are understood, alone or in a folder of several, however deep::

    clip.mp4                                      a video file, whatever the decoder plays
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
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from al_core.errors import BadLabel, BadVideo
from al_core.files import is_printable, printable
from al_core.fingerprint import fingerprint_file
from al_core.footage import video
from al_core.footage.images import FRAME_SUFFIXES, MASK_SUFFIXES, bits_in_use, check_image, read_indices
from al_core.footage.mask_checks import check_soft_edges, only_ignored, says_ignore
from al_core.footage.numbering import NO_NUMBER, frame_numbers
from al_core.footage.video import VideoInfo
from al_core.masks import rle
from al_core.masks.rle import Rle
from al_core.records import IGNORE_TRACK, Identities, Progress, Video

FOLDER_FPS = Fraction(25)
"""Rate of a folder of frames, which has no clock of its own."""

IGNORE_INDEX = 255
"""Value of the region in an 8-bit mask that counts neither as object nor as background."""

DEFAULT_CATEGORY = "object"

FRAMES_FOLDER, MASKS_FOLDER, CATEGORIES_FILE = "JPEGImages", "Annotations", "categories.json"


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
        picture: name of the one image in the folder that is meant, where it is no frame of a video.
    """

    name: str
    path: Path
    masks: Path | None = None
    problem: str = ""
    picture: str = ""

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
        return (self.picture,) if self.picture else numbered_frames(self.path)

    def sha256(self) -> str:
        """Return the SHA-256 of the content, 64 hex digits: a file's bytes, or names and bytes of a folder's frames.

        Masks are not part of it: a video stays the same video when masks are drawn for it.
        """
        return content_hash(self.path, self.files())

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
                    f"{_size(sizes[0])}; one size was expected: give each size a folder of its own"
                )
            if on_progress:
                on_progress(Progress(len(sizes), len(files), self.name))
        numbers = np.arange(len(files), dtype=np.int64)
        times_us = numbers * 1_000_000 * FOLDER_FPS.denominator // FOLDER_FPS.numerator
        bits = bits_in_use(self.path / name for name in files)
        return VideoInfo(FOLDER_FPS, len(files), *sizes[0], 0, False, times_us, bits)

    def video(self, sha256: str, info: VideoInfo, identities: Identities = Identities.PERSISTENT) -> Video:
        """Return what was found out as a video; number 0 stands for the one that it will get."""
        return Video(
            video_id=0,
            name=self.name,
            uri=str(self.path),
            kind=self.kind,
            sha256=sha256,
            fps=info.fps,
            n_frames=info.n_frames,
            height=info.height,
            width=info.width,
            rotation=info.rotation,
            variable_fps=info.variable_fps,
            identities=identities,
            files=self.files(),
            bits=info.bits,
        )

    def truth(self, info: VideoInfo, category: str = DEFAULT_CATEGORY) -> dict[int, tuple[TrueObject, ...]]:
        """Read the masks by frame number; a frame whose mask is empty has an entry without objects.

        Args:
            category: of the objects that no ``categories.json`` names.

        Raises:
            BadLabel: a mask that cannot be read, has another size than its frame, has soft edges or belongs to no
                frame; or masks that mark nothing but 255 with a palette that does not call it a region to ignore.
        """
        self._check()
        if self.masks is None:
            return {}
        values: dict[int, dict[int, Rle]] = {}
        grey = ignored = True
        for frame, mask in self._mask_files(info.n_frames):
            indices, plain_grey = read_indices(mask)
            grey = grey and plain_grey
            if indices.shape != (info.height, info.width):
                raise BadLabel(
                    f"{mask}: the mask is {_size(indices.shape)}, its frame is "
                    f"{_size((info.height, info.width))}. Give the masks in the size of the frames"
                )
            check_soft_edges(indices, mask)
            present = [int(v) for v in np.unique(indices) if v]
            ignored = ignored and (not present or says_ignore(mask))
            values[frame] = {_track(v, indices.dtype): rle.encode(indices == v) for v in present}
        names = _category_names(self.masks, self.name)
        if {track for found in values.values() for track in found} == {IGNORE_TRACK}:
            if not grey and not ignored:
                raise only_ignored(self.masks)
            if grey:
                values = {frame: dict(enumerate(found.values(), start=1)) for frame, found in values.items()}
        return {frame: _objects(found, names, category) for frame, found in sorted(values.items())}

    def _mask_files(self, n_frames: int) -> list[tuple[int, Path]]:
        """List (frame number, mask file); masks are named as a folder's frames, or by the number in a video file."""
        assert self.masks is not None
        masks = listed(self.masks, MASK_SUFFIXES)
        if not masks:
            raise BadLabel(f"{self.masks}: the folder holds no masks; expected {either(MASK_SUFFIXES)} images")
        told = numbers_of(masks)
        if self.kind == "folder":
            frames = {Path(name).stem: number for number, name in enumerate(self.files())}
        else:
            frames = {mask.stem: n for mask, n in told.items() if 0 <= n < n_frames}
        for mask in masks:
            if mask.stem not in frames:
                lacks = f"named {mask.stem}" if self.kind == "folder" else f"{told[mask]} (of {n_frames}, from 0)"
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
        _check_name(self.path)


def _check_name(path: Path) -> None:
    if not is_printable(path):
        raise BadVideo(
            f"{printable(path)}: the name is not UTF-8 and cannot be stored; rename it, or the folder that is named so "
            "(the bytes that are none are shown as \\xNN)"
        )


def content_hash(path: Path, files: Iterable[str], hash_of: Callable[[Path], str] = fingerprint_file) -> str:
    """Return the SHA-256 of a video, 64 hex digits: of the file, or of names and bytes of ``files`` in the folder.

    Args:
        hash_of: returns the SHA-256 of one file.
    """
    if path.is_file():
        return hash_of(path)
    hashed = hashlib.sha256()
    for name in files:
        hashed.update(name.encode() + b"\0" + bytes.fromhex(hash_of(path / name)))
    return hashed.hexdigest()


def numbered_frames(folder: Path) -> tuple[str, ...]:
    """Return the names of a folder's frames by their number (see :func:`~al_core.footage.numbering.frame_numbers`).

    Numbers may start anywhere and may rise by a constant step (a video that was thinned out).

    Raises:
        BadVideo: no frames, a name that is no UTF-8 or without a number, a number twice, or a gap.
    """
    frames = listed(folder, FRAME_SUFFIXES)
    lost = [link for link in broken_links(folder) if link.suffix.lower() in FRAME_SUFFIXES]
    if lost:
        raise BadVideo(f"{lost[0]}: the frame is a link to what is not there. Bring back the file, or remove the link")
    if not frames:
        raise BadVideo(f"{folder}: the folder holds no frames; expected numbered {either(FRAME_SUFFIXES)} images")
    numbers = numbers_of(frames)
    for frame in frames:
        _check_name(frame)
        if numbers[frame] == NO_NUMBER:
            raise BadVideo(f"{frame}: expected a number in a frame's name, e.g. 00000{frame.suffix}")
    frames.sort(key=numbers.__getitem__)
    steps = [numbers[b] - numbers[a] for a, b in pairwise(frames)]
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


def _category_names(masks: Path, sequence: str) -> dict[int, str]:
    """Read the names of objects by track from the nearest ``categories.json`` in the mask folder or above it."""
    places = (masks, *masks.parents[:3])
    file = next((p / CATEGORIES_FILE for p in places if (p / CATEGORIES_FILE).is_file()), None)
    if file is None:
        return {}
    expected = f'expected {{"1": "car", ...}} or {{"{sequence}": {{"1": "car", ...}}}}'
    try:
        content = json.loads(file.read_bytes())
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


def numbers_of(files: Sequence[Path]) -> dict[Path, int]:
    """Return the frame number in the name of each of a folder's files."""
    return dict(zip(files, frame_numbers([file.stem for file in files]), strict=True))


def visible(folder: Path) -> list[Path]:
    """List files by name; hidden ones are left out: other programs put them there."""
    return sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))


def broken_links(folder: Path) -> list[Path]:
    """List the links in a folder that lead nowhere, by name."""
    return sorted(f for f in folder.iterdir() if f.is_symlink() and not f.exists())


def listed(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """List files with one of the endings, by name."""
    suffixes = tuple(suffixes)
    return [file for file in visible(folder) if file.suffix.lower() in suffixes]


def folders(folder: Path) -> list[Path]:
    """List the folders in a folder by name, without hidden ones."""
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def either(suffixes: Sequence[str]) -> str:
    """Return endings as a list for people."""
    return f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"


def _size(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]} pixels (height x width)"
