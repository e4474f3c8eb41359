"""YOLO-seg: one text line per object, its outline as one polygon with coordinates in [0, 1]. Not lossless.

A polygon has neither holes nor parts, so each hole is joined to its outline by a cut of no width that runs inside the
object, and the parts of an object are joined by the shortest such line outside of it. Readers rasterise as
``cv2.fillPoly`` does on coordinates cut to whole pixels, with the outline itself belonging to the object; the
difference between that and the mask is counted, pixel by pixel, for every object that is written.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadSettings
from al_core.export.contents import (
    ExportClip,
    ExportOptions,
    LabelledFrame,
    Tally,
    frame_name,
    frame_paths,
    labelled_frames,
    write_frames,
)
from al_core.masks import rle
from al_core.records import Video

TRAIN, VAL = "train", "val"

VAL_SHARE = 0.2
"""Of the labelled frames of a video that belongs to no split."""

Ring = NDArray[np.int32]
"""A closed outline, shape [n, 2], (x, y) of pixels."""


def export(
    clips: Sequence[ExportClip],
    categories: Mapping[int, str],
    out: Path,
    options: ExportOptions,
    tally: Tally,
) -> None:
    """Write ``data.yaml``, ``images/<split>/<video>/<frame>.jpg`` and ``labels/<split>/<video>/<frame>.txt``.

    One ``data.yaml`` names all splits, relative to its own folder. A video that belongs to no split gives the last
    fifth of its frames to ``val``, so that nothing is validated on what it is trained on. An empty frame has an empty
    label file. Classes are counted from 0 in the order of their category ids. Object identity and provenance have no
    place in the format.

    Raises:
        BadSettings: the videos belong to splits, and none of them is called ``train`` or ``val``.
    """
    given = {clip.split: None for clip in clips if clip.split}
    if given and not {TRAIN, VAL} <= given.keys():
        raise BadSettings(f"YOLO trains on splits that are called {TRAIN} and {VAL}, got {', '.join(given)}")
    tally.total *= 2 if options.images else 1
    class_of = {category: number for number, category in enumerate(sorted(categories))}
    splits: dict[str, None] = {}
    for clip in clips:
        indices = _write_labels(clip, class_of, options, out / "labels", tally)
        splits |= dict.fromkeys(indices)
        if options.images:
            paths: dict[int, Path] = {}
            for split, numbers in indices.items():
                paths |= frame_paths(clip, numbers, out / "images" / split / _folder(clip.video))
            write_frames(clip, paths, tally)
    if VAL not in splits:
        tally.warnings.append(f"there is no {VAL} split: no labelled frame is left for it")
    (out / "data.yaml").write_text(_data_yaml(categories, splits), encoding="utf-8")
    tally.files += 1
    if tally.lossy_pixels:
        tally.warnings.append(
            f"polygons cannot hold every mask: {tally.lossy_pixels} of {tally.mask_pixels} mask pixels differ"
        )


def polygon(mask: NDArray[np.bool_]) -> Ring:
    """Return the outline of a mask as one ring of at least 3 points.

    Args:
        mask: shape [h, w], at least one pixel set.
    """
    import cv2

    contours, hierarchy = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    parents = hierarchy[0, :, 3]
    rings = [contour[:, 0, :].astype(np.int32) for contour in contours]
    parts = []
    for outer in np.flatnonzero(parents < 0):
        holes = [rings[hole] for hole in np.flatnonzero(parents == outer)]
        parts.append(_with_holes(rings[outer], holes, mask.shape) if holes else rings[outer])
    ring = _without_needless_points(_joined(parts))
    return np.concatenate([ring] * 3)[: max(3, len(ring))]


def polygon_text(ring: Ring, height: int, width: int) -> str:
    """Write the coordinates ``x y x y ...`` of pixel centres as shares of the frame, six decimals."""
    scaled = (ring + 0.5) / (width, height)
    return " ".join(f"{value:.6f}" for value in scaled.ravel())


def polygon_mask(text: str, height: int, width: int) -> NDArray[np.bool_]:
    """Return the mask that a reader makes of a polygon's text, shape [height, width]."""
    import cv2

    points = np.array(text.split(), np.float64).reshape(-1, 2) * (width, height)
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [points.astype(np.int32)], color=(1,))
    return canvas.astype(bool)


def _write_labels(
    clip: ExportClip, class_of: Mapping[int, int], options: ExportOptions, labels: Path, tally: Tally
) -> dict[str, list[int]]:
    """Write a video's label files; returns the frames of each of its splits, rising."""
    first_val = None if clip.split else _first_of_val(clip, options, tally)
    indices: dict[str, list[int]] = {}
    for frame in labelled_frames(clip, options, tally):
        if not frame.labelled:
            continue
        split = clip.split or (VAL if first_val is not None and frame.frame_idx >= first_val else TRAIN)
        folder = labels / split / _folder(clip.video)
        if split not in indices:
            folder.mkdir(parents=True)
        text = _lines(frame, class_of, tally)
        (folder / f"{frame_name(clip.video, frame.frame_idx)}.txt").write_text(text, encoding="ascii")
        tally.files += 1
        tally.count(frame)
        indices.setdefault(split, []).append(frame.frame_idx)
    return indices


def _first_of_val(clip: ExportClip, options: ExportOptions, tally: Tally) -> int | None:
    """Return the frame from which on a video belongs to the validation; None where there are too few frames."""
    indices = [frame.frame_idx for frame in labelled_frames(clip, options) if frame.labelled]
    if len(indices) < 2:
        return None
    first = indices[-max(1, round(VAL_SHARE * len(indices)))]
    tally.warnings.append(
        f"{clip.video.name}: {VAL} is the end of the same video, from frame {first} on, and resembles what is trained "
        "on; with several videos whole ones are kept apart (--split)"
    )
    return first


def _folder(video: Video) -> str:
    """Return the folder of a video; readers find labels by exchanging the last ``/images/`` of a path."""
    return f"{video.name}_" if video.name == "images" else video.name


def _lines(frame: LabelledFrame, class_of: Mapping[int, int], tally: Tally) -> str:
    lines = []
    for item in frame.masks:
        mask = rle.decode(item.rle)
        text = polygon_text(polygon(mask), *mask.shape)
        tally.lossy_pixels += int(np.count_nonzero(polygon_mask(text, *mask.shape) != mask))
        lines.append(f"{class_of[item.category_id]} {text}\n")
    return "".join(lines)


def _data_yaml(categories: Mapping[int, str], splits: Iterable[str]) -> str:
    """Return the data file. Without ``path`` readers take its own folder, from whichever folder they run in."""
    places = "".join(f"{split}: images/{split}\n" for split in splits)
    names = "".join(f"  {i}: {json.dumps(name)}\n" for i, (_, name) in enumerate(sorted(categories.items())))
    return f"{places}names:\n{names}"


def _with_holes(outer: Ring, holes: Sequence[Ring], shape: tuple[int, ...]) -> Ring:
    """Join holes to their outline by horizontal cuts that never leave the object.

    From the leftmost point of a hole's outline one goes left until another outline of the object is met. Only
    outlines that begin further left count, so the cuts form a tree; holes are joined from right to left, each
    with all that hangs on it.
    """
    rings = sorted([outer, *holes], key=lambda ring: (ring is not outer, *_leftmost(ring)))
    owner = np.full(shape, len(rings), np.int32)
    for number in range(len(rings) - 1, -1, -1):  # where outlines share a pixel, the leftmost owns it
        owner[rings[number][:, 1], rings[number][:, 0]] = number
    for number in range(len(rings) - 1, 0, -1):
        hole = rings[number]
        x, y = _leftmost(hole)
        met = np.flatnonzero(owner[y, : x + 1] < number)
        target = int(owner[y, met[-1]]) if len(met) else 0
        at = _nearest(rings[target], np.array((met[-1], y) if len(met) else (x, y)))
        rings[target] = _spliced(rings[target], at, hole, _nearest(hole, np.array((x, y))))
    return rings[0]


def _leftmost(ring: Ring) -> tuple[int, int]:
    x, y = min(map(tuple, ring.tolist()))
    return x, y


def _joined(parts: list[Ring]) -> Ring:
    """Join separate parts, each to the nearest point of those before it."""
    from scipy.spatial import cKDTree

    parts = sorted(parts, key=len, reverse=True)
    ring = parts[0]
    for part in parts[1:]:
        distances, nearest = cKDTree(ring).query(part)
        start = int(np.argmin(distances))
        ring = _spliced(ring, int(nearest[start]), part, start)
    return ring


def _nearest(ring: Ring, point: NDArray[np.int_]) -> int:
    return int(np.argmin(((ring - point) ** 2).sum(axis=1)))


def _spliced(ring: Ring, at: int, other: Ring, start: int) -> Ring:
    """Walk ``ring`` up to ``at``, go over to ``other`` at ``start``, around it, and back the same way."""
    around = np.concatenate([other[start:], other[: start + 1]])
    return np.concatenate([ring[: at + 1], around, ring[at:]])


def _without_needless_points(ring: Ring) -> Ring:
    """Drop points in the middle of a straight run; the outline stays the same, pixel by pixel."""
    before = ring - np.roll(ring, 1, axis=0)
    after = np.roll(ring, -1, axis=0) - ring
    straight = (before == after).all(axis=1)
    return ring[~straight] if not straight.all() else ring
