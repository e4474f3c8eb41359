import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.records import COMPONENTS, DeliveredMask, FrameLabel, FrameRef, Provenance, Selected
from al_core.settings import UncertaintySettings
from tasks.report.timeline import CODES, choices, delivered_frames, least_confident, peaks, uncertainty
from tests.toys.labelled_project import copied, predict
from tests.toys.ledgers import square


def mask(frame_idx, provenance, confidence, track=1):
    return DeliveredMask(frame_idx, track, 1, provenance, confidence, square())


def test_the_parts_add_up_to_the_score(finished):
    ledger = finished[1]
    found = uncertainty(ledger, 2, ledger.videos()[0], UncertaintySettings())
    assert found.adds_up
    assert tuple(found.parts) == COMPONENTS
    np.testing.assert_allclose(sum(found.parts.values()), found.score, rtol=1e-5)
    np.testing.assert_allclose(found.score, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], rtol=1e-5)
    np.testing.assert_allclose(found.parts["box_spread"], found.score * 0.5 / 5.5, rtol=1e-5)


def test_parts_that_do_not_add_up_are_shown_as_they_are(finished, tmp_path):
    _, ledger, _ = copied(finished, tmp_path)
    predict(ledger, 2, scale=0.5)
    found = uncertainty(ledger, 2, ledger.videos()[0], UncertaintySettings())
    assert not found.adds_up
    np.testing.assert_allclose(found.parts["box_spread"], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], rtol=1e-5)
    np.testing.assert_allclose(found.score, [0.05, 0.1, 0.15, 0.2, 0.25, 0.3], rtol=1e-5)


def test_a_video_without_predictions_has_no_uncertainty(finished):
    ledger = finished[1]
    assert uncertainty(ledger, 9, ledger.videos()[0], UncertaintySettings()) is None


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60), st.integers(1, 20))
def test_thinning_keeps_the_greatest_of_each_stretch(values, limit):
    values = np.array(values, np.float32)
    kept = peaks(values, limit)
    assert len(kept) == min(limit, len(values))
    assert (np.diff(kept) > 0).all()
    assert values[kept].max() == values.max()


def test_a_frame_has_the_provenance_of_its_least_founded_mask():
    masks = [
        (0, [mask(0, Provenance.PROPAGATED, 0.9)]),
        (1, [mask(1, Provenance.PROPAGATED, 0.9), mask(1, Provenance.TEACHER, 0.7, track=2)]),
        (3, [mask(3, Provenance.TEACHER, 0.2)]),
    ]
    people = [FrameLabel(FrameRef(1, 3), ())]
    found = delivered_frames(masks, people, 4)
    names = ["", *CODES]
    assert [names[code] for code in found.provenance] == ["propagated", "teacher", "", "human"]
    np.testing.assert_allclose(found.confidence, [0.9, 0.7, np.nan, 1.0], rtol=1e-6)


def test_the_least_confident_frames_come_first_and_lie_apart():
    confidence = np.linspace(0.5, 0.9, 100)
    confidence[[50, 51, 90]] = [0.1, 0.11, 0.2]
    masks = [(i, [mask(i, Provenance.TEACHER, float(c))]) for i, c in enumerate(confidence)]
    found = delivered_frames(masks, [FrameLabel(FrameRef(1, 0), ())], 100)
    assert least_confident(found, 4) == [50, 90, 1, 6]
    assert least_confident(found, 2, skip=[90]) == [50, 1]


def test_frames_without_masks_are_not_doubtful():
    found = delivered_frames([(2, [mask(2, Provenance.TEACHER, 0.5)])], [], 5)
    assert least_confident(found, 3) == [2]


def test_choices_of_the_newest_round_are_marked():
    selections = {
        1: [Selected(FrameRef(1, 4), 0, 0.1, "first")],
        2: [Selected(FrameRef(2, 4), 0, 0.1, "other video"), Selected(FrameRef(1, 2), 1, 0.1, "second")],
        3: [],
    }
    found = choices(selections, 1)
    assert [(c.round_id, c.frame_idx, c.place, c.reason, c.newest) for c in found] == [
        (1, 4, 1, "first", False),
        (2, 2, 2, "second", True),
    ]


@pytest.mark.parametrize("n", [1, 3, 1500, 1501])
def test_short_videos_are_not_thinned(n):
    assert len(peaks(np.zeros(n), 1500)) == min(n, 1500)
