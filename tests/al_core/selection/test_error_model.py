"""What is expected of labels, where it can be said in numbers."""

import numpy as np
import pytest

from al_core.selection.error_model import RATE, UNSEEN, Outlook, expected_error, expected_overlap, unseen_error


def test_the_error_between_two_labels_is_greatest_in_the_middle_and_none_at_the_labels():
    path = Outlook(np.ones(9), np.ones(8)).path
    error = expected_error(path, np.arange(9), 0, 8)
    assert error[[0, 8]] == pytest.approx([0, 0])
    assert error.argmax() == 4
    assert error == pytest.approx(error[::-1])
    assert error[4] == pytest.approx(1 - np.exp(-RATE * 4 * 4 / 8))


def test_a_label_reaches_further_where_little_is_lost_from_frame_to_frame():
    quiet, busy = (expected_error(Outlook(np.ones(9), np.full(8, h)).path, np.arange(9), 0, None) for h in (0.1, 2.0))
    assert (quiet[1:] < busy[1:]).all()
    assert (np.diff(busy) > 0).all()


def test_the_path_sums_the_hazards():
    assert Outlook(np.ones(4), np.array([1.0, 0.0, 2.5])).path.tolist() == [0, 1, 1, 3.5]


def test_hazards_and_frames_have_to_fit():
    with pytest.raises(ValueError, match="3 frames have 2 transitions, got 3"):
        Outlook(np.ones(3), np.ones(3))


@pytest.mark.parametrize(
    ("confidence", "around", "expected"),
    [
        ({}, [set(), set()], 1.0),
        ({1: 0.8, 2: 0.4}, [{1, 2}], 0.6),
        ({1: 0.8}, [{1, 2}, {1, 2}], 0.4),
        ({1: 0.8}, [{1, 2}, {1}], (0.8 + 0.5) / 2),
        ({1: 0.8, 3: 0.2}, [{1}], 0.5),
    ],
    ids=["nothing anywhere", "all there", "one is missed", "missing in one neighbour too", "one that no label has"],
)
def test_a_frame_is_expected_to_be_as_good_as_its_objects(confidence, around, expected):
    assert expected_overlap(confidence, around) == pytest.approx(expected)


def test_far_from_labels_that_say_nothing_is_there_something_may_have_come():
    path = Outlook(np.zeros(400), np.full(399, 0.5)).path
    found = unseen_error(path, {100, 110})
    assert found[[100, 110]].tolist() == [0, 0]
    assert found[0] == pytest.approx(UNSEEN, rel=0.01)
    assert found[399] == pytest.approx(UNSEEN, rel=0.01)
    assert 0 < found[101] < found[105] < found[90]
