"""DAVIS layout: frames as JPEG, one index image a frame with DAVIS' own palette.

An index image gives each pixel to one object. Where objects overlap, the better founded mask keeps the pixel:
human before accepted before propagated before teacher, then the higher confidence, then the lower object
number; what the others lose is counted. Lossless when nothing overlaps. The category of each object stands in
``categories.json``, where ingesting finds it again; provenance has no place in the format. A video of more objects than
8 bits can number gets grey 16-bit index images, which ingesting reads as well and most other readers do not.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.export.contents import (
    ExportClip,
    ExportOptions,
    LabelledFrame,
    Tally,
    frame_name,
    frame_paths,
    labelled_frames,
    one_category,
    write_frames,
)
from al_core.export.palette import davis_palette
from al_core.masks import rle
from al_core.records import DeliveredMask, Provenance, Video

RESOLUTION = "Full-Resolution"
"""The folder level below ``JPEGImages`` and ``Annotations``, as DAVIS names frames that were not scaled."""

MAX_OBJECTS = 254
"""Of 8 bits: index 0 is background and 255 "ignore"."""

MAX_OBJECTS_16_BIT = 65_535
"""In 16 bits 255 is an object like any other."""

IndexImage = NDArray[np.uint8] | NDArray[np.uint16]
"""Shape [h, w]; each pixel is the number of an object, 0 for background."""

_TRUST = {Provenance.HUMAN: 0, Provenance.ACCEPTED: 1, Provenance.PROPAGATED: 2, Provenance.TEACHER: 3}


def export(
    clips: Sequence[ExportClip],
    categories: Mapping[int, str],
    out: Path,
    options: ExportOptions,
    tally: Tally,
) -> None:
    """Write all frames below ``JPEGImages``, index images below ``Annotations``, and ``ImageSets/all.txt``.

    A frame that is not labelled has a frame file and no index image; an empty one has an index image of zeros.

    Raises:
        BadLabel: a video holds more than 65,535 objects.
    """
    tally.total *= 2 if options.images else 1
    names: dict[str, dict[str, str]] = {}
    for clip in clips:
        index_of, category_of = _numbered(clip, options, tally)
        names[clip.video.name] = {str(index_of[t]): categories[c] for t, c in category_of.items()}
        _write_masks(clip, options, out / "Annotations" / RESOLUTION / clip.video.name, index_of, tally)
        if options.images:
            images = out / "JPEGImages" / RESOLUTION / clip.video.name
            write_frames(clip, frame_paths(clip, range(clip.video.n_frames), images), tally)
    (out / "categories.json").write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
    listing = out / "ImageSets" / "all.txt"
    listing.parent.mkdir(parents=True)
    listing.write_text("".join(f"{clip.video.name}\n" for clip in clips), encoding="utf-8")
    tally.files += 2
    if tally.lossy_pixels:
        tally.warnings.append(
            f"objects overlap: {tally.lossy_pixels} of {tally.mask_pixels} mask pixels went to a better founded mask"
        )


def index_image(
    masks: Sequence[DeliveredMask], index_of: Mapping[int, int], height: int, width: int
) -> tuple[IndexImage, int]:
    """Paint objects over each other, the best founded last.

    Args:
        index_of: the index of each track, 1 to 65,535.

    Returns:
        The index image, shape [height, width], uint8 where the indices of all tracks fit, and how many mask pixels
        were painted over.
    """
    deep = max(index_of.values(), default=0) > MAX_OBJECTS
    image: IndexImage = np.zeros((height, width), np.uint16 if deep else np.uint8)
    painted = 0
    for mask in sorted(masks, key=_least_founded_first):
        pixels = rle.decode(mask.rle)
        image[pixels] = index_of[mask.track_id]
        painted += int(pixels.sum())
    return image, painted - int(np.count_nonzero(image))


def write_index_png(path: Path, image: IndexImage) -> None:
    """Write an index image of shape [h, w] as a PNG: with DAVIS' palette in 8 bits, grey in 16."""
    from PIL import Image

    if image.dtype == np.uint16:
        Image.fromarray(image).save(path, "PNG")
        return
    coloured = Image.fromarray(image, mode="P")
    coloured.putpalette(davis_palette().tobytes())
    coloured.save(path, "PNG")


def _least_founded_first(mask: DeliveredMask) -> tuple[int, float, int]:
    return -_TRUST[mask.provenance], mask.confidence, -mask.track_id


def _write_masks(
    clip: ExportClip, options: ExportOptions, folder: Path, index_of: Mapping[int, int], tally: Tally
) -> None:
    folder.mkdir(parents=True)
    for frame in labelled_frames(clip, options, tally, whole_video=True):
        if frame.labelled:
            _write_mask(folder, clip.video, frame, index_of, tally)
            tally.count(frame)


def _write_mask(folder: Path, video: Video, frame: LabelledFrame, index_of: Mapping[int, int], tally: Tally) -> None:
    image, lost = index_image(frame.masks, index_of, video.height, video.width)
    write_index_png(folder / f"{frame_name(video, frame.frame_idx)}.png", image)
    tally.lossy_pixels += lost
    tally.files += 1


def categories_of_tracks(clip: ExportClip, options: ExportOptions) -> dict[int, Counter[int]]:
    """Return how often each track that goes out is of which category, by track."""
    found: dict[int, Counter[int]] = {}
    for frame in labelled_frames(clip, options, whole_video=True):
        for mask in frame.masks:
            found.setdefault(mask.track_id, Counter())[mask.category_id] += 1
    return dict(sorted(found.items()))


def _numbered(clip: ExportClip, options: ExportOptions, tally: Tally) -> tuple[dict[int, int], dict[int, int]]:
    """Return the index and the category of each track; a track keeps its own number as index where all fit."""
    found = categories_of_tracks(clip, options)
    tracks, name = list(found), clip.video.name
    if len(tracks) > MAX_OBJECTS_16_BIT:
        raise BadLabel(
            f"{name}: an index image tells {MAX_OBJECTS_16_BIT:,} objects apart, the video has {len(tracks):,}; "
            "export it as coco or youtube-vis"
        )
    deep = len(tracks) > MAX_OBJECTS
    if deep:
        tally.warnings.append(
            f"{name}: {len(tracks):,} objects need 16-bit index images; fewframes reads them, most DAVIS readers "
            "expect 8 bits with a palette"
        )
    fits = not tracks or tracks[-1] <= (MAX_OBJECTS_16_BIT if deep else MAX_OBJECTS)
    if not fits:
        tally.warnings.append(f"{name}: object numbers go up to {tracks[-1]}; here they go from 1")
    index_of = {track: track if fits else number for number, track in enumerate(tracks, start=1)}
    return index_of, {t: one_category(found[t], t, clip.video, tally) for t in tracks}
