"""Points followed along dense flow until they are covered, and groups of points that move and look alike."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.propagation.harmonic.superpixels import Image, to_lab
from al_core.stores.optical_flow import ClipFlow

SPACING = 3
"""Pixels from one point to the next."""

SHORTEST = 4
"""Frames; shorter tracks are noise."""

OCCLUDED = 0.5
COLOUR_STEP = 25.0
"""Change of colour, in units of CIE Lab, from one frame to the next that counts as 1."""

COLOUR_TOTAL = 60.0
"""The same from the first frame of a track, so that slow changes of light count little."""

FEATURE_SCALES = np.array([6.0, 6.0, 12.0, 12.0, 12.0, 1.5, 1.5], np.float32)
"""Of mean position (pixels), colour (Lab) and motion (pixels a frame)."""

CENTRE = 1.0
"""A point this far from every denser one is the peak of a group of its own."""

CELL = 12
"""Side of a grid cell in pixels; points of different cells are never in one group."""


@dataclass(frozen=True, eq=False)
class PointTracks:
    """Points in neighbouring frames.

    Attributes:
        position: (x, y) by frame, float32 [n_frames, n, 2]; NaN where a track is not to be seen.
        features: mean x, y, L, a, b and motion x, y, float32 [n, 7].
        birth, death: first and last row of ``position``, int64 [n].
    """

    position: NDArray[np.float32]
    features: NDArray[np.float32]
    birth: NDArray[np.int64]
    death: NDArray[np.int64]

    def pixels(self, row: int, size: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the tracks that are to be seen in a row of ``position``, and the x and y of their pixels, [m] each."""
        here = np.flatnonzero(~np.isnan(self.position[row, :, 0]))
        x, y = np.clip(np.rint(self.position[row, here]).astype(int), 0, [size[1] - 1, size[0] - 1]).T
        return here, x, y


def follow_points(read: Callable[[int], Image], flow: ClipFlow, span: range) -> PointTracks:
    """Follow points from every frame of ``span``; where none is near, new ones begin.

    A step makes a track more likely covered, P <- P + (1 - P)(1 - exp(-c)), by the change of colour and by how far
    going there and back misses (Sundaram, Brox, Keutzer, ECCV 2010); the track ends where P is above 0.5.

    Args:
        read: a frame at the size of the flow.
    """
    lab = to_lab(read(span.start))
    place = _new_points(np.zeros((0, 2), np.float32), flow.size)
    number = np.arange(len(place))
    origin = colour = _sample(lab, place)
    covered = np.zeros(len(place), np.float32)
    n = len(place)
    rows: list[tuple[NDArray, NDArray, NDArray]] = [(number, place, colour)]
    for frame_idx in span[:-1]:
        forth, back = flow.pair(frame_idx)
        step = _sample(forth, place)
        there = place + step
        miss = step + _sample(back, there)
        allowed = 0.01 * (step**2).sum(1) + 0.5
        lab = to_lab(read(frame_idx + 1))
        new = _sample(lab, there)
        change = ((new - colour) ** 2).sum(1) / COLOUR_STEP**2 + ((new - origin) ** 2).sum(1) / COLOUR_TOTAL**2
        cost = 0.2 * change + 0.7 * np.maximum((miss**2).sum(1) / allowed - 0.5, 0)
        covered = covered + (1 - covered) * (1 - np.exp(-cost))
        inside = (there >= -0.5).all(1) & (there[:, 0] < flow.size[1] - 0.5) & (there[:, 1] < flow.size[0] - 0.5)
        kept = inside & (covered <= OCCLUDED)
        begun = _new_points(there[kept], flow.size)
        fresh = _sample(lab, begun)
        place, colour = np.concatenate([there[kept], begun]), np.concatenate([new[kept], fresh])
        origin = np.concatenate([origin[kept], fresh])
        covered = np.concatenate([covered[kept], np.zeros(len(begun), np.float32)])
        number = np.concatenate([number[kept], np.arange(n, n + len(begun))])
        n += len(begun)
        rows.append((number, place, colour))
    return _collected(rows, n)


def _collected(rows: list[tuple[NDArray, NDArray, NDArray]], n: int) -> PointTracks:
    """Return tracks of at least four frames, or of all frames where there are fewer."""
    position = np.full((len(rows), n, 2), np.nan, np.float32)
    colour = np.zeros((n, 3), np.float32)
    for at, (number, place, colours) in enumerate(rows):
        position[at, number] = place
        colour[number] += colours
    seen = ~np.isnan(position[..., 0])
    length = seen.sum(0)
    birth, death = seen.argmax(0), len(rows) - 1 - seen[::-1].argmax(0)
    columns = np.arange(n)
    motion = (position[death, columns] - position[birth, columns]) / np.maximum(length - 1, 1)[:, None]
    middle = np.nan_to_num(position).sum(0) / length[:, None]
    features = np.concatenate([middle, colour / length[:, None], motion], axis=1).astype(np.float32)
    long = length >= min(SHORTEST, len(rows))
    return PointTracks(position[:, long], features[long], birth[long], death[long])


def _new_points(near: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return points of a grid, (x, y), in cells that hold none."""
    rows, columns = -(-size[0] // SPACING), -(-size[1] // SPACING)
    empty = np.ones((rows, columns), bool)
    at = np.clip(np.rint(near).astype(int), 0, [size[1] - 1, size[0] - 1]) // SPACING
    empty[at[:, 1], at[:, 0]] = False
    y, x = np.nonzero(empty)
    points = np.stack([x, y], 1) * SPACING + SPACING // 2
    return np.minimum(points, [size[1] - 1, size[0] - 1]).astype(np.float32)


def _sample(picture: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return bilinear values of [h, w, c] at (x, y) places, float32 [n, c]."""
    x = np.clip(places[:, 0], 0, picture.shape[1] - 1)
    y = np.clip(places[:, 1], 0, picture.shape[0] - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, low = np.minimum(left + 1, picture.shape[1] - 1), np.minimum(top + 1, picture.shape[0] - 1)
    a, b = (x - left)[:, None], (y - top)[:, None]
    upper = picture[top, left] * (1 - a) + picture[top, right] * a
    lower = picture[low, left] * (1 - a) + picture[low, right] * a
    return np.asarray(upper * (1 - b) + lower * b, np.float32)


def group_points(tracks: PointTracks) -> NDArray[np.int64]:
    """Group of each track, int64 [n], by density peaks (Rodriguez and Laio, Science 2014) within cells of a grid.

    A track belongs to the group of its nearest denser one; only tracks that are to be seen together count.
    """
    scaled = tracks.features / FEATURE_SCALES
    cell = np.floor(tracks.features[:, :2] / CELL).astype(np.int64)
    code = cell[:, 1] << 32 | cell[:, 0]
    order = np.argsort(code, kind="stable")
    group = np.arange(len(code))
    for members in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
        parent = _denser(scaled[members], tracks.birth[members], tracks.death[members])
        while not np.array_equal(parent[parent], parent):
            parent = parent[parent]
        group[members] = members[parent]
    return np.unique(group, return_inverse=True)[1]


def _denser(features: NDArray[np.float32], birth: NDArray[np.int64], death: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the nearest denser track of each, or itself at a peak."""
    squared = ((features[:, None] - features[None]) ** 2).sum(-1)
    apart = (birth[:, None] > death[None]) | (death[:, None] < birth[None])
    density = np.where(apart, 0, np.exp(-squared)).sum(1)
    rank = np.empty(len(density), int)
    rank[np.argsort(-density, kind="stable")] = np.arange(len(density))
    squared[apart | (rank[None] >= rank[:, None])] = np.inf
    nearest = squared.argmin(1)
    peak = squared[np.arange(len(nearest)), nearest] > CENTRE
    return np.where(peak, np.arange(len(nearest)), nearest)
