"""Rows by frame in Parquet files that appear whole: what predictions and delivered masks have in common."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from al_core.errors import DamagedFile
from al_core.files import replaced

Row = dict[str, Any]


@dataclass(frozen=True)
class FrameTable:
    """One kind of Parquet file, in order of frames.

    Attributes:
        what: what such a file holds, for messages.
        schema: its columns; the first is ``frame_idx``.
        rows_per_group: rows that are held in memory, and read back, at a time.
        use_dictionary: whether columns are coded by their distinct values, which pays where values repeat.
    """

    what: str
    schema: pa.Schema
    rows_per_group: int
    use_dictionary: bool = True

    def write(self, path: Path, rows: Iterable[Row], metadata: Mapping[str, str] | None = None) -> None:
        """Write rows, in rising order of frames, as they come; the file appears whole or not at all."""
        schema, rest = self.schema.with_metadata(metadata), iter(rows)
        with (
            replaced(path) as unfinished,
            pq.ParquetWriter(
                unfinished, schema, compression="zstd", write_page_checksum=True, use_dictionary=self.use_dictionary
            ) as writer,
        ):
            while group := list(islice(rest, self.rows_per_group)):
                writer.write_table(pa.Table.from_pylist(group, schema))

    @contextmanager
    def opened(self, path: Path) -> Iterator[pq.ParquetFile]:
        """Open a file; damage is found when the damaged part is read, within the block.

        Raises:
            DamagedFile: there is no such file, or it cannot be read.
        """
        again = "fewframes run makes those of the last round again"
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                yield file
        except FileNotFoundError:
            raise DamagedFile(f"{path}: expected {self.what}, there is no file; {again}") from None
        except (pa.ArrowException, OSError) as error:
            raise DamagedFile(
                f"{path}: expected {self.what}, the file cannot be read ({error}); delete it, then {again}"
            ) from None

    def rows(self, file: pq.ParquetFile, frame_indices: Iterable[int] | None = None) -> Iterator[Row]:
        """Yield the rows of an open file in order.

        Args:
            frame_indices: only these frames; parts of the file without any of them are not read. None for all.
        """
        wanted = None if frame_indices is None else set(frame_indices)
        for group in range(file.num_row_groups):
            if wanted is None or _may_hold(file, group, wanted):
                for row in file.read_row_group(group).to_pylist():
                    if wanted is None or row["frame_idx"] in wanted:
                        yield row


def _may_hold(file: pq.ParquetFile, group: int, wanted: Collection[int]) -> bool:
    statistics = file.metadata.row_group(group).column(0).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return any(statistics.min <= index <= statistics.max for index in wanted)
