"""How far objects are carried, and by what."""

import numpy as np
import pytest

from al_core.errors import MissingDependency
from al_core.masks.rle import decode
from al_core.records import FrameLabel, FrameRef, Shots
from al_core.settings import PropagationSettings
from tasks.web.tracking.live_tracks import DecodedMasks, Way, follower, way
from tests.toys.labelled_project import WIDTH, mask_at, new_project
from tests.toys.web.desk import square


def said(frame_idx, *tracks, complete=False):
    return FrameLabel(FrameRef(1, frame_idx), tuple(square(frame_idx, t) for t in tracks), complete)


@pytest.mark.parametrize(
    ("start", "step", "found"),
    [
        (7, 1, Way(range(8, 10), "end")),
        (2, -1, Way(range(1, -1, -1), "end")),
        (9, 1, Way(range(10, 10), "end")),
        (0, -1, Way(range(-1, -1, -1), "end")),
        (1, 1, Way(range(2, 5), "far")),
    ],
)
def test_objects_are_carried_as_far_as_was_asked_within_the_video(start, step, found):
    assert way(10, None, [], frozenset({1}), start, step, 3) == found


@pytest.mark.parametrize(("start", "step", "found"), [(2, 1, range(3, 5)), (6, -1, range(5, 4, -1))])
def test_nothing_is_carried_over_a_cut(start, step, found):
    assert way(10, Shots((5,)), [], frozenset({1}), start, step, 9) == Way(found, "cut")


def test_the_way_ends_before_a_frame_in_which_people_said_where_the_objects_are():
    known = [said(4, 1), said(6, 9, complete=True)]
    ends = [way(10, None, known, frozenset(tracks), 2, 1, 9) for tracks in ({1}, {1, 2}, {2})]
    assert ends == [Way(range(3, 4), "labelled"), Way(range(3, 6), "labelled"), Way(range(3, 6), "labelled")]


def test_masks_are_decoded_one_by_one():
    masks = DecodedMasks([square(2), square(3, track_id=4)])
    assert (list(masks), len(masks)) == ([1, 4], 2)
    np.testing.assert_array_equal(masks[4], mask_at(3))


def test_without_weights_objects_follow_the_flow(tmp_path):
    project, ledger, frames = new_project(tmp_path, seen=True)
    follow = follower(project, frames, ledger.video("clip"), PropagationSettings())
    ((mask,),) = follow(2, DecodedMasks([square(2)]), [3])
    assert mask.track_id == 1
    found = np.flatnonzero(decode(mask.rle).any(axis=0))
    assert 0 < len(found) < WIDTH


def test_weights_that_cannot_be_read_are_told(tmp_path):
    project, ledger, frames = new_project(tmp_path)
    settings = PropagationSettings(sam_weights=str(tmp_path / "nowhere"))
    with pytest.raises(MissingDependency):
        follower(project, frames, ledger.video("clip"), settings)
