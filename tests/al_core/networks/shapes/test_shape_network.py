"""The head sees what has spread, and without spreading nothing of it."""

import torch

from al_core.networks.shapes.shape_training import new_shape_network


def seen(propagates):
    network = new_shape_network(2, 0, propagates).eval()
    boxes = torch.zeros(2, 1, 64, 64)
    boxes[..., 16:48, 16:48] = 1
    with torch.inference_mode():
        return network(torch.rand(2, 3, 64, 64), boxes, 1 - boxes, torch.tensor([0, 1]))


def test_what_it_says_of_two_crops():
    said = seen(propagates=True)
    assert said.classes.shape == said.surroundings.shape == (2, 3)
    assert said.saliency.shape == said.shape.shape == (2, 1, 16, 16)
    assert said.mask.shape == (2, 64, 64)


def test_nothing_is_salient_outside_the_box():
    said = seen(propagates=True)
    assert not said.saliency[..., :4, :].any()
    assert said.saliency.amax(dim=(1, 2, 3)).tolist() == [1, 1]


def test_without_spreading_the_head_stands_alone():
    assert not seen(propagates=False).shape.any()
