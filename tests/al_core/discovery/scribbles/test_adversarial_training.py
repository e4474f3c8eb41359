"""What strokes teach, and what the critic adds: nothing at all with a weight of 0."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from al_core.discovery.scribbles.adversarial_training import Lesson, Schedule, probabilities, scribble_loss, train
from al_core.discovery.scribbles.crops import ScribbledFrame, scribbled_crop
from al_core.discovery.scribbles.gated_unet import GatedUNet
from al_core.networks.network_state import Checkpoint, seeded
from al_core.stores.disk_cache import DiskCache
from tests.toys.footage.scribbled_scenes import classes, scene, shape

STEPS = 4
SHORT = Schedule(STEPS)


@pytest.fixture(scope="module")
def lesson():
    scenes = [scene(seed, size=(32, 48)) for seed in (1, 2)]
    scribbled = [ScribbledFrame(one.image, classes(one)) for one in scenes]
    return Lesson(scribbled, [one.image for one in scenes], [shape(seed, (32, 48)) for seed in (3, 4)])


def learnt(lesson, schedule=SHORT, **more):
    network = seeded(lambda: GatedUNet(2, (4, 6, 8, 8)), 5)
    train(network, lesson, 5, schedule, **more)
    return network.state_dict()


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_without_weight_or_without_shapes_it_is_the_cross_entropy_alone_to_the_bit(lesson):
    alone = learnt(replace(lesson, shapes=[]))
    assert same(alone, learnt(lesson, Schedule(STEPS, weight=0)))
    assert not same(alone, learnt(lesson))


def test_the_first_step_sees_the_same_strokes_with_a_critic_and_without(lesson, monkeypatch):
    seen = []

    def noted(frame, side, rng):
        found = scribbled_crop(frame, side, rng)
        seen.append(found[0])
        return found

    monkeypatch.setattr("al_core.discovery.scribbles.adversarial_training.scribbled_crop", noted)
    learnt(lesson, Schedule(2))
    learnt(lesson, Schedule(2, weight=0))
    half = len(seen) // 2
    assert half == 8
    assert all(np.array_equal(one, other) for one, other in zip(seen[:half], seen[half:], strict=True))


def test_a_training_that_was_killed_goes_on_to_the_same_bits(lesson, tmp_path, monkeypatch):
    monkeypatch.setattr("al_core.networks.training_loop.SAVE_EVERY", 2)
    keep = Checkpoint(DiskCache(tmp_path, 10**8), "half")

    def kill(progress):
        if progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learnt(lesson, keep=keep, on_progress=kill)
    assert keep.disk.use("half") is not None
    assert same(learnt(lesson, keep=keep), learnt(lesson))


def test_pixels_without_a_stroke_count_for_nothing_and_each_class_the_same():
    logits = torch.zeros(1, 2, 1, 4)
    logits[0, 1, 0, 3] = 9.0
    target = torch.tensor([[[0, 0, 1, -1]]])
    assert float(scribble_loss(logits, target)) == pytest.approx(np.log(2))
    logits[0, 1, 0, 2] = 100.0
    assert float(scribble_loss(logits, target)) == pytest.approx(np.log(2) / 2)
    assert float(scribble_loss(logits, torch.full((1, 1, 4), -1))) == 0


def test_any_size_of_frame_can_be_looked_at():
    found = probabilities(seeded(lambda: GatedUNet(3), 0).eval(), np.zeros((21, 50, 3), np.uint8))
    assert (found.shape, found.dtype) == ((3, 21, 50), np.float32)
    assert found.sum(axis=0) == pytest.approx(np.ones((21, 50)), abs=1e-5)
