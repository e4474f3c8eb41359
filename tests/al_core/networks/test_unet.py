"""The U-Net and its loss."""

import pytest
import torch

from al_core.networks.network_state import seeded
from al_core.networks.unet import STRIDE, UNet, segmentation_loss

IN_CHANNELS = 5


def new_network(seed: int) -> UNet:
    """Make a network whose weights follow from the seed."""
    return seeded(lambda: UNet(IN_CHANNELS), seed)


def test_logits_have_the_size_of_the_picture() -> None:
    with torch.inference_mode():
        assert new_network(0).eval()(torch.zeros(2, IN_CHANNELS, 2 * STRIDE, 3 * STRIDE)).shape == (2, 32, 48)


def test_what_the_network_says_of_a_picture_does_not_depend_on_the_others() -> None:
    network = new_network(0).eval()
    first, second = torch.rand(2, 1, IN_CHANNELS, STRIDE, STRIDE)
    with torch.inference_mode():
        torch.testing.assert_close(network(torch.cat([first, second]))[:1], network(first), rtol=1e-4, atol=1e-5)


def test_the_loss_is_small_for_the_truth_and_large_for_its_opposite() -> None:
    target = torch.zeros(2, 16, 16)
    target[0, 4:8, 4:8] = 1
    right = (target - 0.5) * 40
    assert segmentation_loss(right, target) < 1e-3
    assert segmentation_loss(-right, target) > 2


def test_a_picture_without_the_object_has_plain_cross_entropy() -> None:
    nothing, unsure = torch.zeros(1, 4, 4), torch.zeros(1, 4, 4)
    assert segmentation_loss(unsure, nothing).item() == pytest.approx(0.6931, abs=1e-4)


def test_a_missed_pixel_of_a_small_object_costs_more_than_a_false_one() -> None:
    target = torch.zeros(1, 8, 8)
    target[0, 0, 0:2] = 1
    right = (target - 0.5) * 20
    missed, false = right.clone(), right.clone()
    missed[0, 0, 0], false[0, 7, 7] = -10, 10
    assert segmentation_loss(missed, target) > 2 * segmentation_loss(false, target)
