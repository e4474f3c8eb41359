import numpy as np
import pytest

from al_core.settings import Settings
from tasks.backends.sampling import is_sampled, shown_blind


def test_shares_are_drawn_by_name_and_seed():
    names = [f"r0001-v00001-f{i:07d}" for i in range(2000)]
    half = [is_sampled(0, name, 0.5) for name in names]
    assert np.mean(half) == pytest.approx(0.5, abs=0.05)
    assert half == [is_sampled(0, name, 0.5) for name in names]
    assert half != [is_sampled(1, name, 0.5) for name in names]
    assert not any(is_sampled(0, name, 0.0) for name in names)
    assert all(is_sampled(0, name, 1.0) for name in names)
    settings = Settings().changed({"annotator.blind_share": 0.1})
    assert np.mean([shown_blind(settings, name) for name in names]) == pytest.approx(0.1, abs=0.03)
