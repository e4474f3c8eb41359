"""Frames that are made once when they fit into memory."""

from collections.abc import Iterator

import numpy as np
import pytest

from al_core.masks.soft import SoftMask
from al_core.propagation.base import PropagatedFrame, PropagatedTrack, Replay

TRACKS = {1: PropagatedTrack(SoftMask.of(np.ones((4, 4), bool)), 1.0)}


@pytest.mark.parametrize(("max_bytes", "times_made"), [(48, 1), (47, 3), (0, 3)])
def test_frames_are_the_same_each_time(max_bytes: int, times_made: int) -> None:
    made = []

    def make() -> Iterator[PropagatedFrame]:
        made.append(1)
        yield from (PropagatedFrame(i, TRACKS) for i in range(3))

    replay = Replay(make, max_bytes)
    for _ in range(3):
        assert [f.frame_idx for f in replay()] == [0, 1, 2]
    assert len(made) == times_made


def test_frames_that_were_not_read_to_the_end_are_made_again() -> None:
    replay = Replay(lambda: (PropagatedFrame(i, TRACKS) for i in range(3)))
    assert next(replay()).frame_idx == 0
    assert [f.frame_idx for f in replay()] == [0, 1, 2]
