"""What a propagator is expected to gain on a video."""

from pathlib import Path

import numpy as np
import pytest

from al_core.fusion.gains import SHARES, Case, Looks, expected_gain, look_at
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import line, mover_clip

LOOKS = Looks(0.2, 0.1, 0.3, 0.2)


def test_without_a_case_a_share_of_the_doubt_is_expected() -> None:
    assert expected_gain("specialist", LOOKS, []) == pytest.approx(SHARES["specialist"] * 0.2)
    assert expected_gain("unheard of", LOOKS, []) == 0.0


def test_like_videos_count_more_than_others() -> None:
    like = Case("like", LOOKS._replace(size=0.21), {"affinity": 0.3})
    other = Case("other", Looks(0.9, 0.9, 0.9, 0.9), {"affinity": -0.5})
    without, with_both = (expected_gain("affinity", LOOKS, cases) for cases in ([], [like, other]))
    assert without < with_both < 0.3
    assert with_both == pytest.approx(expected_gain("affinity", LOOKS, [like]), abs=1e-3)
    assert expected_gain("specialist", LOOKS, [like]) == expected_gain("specialist", LOOKS, [])
    assert expected_gain("affinity", LOOKS, [like] * 200) == pytest.approx(0.3, abs=0.01)


def test_big_fast_objects_of_clear_colour_are_seen_as_such(tmp_path: Path) -> None:
    slow = mover_clip({1: line((30, 36), (1, 0))}, radius=8)
    fast = mover_clip({1: line((30, 36), (4, 0))}, radius=16)
    calm, wild = (
        look_at(clip, {i: clip.truth[i] for i in (2, 6)}, FlowStore(tmp_path / name).clip(clip, 128, "fine"), 0.25)
        for name, clip in (("slow", slow), ("fast", fast))
    )
    assert wild.size > calm.size
    assert wild.motion > calm.motion > 0.03
    assert calm.contrast > 0.2
    assert (calm.doubt, wild.doubt) == (0.25, 0.25)


def test_the_last_frame_and_objects_too_small_to_be_seen_do_no_harm(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 36), (1, 0), 4)}, radius=8)
    speck = np.zeros((7200, 12800), bool)
    speck[0, 0] = True
    flow = FlowStore(tmp_path).clip(clip, 128, "fine")
    assert look_at(clip, {3: clip.truth[3]}, flow, 0.0).size > 0
    assert look_at(clip, {1: {1: speck}}, flow, 0.5) == Looks(0.0, 0.0, 0.0, 0.5)
