"""A training goes on to the same bits, follows its learning rate, and says when it has come to nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from al_core.errors import TrainingDiverged
from al_core.networks.network_state import Checkpoint, seeded
from al_core.networks.training_loop import TrainingLoop, half_cosine
from al_core.records import Progress
from al_core.stores.disk_cache import DiskCache

STEPS = 6


class Killed(Exception):
    pass


def line() -> nn.Linear:
    return seeded(lambda: nn.Linear(2, 1), 1)


def loop_for(
    network: nn.Linear,
    keep: Checkpoint | None = None,
    steps: int = STEPS,
    on_progress: Callable[[Progress], None] | None = None,
) -> TrainingLoop:
    optimizer = torch.optim.Adam(network.parameters(), 0.1)
    return TrainingLoop("a line", optimizer, steps, 5, half_cosine, keep=keep, on_progress=on_progress)


def loss_for(network: nn.Linear, killed_at: int | None = None) -> Callable[[np.random.Generator], Tensor]:
    """Return a loss that draws points of y = a + 2b + 3, and a kill in so many steps."""
    left = [killed_at]

    def loss(rng: np.random.Generator) -> Tensor:
        if left[0] is not None:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
        points = torch.from_numpy(rng.normal(size=(8, 2))).float()
        return ((network(points)[:, 0] - points @ torch.tensor([1.0, 2.0]) - 3) ** 2).mean()

    return loss


def test_a_training_that_was_killed_goes_on_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("al_core.networks.training_loop.SAVE_EVERY", 2)
    whole = line()
    loop_for(whole).train(whole, loss_for(whole))
    keep = Checkpoint(DiskCache(tmp_path, 10**9), "half")
    halves = line()
    with pytest.raises(Killed):
        loop_for(halves, keep).train(halves, loss_for(halves, killed_at=5))
    again = line()
    told: list[Progress] = []
    loop_for(again, keep, on_progress=told.append).train(again, loss_for(again))
    assert torch.equal(again.weight, whole.weight)
    assert [progress.done for progress in told] == [5, 6]
    assert not again.training


def test_it_learns() -> None:
    network = line()
    losses: list[Progress] = []
    loop_for(network, steps=150, on_progress=losses.append).train(network, loss_for(network))
    assert losses[-1].note.startswith("a line, loss 0.0")


def test_the_rate_goes_with_the_share_that_is_done() -> None:
    network = line()
    seen: list[float] = []
    loop = loop_for(network)

    def loss(rng: np.random.Generator) -> Tensor:
        seen.append(loop.optimizer.param_groups[0]["lr"])
        return network.weight.sum()

    loop.train(network, loss)
    assert seen == pytest.approx([0.1 * half_cosine(step / STEPS) for step in range(STEPS)])
    assert (half_cosine(0), half_cosine(0.5), half_cosine(1)) == pytest.approx((1, 0.5, 0))


def test_a_gradient_is_no_longer_than_allowed() -> None:
    network = line()
    before = network.weight.detach().clone()
    optimizer = torch.optim.SGD(network.parameters(), 1.0)
    TrainingLoop("a line", optimizer, 1, 5, clip=0.5).train(network, lambda rng: 100 * network.weight.sum())
    assert float((network.weight.detach() - before).norm()) == pytest.approx(0.5, rel=1e-3)


def test_a_loss_that_is_no_number_ends_it() -> None:
    network = line()
    with pytest.raises(TrainingDiverged, match="a line: the loss is nan at step 0 of 6"):
        loop_for(network).train(network, lambda rng: network.weight.sum() * float("nan"))


def test_it_ends_once_its_seconds_are_spent() -> None:
    network = line()
    told: list[Progress] = []
    loop = loop_for(network, on_progress=told.append)
    replace(loop, seconds=0.0).train(network, loss_for(network))
    assert [progress.done for progress in told] == [1]
    assert not network.training
