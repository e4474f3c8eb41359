"""The five losses, on maps whose right answer is known."""

from dataclasses import fields

import pytest
import torch

from al_core.discovery.granularity.losses import (
    USUAL,
    Affinity,
    Weights,
    concentration_loss,
    cycle_loss,
    frame_loss,
    places_of,
    pooled,
    video_loss,
)

SIZE = (8, 16)


def one_hot(shift=0, size=SIZE):
    """Features that tell every cell apart, those of a frame moved to the right by whole cells."""
    numbers = torch.arange(size[0] * size[1]).reshape(size).roll(shift, dims=1)
    return torch.nn.functional.one_hot(numbers, size[0] * size[1]).permute(2, 0, 1).float() * 10


def test_the_teacher_itself_has_the_least_loss():
    target = torch.zeros(1, 8, 8)
    target[:, 2:5, 2:5] = 1
    odds = (target * 2 - 1) * 4
    right = frame_loss(odds, odds, target)
    assert right < 0.05
    assert frame_loss(-odds, odds, target) > 10 * right
    assert frame_loss(torch.zeros_like(odds), odds, target) > 5 * right


def test_places_are_copied_from_where_the_cells_went():
    affinity = Affinity.between(one_hot(), one_hot(2))
    moved = affinity.copied(places_of(SIZE)) - places_of(SIZE)
    torch.testing.assert_close(moved[0, :, :-2], torch.full((8, 14), 2.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(moved[1, :, :-2], torch.zeros(8, 14), atol=1e-3, rtol=0)


def test_windows_that_move_as_a_whole_are_compact():
    size = (8, 24)
    assert concentration_loss(Affinity.between(one_hot(0, size), one_hot(0, size))) < 1e-3
    mixed = torch.randn(6, *size, generator=torch.Generator().manual_seed(0)) * 3
    other = torch.randn(6, *size, generator=torch.Generator().manual_seed(1)) * 3
    assert concentration_loss(Affinity.between(mixed, other)) > 0.1


def test_there_and_back_ends_where_it_began_only_if_both_ways_agree():
    here, there = one_hot(), one_hot(2)
    forth, back = Affinity.between(here, there), Affinity.between(there, here)
    assert cycle_loss(forth, forth) > 4 * cycle_loss(forth, back)
    same = Affinity.between(here, here)
    assert cycle_loss(same, same) < 1e-6


def test_objects_of_a_clip_are_drawn_together_and_away_from_the_ground():
    clips = torch.tensor([0, 0, 1, 1])
    a, b, ground = torch.eye(3).split(1)
    right = video_loss(torch.cat([a, a, b, b]), ground.expand(4, -1), clips)
    assert right < 0.01
    assert video_loss(torch.cat([a, b, a, b]), ground.expand(4, -1), clips) > 1
    assert video_loss(torch.cat([a, a, b, b]), torch.cat([a, a, b, b]), clips) > right + 0.5


def test_the_mean_feature_is_that_under_the_mask():
    features = torch.zeros(1, 2, 2, 2)
    features[0, :, 0, 0] = torch.tensor([3.0, 5.0])
    mask = torch.zeros(1, 4, 4)
    mask[0, :2, :2] = 1
    torch.testing.assert_close(pooled(features, mask), torch.tensor([[3.0, 5.0]]))
    assert pooled(features, torch.zeros(1, 4, 4)).abs().sum() == 0


@pytest.mark.parametrize("name", [field.name for field in fields(Weights)])
def test_each_loss_can_be_switched_off(name):
    off = USUAL.without(name)
    assert getattr(off, name) == 0
    assert [getattr(off, f.name) for f in fields(Weights) if f.name != name] == [
        getattr(USUAL, f.name) for f in fields(Weights) if f.name != name
    ]
