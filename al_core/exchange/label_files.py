"""Read the files that people drop for frames that they were asked for: index images, and COCO JSON."""

from collections.abc import Sequence
from pathlib import Path

from al_core.errors import BadLabel
from al_core.exchange.drawn import AskedBy, DrawnFrame, FileContent
from al_core.exchange.readers.coco_json import read_coco
from al_core.exchange.readers.index_images import read_image_file

SUFFIXES = (".png", ".json")


def read_label_file(path: Path, asked_by: AskedBy, categories: Sequence[str]) -> FileContent[DrawnFrame]:
    """Read one file of either kind.

    Args:
        asked_by: finds the frame that a name means.
        categories: names that a COCO file may use.

    Raises:
        BadLabel: nothing of the file can be used; the message names what is wrong with it and what to do.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        return read_image_file(path, asked_by)
    if suffix == ".json":
        return read_coco(path, asked_by, categories)
    raise BadLabel(f"{path.name}: expected an index image (.png) or COCO (.json), got {suffix or 'no ending'!r}")
