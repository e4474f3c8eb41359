"""Composite footage in which objects are rare: objects cut out of clips with masks, pasted into videos without any.

A video of 1,000 frames shows a short one to and fro, with fresh noise of about a grey level. Objects come and go in
*visits*: one crosses the frame, or comes in and goes back. They play on as they do in their own clip, are scaled to
between a fifth and two fifths of the frame's height, and keep their colours. On most crossings a band of the background
wider than the object stands before it, so that it is hidden as a whole for a while. All visits of a video together show
something in 2 to 10 % of the frames; some videos have no visit. What such footage does not have: shadows and light that
fit, and backgrounds that go on without turning round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.fingerprint import fingerprint
from al_core.footage.clips import Clip
from al_core.footage.images import resized, working_size

NOISE = 1.5
"""Grey levels."""

PRESENT = (0.02, 0.10)
"""Share of frames of a video that show something."""

SPEED = (4.0, 9.0)
"""Pixels a frame."""

HEIGHT = (0.2, 0.4)
"""Of an object, as a share of the frame's."""

VISITS = (2, 5)
"""Fewest and most visits of a video, before they are cut to what ``PRESENT`` allows."""

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Cutout:
    """An object as a clip shows it.

    Attributes:
        pictures, masks: of each usable frame in order, uint8 [h, w, 3] and bool [h, w], all of one size.
    """

    name: str
    pictures: Sequence[Picture]
    masks: Sequence[Mask]

    def at(self, step: int) -> tuple[Picture, Mask]:
        """Return what is shown after some steps to and fro."""
        i = to_and_fro(step, len(self.masks))
        return self.pictures[i], self.masks[i]


@dataclass(frozen=True, eq=False)
class Visit:
    """One appearance of an object.

    Attributes:
        centres: (x, y) of the object in each of its frames, in pixels.
        band: columns (first, end) of the background that stand before it; None for none.
    """

    track: int
    start: int
    centres: Sequence[tuple[float, float]]
    cutout: Cutout
    band: tuple[int, int] | None = None

    def pasted(self, frame_idx: int, size: tuple[int, int]) -> tuple[Picture, Mask] | None:
        """Return the object's colours and what is to be seen of it in a frame of (height, width) ``size``."""
        step = frame_idx - self.start
        if not 0 <= step < len(self.centres):
            return None
        picture, mask = self.cutout.at(step)
        (height, width), (h, w) = size, mask.shape
        x, y = (round(c - s / 2) for c, s in zip(self.centres[step], (w, h), strict=True))
        x0, x1, y0, y1 = max(x, 0), min(x + w, width), max(y, 0), min(y + h, height)
        colours, seen = np.zeros((*size, 3), np.uint8), np.zeros(size, bool)
        if x0 < x1 and y0 < y1:
            part = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
            colours[y0:y1, x0:x1], seen[y0:y1, x0:x1] = picture[part], mask[part]
        if self.band is not None:
            seen[:, slice(*self.band)] = False
        return colours, seen


@dataclass(frozen=True, eq=False)
class RareClip:
    """A made video with its truth."""

    name: str
    background: Sequence[Picture]
    n_frames: int
    visits: Sequence[Visit]
    seed: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        height, width = self.background[0].shape[:2]
        return height, width

    @cached_property
    def sha256(self) -> str:
        """Hash of the frames."""
        visits = [
            [v.track, v.start, [list(c) for c in v.centres], v.cutout.name, v.cutout.masks[0].shape, v.band]
            for v in self.visits
        ]
        return fingerprint([self.name, self.size, self.n_frames, self.seed, visits])

    @property
    def truth_frames(self) -> range:
        """All frames."""
        return range(self.n_frames)

    def read(self, frame_idx: int) -> Picture:
        """Return a frame, RGB uint8 [h, w, 3]."""
        image = self.background[to_and_fro(frame_idx, len(self.background))].astype(np.float32)
        for visit in self.visits:
            found = visit.pasted(frame_idx, self.size)
            if found is not None:
                alpha = cv2.GaussianBlur(found[1].astype(np.float32), (3, 3), 0)[..., None]
                alpha = alpha * cv2.dilate(found[1].view(np.uint8), np.ones((3, 3), np.uint8))[..., None]
                filled = np.where(found[1][..., None], found[0], image)
                image = image * (1 - alpha) + filled * alpha
        rng = np.random.default_rng([self.seed, frame_idx])
        grain = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(NOISE)
        return np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)

    def truth(self, frame_idx: int) -> dict[int, Mask]:
        """Return the objects that are to be seen; one that comes later stands before the others."""
        found: dict[int, Mask] = {}
        for visit in self.visits:
            shown = visit.pasted(frame_idx, self.size)
            if shown is not None:
                found = {track: mask & ~shown[1] for track, mask in found.items()}
                found[visit.track] = shown[1]
        return {track: mask for track, mask in found.items() if np.count_nonzero(mask) >= LEAST_PIXELS}

    def ignore(self, frame_idx: int) -> None:
        """No pixel is left out."""


LEAST_PIXELS = 12
"""Less than this of an object cannot be seen."""


def to_and_fro(step: int, n: int) -> int:
    """Return where a walk over ``n`` places stands that turns round at both ends."""
    at = step % max(2 * (n - 1), 1)
    return min(at, 2 * (n - 1) - at) if n > 1 else 0


def backgrounds(folder: Path, long_side: int) -> dict[str, list[Picture]]:
    """Read all videos of a folder: files, or folders of frames; RGB at a smaller size, by name."""
    found = {}
    for path in sorted(folder.iterdir()):
        pictures = [cv2.imread(str(p)) for p in sorted(path.iterdir())] if path.is_dir() else _decoded(path)
        if pictures:
            size = working_size(*pictures[0].shape[:2], long_side)
            found[path.stem] = [resized(cv2.cvtColor(p, cv2.COLOR_BGR2RGB), size) for p in pictures]
    return found


def _decoded(path: Path) -> list[Picture]:
    capture, pictures = cv2.VideoCapture(str(path)), []
    while True:
        there, picture = capture.read()
        if not there:
            return pictures
        pictures.append(picture)


def cutout_of(clip: Clip, height: int) -> Cutout | None:
    """Cut the largest object out of a clip, scaled so that it is at most ``height`` pixels high; None where it never
    stands free of the frame's borders."""
    boxes = {}
    for i in clip.truth_frames:
        masks = clip.truth(i)
        mask = max(masks.values(), key=np.count_nonzero, default=np.zeros(clip.size, bool))
        x, y, w, h = cv2.boundingRect(mask.view(np.uint8))
        if mask.any() and x > 0 and y > 0 and x + w < clip.size[1] and y + h < clip.size[0]:
            boxes[i] = (mask, x, y, w, h)
    if len(boxes) < 2:
        return None
    widest, highest = max(b[3] for b in boxes.values()), max(b[4] for b in boxes.values())
    scale = height / highest
    size = max(round(widest * scale), 4), height
    pictures, masks = [], []
    for i, (mask, x, y, w, h) in boxes.items():
        left, top = x + w // 2 - widest // 2, y + h // 2 - highest // 2
        shift = np.float32([[1, 0, -left], [0, 1, -top]])
        image = cv2.warpAffine(clip.read(i), shift, (widest, highest))
        cut = cv2.warpAffine(mask.astype(np.float32), shift, (widest, highest))
        pictures.append(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
        masks.append(cv2.resize(cut, size, interpolation=cv2.INTER_AREA) > 0.5)
    return Cutout(clip.name, pictures, masks)


def rare_pool(
    clips: Sequence[Clip], scenes: Mapping[str, Sequence[Picture]], seed: int, n_frames: int = 1000
) -> list[RareClip]:
    """Make four videos: two with one object that comes again, one with two objects, and one where nothing comes."""
    rng = np.random.default_rng([seed, 7])
    places = rng.permutation(sorted(scenes))[:4].tolist()
    names = rng.permutation(len(clips)).tolist()
    found = []
    for number, (place, n_objects) in enumerate(zip(places, (1, 1, 2, 0), strict=True)):
        background = scenes[place]
        height = background[0].shape[0]
        cutouts: list[Cutout] = []
        while len(cutouts) < n_objects:
            cutout = cutout_of(clips[names.pop()], round(height * rng.uniform(*HEIGHT)))
            cutouts += [] if cutout is None else [cutout]
        visits = _visits(cutouts, background[0].shape[:2], n_frames, rng)
        told = "+".join(c.name for c in cutouts) or "nothing"
        found.append(RareClip(f"{told} on {place}", background, n_frames, visits, 10 * seed + number))
    return found


def _visits(cutouts: Sequence[Cutout], size: tuple[int, int], n_frames: int, rng: np.random.Generator) -> list[Visit]:
    """Draw visits until each object comes, and the share of frames that show something fits."""
    low, high = (round(share * n_frames) for share in PRESENT)
    while cutouts:
        visits = []
        for n in range(max(int(rng.integers(*VISITS, endpoint=True)), len(cutouts))):
            track = n % len(cutouts)
            centres, band = _way(cutouts[track], size, rng)
            start = int(rng.integers(0, n_frames - len(centres)))
            visits.append(Visit(track + 1, start, centres, cutouts[track], band))
        visits.sort(key=lambda v: v.start)
        apart = all(a.start + len(a.centres) + 5 < b.start for a, b in pairwise(visits))
        shown = sum(bool(v.pasted(i, size)[1].any()) for v in visits for i in range(v.start, v.start + len(v.centres)))
        if apart and low <= shown <= high:
            return visits
    return []


def _way(
    cutout: Cutout, size: tuple[int, int], rng: np.random.Generator
) -> tuple[list[tuple[float, float]], tuple[int, int] | None]:
    """Draw a way across the frame, or in and back; and a band before half of the crossings."""
    (height, width), (h, w) = size, cutout.masks[0].shape
    speed, side = rng.uniform(*SPEED), rng.random() < 0.5
    y = rng.uniform(h / 2, height - h / 2)
    if rng.random() < 0.5:
        xs = np.arange(-w / 2, width + w / 2, speed)
        first = round(rng.uniform(0.2, 0.5) * width)
        band = (first, min(first + round(1.3 * w), width)) if rng.random() < 0.7 else None
    else:
        inner = np.arange(-w / 2, rng.uniform(0.15, 0.35) * width, speed)
        xs, band = np.concatenate([inner, inner[::-1]]), None
    ys = y + np.cumsum(rng.normal(0, 0.3, len(xs)))
    if side:
        xs = width - xs
    return list(zip(xs.tolist(), ys.tolist(), strict=True)), band


def write_davis(video: RareClip, folder: Path, every: int = 1) -> None:
    """Write a video in DAVIS layout, with the truth of each frame that is written; every so manyth frame is."""
    name = video.name.replace(" ", "-")
    pictures, masks = (folder / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
    for path in (pictures, masks):
        path.mkdir(parents=True, exist_ok=True)
    for number, i in enumerate(range(0, video.n_frames, every)):
        index = np.zeros(video.size, np.uint8)
        for track, mask in video.truth(i).items():
            index[mask] = track
        cv2.imwrite(str(pictures / f"{number:05d}.jpg"), video.read(i)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
        cv2.imwrite(str(masks / f"{number:05d}.png"), index)
