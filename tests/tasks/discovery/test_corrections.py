"""What people said of discovered objects in one frame is known in the others of its video."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from al_core.masks.rle import decode, encode
from al_core.masks.soft import SoftMask
from al_core.project import Project
from al_core.records import COMPONENTS, Answer, DeliveredMask, FrameLabel, LabelKind, MaskLabel, Provenance
from al_core.stores.predictions import FramePrediction, PredictedObject, write_predictions
from tasks.backends.prelabels import delivered_masks
from tasks.discovery.corrections import corrected, corrections_in, has_discovered
from tests.toys.ledgers import asked, ledger_with_clip, square

SIZE = (square().height, square().width)


def part(x0, x1):
    mask = np.zeros(SIZE, bool)
    mask[:, x0:x1] = True
    return mask


HALF = SIZE[1] // 2
LEFT, RIGHT = part(0, HALF), part(HALF, SIZE[1])


@pytest.fixture
def project(tmp_path):
    """A project in whose frames 0 to 3 objects 7 and 8 were discovered, left and right."""
    made = Project.at(tmp_path)
    ledger = ledger_with_clip(tmp_path)
    path = made.round_dir(0) / "predictions" / "00001.parquet"
    write_predictions(path, [FramePrediction(i, _objects(), np.ones(1, np.float32)) for i in range(4)], SIZE)
    columns = {"frame_idx": np.arange(4, dtype=np.int32), "uncertainty": np.full(4, 0.5), "n_objects": np.full(4, 2)}
    ledger.put_predictions(0, 1, pa.table(columns | {name: np.zeros(4) for name in COMPONENTS}), made.relative(path))
    return made, ledger


def _objects():
    numbers = (1, (0.5, 0.5), 0.5, 1, (0.0, 0.0, 1.0, 1.0), 0.0, 1.0, 0.5, 0.0)
    halves = {7: LEFT, 8: RIGHT}
    return tuple(PredictedObject(*numbers, SoftMask.of(mask), track_id=track) for track, mask in halves.items())


def say(ledger, index, *masks, complete=True, answer_id="a1"):
    (request,) = asked(ledger, index)
    label = FrameLabel(request.frame, masks, complete)
    kind = LabelKind.MASK if masks else LabelKind.ABSENT
    ledger.put_answer(Answer(answer_id, request.request_id, label, kind, 9.0, "ann"))


def shown(project, index):
    made, ledger = project
    (request,) = asked(ledger, index)
    return {m.track_id: decode(m.rle).mean() for m in delivered_masks(made, ledger, [request])[request.request_id]}


def test_of_what_nobody_spoke_nothing_is_changed(project):
    assert shown(project, 2) == pytest.approx({7: LEFT.mean(), 8: RIGHT.mean()})


def test_an_object_gets_the_number_that_people_gave_and_what_they_deleted_is_gone(project):
    say(project[1], 0, MaskLabel(3, 1, encode(LEFT)))
    assert corrections_in(*project, 1) == {7: (3, 1), 8: None}
    assert shown(project, 2) == pytest.approx({3: LEFT.mean()})


def test_a_label_of_single_objects_deletes_nothing(project):
    say(project[1], 0, MaskLabel(3, 1, encode(LEFT)), complete=False)
    assert set(shown(project, 2)) == {3, 8}


def test_most_frames_count(project):
    say(project[1], 0, MaskLabel(3, 1, encode(LEFT)))
    say(project[1], 1, MaskLabel(3, 1, encode(LEFT)), MaskLabel(4, 1, encode(RIGHT)), answer_id="a2")
    say(project[1], 3, MaskLabel(4, 1, encode(RIGHT)), answer_id="a3")
    assert set(shown(project, 2)) == {3, 4}


def test_parts_of_one_object_are_one_mask():
    left = DeliveredMask(0, 7, 1, Provenance.DISCOVERED, 0.4, encode(LEFT))
    halves = [left, replace(left, track_id=8, confidence=0.6, rle=encode(RIGHT))]
    (whole,) = corrected(halves, {7: (3, 2), 8: (3, 2)})
    assert (whole.track_id, whole.category_id, whole.confidence) == (3, 2, 0.6)
    assert decode(whole.rle).all()


def test_what_was_delivered_stays_as_it_is():
    delivered = DeliveredMask(0, 3, 1, Provenance.PROPAGATED, 0.9, encode(LEFT))
    found = DeliveredMask(0, 7, 1, Provenance.DISCOVERED, 0.5, encode(RIGHT))
    for order in ([delivered, found], [found, delivered]):
        assert corrected(order, {7: (3, 1)}) == [delivered]
    assert corrected([delivered], {3: None}) == [delivered]
    assert has_discovered([delivered, found])
    assert not has_discovered([delivered])
