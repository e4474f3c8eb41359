"""Saliency of the own category, and how it spreads."""

import pytest
import torch

from al_core.networks.shapes.spreading import SaliencySpreading, salience, spread


def test_values_spread_as_far_as_weights_let_them():
    values = torch.zeros(1, 1, 1, 5)
    values[..., 0] = 1
    forward = torch.zeros(1, 1, 9, 1, 5)
    forward[:, :, 3] = 1
    assert spread(values, forward, 4).flatten().tolist() == [1, 1, 1, 1, 1]
    forward[..., 3, :, 3], forward[..., 4, :, 3] = 0, 1
    assert spread(values, forward, 4).flatten().tolist() == [1, 1, 1, 0, 0]


def test_a_mean_of_equal_values_is_the_same_value():
    module = SaliencySpreading(4, 3)
    module.decode = torch.nn.Identity()
    module.encode = torch.nn.Identity()
    assert torch.allclose(module(torch.ones(1, 3, 6, 6)[:, :1], torch.rand(1, 4, 6, 6)), torch.ones(1, 3, 6, 6))


def test_saliency_is_the_share_of_the_own_category_in_the_box_its_greatest_1():
    maps = torch.tensor([[[[3.0, 0.0, 9.0]], [[0.0, 3.0, 0.0]]]])
    within = torch.tensor([[[[1.0, 1.0, 0.0]]]])
    own = salience(maps, torch.tensor([1]), within)
    assert own.flatten().tolist() == [pytest.approx(0.05, abs=0.003), 1, 0]
    assert torch.allclose(own, salience(maps - 7, torch.tensor([1]), within))
