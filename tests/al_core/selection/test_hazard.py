"""The hazard of carrying a mask over one transition."""

from pathlib import Path

import numpy as np
import pytest

from al_core.selection.hazard import UNKNOWN, hazards
from al_core.stores.optical_flow import ClipFlow, FlowStore
from tests.toys.footage.movers import MoverClip, line, mover_clip


def flow_of(clip: MoverClip, folder: Path) -> ClipFlow:
    return FlowStore(folder).clip(clip, 160, "fine")


def all_objects(clip: MoverClip):
    return lambda i: np.logical_or.reduce(list(clip.truth[i].values()))


@pytest.fixture
def moving() -> MoverClip:
    return mover_clip({1: line((40, 48), (6, 0))}, radius=16, size=(96, 160))


@pytest.fixture
def still() -> MoverClip:
    return mover_clip({1: line((80, 48), (0, 0))}, radius=16, size=(96, 160))


def test_nothing_is_lost_where_nothing_moves(still: MoverClip, tmp_path: Path) -> None:
    found = hazards(flow_of(still, tmp_path), still.n_frames, all_objects(still))
    assert found.shape == (still.n_frames - 1,)
    assert found == pytest.approx(0, abs=0.02)


def test_motion_loses_more_than_rest_and_small_objects_more_than_large_ones(
    moving: MoverClip, still: MoverClip, tmp_path: Path
) -> None:
    small = mover_clip({1: line((40, 48), (6, 0))}, radius=7, size=(96, 160))
    one, none, more = (
        float(np.median(hazards(flow_of(clip, tmp_path), clip.n_frames, all_objects(clip))))
        for clip in (moving, still, small)
    )
    assert none + 0.1 < one < more


def test_a_transition_without_a_mask_has_the_median_of_the_others(moving: MoverClip, tmp_path: Path) -> None:
    flow, n = flow_of(moving, tmp_path), moving.n_frames
    known = hazards(flow, n, all_objects(moving))
    found = hazards(flow, n, lambda i: None if i == 4 else all_objects(moving)(i))
    assert found[4] == pytest.approx(np.median(np.delete(known, 4)))
    assert np.delete(found, 4) == pytest.approx(np.delete(known, 4))


def test_without_any_mask_all_transitions_are_alike(moving: MoverClip, tmp_path: Path) -> None:
    assert hazards(flow_of(moving, tmp_path), moving.n_frames, lambda i: None).tolist() == [UNKNOWN] * 11
