"""What the selection by value is told of a project."""

import numpy as np
import pytest

from al_core.masks.soft import SoftMask
from al_core.records import DeliveredMask, Provenance, Shots
from al_core.selection.error_model import OVER_A_CUT
from al_core.selection.hazard import UNKNOWN
from al_core.selection.presence import Presence
from al_core.stores.predictions import FramePrediction, PredictedObject, write_predictions
from tasks.certificates.vouched_frames import VouchedFrames
from tasks.steps import expected_error
from tasks.steps.expected_error import MISSED, _expected, outlooks_of
from tests.toys.labelled_project import finished_project, new_project
from tests.toys.ledgers import context_of, frame_rows, square


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("outlook"))


def outlook(finished, round_id):
    project, ledger, frames = finished
    of = outlooks_of(context_of(project, ledger, round_id, frames=frames))
    return None if of is None else of(1)


def test_before_anything_is_delivered_nothing_is_known(tmp_path, finished):
    project, ledger, frames = new_project(tmp_path)
    assert outlooks_of(context_of(project, ledger, frames=frames)) is None
    assert outlook(finished, 1) is None


def test_errors_come_from_confidence_and_from_teachers_that_miss_objects(finished):
    found = outlook(finished, 3)
    # Delivered by round 2: people in frames 0 and 3, 0.75 right after them, the teacher's 0.52 in frame 2, none in 5.
    confidence = np.array([1, 0.75, 0.52, 1, 0.75, 0])
    disagreement = np.arange(1, 7) / 10
    assert found.error == pytest.approx(1 - confidence * (1 - MISSED * disagreement), abs=1e-6)


def test_labelled_frames_objects_and_hazards(finished):
    found = outlook(finished, 3)
    assert found.labelled == {0, 3}
    assert found.objects == 1
    assert found.hazard.shape == (5,)
    assert (found.hazard >= 0).all()


def test_hazards_of_a_video_without_masks_are_those_of_what_was_discovered(finished, monkeypatch):
    project, ledger, _ = finished
    monkeypatch.setattr(expected_error, "_objects", lambda delivered: 1.0)
    monkeypatch.setattr(VouchedFrames, "delivered", lambda self, video_id: {})
    assert set(outlook(finished, 3).hazard.tolist()) == {UNKNOWN}
    path = project.round_dir(0) / "predictions" / "00001.parquet"
    mask = SoftMask.of(np.pad(np.ones((4, 4), bool), 2))
    half = PredictedObject(1, (0.5, 0.5), 0.5, 1, (2.0, 2.0, 6.0, 6.0), 0.0, 1.0, 0.5, 0.0, mask, track_id=1)
    write_predictions(path, [FramePrediction(i, (half,), np.ones(1, np.float32)) for i in range(6)], mask.size)
    ledger.put_predictions(0, 1, frame_rows([0.5] * 6), project.relative(path))
    try:
        assert UNKNOWN not in outlook(finished, 3).hazard
    finally:
        ledger.forget_predictions(0, 1)


def test_an_earlier_round_knows_less(finished):
    assert outlook(finished, 2).labelled == {0}


def test_frames_are_vacant_where_labels_around_are_empty_and_nothing_was_delivered():
    human = DeliveredMask(2, 1, 1, Provenance.HUMAN, 1.0, square())
    carried = DeliveredMask(7, 1, 1, Provenance.TEACHER, 0.5, square())
    # Frame 2 shows the object, 6 and 9 nothing, and a teacher sees something in 7.
    delivered = {2: [human], 7: [carried]}
    assert _expected(delivered, [2, 6, 9], [range(12)], Presence(0.3)).vacant == {8, 10, 11}
    assert _expected(delivered, [], [range(12)], Presence(0.3)).vacant == frozenset()


def test_labels_say_nothing_of_frames_beyond_a_cut(finished):
    project, ledger, frames = finished
    context = context_of(project, ledger, 3, frames=frames, shots={1: Shots((2, 3))})
    found = outlooks_of(context)(1)
    assert found.hazard[[1, 2]].tolist() == [OVER_A_CUT] * 2
    assert (found.hazard[[0, 3, 4]] < 10).all()
    # The shot of frame 2 has no label: whatever was delivered there, nothing is known.
    assert found.error[2] == 1


def test_a_shot_without_labels_is_expected_to_be_wrong():
    carried = DeliveredMask(3, 1, 1, Provenance.PROPAGATED, 0.75, square())
    found = _expected({3: [carried]}, [1], [range(2, 5)], Presence(1.0))
    assert found.error.tolist() == [1, 1, 1]
    # Where objects are rare, an empty frame is probably right, and nobody knows of a mask that no label is near to.
    assert _expected({3: [carried]}, [1], [range(2, 5)], Presence(0.2)).error.tolist() == [0.2, 1, 0.2]
