"""The labelled video: one Parquet file per round and video, one row per mask, in order of frames and tracks.

A file also has each confidence as it was before calibration: where nothing else changed, only that is done again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from al_core.errors import DamagedFile
from al_core.masks.rle import Rle
from al_core.records import DeliveredMask, Provenance
from al_core.stores.parquet import FrameTable, Row

Summary = list[tuple[str, int, int, float]]
"""(provenance, frames with such a mask, masks, mean confidence in [0, 1]), by provenance."""

_TABLE = FrameTable(
    "a video's delivered masks",
    pa.schema(
        [
            pa.field("frame_idx", pa.int32(), nullable=False),
            pa.field("track_id", pa.int32(), nullable=False),
            pa.field("category_id", pa.int32(), nullable=False),
            pa.field("provenance", pa.dictionary(pa.int8(), pa.string()), nullable=False),
            pa.field("confidence", pa.float64(), nullable=False),
            pa.field("height", pa.int32(), nullable=False),
            pa.field("width", pa.int32(), nullable=False),
            pa.field("counts", pa.string(), nullable=False),
            pa.field("uncalibrated", pa.float64(), nullable=False),
        ]
    ),
    rows_per_group=4096,
)


Calibrations = Mapping[str, Callable[[float], float]]
"""Maps of confidences, by provenance; where there is none they stay as they are."""


def write_delivered(
    path: Path, masks: Iterable[DeliveredMask], calibrations: Calibrations = MappingProxyType({})
) -> Summary:
    """Write a video's masks as they come; the file appears whole or not at all.

    Args:
        masks: in rising order of frames, with uncalibrated confidences.
        calibrations: of the confidences that are delivered.

    Raises:
        ValueError: frames out of order.
    """
    counts: dict[str, _Count] = {}
    _TABLE.write(path, _counted((_to_row(mask, calibrations) for mask in masks), counts))
    return [(kind, n.frames, n.masks, n.confidence / n.masks) for kind, n in sorted(counts.items())]


def read_delivered(path: Path, frame_indices: Iterable[int] | None = None) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield (frame, masks) in order of frames; frames without masks are left out.

    Args:
        frame_indices: only these frames; parts of the file without any of them are not read. None for all.

    Raises:
        DamagedFile: there is no such file, or it cannot be read.
    """
    with _TABLE.opened(path) as file:
        masks = map(_from_row, _TABLE.rows(file, frame_indices))
        for frame_idx, found in groupby(masks, key=lambda mask: mask.frame_idx):
            yield frame_idx, list(found)


def read_uncalibrated(path: Path) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield (frame, masks) as :func:`read_delivered` does, with confidences as they were before calibration.

    Raises:
        DamagedFile: there is no such file, or it cannot be read, or an earlier version wrote it.
    """
    with _TABLE.opened(path) as file:
        if "uncalibrated" not in file.schema_arrow.names:
            raise DamagedFile(f"{path}: expected confidences before calibration, an earlier version noted none")
        masks = (_from_row(row | {"confidence": row["uncalibrated"]}) for row in _TABLE.rows(file))
        for frame_idx, found in groupby(masks, key=lambda mask: mask.frame_idx):
            yield frame_idx, list(found)


class DeliveredColumns(NamedTuple):
    """What is told of a video's masks beside their shapes, one entry a mask, in order of frames and tracks."""

    frame_idx: NDArray[np.int64]
    track_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    provenance: NDArray[np.str_]
    confidence: NDArray[np.float64]


def read_columns(path: Path) -> DeliveredColumns:
    """Return what a video's masks are, without their shapes: quick at any number of masks.

    Raises:
        DamagedFile: there is no such file, or it cannot be read.
    """
    with _TABLE.opened(path) as file:
        table = file.read(list(DeliveredColumns._fields))
    frames, tracks, categories = (table[name].to_numpy().astype(np.int64) for name in table.column_names[:3])
    provenance = np.array(table["provenance"].to_pylist(), str)
    return DeliveredColumns(frames, tracks, categories, provenance, table["confidence"].to_numpy())


@dataclass
class _Count:
    """Masks of one provenance; ``confidence`` is their sum."""

    frames: int = 0
    masks: int = 0
    confidence: float = 0.0
    last_frame: int = -1


def _counted(rows: Iterable[Row], counts: dict[str, _Count]) -> Iterator[Row]:
    """Yield the same rows, and count their masks by provenance as they pass by."""
    last = -1
    for row in rows:
        if row["frame_idx"] < last:
            raise ValueError(f"delivered masks come in order of frames, got {row['frame_idx']} after {last}")
        last = row["frame_idx"]
        count = counts.setdefault(row["provenance"], _Count())
        count.frames += count.last_frame != last
        count.masks += 1
        count.confidence += row["confidence"]
        count.last_frame = last
        yield row


def _to_row(mask: DeliveredMask, calibrations: Calibrations) -> Row:
    provenance = mask.provenance.value
    calibration = calibrations.get(provenance)
    return {
        "frame_idx": mask.frame_idx,
        "track_id": mask.track_id,
        "category_id": mask.category_id,
        "provenance": provenance,
        "confidence": mask.confidence if calibration is None else calibration(mask.confidence),
        "height": mask.rle.height,
        "width": mask.rle.width,
        "counts": mask.rle.counts,
        "uncalibrated": mask.confidence,
    }


def _from_row(row: Row) -> DeliveredMask:
    return DeliveredMask(
        row["frame_idx"],
        row["track_id"],
        row["category_id"],
        Provenance(row["provenance"]),
        row["confidence"],
        Rle(row["height"], row["width"], row["counts"]),
    )
