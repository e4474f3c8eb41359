"""What is expected of labels, where it can be said in numbers."""

import numpy as np
import pytest

from al_core.selection.error_model import RATE, Outlook, expected_error


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
