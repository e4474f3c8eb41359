from collections.abc import Iterator
from pathlib import Path

import hypothesis.extra.numpy as hnp
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from al_core.errors import DamagedFile
from al_core.masks.soft import SoftMask
from al_core.stores.predictions import (
    ROWS_PER_GROUP,
    FramePrediction,
    InOrder,
    PredictedObject,
    read_features,
    read_predictions,
    write_predictions,
)

SIZE = (4, 6)
UNIT = st.floats(0, 1)


def corner_mask() -> SoftMask:
    """Two certain and two half-certain pixels at the lower right of a 4x6 frame."""
    return SoftMask(4, 2, np.array([[255, 128], [128, 255]], np.uint8), SIZE)


def thing(mask: SoftMask | None = None) -> PredictedObject:
    return PredictedObject(
        category_id=3,
        class_probabilities=(0.25, 0.5, 0.25),
        existence=0.75,
        members=3,
        box=(4.0, 2.0, 6.0, 4.0),
        box_spread=0.1,
        mask_iou=0.9,
        class_entropy=1.04,
        mutual_information=0.02,
        soft_mask=mask or corner_mask(),
        existence_disagreement=0.75,
    )


def frame(index: int, *objects: PredictedObject) -> FramePrediction:
    return FramePrediction(index, objects, np.array([0.6, 0.8], np.float32))


@st.composite
def soft_masks(draw: st.DrawFn) -> SoftMask:
    whole = draw(hnp.arrays(np.uint8, SIZE, elements=st.integers(0, 255), fill=st.just(0)))
    return SoftMask.of(whole / np.float32(255))


@st.composite
def objects(draw: st.DrawFn) -> PredictedObject:
    probabilities = draw(st.lists(UNIT, min_size=2, max_size=4))
    return PredictedObject(
        draw(st.integers(1, 99)),
        tuple(probabilities),
        draw(UNIT),
        draw(st.integers(1, 12)),
        tuple(draw(st.lists(st.floats(-9, 9), min_size=4, max_size=4))),
        draw(UNIT),
        draw(UNIT),
        draw(UNIT),
        draw(UNIT),
        draw(soft_masks()),
        draw(UNIT),
    )


def test_soft_mask_is_cropped_to_what_is_not_zero() -> None:
    mask = SoftMask.of(np.array([[0, 0, 0], [0, 0.2, 1]]))
    assert (mask.x, mask.y, mask.size) == (1, 1, (2, 3))
    assert mask.values.tolist() == [[51, 255]]
    assert np.allclose(mask.full(), [[0, 0, 0], [0, 0.2, 1]])


def test_soft_mask_of_nothing_is_nothing() -> None:
    mask = SoftMask.of(np.zeros((2, 3)))
    assert mask.values.size == 0
    assert mask.full().tolist() == [[0, 0, 0], [0, 0, 0]]


@given(hnp.arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32)))
def test_soft_mask_keeps_probabilities_to_half_a_step(probability: np.ndarray) -> None:
    full = SoftMask.of(probability).full()
    assert full.dtype == np.float32
    assert np.abs(full - probability).max() <= 0.5 / 255 + 1e-6


def test_a_mask_outside_its_frame_is_refused() -> None:
    with pytest.raises(ValueError, match=r"frame of 2x3 pixels .* columns 2 to 4"):
        SoftMask(2, 0, np.ones((1, 2), np.uint8), (2, 3))
    with pytest.raises(ValueError, match="uint8"):
        SoftMask(0, 0, np.ones((1, 2), np.float32), (2, 3))  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(objects(), max_size=3), max_size=4))
def test_what_was_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, found: list) -> None:
    path = tmp_path_factory.mktemp("predictions") / "00001.parquet"
    frames = [frame(index * 3, *objects) for index, objects in enumerate(found)]
    write_predictions(path, frames, SIZE)
    assert list(read_predictions(path)) == frames


def test_features_are_read_without_masks(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    features = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    write_predictions(path, (FramePrediction(2 * i, (), f) for i, f in enumerate(features)), SIZE)
    frame_idx, read = read_features(path)
    assert frame_idx.dtype == np.int32
    assert frame_idx.tolist() == [0, 2, 4, 6, 8]
    assert np.array_equal(read, features)
    assert np.array_equal(next(read_predictions(path, [4])).feature, features[2])


def test_only_the_frames_that_were_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    n = 2 * ROWS_PER_GROUP + 3
    write_predictions(path, (frame(i, thing()) for i in range(n)), SIZE)
    assert pq.ParquetFile(path).num_row_groups == 3
    wanted = [n - 1, 5, ROWS_PER_GROUP, n + 10]
    assert [f.frame_idx for f in read_predictions(path, wanted)] == [5, ROWS_PER_GROUP, n - 1]


def test_a_video_without_frames_is_a_file_without_rows(tmp_path: Path) -> None:
    write_predictions(tmp_path / "a.parquet", [], SIZE)
    assert list(read_predictions(tmp_path / "a.parquet")) == []
    frame_idx, features = read_features(tmp_path / "a.parquet")
    assert len(frame_idx) == len(features) == 0


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_predictions(path, [frame(1, thing())], SIZE)

    def failing() -> Iterator[FramePrediction]:
        yield from (frame(i, thing()) for i in range(2 * ROWS_PER_GROUP))
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        write_predictions(path, failing(), SIZE)
    assert [f.frame_idx for f in read_predictions(path)] == [1]
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


def test_frames_reach_the_disk_while_they_come(tmp_path: Path) -> None:
    written = []

    def frames() -> Iterator[FramePrediction]:
        for i in range(2 * ROWS_PER_GROUP + 1):
            written.append(sum(file.stat().st_size for file in tmp_path.iterdir()))
            yield frame(i, thing())

    write_predictions(tmp_path / "a.parquet", frames(), SIZE)
    assert written[0] < written[ROWS_PER_GROUP + 1] < written[-1]
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([frame(2), frame(1)], "order of frame number, got 1 after 2"),
        ([frame(0, thing(SoftMask.of(np.ones((2, 2)))))], r"expected masks of \(4, 6\), got \(2, 2\)"),
        ([frame(0), FramePrediction(1, (), np.zeros(3, np.float32))], "feature of 2 values, got 3"),
    ],
)
def test_frames_that_do_not_fit_are_refused(tmp_path: Path, frames: list[FramePrediction], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_predictions(tmp_path / "a.parquet", frames, SIZE)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_or_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(DamagedFile, match=r"a\.parquet: .* there is no file; fewframes run makes"):
        read_features(path)
    write_predictions(path, [frame(1, thing())], SIZE)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DamagedFile, match="cannot be read"):
        list(read_predictions(path))


def test_predictions_are_found_by_frame_in_rising_order() -> None:
    in_order = InOrder(FramePrediction(i, (thing(),), np.ones(1, np.float32)) for i in (2, 5))
    found = [in_order.at(i) for i in range(7)]
    assert [i for i, prediction in enumerate(found) if prediction is not None and prediction.frame_idx == i] == [2, 5]
    assert sum(prediction is None for prediction in found) == 5
