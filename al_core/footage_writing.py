"""Write footage as a DAVIS-layout folder, so that the ordinary commands can take it in."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from al_core.errors import BadVideo, OutputExists
from al_core.export.palette import davis_palette
from al_core.footage.clips import EMPTY, Footage, View
from al_core.footage.sources import IGNORE_INDEX

JPEG_QUALITY = 95


def write_davis(footage: Footage, root: Path, level: str = "480p") -> Path:
    """Write footage as a sequence of a DAVIS-layout folder, for the ordinary commands; it appears whole or not at all.

    Frames are JPEG of quality 95, masks index images with 255 for pixels to ignore. How a view was made stands in
    ``NAME.json`` beside ``JPEGImages``.

    Returns:
        The folder of frames.

    Raises:
        OutputExists: the sequence is there already.
    """
    places = [root / part / level / footage.name for part in ("Annotations", "JPEGImages")]
    for place in places:
        if place.exists():
            raise OutputExists(f"{place} exists; remove it, or choose another folder")
    parts = [place.with_name(f".{place.name}.{os.getpid()}.part") for place in places]
    try:
        for part in parts:
            part.mkdir(parents=True)
        _write_masks(footage, parts[0])
        for i in range(footage.n_frames):
            image = cv2.cvtColor(footage.read(i), cv2.COLOR_RGB2BGR)
            if not cv2.imwrite(str(parts[1] / f"{i:05d}.jpg"), image, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY)):
                raise BadVideo(f"{parts[1]}: frame {i} cannot be written; is the disk full?")
        if isinstance(footage, View):
            (root / f"{footage.name}.json").write_text(json.dumps(_recipe(footage), indent=1), encoding="utf-8")
        # Frames last: a sequence that can be found has its masks.
        for part, place in zip(parts, places, strict=True):
            os.replace(part, place)
    finally:
        for part in parts:
            shutil.rmtree(part, ignore_errors=True)
    return places[1]


def _write_masks(footage: Footage, folder: Path) -> None:
    palette = davis_palette().reshape(-1).tolist()
    for i in footage.truth_frames:
        indices = np.zeros(footage.size, np.uint8)
        for track, mask in footage.truth(i).items():
            indices[mask] = track
        ignored = footage.ignore(i)
        if ignored is not None:
            indices[ignored] = IGNORE_INDEX
        image = Image.fromarray(indices)
        image.putpalette(palette)
        image.save(folder / f"{i:05d}.png")


def _recipe(view: View) -> dict[str, object]:
    return {
        "source": view.source.name,
        "source_sha256": view.source.sha256,
        "index": view.index,
        "empty": EMPTY,
        "noise": view.noise,
        "seed": view.seed,
        "stretches": [[stretch.kind, stretch.start] for stretch in view.stretches],
    }
