"""What the ensemble of teachers sees in a video, kept as one Parquet file per round and video.

One row per frame: its number, its feature, and a list of objects whose mean masks are PNG bytes cropped to their
bounding boxes. Features can be read without touching a mask.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from al_core.masks.soft import SoftMask
from al_core.stores.parquet import FrameTable, Row

ROWS_PER_GROUP = 64
"""Frames that are held in memory, and read back, at a time."""

_OBJECT = pa.struct(
    [
        pa.field("category_id", pa.int32(), nullable=False),
        pa.field("class_probabilities", pa.list_(pa.float64()), nullable=False),
        pa.field("existence", pa.float64(), nullable=False),
        pa.field("members", pa.int32(), nullable=False),
        pa.field("box", pa.list_(pa.float64(), 4), nullable=False),
        pa.field("box_spread", pa.float64(), nullable=False),
        pa.field("mask_iou", pa.float64(), nullable=False),
        pa.field("class_entropy", pa.float64(), nullable=False),
        pa.field("mutual_information", pa.float64(), nullable=False),
        pa.field("existence_disagreement", pa.float64(), nullable=False),
        pa.field("track_id", pa.int32(), nullable=False),
        pa.field("x", pa.int32(), nullable=False),
        pa.field("y", pa.int32(), nullable=False),
        pa.field("mask_png", pa.binary(), nullable=False),
    ]
)
_TABLE = FrameTable(
    "a video's predictions",
    pa.schema(
        [
            pa.field("frame_idx", pa.int32(), nullable=False),
            pa.field("feature", pa.list_(pa.float32()), nullable=False),
            pa.field("objects", pa.list_(_OBJECT), nullable=False),
        ]
    ),
    rows_per_group=ROWS_PER_GROUP,
    use_dictionary=False,
)
_SCALARS = [column.name for column in _OBJECT if pa.types.is_primitive(column.type) and column.name not in ("x", "y")]


@dataclass(frozen=True)
class PredictedObject:
    """One object as the M members x K views together see it.

    Attributes:
        category_id: the most probable category.
        class_probabilities: C + 1 values that add up to 1; the last is "no object". The mean over all M*K outputs.
        existence: in [0, 1], 1 - probability of "no object".
        members: how many of the M*K outputs saw it with at least the score threshold.
        box: (x0, y0, x1, y1) in working pixels, mean over the outputs that saw it.
        box_spread: at least 0; standard deviation of the corners over the diagonal of the box.
        mask_iou: in [0, 1]; mean pairwise intersection over union of the masks, 1 if only one output saw it.
        class_entropy: in nats, of the mean distribution.
        mutual_information: in nats; how much of that entropy is disagreement between outputs.
        soft_mask: mean of the masks of the outputs that saw it, weighted by their scores.
        existence_disagreement: in [0, 1]; 4 p (1 - p) for the share p of outputs counted in ``members``.
        track_id: the object's number within its video, from 1; 0 where nobody followed it, as in files of versions that
            noted none.
    """

    category_id: int
    class_probabilities: tuple[float, ...]
    existence: float
    members: int
    box: tuple[float, float, float, float]
    box_spread: float
    mask_iou: float
    class_entropy: float
    mutual_information: float
    soft_mask: SoftMask
    existence_disagreement: float = 0.0
    track_id: int = 0


@dataclass(frozen=True)
class FramePrediction:
    """Everything that the ensemble says of one frame.

    Attributes:
        objects: most certain to exist first; empty where nothing was seen.
        feature: float32 [d], the teachers' pooled feature, of length 1.
    """

    frame_idx: int
    objects: tuple[PredictedObject, ...]
    feature: NDArray[np.float32] = field(compare=False)


def write_predictions(path: Path, frames: Iterable[FramePrediction], size: tuple[int, int]) -> None:
    """Write a video's predictions as they come; the file appears whole or not at all.

    Args:
        frames: in rising order of frame number, features of one length.
        size: (height, width) of the frames in working pixels.

    Raises:
        ValueError: a mask of another size, features of different lengths, or frames out of order.
    """
    rows = map(_to_row, _checked(frames, size))
    _TABLE.write(path, rows, {"height": str(size[0]), "width": str(size[1])})


def read_predictions(path: Path, frame_indices: Iterable[int] | None = None) -> Iterator[FramePrediction]:
    """Yield a video's predictions in order of frame number.

    Args:
        frame_indices: only these frames; parts of the file without any of them are not read. None for all.

    Raises:
        DamagedFile: there is no such file, or it cannot be read.
    """
    with _TABLE.opened(path) as file:
        metadata = file.schema_arrow.metadata
        size = (int(metadata[b"height"]), int(metadata[b"width"]))
        for row in _TABLE.rows(file, frame_indices):
            objects = tuple(_from_struct(found, size) for found in row["objects"])
            yield FramePrediction(row["frame_idx"], objects, np.asarray(row["feature"], np.float32))


def read_features(path: Path) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return frame numbers, int32 [n] rising, and features, float32 [n, d]; the masks are not read.

    Raises:
        DamagedFile: there is no such file, or it cannot be read.
    """
    with _TABLE.opened(path) as file:
        table = file.read(columns=["frame_idx", "feature"])
    frame_idx = table["frame_idx"].to_numpy().astype(np.int32)
    values = table["feature"].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return frame_idx, values.reshape(len(frame_idx), -1) if len(frame_idx) else np.zeros((0, 0), np.float32)


class InOrder:
    """Predictions that come in rising order of frames, by frame; frames are asked for in rising order too."""

    def __init__(self, predictions: Iterable[FramePrediction]) -> None:
        self._rest = iter(predictions)
        self._next = next(self._rest, None)

    def at(self, frame_idx: int) -> FramePrediction | None:
        """Return the prediction for a frame; None where there is none."""
        while self._next is not None and self._next.frame_idx < frame_idx:
            self._next = next(self._rest, None)
        return self._next if self._next is not None and self._next.frame_idx == frame_idx else None


def _checked(frames: Iterable[FramePrediction], size: tuple[int, int]) -> Iterator[FramePrediction]:
    last, length = -1, None
    for frame in frames:
        if frame.frame_idx <= last:
            raise ValueError(f"predictions come in order of frame number, got {frame.frame_idx} after {last}")
        if length is not None and len(frame.feature) != length:
            raise ValueError(
                f"frame {frame.frame_idx}: expected a feature of {length} values, got {len(frame.feature)}"
            )
        for found in frame.objects:
            if found.soft_mask.size != size:
                raise ValueError(f"frame {frame.frame_idx}: expected masks of {size}, got {found.soft_mask.size}")
        last, length = frame.frame_idx, len(frame.feature)
        yield frame


def _to_row(frame: FramePrediction) -> Row:
    feature = np.asarray(frame.feature, np.float32)
    return {"frame_idx": frame.frame_idx, "feature": feature, "objects": [_to_struct(o) for o in frame.objects]}


def _to_struct(found: PredictedObject) -> Row:
    scalars = {name: getattr(found, name) for name in _SCALARS}
    mask = found.soft_mask
    return scalars | {
        "class_probabilities": list(found.class_probabilities),
        "box": list(found.box),
        "x": mask.x,
        "y": mask.y,
        "mask_png": _to_png(mask.values),
    }


def _from_struct(row: Row, size: tuple[int, int]) -> PredictedObject:
    return PredictedObject(
        **{name: row[name] for name in _SCALARS if name in row},
        class_probabilities=tuple(row["class_probabilities"]),
        box=tuple(row["box"]),
        soft_mask=SoftMask(row["x"], row["y"], _from_png(row["mask_png"]), size),
    )


def _to_png(values: NDArray[np.uint8]) -> bytes:
    if not values.size:
        return b""
    # The lowest level: a mean mask has few grey values and long runs, more effort hardly makes it smaller.
    return cv2.imencode(".png", values, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _from_png(data: bytes) -> NDArray[np.uint8]:
    if not data:
        return np.zeros((0, 0), np.uint8)
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
