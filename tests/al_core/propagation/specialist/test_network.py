"""The network of the specialist."""

from pathlib import Path

import pytest
import torch

from al_core.errors import BadCheckpoint
from al_core.propagation.network_state import to_bytes
from al_core.propagation.specialist.network import IN_CHANNELS, STRIDE, load_weights, new_network, segmentation_loss


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


def test_weights_come_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "parent.pt"
    path.write_bytes(to_bytes(new_network(3)))
    assert to_bytes(load_weights(path)) == to_bytes(new_network(3))
    assert to_bytes(new_network(3)) != to_bytes(new_network(4))
    with pytest.raises(BadCheckpoint, match="specialist's parent.*train_parent"):
        load_weights(tmp_path / "absent.pt")
