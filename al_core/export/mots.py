"""MOTS: objects of a video as 16-bit index images and as lines of run-length codes.

The layout is that of MOTSChallenge, so that TrackEval reads the folder as its ``GT_FOLDER`` and mots_tools reads
``instances``. A pixel is ``class * 1000 + instance``; frames are counted from 1. Class 10 (pixel 10000) is the region
to ignore; car is class 1 and pedestrian class 2 as there, other categories get the next free number. No two objects of
a frame share a pixel: where masks overlap, the better founded one keeps it, as in the DAVIS layout.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from al_core.errors import BadLabel
from al_core.export.contents import (
    ExportClip,
    ExportOptions,
    LabelledFrame,
    Tally,
    labelled_frames,
    one_category,
    write_frames,
)
from al_core.export.davis import IndexImage, categories_of_tracks, index_image, write_index_png
from al_core.masks import rle
from al_core.records import Video

CLASS = 1000
"""What a class number is multiplied with in a pixel; an instance is below it."""

IGNORE_CLASS = 10
IGNORED = IGNORE_CLASS * CLASS

_KNOWN = {"car": 1, "pedestrian": 2, "person": 2}
_MAX_CLASS = 64
"""The last one whose instances all fit into 16 bits."""


def export(
    clips: Sequence[ExportClip],
    categories: Mapping[int, str],
    out: Path,
    options: ExportOptions,
    tally: Tally,
) -> None:
    """Write ``MOTS-train/<video>/`` (``gt/gt.txt``, ``seqinfo.ini``, ``img1/``), ``instances/<video>/``, ``seqmaps/``
    and ``classes.json``.

    A frame that is empty has an index image of zeros and no line. A frame that is not labelled is a region to ignore as
    a whole.

    Raises:
        BadLabel: more than 63 categories, or more than 999 objects of one category in a video.
    """
    tally.total *= 2 if options.images else 1
    class_of = class_numbers(categories)
    for clip in clips:
        folder = out / "MOTS-train" / clip.video.name
        _write_clip(clip, class_of, options, folder, out / "instances" / clip.video.name, tally)
        if options.images:
            images = {i: folder / "img1" / f"{frame_name(i)}.jpg" for i in range(clip.video.n_frames)}
            write_frames(clip, images, tally)
    (out / "seqmaps").mkdir(parents=True)
    listing = "".join(f"{clip.video.name}\n" for clip in clips)
    (out / "seqmaps" / "MOTS-train.txt").write_text(f"name\n{listing}", encoding="utf-8")
    names = {class_of[category]: name for category, name in categories.items()}
    others = [name for number, name in names.items() if number != _KNOWN["pedestrian"]]
    if others:
        tally.warnings.append(f"TrackEval's MOTSChallenge measures class 2, person, alone; not {', '.join(others)}")
    content = json.dumps(dict(sorted(names.items())), indent=1, ensure_ascii=False)
    (out / "classes.json").write_text(content + "\n", encoding="utf-8")
    tally.files += 2
    if tally.lossy_pixels:
        tally.warnings.append(
            f"objects overlap: {tally.lossy_pixels} of {tally.mask_pixels} mask pixels went to a better founded mask"
        )


def class_numbers(categories: Mapping[int, str]) -> dict[int, int]:
    """Return the class of each category: that of MOTS where it has one of this name, else the next free one.

    Raises:
        BadLabel: more categories than classes.
    """
    found: dict[int, int] = {}
    for category, name in sorted(categories.items()):
        number = _KNOWN.get(name.lower())
        if number is not None and number not in found.values():
            found[category] = number
    free = (n for n in range(1, _MAX_CLASS + 1) if n != IGNORE_CLASS and n not in _KNOWN.values())
    for category in sorted(categories.keys() - found.keys()):
        number = next(free, None)
        if number is None:
            raise BadLabel(f"MOTS has {_MAX_CLASS - 3} classes besides its own, the project has {len(categories)}")
        found[category] = number
    return found


def frame_name(frame_idx: int) -> str:
    """Return the stem of a frame's files: six digits, counted from 1."""
    return f"{frame_idx + 1:06d}"


def _write_clip(
    clip: ExportClip, class_of: Mapping[int, int], options: ExportOptions, folder: Path, pngs: Path, tally: Tally
) -> None:
    video = clip.video
    index_of = _instances(clip, class_of, options, tally)
    (folder / "gt").mkdir(parents=True)
    pngs.mkdir(parents=True)
    with (folder / "gt" / "gt.txt").open("w", encoding="ascii") as file:
        for frame in labelled_frames(clip, options, tally, whole_video=True, with_regions=True):
            image, lost = _painted(frame, index_of, video)
            write_index_png(pngs / f"{frame_name(frame.frame_idx)}.png", image)
            file.writelines(_lines(frame.frame_idx, image))
            tally.files += 1
            tally.lossy_pixels += lost
            if frame.labelled:
                tally.count(frame)
            else:
                tally.note("{n} frames are not labelled and stand as one region to ignore")
    rate = float(video.fps)
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={video.name}\nimDir=img1\nframeRate={rate:g}\nseqLength={video.n_frames}\n"
        f"imWidth={video.width}\nimHeight={video.height}\nimExt=.jpg\n",
        encoding="utf-8",
    )
    tally.files += 2


def _instances(clip: ExportClip, class_of: Mapping[int, int], options: ExportOptions, tally: Tally) -> dict[int, int]:
    """Return the pixel value of each track; a track keeps its own number as instance where all fit."""
    found = categories_of_tracks(clip, options)
    fits = max(found, default=0) < CLASS
    numbers: Counter[int] = Counter()
    index_of = {}
    for track, categories in found.items():
        number = class_of[one_category(categories, track, clip.video, tally)]
        numbers[number] += 1
        index_of[track] = number * CLASS + (track if fits else numbers[number])
    if max(numbers.values(), default=0) >= CLASS:
        raise BadLabel(
            f"{clip.video.name}: MOTS tells {CLASS - 1} objects of a class apart, the video has "
            f"{max(numbers.values()):,}; export it as coco or youtube-vis"
        )
    if not fits:
        tally.warnings.append(f"{clip.video.name}: object numbers go up to {max(found)}; here they go from 1 by class")
    return index_of


def _painted(frame: LabelledFrame, index_of: Mapping[int, int], video: Video) -> tuple[IndexImage, int]:
    if not frame.labelled:
        return np.full((video.height, video.width), IGNORED, np.uint16), 0
    small, lost = index_image(frame.masks, index_of, video.height, video.width)
    image = small.astype(np.uint16)
    for region in frame.regions:
        image[rle.decode(region.rle) & (image == 0)] = IGNORED
    return image, lost


def _lines(frame_idx: int, image: IndexImage) -> list[str]:
    height, width = image.shape
    return [
        f"{frame_idx + 1} {value} {value // CLASS} {height} {width} {rle.encode(image == value).counts}\n"
        for value in np.unique(image).tolist()
        if value
    ]
