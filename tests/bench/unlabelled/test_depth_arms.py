"""What arms know of depth follows from the clips, the seed and the steps, and is made once."""

import numpy as np
import pytest

from al_core.depth import depth_network, depth_training
from al_core.records import FrameRef
from al_core.settings import StudentSettings
from tests.bench.unlabelled.depth_arms import MOTION, DepthArms
from tests.toys.footage.travelling import travelling_clip
from tests.toys.students import NARROW


@pytest.fixture
def arms(tmp_path, monkeypatch):
    monkeypatch.setattr(depth_network, "LONG_SIDE", 64)
    monkeypatch.setattr(depth_training, "BATCH", 2)
    override = tmp_path / "narrow.py"
    override.write_text(NARROW)
    clips = {n: travelling_clip(n, n_frames=5, size=(32, 64)) for n in (1, 2)}
    return DepthArms(clips, StudentSettings(override=str(override), device="cpu"), tmp_path / "depth", 1)


def test_a_network_is_trained_once(arms):
    path = arms.encoder(0)
    before = path.stat().st_mtime_ns
    near = arms.nearness("depth", 0)
    assert path.stat().st_mtime_ns == before
    assert near.read(FrameRef(2, 3)).shape == (32, 64)


def test_motion_stands_in_for_it(arms):
    near = arms.nearness(MOTION, 0)
    first, last = (near.read(FrameRef(1, i)) for i in (0, 4))
    assert first.shape == last.shape == (32, 64)
    # The ground at the camera's feet moves more than the wall.
    assert np.mean(first[-8:]) > np.mean(first[:8])
    assert not list(arms.folder.glob("*.pt"))


def test_other_ways_to_mix_need_none(arms):
    assert arms.nearness("class", 0) is None
    assert arms.nearness("", 0) is None
