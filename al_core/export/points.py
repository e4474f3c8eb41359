"""Points: the labels of masks on the points of a lidar that stood beside the camera (see :mod:`al_core.transfer`).

Of each frame that has a scan, ``labels/<frame>.label`` is SemanticKITTI's: uint32 for each point in the order of the
scan, the category in the lower 16 bits and the instance in the upper ones. ``points/<frame>.npz`` holds what it cannot,
and ``above/<frame>.png`` shows the scan from above.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadSettings, BadVideo
from al_core.export.contents import ExportClip, ExportOptions, LabelledFrame, Tally, frame_name, labelled_frames
from al_core.export.davis import index_image
from al_core.export.palette import rgb, track_colour
from al_core.records import DELIVERED, Video
from al_core.transfer.diffusion import diffuse
from al_core.transfer.rig import Rig, read_rig
from al_core.transfer.scans import SUFFIXES, by_stem, of_frame, read_scan

MOST = 2**16 - 1
"""Highest category and instance that a label can hold."""

PROVENANCES = tuple(DELIVERED)
"""A provenance is told by its place here, counted from 1; 0 is none."""

AHEAD, ASIDE, PER_METRE = 60, 25, 10
"""What the picture from above shows: metres ahead of the camera and to each side, and pixels for each."""


def export(
    clips: Sequence[ExportClip],
    categories: Mapping[int, str],
    out: Path,
    options: ExportOptions,
    tally: Tally,
) -> None:
    """Write ``<video>/labels/``, ``<video>/points/``, ``<video>/above/`` and ``classes.json``.

    A scan belongs to the frame of its name, or of the same number. Points outside the picture are background.

    Raises:
        BadSettings: ``options`` name no scans or no calibration, or a number is too high for a label.
        BadVideo: no frame has a scan, or a file is no scan or no calibration.
    """
    if options.lidar is None or options.calibration is None:
        raise BadSettings("points need the lidar's scans and a calibration: name both with --lidar and --calibration")
    scans = by_stem(options.lidar, SUFFIXES)
    rigs = _Rigs(options.calibration)
    written = sum(_write_clip(clip, scans, rigs, options, out / clip.video.name, tally) for clip in clips)
    if not written:
        names = ", ".join(list(scans)[:3])
        raise BadVideo(
            f"{options.lidar}: expected scans named as the labelled frames or with their numbers, got {names}, ...; "
            "rename them, or name another folder"
        )
    content = {"background": 0, **{name: number for number, name in sorted(categories.items())}}
    (out / "classes.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    tally.files += 1


class _Rigs:
    """The calibration of each frame, read once where one holds for all."""

    def __init__(self, path: Path) -> None:
        self._one = read_rig(path) if not path.is_dir() else None
        self._files = {} if self._one is not None else by_stem(path, (".txt", ".json"))
        self._folder = path

    def of(self, name: str) -> Rig:
        if self._one is not None:
            return self._one
        file = of_frame(self._files, name)
        if file is None:
            raise BadVideo(
                f"{self._folder}: expected a calibration named {name}, there is none; add it, or name one file"
            )
        return read_rig(file)


def _write_clip(
    clip: ExportClip, scans: Mapping[str, Path], rigs: _Rigs, options: ExportOptions, folder: Path, tally: Tally
) -> int:
    """Write what there are scans of; return how many frames that are."""
    written = 0
    for frame in labelled_frames(clip, options, tally):
        if not frame.labelled:
            continue
        name = _name(clip.video, frame.frame_idx)
        scan = of_frame(scans, name)
        if scan is None:
            tally.note("{n} labelled frames have no scan")
            continue
        _write_frame(clip.video, frame, read_scan(scan), rigs.of(name), folder, scan.stem)
        tally.count(frame)
        tally.files += 3
        written += 1
    return written


def _write_frame(
    video: Video, frame: LabelledFrame, points: NDArray[np.float64], rig: Rig, folder: Path, name: str
) -> None:
    highest = max((max(mask.track_id, mask.category_id) for mask in frame.masks), default=0)
    if highest > MOST:
        raise BadSettings(f"{video.name}: a label of points holds numbers up to {MOST}, got {highest}; leave it out")
    tracks = {mask.track_id: mask.track_id for mask in frame.masks}
    ids = index_image(frame.masks, tracks, video.height, video.width)[0].astype(np.int64)
    there, where = rig.seen(points, (video.height, video.width))
    found = diffuse(points[there], where, ids)
    instance, confidence = np.zeros(len(points), np.int64), np.zeros(len(points), np.float32)
    instance[there], confidence[there] = found.instance, found.confidence
    category, provenance = np.zeros_like(instance), np.zeros(len(points), np.int8)
    for mask in frame.masks:
        mine = instance == mask.track_id
        category[mine], provenance[mine] = mask.category_id, PROVENANCES.index(mask.provenance) + 1
    for part in ("labels", "points", "above"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (category | instance << 16).astype(np.uint32).tofile(folder / "labels" / f"{name}.label")
    seen = np.zeros(len(points), bool)
    seen[there] = True
    names = np.array(["", *map(str, PROVENANCES)])
    np.savez_compressed(
        folder / "points" / f"{name}.npz",
        instance=instance.astype(np.int32),
        category=category.astype(np.int32),
        provenance=provenance,
        provenances=names,
        confidence=confidence,
        seen=seen,
    )
    _draw(from_above(points, instance, rig), folder / "above" / f"{name}.png")


def from_above(points: NDArray[np.float64], instance: NDArray[np.int64], rig: Rig) -> NDArray[np.uint8]:
    """Draw a scan from above, the camera in the middle of the lower edge: RGB uint8 [h, w, 3].

    Background is grey, an instance has the colour that it has everywhere.
    """
    there = (np.c_[points, np.ones(len(points))] @ rig.to_camera.T)[:, :3]
    picture = np.full((AHEAD * PER_METRE, 2 * ASIDE * PER_METRE, 3), 255, np.uint8)
    columns = np.floor((there[:, 0] + ASIDE) * PER_METRE).astype(np.int64)
    rows = np.floor((AHEAD - there[:, 2]) * PER_METRE).astype(np.int64)
    shown = (columns >= 0) & (columns < picture.shape[1]) & (rows >= 0) & (rows < picture.shape[0])
    for number in (0, *np.unique(instance[instance > 0])):
        mine = shown & (instance == number)
        picture[rows[mine], columns[mine]] = rgb(track_colour(int(number))) if number else (190, 190, 190)
    return picture


def _draw(picture: NDArray[np.uint8], path: Path) -> None:
    from PIL import Image

    Image.fromarray(picture).save(path, "PNG")


def _name(video: Video, frame_idx: int) -> str:
    return Path(video.files[frame_idx]).stem if video.files else frame_name(video, frame_idx)
