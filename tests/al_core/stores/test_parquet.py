"""Rows by frame in Parquet files."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from al_core.errors import DamagedFile
from al_core.stores.parquet import FrameTable, Row

TABLE = FrameTable("some numbers", pa.schema([("frame_idx", pa.int32()), ("value", pa.string())]), rows_per_group=4)


def rows(*frames: int) -> list[Row]:
    return [{"frame_idx": i, "value": f"{i:08d}" * 50} for i in frames]


def read(path: Path, wanted: list[int] | None = None) -> list[int]:
    with TABLE.opened(path) as file:
        return [row["frame_idx"] for row in TABLE.rows(file, wanted)]


def test_rows_come_back_in_order_with_what_holds_for_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.parquet"
    TABLE.write(path, rows(*range(10)), {"height": "12"})
    with TABLE.opened(path) as file:
        assert list(TABLE.rows(file)) == rows(*range(10))
        assert file.schema_arrow.metadata[b"height"] == b"12"
        assert file.num_row_groups == 3


def test_a_file_without_rows_is_one(tmp_path: Path) -> None:
    TABLE.write(tmp_path / "a.parquet", [])
    assert read(tmp_path / "a.parquet") == []


def test_groups_without_a_wanted_frame_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    TABLE.write(path, rows(*range(12)))
    content = bytearray(path.read_bytes())
    with TABLE.opened(path) as file:
        chunk = file.metadata.row_group(1).column(1)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start + chunk.total_compressed_size - 3] ^= 0xFF
    path.write_bytes(content)
    assert read(path, [11, 0, 99]) == [0, 11]
    with pytest.raises(DamagedFile, match=r"a\.parquet: expected some numbers, the file cannot be read"):
        read(path, [5])


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    TABLE.write(path, rows(1))

    def failing() -> Iterator[Row]:
        yield from rows(*range(9))
        raise RuntimeError("the power went out")

    with pytest.raises(RuntimeError):
        TABLE.write(path, failing())
    assert read(path) == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


def test_a_file_that_is_gone_or_cut_short_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(DamagedFile, match="there is no file; fewframes run makes those of the last round again"):
        read(path)
    TABLE.write(path, rows(1))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DamagedFile, match="delete it, then fewframes run"):
        read(path)
