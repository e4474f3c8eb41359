"""What frames turn out to be worth that were expected to be right by so much."""

import pytest

from al_core.selection.presence import TOLD
from tasks.steps.asking.frame_worth import frame_worth
from tasks.steps.expected_error import outlooks_of
from tests.toys.labelled_project import finished_project, new_project
from tests.toys.ledgers import context_of


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("worth"))


def test_before_anything_was_delivered_the_shipped_map_counts(tmp_path, finished):
    project, ledger, frames = new_project(tmp_path)
    assert frame_worth(context_of(project, ledger, frames=frames)) == TOLD
    # Round 1 asked for a frame of which nothing had been delivered.
    assert frame_worth(context_of(finished[0], finished[1], 2, frames=finished[2])) == TOLD


def test_frames_that_were_right_although_less_was_expected_raise_what_is_expected(finished):
    project, ledger, frames = finished
    context = context_of(project, ledger, 3, frames=frames)
    # Round 1 delivered the teacher's mask of .53 for frame 3, and round 2 was told that it is right to the pixel.
    found = frame_worth(context)
    assert TOLD(0.53) + 0.02 < found(0.53) < 1
    before, after = (outlooks_of(context, None, worth)(1).error for worth in (lambda: TOLD, lambda: found))
    assert after[1] < before[1]
    assert after[0] == before[0]


def test_a_frame_that_has_no_label_yet_does_not_count(tmp_path, finished):
    project, ledger, frames = finished
    labels = context_of(project, ledger, 3, frames=frames).labels_before
    assert len(labels) == 2
    context = context_of(project, ledger, 3, frames=frames, labels_before=labels[:1])
    assert frame_worth(context) == TOLD
