"""Training of the specialist."""

from pathlib import Path

import numpy as np
import pytest
import torch

from al_core.errors import BadLabel, TrainingDiverged
from al_core.masks.soft import SoftMask
from al_core.networks.network_state import Checkpoint, to_bytes
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.specialist.examples import ExampleFrame
from al_core.propagation.specialist.network import load_weights, new_network
from al_core.propagation.specialist.training import WARM_UP, train, train_parent
from al_core.records import Progress
from al_core.settings import PropagationSettings
from al_core.stores.disk_cache import DiskCache
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import one_mover


def examples() -> list[ExampleFrame]:
    """Two frames of a bright square, without priors."""
    found = []
    for x in (4, 12):
        mask = np.zeros((32, 32), bool)
        mask[8:20, x : x + 12] = True
        image = np.where(mask[..., None], 220, 40).astype(np.uint8).repeat(3, axis=2)
        found.append(ExampleFrame(image, {1: SoftMask.of(mask)}, [], True))
    return found


def test_the_loss_falls() -> None:
    told: list[Progress] = []
    train(new_network(0, on_backbone=True), examples(), 3 * WARM_UP, 0, on_progress=told.append)
    losses = [float(p.note.rsplit(" ", 1)[1]) for p in told]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    assert [p.done for p in told] == list(range(1, 3 * WARM_UP + 1))


def test_a_training_that_was_killed_ends_with_the_same_weights(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("al_core.networks.training_loop.SAVE_EVERY", 3)
    learnt = examples()
    whole, killed, resumed = (
        new_network(0, on_backbone=True),
        new_network(0, on_backbone=True),
        new_network(5, on_backbone=True),
    )
    train(whole, learnt, 6, 0)
    kept = Checkpoint(DiskCache(tmp_path / "kept", 10**9), "half")

    def stop(progress: Progress) -> None:
        if progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(killed, learnt, 6, 0, kept, stop)
    told: list[Progress] = []
    train(resumed, learnt, 6, 0, kept, told.append)
    assert [p.done for p in told] == [4, 5, 6]
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)


def test_a_parent_is_written_and_started_from(tmp_path: Path) -> None:
    clip = one_mover()
    flow = FlowPropagator(FlowStore(tmp_path), PropagationSettings())
    told: list[Progress] = []
    parent = new_network(0, on_backbone=True)
    train_parent(parent, [(clip, {2: clip.truth[2]}, flow)], max(clip.size), steps=2, on_progress=told.append)
    assert told[0].note == "clip 1 of 1 is read"
    assert [p.done for p in told] == [0, 1, 2]
    path = tmp_path / "parent.pt"
    path.write_bytes(to_bytes(parent))
    assert to_bytes(load_weights(path)) == to_bytes(parent)


def test_training_needs_an_example() -> None:
    with pytest.raises(BadLabel, match="at least one"):
        train(new_network(0, on_backbone=True), [], 2, 0)


def test_a_loss_that_is_no_number_is_an_error() -> None:
    network = new_network(0, on_backbone=True)
    with torch.no_grad():
        network.outline[-1].bias.fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match="step 0 of 2"):
        train(network, examples(), 2, 0)
