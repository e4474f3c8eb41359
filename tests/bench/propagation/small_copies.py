"""Small copies of clips with truth, to be measured elsewhere: frames at working size, masks as they were.

python -m tests.bench.propagation.small_copies --data DAVIS --sequences dog,libby --out FOLDER
python -m tests.bench.propagation.small_copies --data DAVIS --sequences dog --occlude 100 --texture VIDEO --out FOLDER
python -m tests.bench.propagation.small_copies --data DAVIS --sequences dog --onto VIDEO --seed 100 --out FOLDER

With ``--occlude`` a pillar, cut from a video, passes in front of each object twice and hides it as a whole; with
``--onto`` the object is taken out of its clip and put onto another video. Both are composites, and are to be called so
wherever figures of them stand.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.fingerprint import fingerprint, fingerprint_file
from al_core.footage.clips import Clip, clips_of
from al_core.footage.images import working_size
from al_core.settings import FrameSettings

IGNORED = 255
HIDDEN_FRAMES = 6
"""Frames for which a pillar hides an object as a whole."""

QUALITY = 80
"""Of the pictures, as WebP has it."""

LEAST_SEEN = 25
"""Pixels of an object below which it counts as hidden."""

Picture = NDArray[np.uint8]


class Shown(NamedTuple):
    """A frame, RGB uint8 [h, w, 3], and its index image, uint8 [h, w]; None where its truth is not known."""

    picture: Picture
    index: Picture | None


@dataclass(frozen=True)
class SmallCopy:
    """A clip that was written by this program; frames are small, the truth has its full size."""

    folder: Path

    @property
    def name(self) -> str:
        """Name of the clip."""
        return self.folder.name

    @cached_property
    def files(self) -> list[Path]:
        """The frames, in order."""
        return sorted((self.folder / "frames").glob("*.webp"))

    @cached_property
    def sha256(self) -> str:
        """Hash of the frames."""
        return fingerprint([fingerprint_file(file) for file in self.files])

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.files)

    @cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) of a frame."""
        height, width = self.read(0).shape[:2]
        return height, width

    @cached_property
    def full_size(self) -> tuple[int, int]:
        """(height, width) of the truth."""
        height, width = self._index(self.truth_frames[0]).shape
        return height, width

    @cached_property
    def truth_frames(self) -> tuple[int, ...]:
        """Frames whose truth is known."""
        return tuple(sorted(int(file.stem) for file in (self.folder / "masks").glob("*.png")))

    def read(self, frame_idx: int) -> Picture:
        """Return one frame, RGB uint8 [h, w, 3]."""
        return cv2.cvtColor(cv2.imread(str(self.files[frame_idx])), cv2.COLOR_BGR2RGB)

    def truth(self, frame_idx: int) -> dict[int, NDArray[np.bool_]]:
        """Return the objects of a frame, at full size."""
        index = self._index(frame_idx)
        return {int(track): index == track for track in np.unique(index) if track not in (0, IGNORED)}

    def ignore(self, frame_idx: int) -> NDArray[np.bool_] | None:
        """Return what is to be ignored in a frame, at full size."""
        ignored = self._index(frame_idx) == IGNORED
        return ignored if ignored.any() else None

    def _index(self, frame_idx: int) -> Picture:
        return cv2.imread(str(self.folder / "masks" / f"{frame_idx:05d}.png"), cv2.IMREAD_UNCHANGED)


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--sequences", help="Comma-separated names; default: all.")
@click.option("--occlude", type=int, help="Seed of pillars that pass in front of the objects; with --texture.")
@click.option("--texture", type=click.Path(exists=True, path_type=Path), help="Video that pillars are cut from.")
@click.option("--onto", type=click.Path(exists=True, path_type=Path), help="Video that the objects are put onto.")
@click.option("--seed", default=100, show_default=True, help="Of --onto.")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path))
def main(
    data: Path,
    sequences: str | None,
    occlude: int | None,
    texture: Path | None,
    onto: Path | None,
    seed: int,
    out: Path,
) -> None:
    """Write copies of clips."""
    for clip in clips_of(data, sequences.split(",") if sequences else None):
        frames, name = shown_of(clip), clip.name
        if occlude is not None and texture is not None:
            frames, name = hidden(list(frames), picture_of(texture), occlude), f"{clip.name}-hidden-{occlude}"
        if onto is not None:
            frames, name = put_onto(list(frames), video(onto), seed), f"{clip.name}-on-{onto.stem}-{seed}"
        write(out / name, frames)
        click.echo(json.dumps({"clip": name, "frames": clip.n_frames}))


def shown_of(clip: Clip) -> Iterator[Shown]:
    """Frames with their truth."""
    for i in range(clip.n_frames):
        index = None
        if i in clip.truth_frames:
            index = np.zeros(clip.size, np.uint8)
            for track, mask in clip.truth(i).items():
                index[mask] = track
            ignored = clip.ignore(i)
            if ignored is not None:
                index[ignored] = IGNORED
        yield Shown(clip.read(i), index)


def hidden(frames: list[Shown], texture: Picture, seed: int) -> Iterator[Shown]:
    """Let a pillar pass in front of the objects at a third and at two thirds of the clip."""
    rng = np.random.default_rng(seed)
    height, width = frames[0].picture.shape[:2]
    look = cv2.resize(texture, (width, height))
    passes = [_pillar(frames, int(len(frames) * share), rng) for share in (1 / 3, 2 / 3)]
    for i, (picture, index) in enumerate(frames):
        picture, index = picture.copy(), None if index is None else index.copy()
        for middle, speed, centre, half in passes:
            place = centre + speed * (i - middle)
            columns = np.arange(width)
            cover = np.clip(half - np.abs(columns - place) + 0.5, 0, 1)[None, :, None]
            moved = np.roll(look, int(place), axis=1)
            picture = np.rint(picture * (1 - cover) + moved * cover).astype(np.uint8)
            if index is not None:
                index[:, cover[0, :, 0] > 0.5] = 0
        yield Shown(picture, None if index is None else _without_slivers(index))


def _pillar(frames: list[Shown], middle: int, rng: np.random.Generator) -> tuple[int, float, float, float]:
    """(frame in the middle, pixels a frame, column in that frame, half of the width) of a pillar."""
    width = frames[0].picture.shape[1]
    near = frames[max(middle - HIDDEN_FRAMES // 2, 0) : middle + HIDDEN_FRAMES // 2 + 1]
    columns = [np.flatnonzero((f.index > 0).any(axis=0)) for f in near if f.index is not None]
    columns = [found for found in columns if len(found)]
    left = min((int(found[0]) for found in columns), default=width // 3)
    right = max((int(found[-1]) for found in columns), default=2 * width // 3)
    speed = float(rng.uniform(0.06, 0.1) * width * rng.choice([-1, 1]))
    half = (right - left) / 2 + abs(speed) * HIDDEN_FRAMES / 2 + 4
    return middle, speed, (left + right) / 2, half


def _without_slivers(index: Picture) -> Picture:
    for track in np.unique(index):
        if track not in (0, IGNORED) and (index == track).sum() < LEAST_SEEN:
            index[index == track] = 0
    return index


def put_onto(frames: list[Shown], scene: Iterator[Picture], seed: int) -> Iterator[Shown]:
    """Take the objects out of their clip and put them onto another video, smaller or as they are."""
    rng = np.random.default_rng(seed)
    scale, flip = float(rng.uniform(0.5, 1.0)), bool(rng.random() < 0.5)
    shift = rng.uniform(0, 1 - scale, 2)
    height, width = frames[0].picture.shape[:2]
    move = np.array([[scale, 0, shift[0] * width], [0, scale, shift[1] * height]])
    for (picture, index), under in zip(frames, scene, strict=False):
        below = cv2.resize(under, (width, height), interpolation=cv2.INTER_AREA)
        known = np.zeros((height, width), np.uint8) if index is None else index
        picture, known = (picture[:, ::-1], known[:, ::-1]) if flip else (picture, known)
        moved = cv2.warpAffine(np.ascontiguousarray(picture), move, (width, height))
        mine = cv2.warpAffine(np.ascontiguousarray(known), move, (width, height), flags=cv2.INTER_NEAREST)
        cover = cv2.GaussianBlur((mine > 0).astype(np.float32), (0, 0), 1)[..., None]
        yield Shown(np.rint(below * (1 - cover) + moved * cover).astype(np.uint8), mine)


def video(path: Path) -> Iterator[Picture]:
    """The pictures of a video, RGB; back to the beginning after the last one."""
    while True:
        reader = cv2.VideoCapture(str(path))
        while True:
            there, picture = reader.read()
            if not there:
                break
            yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def picture_of(path: Path) -> Picture:
    """The first picture of a video, RGB."""
    return next(video(path))


def write(folder: Path, frames: Iterator[Shown] | Mapping[int, Shown]) -> None:
    """Write a copy."""
    for part in ("frames", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for i, (picture, index) in enumerate(frames):
        size = working_size(*picture.shape[:2], FrameSettings().working_long_side)
        small = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
        bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / "frames" / f"{i:05d}.webp"), bgr, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
        if index is not None:
            cv2.imwrite(str(folder / "masks" / f"{i:05d}.png"), index, [cv2.IMWRITE_PNG_COMPRESSION, 9])


def copies_of(folder: Path, names: list[str] | None = None) -> list[SmallCopy]:
    """Return the copies in a folder, by name."""
    found = [SmallCopy(path.parent) for path in sorted(folder.glob("*/frames"))]
    return [copy for copy in found if names is None or copy.name in names]


if __name__ == "__main__":
    main()
