"""A discriminator learns what the picture says of a mask, and draws nothing from the process's generators."""

import pytest
import torch

from al_core.adversary.discriminator import Discriminator, telling_loss


def shown(n: int, right: bool, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bright squares on noise, with masks that fit or that are turned upside down."""
    rng = torch.Generator().manual_seed(seed)
    pictures, masks = torch.randn(n, 3, 16, 16, generator=rng), torch.zeros(n, 16, 16)
    masks[:, :8, 4:12] = 1
    pictures += 3 * masks[:, None]
    return pictures, masks if right else masks.flip(1), torch.zeros(n, dtype=torch.int64)


def test_masks_that_fit_the_picture_are_told_from_others() -> None:
    network = Discriminator(1, 3)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    for step in range(30):
        loss = telling_loss(*(network(*shown(8, right, step))[0] for right in (True, False)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        drawn, other = (network(*shown(8, right, 1000))[0] for right in (True, False))
    assert drawn.min() > other.max()


def test_the_channel_of_a_category_is_its_own() -> None:
    network = Discriminator(2, 3)
    pictures, masks, first = shown(2, True, 0)
    logits, features = network(pictures, masks, first)
    assert (logits.shape, features.shape) == ((2,), (2, 128))
    assert not torch.equal(logits, network(pictures, masks, first + 1)[0])


def test_weights_follow_from_the_seed_alone() -> None:
    before = torch.random.get_rng_state()
    one, again, other = (Discriminator(1, seed).judge.weight for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_both_sides_count_the_same_however_many_there_are() -> None:
    few, many = torch.tensor([0.5]), torch.full((9,), -1.0)
    assert telling_loss(few, many) == telling_loss(few, many[:1])
    assert float(telling_loss(torch.tensor([0.0]), torch.zeros(0))) == pytest.approx(0.6931, abs=1e-4)
