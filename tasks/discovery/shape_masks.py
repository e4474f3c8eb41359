"""Masks of other pictures, from a folder or from another project: what objects look like."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from al_core.discovery.given import GivenFrame, Hint
from al_core.errors import BadLabel
from al_core.footage.images import MASK_SUFFIXES, read_indices
from al_core.masks.rle import Rle, encode
from al_core.project import Project
from tasks.discovery.given_labels import given_in
from tasks.ledger.client import open_ledger

MOST = 256
"""Masks that are used, evenly spaced among those that are there."""

LEAST_SIDE = 16
"""Pixels of the longer side of a mask; smaller ones show no shape."""

WHITE = 255
"""In images that number the objects, the value of pixels that are neither object nor background."""

Thing = TypeVar("Thing")


def shapes_from(place: Path) -> tuple[Rle, ...]:
    """Return masks, each of all objects of a picture together, in the size of that picture.

    Args:
        place: another project, whose frames count in which people drew all objects; or a folder of mask images, also in
            folders inside it, whose values number the objects or which are white on black.

    Raises:
        BadLabel: there is no such folder, it holds no mask with an object, or one that cannot be read.
    """
    if not place.is_dir():
        raise BadLabel(f"{place}: expected a folder of mask images or a project, and there is no such folder")
    if Project.at(place).ledger_path.is_file():
        drawn = [mask for frame in given_in(open_ledger(Project.at(place))) if (mask := _drawn(frame)) is not None]
        wanted = "a project with frames in which people drew all objects"
    else:
        files = sorted(path for path in place.rglob("*") if path.suffix.lower() in MASK_SUFFIXES)
        drawn = [mask for path in _spread(files) if (mask := _read(path)) is not None]
        wanted = f"mask images ({', '.join(MASK_SUFFIXES)}) of at least {LEAST_SIDE} pixels that show an object"
    if not drawn:
        raise BadLabel(f"{place}: expected {wanted}, and found none")
    return tuple(_spread(drawn))


def _drawn(frame: GivenFrame) -> Rle | None:
    """Return all objects of a frame, if somebody drew each; None otherwise, and of a frame without objects."""
    objects = frame.objects(Hint.MASKS)
    if not objects or not frame.label.complete or len(objects) < len(frame.label.objects):
        return None
    return encode(np.any(list(frame.masks(frame.size).values()), axis=0))


def _read(path: Path) -> Rle | None:
    """Return all objects of a mask image; None where it shows none or is too small."""
    values, plain = read_indices(path)
    objects = values > 0
    if not (plain and set(np.unique(values).tolist()) <= {0, WHITE}):
        objects &= values != WHITE
    return encode(objects) if objects.any() and max(objects.shape) >= LEAST_SIDE else None


def _spread(things: Sequence[Thing]) -> list[Thing]:
    chosen = np.linspace(0, len(things) - 1, min(len(things), MOST)).round().astype(int).tolist()
    return [things[n] for n in chosen]
