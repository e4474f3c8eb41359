"""What the ensemble of teachers sees in a video, kept as one Parquet file per round and video.

One row per frame: its number, its feature, and a list of objects whose mean masks are PNG bytes cropped to
    their
bounding boxes. Features can be read without touching a mask.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from al_core.errors import BadLabel, MissingDependency

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
        pa.field("x", pa.int32(), nullable=False),
        pa.field("y", pa.int32(), nullable=False),
        pa.field("mask_png", pa.binary(), nullable=False),
    ]
)
_SCHEMA = pa.schema(
    [
        pa.field("frame_idx", pa.int32(), nullable=False),
        pa.field("feature", pa.list_(pa.float32()), nullable=False),
        pa.field("objects", pa.list_(_OBJECT), nullable=False),
    ]
)
_SCALARS = (
    "category_id",
    "existence",
    "members",
    "box_spread",
    "mask_iou",
    "class_entropy",
    "mutual_information",
    "existence_disagreement",
)


@dataclass(frozen=True, eq=False)
class SoftMask:
    """A mask of probabilities, cropped to the part that is not zero.

    Attributes:
        x, y: column and row of the crop's first pixel.
        values: uint8 [h, w], the probability times 255; empty for a mask that is zero everywhere.
        size: (height, width) of the whole frame in working pixels.

    Raises:
        BadLabel: the crop does not lie within the frame.
    """

    x: int
    y: int
    values: NDArray[np.uint8]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.dtype != np.uint8:
            raise BadLabel(f"a soft mask is uint8 [h, w], got {self.values.dtype} {list(self.values.shape)}")
        bottom, right = self.y + self.values.shape[0], self.x + self.values.shape[1]
        if self.x < 0 or self.y < 0 or bottom > self.size[0] or right > self.size[1]:
            raise BadLabel(
                f"a soft mask lies in its frame of {self.size[0]}x{self.size[1]} pixels (height x width); "
                f"got rows {self.y} to {bottom} and columns {self.x} to {right}"
            )

    @classmethod
    def of(cls, probability: NDArray[Any]) -> "SoftMask":
        """Crop a whole frame: float [H, W] in [0, 1], rounded to 1/255, or bool."""
        quantised = np.rint(np.asarray(probability, np.float32) * 255).astype(np.uint8)
        rows, columns = np.flatnonzero(quantised.any(axis=1)), np.flatnonzero(quantised.any(axis=0))
        size = (int(quantised.shape[0]), int(quantised.shape[1]))
        if not len(rows):
            return cls(0, 0, np.zeros((0, 0), np.uint8), size)
        y, x = int(rows[0]), int(columns[0])
        return cls(x, y, quantised[y : rows[-1] + 1, x : columns[-1] + 1].copy(), size)

    def full(self) -> NDArray[np.float32]:
        """The probability of every pixel of the frame: float32 [H, W] in [0, 1]."""
        whole = np.zeros(self.size, np.float32)
        h, w = self.values.shape
        whole[self.y : self.y + h, self.x : self.x + w] = self.values * np.float32(1 / 255)
        return whole

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SoftMask):
            return NotImplemented
        same_place = (self.x, self.y, self.size) == (other.x, other.y, other.size)
        return same_place and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class PredictedObject:
    """One object as the M members x K views together see it.

    Attributes:
        category_id: the most probable category.
        class_probabilities: C + 1 values that add up to 1; the last is "no object". The mean over all M*K
            outputs.
        existence: in [0, 1], 1 - probability of "no object".
        members: how many of the M*K outputs saw it with at least the score threshold.
        box: (x0, y0, x1, y1) in working pixels, mean over the outputs that saw it.
        box_spread: at least 0; standard deviation of the corners over the diagonal of the box.
        mask_iou: in [0, 1]; mean pairwise intersection over union of the masks, 1 if only one output saw it.
        class_entropy: in nats, of the mean distribution.
        mutual_information: in nats; how much of that entropy is disagreement between outputs.
        soft_mask: mean of the masks of the outputs that saw it, weighted by their scores.
        existence_disagreement: in [0, 1]; 4 p (1 - p) for the share p of outputs counted in ``members``: 1
            when half of them miss the object.
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
        BadLabel: a mask of another size, features of different lengths, or frames out of order.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    schema = _SCHEMA.with_metadata({"height": str(size[0]), "width": str(size[1])})
    try:
        with pq.ParquetWriter(
            unfinished, schema, compression="zstd", write_page_checksum=True, use_dictionary=False
        ) as writer:
            for group in _groups(_checked(frames, size), ROWS_PER_GROUP):
                writer.write_table(pa.Table.from_pylist([_to_row(f) for f in group], schema))
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_predictions(path: Path, frame_indices: Iterable[int] | None = None) -> Iterator[FramePrediction]:
    """A video's predictions in order of frame number.

    Args:
        frame_indices: only these frames; parts of the file without any of them are not read. None for all.

    Raises:
        MissingDependency: there is no such file, or it cannot be read.
    """
    wanted = None if frame_indices is None else set(frame_indices)
    with _opened(path) as file:
        metadata = file.schema_arrow.metadata
        size = (int(metadata[b"height"]), int(metadata[b"width"]))
        for group in range(file.num_row_groups):
            if wanted is not None and not _may_hold(file, group, wanted):
                continue
            for row in file.read_row_group(group).to_pylist():
                if wanted is None or row["frame_idx"] in wanted:
                    yield _from_row(row, size)


def read_features(path: Path) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Frame numbers, int32 [n] rising, and features, float32 [n, d]; the masks are not read.

    Raises:
        MissingDependency: there is no such file, or it cannot be read.
    """
    with _opened(path) as file:
        table = file.read(columns=["frame_idx", "feature"])
    frame_idx = table["frame_idx"].to_numpy().astype(np.int32)
    values = table["feature"].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return frame_idx, values.reshape(len(frame_idx), -1) if len(frame_idx) else np.zeros((0, 0), np.float32)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """The file; what is damaged in it is told when it is read."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError:
        raise MissingDependency(
            f"{path}: expected a video's predictions, there is no file; fewframes run makes "
            "those of the last round again"
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise MissingDependency(
            f"{path}: expected a video's predictions, the file cannot be read ({error}); delete it, then "
            "fewframes run makes those of the last round again"
        ) from None


def _may_hold(file: pq.ParquetFile, group: int, wanted: set[int]) -> bool:
    statistics = file.metadata.row_group(group).column(0).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return any(statistics.min <= index <= statistics.max for index in wanted)


def _checked(frames: Iterable[FramePrediction], size: tuple[int, int]) -> Iterator[FramePrediction]:
    last, length = -1, None
    for frame in frames:
        if frame.frame_idx <= last:
            raise BadLabel(f"predictions come in order of frame number, got {frame.frame_idx} after {last}")
        if length is not None and len(frame.feature) != length:
            raise BadLabel(f"frame {frame.frame_idx}: expected a feature of {length} values, got {len(frame.feature)}")
        for found in frame.objects:
            if found.soft_mask.size != size:
                raise BadLabel(f"frame {frame.frame_idx}: expected masks of {size}, got {found.soft_mask.size}")
        last, length = frame.frame_idx, len(frame.feature)
        yield frame


def _groups(frames: Iterable[FramePrediction], n: int) -> Iterator[list[FramePrediction]]:
    group: list[FramePrediction] = []
    for frame in frames:
        group.append(frame)
        if len(group) == n:
            yield group
            group = []
    if group:
        yield group


def _to_row(frame: FramePrediction) -> dict[str, Any]:
    feature = np.asarray(frame.feature, np.float32)
    return {
        "frame_idx": frame.frame_idx,
        "feature": feature,
        "objects": [_to_struct(o) for o in frame.objects],
    }


def _to_struct(found: PredictedObject) -> dict[str, Any]:
    scalars = {name: getattr(found, name) for name in _SCALARS}
    mask = found.soft_mask
    return scalars | {
        "class_probabilities": list(found.class_probabilities),
        "box": list(found.box),
        "x": mask.x,
        "y": mask.y,
        "mask_png": _to_png(mask.values),
    }


def _from_row(row: dict[str, Any], size: tuple[int, int]) -> FramePrediction:
    objects = tuple(_from_struct(s, size) for s in row["objects"])
    return FramePrediction(row["frame_idx"], objects, np.asarray(row["feature"], np.float32))


def _from_struct(row: dict[str, Any], size: tuple[int, int]) -> PredictedObject:
    return PredictedObject(
        **{name: row[name] for name in _SCALARS},
        class_probabilities=tuple(row["class_probabilities"]),
        box=tuple(row["box"]),
        soft_mask=SoftMask(row["x"], row["y"], _from_png(row["mask_png"]), size),
    )


def _to_png(values: NDArray[np.uint8]) -> bytes:
    import cv2

    if not values.size:
        return b""
    # The lowest level: a mean mask has few grey values and long runs, more effort hardly makes it smaller.
    return cv2.imencode(".png", values, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _from_png(data: bytes) -> NDArray[np.uint8]:
    import cv2

    if not data:
        return np.zeros((0, 0), np.uint8)
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
