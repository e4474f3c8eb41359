"""Read YOLO-seg: one text line an object, its class and its outline with coordinates in [0, 1].

Outlines become masks as readers of the format make them: corners are cut to whole pixels, and the outline itself
belongs to the object.
"""

from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.exchange.drawn import AskedBy, DrawnFrame, FileContent, FrameName
from al_core.exchange.readers import LabelSource
from al_core.exchange.readers.gathering import Gatherer
from al_core.masks.rle import encode


def yolo_source(folder: Path) -> LabelSource:
    """Return what reads a folder with ``data.yaml`` and ``labels``."""
    return LabelSource(folder, "yolo-seg", lambda asked_by, _: read_yolo(folder, asked_by))


def read_yolo(folder: Path, asked_by: AskedBy) -> FileContent[DrawnFrame]:
    """Read every label file below ``labels``; an empty file says that nothing is there.

    Raises:
        BadLabel: nothing can be used.
    """
    names, gathered = class_names(folder / "data.yaml"), Gatherer(folder.name, asked_by)
    files = sorted((folder / "labels").rglob("*.txt"))
    if not files:
        raise BadLabel(f"{folder}: expected label files (.txt) in {folder / 'labels'}")
    for file in files:
        asked = gathered.frame(FrameName(_image_path(file.relative_to(folder / "labels"))))
        if asked is None:
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
            if not line.strip():
                continue
            try:
                kind, mask = _object(line, asked.height, asked.width)
            except BadLabel as error:
                gathered.fault(asked, f"line {number} of {file.name}: {error}")
                continue
            if kind not in names:
                gathered.fault(asked, f"line {number} of {file.name} has class {kind}, which data.yaml does not name")
            else:
                gathered.add(asked, None, names[kind], encode(mask))
    return gathered.content()


def class_names(path: Path) -> dict[int, str]:
    """Return the names of classes in a ``data.yaml``, by number from 0, however the list is written.

    Raises:
        BadLabel: it cannot be read, or names no class.
    """
    try:
        content = yaml.safe_load(path.read_bytes())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadLabel(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from None
    listed = content.get("names") if isinstance(content, dict) else None
    names = dict(enumerate(listed)) if isinstance(listed, list) else listed
    if not isinstance(names, dict) or not names or not all(isinstance(number, int) for number in names):
        raise BadLabel(f"{path}: expected the names of the classes under names:")
    return {number: str(name) for number, name in names.items()}


def _image_path(label: Path) -> str:
    """Return the path of the image that a label file belongs to; our export calls the folder of a video "images" so."""
    return "/".join("images" if part == "images_" else part for part in label.with_suffix(".jpg").parts)


def _object(line: str, height: int, width: int) -> tuple[int, NDArray[np.bool_]]:
    kind, *values = line.split()
    try:
        points = np.array(values, np.float64).reshape(-1, 2)
        number = int(kind)
    except ValueError:
        raise BadLabel(f"expected a class and pairs of x and y, got {line[:40]!r}") from None
    if len(points) < 3:
        raise BadLabel(
            f"expected an outline of at least three corners, got {len(points)}: is it a box? Boxes are no masks"
        )
    if not ((points >= -0.01) & (points <= 1.01)).all():
        raise BadLabel("expected coordinates in [0, 1], as shares of the frame")
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [(points * (width, height)).astype(np.int32)], color=(1,))
    return number, canvas.astype(bool)
