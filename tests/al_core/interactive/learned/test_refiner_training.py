"""Training of a refiner by simulated gestures."""

import math
from itertools import count

import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint, BadLabel, TrainingDiverged
from al_core.interactive.learned import refiner_training as training
from al_core.interactive.learned.refiner_training import (
    TrainingLimits,
    new_refiner_network,
    read_refiner_network,
    started_from,
    train_refiner,
)
from al_core.interactive.learned.situations import LabelledObjects
from al_core.networks.network_state import Checkpoint, to_bytes
from al_core.records import Progress
from al_core.stores.disk_cache import DiskCache
from tests.toys.footage.disk_scenes import scene

FRAMES = [scene(i) for i in range(4)]


def limits(steps=4, seconds=1e6):
    return TrainingLimits(seconds, steps, 32)


def weights_after(steps, seed=0, **more):
    network = new_refiner_network(1)
    train_refiner(network, FRAMES, limits(steps), seed, **more)
    return to_bytes(network)


def test_the_same_seed_gives_the_same_weights():
    assert weights_after(3) == weights_after(3)
    assert weights_after(3) != weights_after(3, seed=1)


def test_a_training_that_was_killed_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_STEPS", 2)
    keep = Checkpoint(DiskCache(tmp_path, 2**30), "half.part")

    steps = count(1)

    def die(progress):
        if next(steps) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights_after(5, keep=keep, on_progress=die)
    done = []
    assert weights_after(5, keep=keep, on_progress=done.append) == weights_after(5)
    assert len(done) == 3


def test_seconds_end_it_those_before_a_kill_too(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_STEPS", 1)
    keep = Checkpoint(DiskCache(tmp_path, 2**30), "half.part")
    first = train_refiner(new_refiner_network(1), FRAMES, limits(2), 0, keep, clock=count(0.0, 1.0).__next__)
    assert first == 2
    again = train_refiner(new_refiner_network(1), FRAMES, limits(20, 8.0), 0, keep, clock=count(0.0, 1.0).__next__)
    fresh = train_refiner(new_refiner_network(1), FRAMES, limits(20, 8.0), 0, clock=count(0.0, 1.0).__next__)
    assert 2 < again <= fresh + 1 < 20


def test_how_far_it_is_is_told_in_what_ends_it():
    assert limits(20, 8.0).progress(3, 9.5, "a") == Progress(8, 8, "a")
    assert limits(20, math.inf).progress(3, 9.5, "a") == Progress(3, 20, "a")


def test_it_learns(tmp_path):
    said = []
    network = new_refiner_network(0)
    train_refiner(network, FRAMES, limits(20), 0, on_progress=lambda p: said.append(float(p.note.split()[-1])))
    assert np.mean(said[-5:]) < 0.8 * np.mean(said[:5])
    assert not network.training


def test_no_objects_and_no_numbers_are_told():
    with pytest.raises(BadLabel, match="label some first"):
        train_refiner(new_refiner_network(0), [LabelledObjects(FRAMES[0].image, [])], limits(), 0)
    broken = new_refiner_network(0)
    with torch.no_grad():
        next(broken.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match="step 0"):
        train_refiner(broken, FRAMES, limits(), 0)


def test_the_side_is_a_multiple_of_the_stride():
    with pytest.raises(ValueError, match="multiple of 16"):
        TrainingLimits(1.0, side=40)


def test_a_network_comes_back_from_its_file_and_a_damaged_one_is_noted(tmp_path):
    path = tmp_path / "refiner.pt"
    path.write_bytes(to_bytes(new_refiner_network(3)))
    assert to_bytes(read_refiner_network(path)) == to_bytes(new_refiner_network(3))
    assert to_bytes(started_from(path, 0)[0]) == to_bytes(new_refiner_network(3))
    path.write_bytes(b"damaged")
    with pytest.raises(BadCheckpoint, match="a refiner"):
        read_refiner_network(path)
    network, note = started_from(path, 7)
    assert to_bytes(network) == to_bytes(new_refiner_network(7))
    assert "random weights" in note
    assert started_from(None, 7)[1] == ""
