"""Pictures of masks that are just good enough."""

import numpy as np

from tasks.web.auditing.overlap_examples import N_EXAMPLES, SIDE, chosen_examples, example_strip
from tests.toys.labelled_project import finished_project, new_project


def test_examples_are_what_people_labelled(tmp_path):
    _, ledger, frames = finished_project(tmp_path)
    found = chosen_examples(ledger)
    assert [frame.frame_idx for frame, _ in found] == [0, 3]
    assert len(found) <= N_EXAMPLES
    strip = example_strip(found, frames, 0.75)
    assert strip.shape == (SIDE, 2 * SIDE + 6, 3)
    assert (strip == 255).all(axis=2).any()
    assert not np.array_equal(strip, example_strip(found, frames, 0.5))


def test_there_are_none_before_anybody_labelled(tmp_path):
    assert chosen_examples(new_project(tmp_path)[1]) == []
