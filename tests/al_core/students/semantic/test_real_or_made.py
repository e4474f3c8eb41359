"""Who learns from which loss of two networks that compete, and what is remembered of made maps."""

import pytest
import torch

from al_core.students.semantic.real_or_made import POOL, WINDOW, Adversary, windows


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def adversary() -> Adversary:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Adversary(2)


def test_a_maker_is_taught_by_a_judge_that_does_not_change(adversary: Adversary) -> None:
    made = torch.rand(2, 2, WINDOW, WINDOW, requires_grad=True)
    adversary.of_maker(made, generator()).backward()
    assert made.grad is not None
    assert made.grad.abs().sum() > 0
    assert all(p.grad is None for p in adversary.parameters())


def test_a_judge_learns_and_the_maker_does_not(adversary: Adversary) -> None:
    made, real = torch.rand(2, 2, WINDOW, WINDOW, requires_grad=True), torch.rand(2, 2, WINDOW, WINDOW)
    adversary.of_judge(real, made, generator()).backward()
    assert made.grad is None
    assert all(p.grad is not None for p in adversary.judge.parameters())


def test_a_judge_learns_to_tell_made_from_real(adversary: Adversary) -> None:
    rng, optimizer = generator(), torch.optim.Adam(adversary.parameters(), 1e-3)
    real, made = torch.ones(2, 2, WINDOW, WINDOW), torch.zeros(2, 2, WINDOW, WINDOW)
    losses = []
    for _ in range(15):
        loss = adversary.of_judge(real, made, rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 4
    with torch.no_grad():
        assert adversary.judge(real).mean() > 0.5 > adversary.judge(made).mean()


def test_what_was_made_before_is_shown_again_once_the_pool_is_full(adversary: Adversary) -> None:
    rng = generator()
    first = torch.full((POOL, 2, WINDOW, WINDOW), 1.0)
    assert torch.equal(adversary._remembered(first, rng), first)
    shown = adversary._remembered(torch.full((40, 2, WINDOW, WINDOW), 2.0), rng)
    old = int((shown[:, 0, 0, 0] == 1).sum())
    assert 5 < old < 35
    # Each that was shown from the pool has given its place.
    assert 0 < int((adversary.pool[:, 0, 0, 0] == 2).sum()) <= old
    assert int(adversary.made) == POOL + 40


def test_the_pool_and_its_count_are_part_of_what_is_stored(adversary: Adversary) -> None:
    assert {"pool", "made"} <= adversary.state_dict().keys()


def test_windows_are_of_one_size_and_follow_from_the_generator() -> None:
    maps = torch.arange(100.0 * 90).reshape(1, 1, 100, 90)
    once, again, other = (windows(maps, generator(seed)) for seed in (0, 0, 1))
    assert once.shape == (1, 1, WINDOW, WINDOW)
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    small = windows(torch.ones(1, 1, 32, 48), generator())
    assert small.shape == (1, 1, WINDOW, WINDOW)
    assert small.sum() == 32 * 48
