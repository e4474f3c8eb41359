from itertools import pairwise

import pytest

from al_core.benchmark.trials import SETS, camera_stands_still, long_view, trials
from al_core.errors import BadSettings, UnknownName
from al_core.footage.clips import EMPTY, clips_of
from tests.toys.footage.davis import write_sequence, write_still_scene


@pytest.fixture
def clip(tmp_path):
    (found,) = clips_of(write_sequence(tmp_path, n_frames=12))
    return found


@pytest.fixture
def road(tmp_path):
    (found,) = clips_of(write_still_scene(tmp_path / "road"))
    return found


def test_the_sets(clip, road):
    found = trials([clip, road], SETS, long_frames=50)
    assert [(t.set_name, t.name, [v.name for v in t.videos]) for t in found] == [
        ("single", "toy", ["toy"]),
        ("single", "road", ["road"]),
        ("pool", "pool", ["toy", "road"]),
        ("long", "toy-long", ["toy-long"]),
        ("long", "road-long", ["road-long"]),
    ]
    assert {v.n_frames for t in found if t.set_name == "long" for v in t.videos} == {50}
    with pytest.raises(UnknownName, match="known: long, pool, single"):
        trials([clip], ["short"])


def test_long_footage_never_jumps(clip):
    index = long_view(clip, 500, seed=1).index
    assert len(index) == 500
    assert {abs(b - a) for a, b in pairwise(index)} <= {0, 1, 2}
    assert set(index) == set(range(12))


def test_most_of_it_is_quiet(clip):
    shares = []
    for seed in range(10):
        index = long_view(clip, 2000, seed).index
        shares.append(sum(a == b for a, b in pairwise(index)) / len(index))
    # A slow stretch shows something new in every sixth frame.
    assert 0.55 < sum(shares) / len(shares) < 0.75


def test_the_stretches_tell_what_happens(clip):
    view = long_view(clip, 400, seed=3)
    ends = [s.start for s in view.stretches[1:]] + [400]
    for stretch, end in zip(view.stretches, ends, strict=True):
        part = view.index[stretch.start : end]
        steps = {abs(b - a) for a, b in pairwise(part)}
        assert steps <= {"play": {1}, "fast": {1, 2}, "slow": {0, 1}, "hold": {0}}[stretch.kind], stretch
    assert {s.kind for s in view.stretches} == {"play", "fast", "slow", "hold"}


def test_the_seed_makes_the_footage(clip):
    assert long_view(clip, 200, 1).sha256 == long_view(clip, 200, 1).sha256 != long_view(clip, 200, 2).sha256


def test_without_quiet_stretches_the_clip_goes_to_and_fro(clip):
    view = long_view(clip, 200, 1, quiet_share=0.0)
    assert 0 not in {b - a for a, b in pairwise(view.index)}


def test_only_a_camera_that_stands_still_sees_an_empty_scene(clip, road):
    assert camera_stands_still(road)
    assert not camera_stands_still(clip)
    long_clip, long_road = (trials([c], ["long"], long_frames=600)[0].videos[0] for c in (clip, road))
    assert EMPTY not in long_clip.index
    assert EMPTY in long_road.index
    assert long_road.truth(long_road.index.index(EMPTY)) == {}


@pytest.mark.parametrize(("n_frames", "share"), [(0, 0.5), (10, 1.0), (10, -0.1)])
def test_footage_that_cannot_be_made_is_refused(clip, n_frames, share):
    with pytest.raises(BadSettings, match="long footage has frames"):
        long_view(clip, n_frames, 0, share)
