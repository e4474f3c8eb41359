"""The labelled video on disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.errors import DamagedFile
from al_core.records import DeliveredMask, Provenance
from al_core.stores.delivered import read_columns, read_delivered, read_uncalibrated, write_delivered
from tests.toys.ledgers import square


def mask(
    frame_idx: int, track_id: int = 1, provenance: Provenance = Provenance.HUMAN, confidence: float = 1.0
) -> DeliveredMask:
    return DeliveredMask(frame_idx, track_id, 1, provenance, confidence, square())


def test_what_is_written_is_read_by_frame(tmp_path: Path) -> None:
    masks = [mask(0), mask(3, 1, Provenance.PROPAGATED, 0.5), mask(3, 2, Provenance.TEACHER, 0.25)]
    write_delivered(tmp_path / "a" / "00001.parquet", masks)
    assert list(read_delivered(tmp_path / "a" / "00001.parquet")) == [(0, masks[:1]), (3, masks[1:])]


def test_the_summary_counts_frames_and_masks_by_provenance(tmp_path: Path) -> None:
    masks = [
        mask(0), mask(0, 2), mask(1, 1, Provenance.TEACHER, 0.5), mask(2, 1, Provenance.TEACHER, 1.0),
        mask(2, 2, Provenance.PROPAGATED, 0.75),
    ]  # fmt: skip
    assert write_delivered(tmp_path / "x.parquet", masks) == [
        ("human", 1, 2, 1.0),
        ("propagated", 1, 1, 0.75),
        ("teacher", 2, 2, 0.75),
    ]


def test_confidences_are_calibrated_as_they_are_written_and_kept_as_they_were(tmp_path: Path) -> None:
    """What is written from a file's uncalibrated confidences is what is written from the masks themselves."""
    masks = [mask(0), mask(3, 1, Provenance.PROPAGATED, 0.5), mask(3, 2, Provenance.TEACHER, 0.25)]
    half = {"propagated": lambda confidence: confidence / 2}
    assert write_delivered(tmp_path / "a.parquet", masks, half) == [
        ("human", 1, 1, 1.0),
        ("propagated", 1, 1, 0.25),
        ("teacher", 1, 1, 0.25),
    ]
    assert [m.confidence for _, found in read_delivered(tmp_path / "a.parquet") for m in found] == [1.0, 0.25, 0.25]
    kept = list(read_uncalibrated(tmp_path / "a.parquet"))
    assert kept == [(0, masks[:1]), (3, masks[1:])]
    write_delivered(tmp_path / "b.parquet", (m for _, found in kept for m in found), half)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_columns_are_read_without_shapes(tmp_path: Path) -> None:
    masks = [mask(0), mask(3, 1, Provenance.PROPAGATED, 0.5), mask(3, 2, Provenance.TEACHER, 0.25)]
    write_delivered(tmp_path / "x.parquet", masks)
    found = read_columns(tmp_path / "x.parquet")
    assert found.frame_idx.tolist() == [0, 3, 3]
    assert found.track_id.tolist() == [1, 1, 2]
    assert found.provenance.tolist() == ["human", "propagated", "teacher"]
    assert found.confidence.tolist() == [1.0, 0.5, 0.25]
    write_delivered(tmp_path / "none.parquet", [])
    assert len(read_columns(tmp_path / "none.parquet").confidence) == 0
    with pytest.raises(DamagedFile):
        read_columns(tmp_path / "missing.parquet")


def test_nothing_is_a_result(tmp_path: Path) -> None:
    assert write_delivered(tmp_path / "x.parquet", []) == []
    assert list(read_delivered(tmp_path / "x.parquet")) == []


def test_some_frames_only(tmp_path: Path) -> None:
    write_delivered(tmp_path / "x.parquet", [mask(i, t) for i in range(9) for t in (1, 2, 3)])
    assert [i for i, _ in read_delivered(tmp_path / "x.parquet", [7, 2, 40])] == [2, 7]
    assert [len(m) for _, m in read_delivered(tmp_path / "x.parquet")] == [3] * 9


def test_a_failed_write_leaves_the_old_file_and_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_delivered(path, [mask(0)])

    def failing() -> Iterator[DeliveredMask]:
        yield mask(1)
        raise RuntimeError("the power went out")

    with pytest.raises(RuntimeError):
        write_delivered(path, failing())
    assert [i for i, _ in read_delivered(path)] == [0]
    assert [p.name for p in tmp_path.iterdir()] == ["x.parquet"]


def test_bad_files_and_orders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got 1 after 2"):
        write_delivered(tmp_path / "x.parquet", [mask(2), mask(1)])
    with pytest.raises(DamagedFile, match="there is no file; fewframes run makes"):
        next(read_delivered(tmp_path / "none.parquet"))
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    with pytest.raises(DamagedFile, match="cannot be read"):
        next(read_delivered(tmp_path / "bad.parquet"))


@given(
    st.lists(
        st.builds(
            mask,
            st.integers(0, 20),
            st.integers(0, 5),
            st.sampled_from(list(Provenance)),
            st.floats(0, 1),
        )
    )
)
def test_reading_is_the_inverse_of_writing(
    tmp_path_factory: pytest.TempPathFactory, masks: list[DeliveredMask]
) -> None:
    path = tmp_path_factory.getbasetemp() / "inverse.parquet"
    ordered = sorted(masks, key=lambda m: m.frame_idx)
    write_delivered(path, ordered)
    assert [m for _, found in read_delivered(path) for m in found] == ordered
