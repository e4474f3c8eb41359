"""The only frame that anybody asked for in tests of readers, and a mask in it."""

from pathlib import Path

import numpy as np

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, DrawnFrame, FrameName
from al_core.exchange.label_files import read_label_file

ASKED = Asked("r1", 4, 4, lasting=True)
CORNER = np.zeros((4, 4), bool)
CORNER[0, 0] = True
"""One pixel."""


def asked_by(name: FrameName) -> Asked:
    """The frame r1; nobody asked for another one."""
    if name.stem != "r1":
        raise BadLabel(f"nobody asked for {name.stem}")
    return ASKED


def read(path: Path, categories=("object", "cat")) -> DrawnFrame:
    """What a file says of the frame."""
    return read_label_file(path, asked_by, categories).frames["r1"]
