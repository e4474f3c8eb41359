"""Predictions of a round."""

import numpy as np
import pyarrow as pa
import pytest

from al_core.records import COMPONENTS, FrameRef
from tests.toys.ledgers import asked, clip, frame_rows, ledger_with_clip, mask_answer, times_us


@pytest.fixture
def ledger(tmp_path):
    """A ledger with one clip."""
    return ledger_with_clip(tmp_path)


def test_predicting_again_replaces(ledger):
    ledger.put_predictions(1, 1, frame_rows([0.1, 0.2]), "a.parquet")
    ledger.put_predictions(1, 1, frame_rows([0.3, 0.4, 0.5]), "b.parquet")
    assert ledger.predictions(1)["uncertainty"].tolist() == pytest.approx([0.3, 0.4, 0.5])
    assert ledger.prediction_paths(1) == {1: "b.parquet"}


def test_least_certain_skips_answered_frames_and_orders_ties_by_frame(ledger):
    ledger.put_predictions(1, 1, frame_rows([0.5, 0.9, 0.5, 0.1]), "a.parquet")
    ledger.put_answer(mask_answer(asked(ledger, 1)[0]))
    assert ledger.least_certain(1, 2)["frame_idx"].tolist() == [0, 2]


def test_the_least_certain_of_each_video_come_with_all_that_tie(ledger):
    ledger.add_video(clip("other"), times_us())
    ledger.put_predictions(1, 1, frame_rows([0.5, 0.75, 0.5, 0.25]), "a.parquet")
    ledger.put_predictions(1, 2, frame_rows([0.125, 1.0]), "b.parquet")
    found = ledger.least_certain_per_video(1, 2)
    places = zip(found["video_id"].tolist(), found["frame_idx"].tolist(), found["lowest"].tolist(), strict=True)
    assert list(places) == [(2, 1, 0.125), (1, 1, 0.5), (1, 0, 0.5), (1, 2, 0.5), (2, 0, 0.125)]


def test_predictions_of_one_video_or_of_all(ledger):
    ledger.add_video(clip("other"), times_us())
    ledger.put_predictions(1, 2, frame_rows([0.25]), "b.parquet")
    ledger.put_predictions(1, 1, frame_rows([0.5, 0.75]), "a.parquet")
    assert ledger.predictions(1)["video_id"].tolist() == [1, 1, 2]
    assert ledger.predictions(1, 2)["uncertainty"].tolist() == [0.25]
    assert ledger.predictions(2)["frame_idx"].tolist() == []


def test_the_parts_of_an_uncertainty_are_known_for_predicted_frames_only(ledger):
    rows = frame_rows([0.5, 0.75])
    rows = rows.set_column(rows.column_names.index("box_spread"), "box_spread", pa.array(np.float32([0.25, 0.5])))
    ledger.put_predictions(1, 1, rows, "a.parquet")
    found = ledger.components_of(1, [FrameRef(1, 1), FrameRef(1, 9), FrameRef(2, 0)])
    assert set(found) == {FrameRef(1, 1)}
    assert found[FrameRef(1, 1)] == dict.fromkeys(COMPONENTS, 0.0) | {"box_spread": 0.5}


def test_a_training_curve_replaces_that_of_an_earlier_try(ledger):
    ledger.put_training_curve(1, [(1, 3.0, 0.01), (2, 2.0, 0.01)])
    ledger.put_training_curve(1, [(1, 2.5, 0.02)])
    assert ledger.training_curve(1) == [(1, 2.5, 0.02)]
    assert ledger.training_curve(2) == []


def test_a_round_predicts_what_an_earlier_one_did(ledger):
    ledger.put_predictions(1, 1, frame_rows([0.25, 0.5]), "a.parquet", "ab")
    ledger.put_predictions(1, 2, frame_rows([0.75]), "b.parquet", "cd")
    for _ in range(2):
        ledger.link_predictions(2, 1, [1])
    assert ledger.prediction_paths(2) == {1: "a.parquet"}
    assert ledger.predicted_from(2) == {1: "ab"}
    assert ledger.predictions(2)["uncertainty"].tolist() == [0.25, 0.5]
    assert ledger.predictions(1)["uncertainty"].tolist() == [0.25, 0.5, 0.75]
