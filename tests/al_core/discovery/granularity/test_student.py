"""Objects found by the student, from learning to masks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from al_core.discovery.discoverer import DiscoveryClip, Means
from al_core.discovery.given import NOTHING_GIVEN
from al_core.discovery.granularity.student import GranularityStudent
from al_core.errors import NotReady
from al_core.networks.network_state import to_bytes
from al_core.propagation.affinity.encoder import new_encoder
from al_core.records import Shots
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, iou, line, mover_clip

N_FRAMES = 8
STEPS = 40
ONLY_FRAMES = {"recolouring": 0.0, "concentration": 0.0, "cycle": 0.0, "video": 0.0}


@pytest.fixture(scope="module")
def clip():
    return mover_clip({1: line((12, 16), (4, 0), N_FRAMES)}, radius=8, size=(32, 64))


@pytest.fixture(scope="module")
def student(clip, tmp_path_factory):
    """One that learnt from a small clip."""
    folder = tmp_path_factory.mktemp("student")
    means = Means(FlowStore(folder / "flow"), folder / "learnt")
    made = GranularityStudent(means, steps=STEPS, motion=0.0)
    made = replace(made, weights=replace(made.weights, **ONLY_FRAMES))
    assert made.learn([DiscoveryClip(1, "moving", clip)], NOTHING_GIVEN, np.random.default_rng(0)) == STEPS
    return made


def best(student, clip, cuts=()):
    found = student.find(DiscoveryClip(1, "clip", clip, Shots(cuts)), NOTHING_GIVEN, np.random.default_rng(0))
    return {index: [(one.track_id, one.mask.full() > 0.5) for one in seen] for index, seen in found}


def test_what_moved_is_found_also_where_it_stands_still(student, clip):
    still = MoverClip([clip.images[4]] * 6, [clip.truth[4]] * 6, sha256="5" * 64)
    found = best(student, still)
    assert list(found) == list(range(6))
    assert max(iou(mask, clip.truth[4][1]) for _, mask in found[3]) > 0.5


def test_together_with_motion_it_finds_what_moves(student, clip):
    found = best(student.counting(0.5), clip)
    assert np.mean([max((iou(mask, clip.truth[i][1]) for _, mask in found[i]), default=0) for i in found]) > 0.6


def test_each_shot_has_objects_of_its_own(student, clip):
    found = best(student, clip, cuts=(4,))
    before, after = ({track for i in part for track, _ in found[i]} for part in (range(4), range(4, 8)))
    assert before
    assert after
    assert not before & after


def test_one_frame_is_looked_at_by_appearance(student, clip):
    assert list(best(student.counting(0.5), MoverClip(clip.images[4:5], clip.truth[4:5], sha256="7" * 64))) == [0]


def test_what_was_learnt_is_kept(student, clip, monkeypatch):
    again = replace(student, _learnt=[])
    told = []
    again.learn([DiscoveryClip(1, "moving", clip)], NOTHING_GIVEN, np.random.default_rng(0), told.append)
    assert told == []
    for one, other in zip(student.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_where_nothing_moves_there_is_no_teacher(tmp_path, clip):
    still = MoverClip([clip.images[0]] * 4, [{}] * 4, sha256="3" * 64)
    student = GranularityStudent(Means(FlowStore(tmp_path / "flow"), tmp_path / "learnt"), steps=2)
    with pytest.raises(NotReady, match="learns from what moves, and nothing was found to move in 1 video;") as caught:
        student.learn([DiscoveryClip(1, "still", still)], NOTHING_GIVEN, np.random.default_rng(0))
    assert "\n" not in str(caught.value)
    with pytest.raises(NotReady, match="has not learnt yet"):
        list(student.find(DiscoveryClip(1, "still", still), NOTHING_GIVEN, np.random.default_rng(0)))


def test_it_starts_from_the_encoder_of_the_project(tmp_path, clip):
    path = tmp_path / "encoder.pt"
    path.write_bytes(to_bytes(new_encoder(9)))
    means = Means(FlowStore(tmp_path / "flow"), tmp_path / "learnt", encoder=path)
    student = GranularityStudent(means, steps=0)
    student.learn([DiscoveryClip(1, "moving", clip)], NOTHING_GIVEN, np.random.default_rng(0))
    assert torch.equal(student.network.encoder.out.weight, new_encoder(9).out.weight)
