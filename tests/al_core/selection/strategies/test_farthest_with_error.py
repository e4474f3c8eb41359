"""Frames unlike all labelled ones, and probably wrong."""

from dataclasses import replace

import numpy as np

from al_core.selection.error_model import Outlook
from tests.toys.pools import places, pool_of, run


def test_distance_and_error_both_count():
    def outlook(video):
        error = np.full(21, 0.1)
        error[12] = 0.9
        return Outlook(error, np.ones(20), frozenset({0}))

    pool = replace(pool_of({1: 21}, [(1, 0)]), outlooks=outlook)
    # Frame 20 is the farthest from the labelled frame 0; frame 12 is nearer, but wrong.
    assert places(run("farthest_with_error", pool, 2)) == [(1, 12), (1, 20)]
