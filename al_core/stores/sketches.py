"""What the selection derives from a video's masks, its frames and their flow: of all videos in one file, which may be
deleted at any time.

It is kept by the hash of what it was derived from, so that whatever did not change is read, all at once, and only the
rest is derived again.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

_LISTS = {"shown": pa.int32(), "vouched": pa.int32(), "hazard": pa.float64(), "cue": pa.float64()}
_SCHEMA = pa.schema(
    [("made_from", pa.string()), ("objects", pa.float64()), *((name, pa.list_(kind)) for name, kind in _LISTS.items())]
)


class Sketch(NamedTuple):
    """What is derived from a video.

    Attributes:
        shown: int32, rising, the frames that have a mask.
        vouched: int32, rising, those of which all masks are a person's or accepted.
        hazard: float64 [n - 1], see :mod:`al_core.selection.hazard`.
        objects: how many there are in a frame that has some, on average.
        cue: float64 [n], see :mod:`al_core.selection.conspicuous`; empty where nobody asked for it.
    """

    shown: NDArray[np.int32]
    vouched: NDArray[np.int32]
    hazard: NDArray[np.float64]
    objects: float
    cue: NDArray[np.float64]


def sketches_as_bytes(sketches: Mapping[str, Sketch]) -> bytes:
    """Return the content of a file of sketches by the hash of what each was made from."""
    columns: dict[str, Any] = {"made_from": list(sketches), "objects": [s.objects for s in sketches.values()]}
    for name, kind in _LISTS.items():
        parts = [np.asarray(getattr(sketch, name)) for sketch in sketches.values()]
        ends = np.cumsum([0, *map(len, parts)]).astype(np.int32)
        values = np.concatenate(parts) if parts else np.zeros(0)
        columns[name] = pa.ListArray.from_arrays(pa.array(ends), pa.array(values, kind))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, _SCHEMA), sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


def read_sketches(path: Path) -> dict[str, Sketch]:
    """Return the sketches of a file; none where there is no file, or it is damaged or of another version."""
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        return {}
    if not table.schema.equals(_SCHEMA):
        return {}
    parts = {name: _parts(table[name].combine_chunks()) for name in _LISTS}
    columns = [parts[name] if name in parts else table["objects"].to_pylist() for name in Sketch._fields]
    return dict(zip(table["made_from"].to_pylist(), map(Sketch, *columns), strict=True))


def _parts(column: Any) -> list[NDArray[Any]]:
    """Return the values of each row of a column of lists; nothing is copied."""
    whole = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    ends, values = whole.offsets.to_numpy().tolist(), whole.values.to_numpy()
    return [values[first:last] for first, last in pairwise(ends)]
