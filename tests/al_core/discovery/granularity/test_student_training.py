"""Training of the student on a toy."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from al_core.discovery.granularity.lesson import taught
from al_core.discovery.granularity.losses import USUAL, Weights
from al_core.discovery.granularity.memory_network import MEMORY, new_network
from al_core.discovery.granularity.student_training import draw, memory_of, step_loss, train
from al_core.networks import training_loop
from al_core.networks.network_state import Checkpoint
from al_core.stores.disk_cache import DiskCache
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import line, mover_clip


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """One small shot in which a disk moves."""
    clip = mover_clip({1: line((12, 16), (3, 0), 6)}, radius=7, size=(32, 64))
    return [taught(clip, range(6), FlowStore(tmp_path_factory.mktemp("flow")))]


def loss_of(network, shots, weights=USUAL, step=0):
    with torch.no_grad():
        return float(step_loss(network, shots, weights, np.random.default_rng([7, step])))


def test_it_learns(shots):
    network = new_network(0)
    only = Weights(1.0, 0.0, 0.0, 0.0, 0.0)
    before = loss_of(network, shots, only)
    train(network, shots, 0, only, steps=8)
    assert loss_of(network, shots, only) < 0.9 * before


def test_a_training_that_was_stopped_ends_as_one_that_was_not(shots, tmp_path, monkeypatch):
    monkeypatch.setattr(training_loop, "SAVE_EVERY", 2)
    whole = new_network(0)
    train(whole, shots, 0, steps=4)
    keep, stopped = Checkpoint(DiskCache(tmp_path, 10**8), "part"), new_network(0)

    class Stopped(Exception):
        pass

    def stop(progress):
        if progress.done == 3:
            raise Stopped

    with pytest.raises(Stopped):
        train(stopped, shots, 0, steps=4, keep=keep, on_progress=stop)
    again = new_network(0)
    told = []
    train(again, shots, 0, steps=4, keep=keep, on_progress=lambda progress: told.append(progress.done))
    assert told == [3, 4]
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", [field.name for field in fields(Weights)])
def test_each_loss_counts_with_its_weight(shots, name):
    network = new_network(0)
    alone = Weights(**{field.name: float(field.name == name) for field in fields(Weights)})
    twice = Weights(**{field.name: 2.0 * (field.name == name) for field in fields(Weights)})
    none = Weights(0.0, 0.0, 0.0, 0.0, 0.0)
    found = loss_of(network, shots, alone)
    assert found > 0
    assert loss_of(network, shots, twice) == pytest.approx(2 * found, rel=1e-4)
    assert loss_of(network, shots, none) == 0


def test_two_frames_and_a_memory_are_drawn(shots):
    drawn = draw(shots[0], np.random.default_rng(0))
    assert drawn.lab.shape == (2 + MEMORY, 3, 32, 64)
    assert drawn.odds.shape == drawn.target.shape == (2, 32, 64)
    assert drawn.target[0].any()
    assert not torch.equal(drawn.lab[0], drawn.lab[1])


def test_the_memory_is_spread_evenly_over_the_clip():
    assert memory_of(range(16)) == [1, 3, 5, 7, 9, 11, 13, 15]
    assert memory_of(range(100, 104)) == [100, 100, 101, 101, 102, 102, 103, 103]
