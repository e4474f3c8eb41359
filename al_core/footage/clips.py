"""Footage with known truth, for campaigns in memory: clips as they lie on disk, and other footage made from them.

A :class:`Clip` reads a sequence of a DAVIS-layout folder when asked. A :class:`RearrangedClip` shows its frames in
another order (held, slowed down, backward, with an empty scene between them) and copies nothing. Both may be asked for
frames at a smaller size, and both are what propagators take for the frames of a clip (:class:`ClipFrames`).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadVideo, UnknownName
from al_core.fingerprint import fingerprint
from al_core.footage.discovery import discover
from al_core.footage.images import bits_in_use, check_image, read_image, resized, working_size
from al_core.footage.sources import FOLDER_FPS, Source, TrueObject
from al_core.footage.video import VideoInfo
from al_core.masks import rle
from al_core.records import IGNORE_TRACK

EMPTY = -1
"""Frame number that stands for the scene without any object; see :attr:`Clip.background`."""

BACKGROUND_FRAMES = 31
"""Frames from which the empty scene is taken, evenly spaced."""

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class ClipFrames(Protocol):
    """The frames of one clip, as stores and propagators see them."""

    @property
    def sha256(self) -> str:
        """Hash of what is shown, 64 hex digits: what is computed from the frames may be kept under it."""

    @property
    def n_frames(self) -> int:
        """Number of frames, at least 1."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a frame in pixels."""

    def read(self, frame_idx: int) -> Picture:
        """Return one frame, RGB uint8 [h, w, 3]."""


class Footage(ClipFrames, Protocol):
    """Frames with their truth."""

    @property
    def name(self) -> str:
        """Name for people, and for folders."""

    @property
    def truth_frames(self) -> Sequence[int]:
        """Frames whose truth is known, in order."""

    def truth(self, frame_idx: int) -> dict[int, Mask]:
        """Return the objects that are to be seen: track -> bool [h, w]."""

    def ignore(self, frame_idx: int) -> Mask | None:
        """Return the pixels that count neither as object nor as background; None for none."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A sequence on disk.

    Attributes:
        source: the folder of frames, and that of its masks.
        long_side: frames and masks are made smaller until their longer side is this long, in pixels; None keeps them.
    """

    source: Source
    long_side: int | None = None

    @property
    def name(self) -> str:
        """Name of the sequence."""
        return self.source.name

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The frames, in order.

        Raises:
            BadVideo: no frames, or a numbering with gaps.
        """
        return tuple(self.source.path / name for name in self.source.files())

    @cached_property
    def sha256(self) -> str:
        """Hash of the frames and of the size in which they are given."""
        return fingerprint([self.source.sha256(), self.size])

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.files)

    @cached_property
    def full_size(self) -> tuple[int, int]:
        """(height, width) on disk, in pixels."""
        return check_image(self.files[0])

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a frame as it is given, in pixels."""
        return working_size(*self.full_size, self.long_side or max(self.full_size))

    @property
    def truth_frames(self) -> tuple[int, ...]:
        """Frames that have a mask file."""
        return tuple(self._objects)

    @cached_property
    def tracks(self) -> tuple[int, ...]:
        """Objects that occur in any frame."""
        return tuple(sorted({o.track_id for found in self._objects.values() for o in found} - {IGNORE_TRACK}))

    def read(self, frame_idx: int) -> Picture:
        """Return one frame, RGB uint8 [h, w, 3]."""
        image = read_image(self.files[self._checked(frame_idx)], self._bits)
        if image.shape[:2] != self.full_size:
            raise BadVideo(f"{self.files[frame_idx]}: expected a frame of {self.full_size}, got {image.shape[:2]}")
        return resized(image, self.size)

    def truth(self, frame_idx: int) -> dict[int, Mask]:
        """Return the objects of a frame; none where nothing is to be seen.

        Raises:
            BadVideo: the truth of this frame is not known; see :attr:`truth_frames`.
        """
        found = {o.track_id: self._mask(o) for o in self._known(frame_idx) if o.track_id != IGNORE_TRACK}
        return {track: mask for track, mask in found.items() if mask.any()}

    def ignore(self, frame_idx: int) -> Mask | None:
        """Return the pixels with the value 255 in the mask file; None where there are none."""
        found = [self._mask(o) for o in self._known(frame_idx) if o.track_id == IGNORE_TRACK]
        return found[0] if found else None

    @cached_property
    def background(self) -> Picture:
        """The scene without its objects, RGB uint8 [h, w, 3]; it means something for a still camera only.

        Each pixel is the median over those of up to ``BACKGROUND_FRAMES`` frames in which no object covers it (over
        all of them where an object always does).
        """
        numbers = np.unique(np.linspace(0, self.n_frames - 1, BACKGROUND_FRAMES).round().astype(int))
        covered = np.stack([self._covered(int(i)) for i in numbers])
        covered[:, covered.all(axis=0)] = False
        images = np.stack([self.read(int(i)) for i in numbers])
        channels = [
            np.nanmedian(np.where(covered, np.nan, images[..., c].astype(np.float32)), axis=0) for c in range(3)
        ]
        return np.stack(channels, axis=-1).round().astype(np.uint8)

    @cached_property
    def always_ignored(self) -> Mask | None:
        """Pixels that are ignored in every frame with truth: what nobody knows of the empty scene either."""
        found = [self.ignore(i) for i in self.truth_frames]
        known = [mask for mask in found if mask is not None]
        return np.logical_and.reduce(known) if found and len(known) == len(found) else None

    @cached_property
    def _objects(self) -> Mapping[int, Sequence[TrueObject]]:
        n, (height, width) = self.n_frames, self.full_size
        info = VideoInfo(FOLDER_FPS, n, height, width, 0, False, np.arange(n, dtype=np.int64))
        return self.source.truth(info)

    @cached_property
    def _bits(self) -> int:
        return bits_in_use(self.files)

    def _known(self, frame_idx: int) -> Sequence[TrueObject]:
        if self._checked(frame_idx) not in self._objects:
            raise BadVideo(f"{self.name}: the truth of frame {frame_idx} is not known; give a mask for it")
        return self._objects[frame_idx]

    def _mask(self, found: TrueObject) -> Mask:
        mask = rle.decode(found.rle)
        if self.size == self.full_size:
            return mask
        small = cv2.resize(mask.astype(np.float32), self.size[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(small > 0.5)

    def _covered(self, frame_idx: int) -> Mask:
        masks = [self._mask(found) for found in self._objects.get(frame_idx, ())]
        return np.logical_or.reduce(masks) if masks else np.zeros(self.size, bool)

    def _checked(self, frame_idx: int) -> int:
        if not 0 <= frame_idx < self.n_frames:
            raise BadVideo(f"{self.name}: expected a frame from 0 to {self.n_frames - 1}, got {frame_idx}")
        return frame_idx


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a view.

    Attributes:
        kind: what happens in it, e.g. "play" or "hold".
        start: its first frame; it ends where the next one starts.
    """

    kind: str
    start: int


@dataclass(frozen=True, eq=False)
class RearrangedClip:
    """A clip's frames in another order; nothing is copied.

    Attributes:
        index: frame of the clip that each frame shows, or ``EMPTY``.
        noise: standard deviation of the noise that is drawn for each frame, in grey levels; with 0 a frame that is
            shown again is the same to the bit.
        seed: of the noise; a frame looks the same whenever it is read.
        stretches: how the order came about, for people.

    Raises:
        ValueError: no frame, or one that the clip does not have.
    """

    source: Clip
    name: str
    index: tuple[int, ...]
    noise: float = 0.0
    seed: int = 0
    stretches: tuple[Stretch, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.index or not all(EMPTY <= i < self.source.n_frames for i in self.index):
            raise ValueError(
                f"{self.name}: a view shows frames 0 to {self.source.n_frames - 1} of its clip, at least one"
            )

    @cached_property
    def sha256(self) -> str:
        """Hash of what is shown."""
        return fingerprint([self.source.sha256, self.index, self.noise, self.seed])

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.index)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a frame in pixels."""
        return self.source.size

    @cached_property
    def truth_frames(self) -> tuple[int, ...]:
        """Frames whose truth is known."""
        known = {EMPTY, *self.source.truth_frames}
        return tuple(i for i, shown in enumerate(self.index) if shown in known)

    def read(self, frame_idx: int) -> Picture:
        """Return one frame, RGB uint8 [h, w, 3]."""
        shown = self._shown(frame_idx)
        image = self.source.background if shown == EMPTY else self.source.read(shown)
        if not self.noise:
            return image
        rng = np.random.default_rng([self.seed, frame_idx])
        grain = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(self.noise)
        return np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)

    def truth(self, frame_idx: int) -> dict[int, Mask]:
        """Return the objects of a frame; none in the empty scene."""
        shown = self._shown(frame_idx)
        return {} if shown == EMPTY else self.source.truth(shown)

    def ignore(self, frame_idx: int) -> Mask | None:
        """Return the pixels that count neither as object nor as background; None for none."""
        shown = self._shown(frame_idx)
        return self.source.always_ignored if shown == EMPTY else self.source.ignore(shown)

    def _shown(self, frame_idx: int) -> int:
        if not 0 <= frame_idx < self.n_frames:
            raise BadVideo(f"{self.name}: expected a frame from 0 to {self.n_frames - 1}, got {frame_idx}")
        return self.index[frame_idx]


def clips_of(folder: str | Path, names: Collection[str] | None = None, long_side: int | None = None) -> list[Clip]:
    """Return the sequences of a DAVIS-layout folder (or of a folder of such folders), by name.

    Objects must keep their number from frame to frame.

    Args:
        names: only these.
        long_side: see :class:`Clip`.

    Raises:
        BadVideo: no such folder, nothing in it, a sequence that cannot be read, or two of one name.
        UnknownName: a name that is not there.
    """
    sources = discover(folder)
    for name, count in Counter(source.name for source in sources).items():
        if count > 1 and (names is None or name in names):
            raise BadVideo(f"{folder}: {count} sequences have the name {name}; rename them or name one folder")
    found = {source.name: source for source in sources}
    for name in names or ():
        if name not in found:
            raise UnknownName("sequence", name, found)
    for source in found.values():
        if source.kind == "file":
            raise BadVideo(f"{source.path}: expected folders of frames with masks, got a video file")
        source.files()
    return [Clip(found[name], long_side) for name in sorted(found) if names is None or name in names]
