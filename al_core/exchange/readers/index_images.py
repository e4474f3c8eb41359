"""Read index images, which number the objects of one frame.

0 is background, every other value a track, 255 a region to ignore (in 16-bit images 255 is a track like any other). A
plain grey image that holds nothing but 0 and 255 shows one object in white. An image of zeros says that nothing is
there.
"""

from pathlib import Path

import numpy as np

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, AskedBy, DrawnFrame, DrawnMask, FileContent, FrameName
from al_core.footage.images import read_indices
from al_core.footage.mask_checks import check_soft_edges, only_ignored, says_ignore
from al_core.footage.sources import IGNORE_INDEX
from al_core.masks.rle import encode
from al_core.records import IGNORE_TRACK


def read_image_file(path: Path, asked_by: AskedBy) -> FileContent[DrawnFrame]:
    """Read one index image, whose name tells the frame.

    Raises:
        BadLabel: as :func:`read_index_image`.
    """
    asked = asked_by(FrameName(path.name))
    frame = read_index_image(path, asked)
    bare = bool(frame.masks) and not frame.objects
    notes = (f"{path.name}: nothing but a region to ignore, the frame is left without an object",) if bare else ()
    return FileContent({asked.request_id: frame}, notes=notes)


def read_index_image(path: Path, asked: Asked) -> DrawnFrame:
    """Read what an index image says of a frame.

    Raises:
        BadLabel: the file cannot be read, has another size than the frame, has soft edges, or marks nothing but 255
            without calling it a region to ignore.
    """
    values, plain_grey = read_indices(path)
    if values.shape != (asked.height, asked.width):
        size = f"{values.shape[0]}x{values.shape[1]} pixels (height x width)"
        raise BadLabel(
            f"{path.name}: the image is {size}, its frame is {asked.height}x{asked.width} pixels (height x width). "
            "Draw on the frame as it is given, without scaling or cropping"
        )
    check_soft_edges(values, path.name)
    present = [int(value) for value in np.unique(values) if value]
    ignored = IGNORE_INDEX if values.dtype == np.uint8 else None
    if present == [ignored]:
        if plain_grey:
            return DrawnFrame((DrawnMask(1, None, encode(values == IGNORE_INDEX)),))
        if not says_ignore(path):
            raise only_ignored(path.name)
    masks = (DrawnMask(IGNORE_TRACK if v == ignored else v, None, encode(values == v)) for v in present)
    return DrawnFrame(tuple(masks))
