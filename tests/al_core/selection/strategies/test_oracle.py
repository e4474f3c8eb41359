"""Frames that really help most."""

from dataclasses import replace

import pytest

from al_core.errors import BadSettings
from tests.toys.pools import places, pool_of, run


def test_what_really_helps_most_is_chosen():
    assert places(run("oracle", pool_of({1: 12, 2: 6}), 1)) == [(1, 10)]


def test_only_a_simulation_knows():
    with pytest.raises(BadSettings, match="knows the truth"):
        run("oracle", replace(pool_of({1: 3}), true_gain=None), 1)
