"""The labelled video: one Parquet file per round and video, one row per mask, in order of frames and
tracks.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from al_core.errors import BadLabel, MissingDependency
from al_core.masks.rle import Rle
from al_core.records import DeliveredMask, Provenance

ROWS_PER_GROUP = 4096
"""Masks that are held in memory, and read back, at a time."""

Summary = list[tuple[str, int, int, float]]
"""(provenance, frames with such a mask, masks, mean confidence in [0, 1]), by provenance."""

_SCHEMA = pa.schema(
    [
        pa.field("frame_idx", pa.int32(), nullable=False),
        pa.field("track_id", pa.int32(), nullable=False),
        pa.field("category_id", pa.int32(), nullable=False),
        pa.field("provenance", pa.dictionary(pa.int8(), pa.string()), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("counts", pa.string(), nullable=False),
    ]
)


def write_delivered(path: Path, masks: Iterable[DeliveredMask]) -> Summary:
    """Write a video's masks as they come; the file appears whole or not at all.

    Args:
        masks: in rising order of frames.

    Raises:
        BadLabel: frames out of order.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    tally = _Tally()
    try:
        with pq.ParquetWriter(unfinished, _SCHEMA, compression="zstd", write_page_checksum=True) as writer:
            for rows in _groups(tally.counted(masks)):
                writer.write_table(pa.Table.from_pylist(rows, _SCHEMA))
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return tally.summary()


def read_delivered(path: Path, frame_indices: Iterable[int] | None = None) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """(frame, masks) in order of frames; frames without masks are left out.

    Args:
        frame_indices: only these frames; parts of the file without any of them are not read. None for all.

    Raises:
        MissingDependency: there is no such file, or it cannot be read.
    """
    wanted = None if frame_indices is None else set(frame_indices)
    with _opened(path) as file:
        for frame_idx, masks in groupby(_rows(file, wanted), key=lambda mask: mask.frame_idx):
            yield frame_idx, list(masks)


class _Tally:
    """Counts masks as they pass by."""

    def __init__(self) -> None:
        self._last = -1
        self._frames: dict[Provenance, int] = {}
        self._last_of: dict[Provenance, int] = {}
        self._masks: dict[Provenance, int] = {}
        self._confidence: dict[Provenance, float] = {}

    def counted(self, masks: Iterable[DeliveredMask]) -> Iterator[DeliveredMask]:
        """The same masks."""
        for mask in masks:
            if mask.frame_idx < self._last:
                raise BadLabel(f"delivered masks come in order of frames, got {mask.frame_idx} after {self._last}")
            self._last = mask.frame_idx
            kind = mask.provenance
            self._frames[kind] = self._frames.get(kind, 0) + (self._last_of.get(kind) != mask.frame_idx)
            self._last_of[kind] = mask.frame_idx
            self._masks[kind] = self._masks.get(kind, 0) + 1
            self._confidence[kind] = self._confidence.get(kind, 0.0) + mask.confidence
            yield mask

    def summary(self) -> Summary:
        """By provenance, in alphabetical order."""
        return [
            (kind.value, self._frames[kind], n, self._confidence[kind] / n) for kind, n in sorted(self._masks.items())
        ]


def _groups(masks: Iterable[DeliveredMask]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for mask in masks:
        rows.append(_to_row(mask))
        if len(rows) == ROWS_PER_GROUP:
            yield rows
            rows = []
    if rows:
        yield rows


def _to_row(mask: DeliveredMask) -> dict[str, Any]:
    return {
        "frame_idx": mask.frame_idx,
        "track_id": mask.track_id,
        "category_id": mask.category_id,
        "provenance": mask.provenance.value,
        "confidence": mask.confidence,
        "height": mask.rle.height,
        "width": mask.rle.width,
        "counts": mask.rle.counts,
    }


def _rows(file: pq.ParquetFile, wanted: set[int] | None) -> Iterator[DeliveredMask]:
    for group in range(file.num_row_groups):
        if wanted is not None and not _may_hold(file, group, wanted):
            continue
        for row in file.read_row_group(group).to_pylist():
            if wanted is None or row["frame_idx"] in wanted:
                yield _from_row(row)


def _may_hold(file: pq.ParquetFile, group: int, wanted: set[int]) -> bool:
    statistics = file.metadata.row_group(group).column(0).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return any(statistics.min <= index <= statistics.max for index in wanted)


def _from_row(row: dict[str, Any]) -> DeliveredMask:
    return DeliveredMask(
        row["frame_idx"],
        row["track_id"],
        row["category_id"],
        Provenance(row["provenance"]),
        row["confidence"],
        Rle(row["height"], row["width"], row["counts"]),
    )


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """The file; what is damaged in it is told when it is read."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError:
        raise MissingDependency(
            f"{path}: expected a video's delivered masks, there is no file; fewframes run makes "
            "those of the last round again"
        ) from None
    except (pa.ArrowException, OSError) as error:
        raise MissingDependency(
            f"{path}: expected a video's delivered masks, the file cannot be read ({error}); delete it, then "
            "fewframes run makes those of the last round again"
        ) from None
