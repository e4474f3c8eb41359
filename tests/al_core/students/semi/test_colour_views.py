"""Views show the same at the same places."""

import torch

from al_core.students.semi.colour_views import mirrored, mirrored_boxes, recoloured


def test_other_colours_leave_grey_areas_flat_and_are_drawn_for_each_image() -> None:
    images = torch.zeros(2, 3, 4, 4)
    seen = recoloured(images, torch.Generator().manual_seed(1))
    assert torch.equal(seen, recoloured(images, torch.Generator().manual_seed(1)))
    assert not torch.equal(seen[0], seen[1])
    assert (seen == seen[:, :, :1, :1]).all()


def test_brighter_places_stay_brighter() -> None:
    images = torch.zeros(1, 3, 1, 2)
    images[..., 1] = 1.0
    rng = torch.Generator().manual_seed(2)
    for _ in range(20):
        seen = recoloured(images, rng)
        assert (seen[..., 1] > seen[..., 0]).all()


def test_boxes_are_mirrored_as_images_are() -> None:
    image = torch.zeros(1, 1, 4, 10)
    image[..., 1:3, 2:5] = 1
    (box,) = mirrored_boxes(torch.tensor([[2.0, 1.0, 5.0, 3.0]]), 10).long().tolist()
    turned = mirrored(image)
    assert turned[..., box[1] : box[3], box[0] : box[2]].all()
    assert turned.sum() == 6
