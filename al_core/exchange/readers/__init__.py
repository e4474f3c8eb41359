"""Readers of label files, one a format, behind one type."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from al_core.exchange.drawn import AskedBy, DrawnFrame, FileContent


@dataclass(frozen=True, slots=True)
class LabelSource:
    """A file, or a folder of files that belong together, and what reads it.

    Attributes:
        read: what it says of the frames that it names. It tells how far it is, in [0, 1], where that takes long, and
            raises BadLabel where nothing of it can be used.
    """

    path: Path
    format: str
    read: Callable[[AskedBy, Callable[[float], None] | None], FileContent[DrawnFrame]]
