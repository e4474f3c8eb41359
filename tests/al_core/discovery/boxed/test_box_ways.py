"""Which way makes masks of boxes: the one that does best on masks that were hidden from it."""

import numpy as np
import pytest
import torch

from al_core.discovery.boxed.box_ways import BoxWay, KnownObject, WayChoice, choose_way, hidden_halves, masks_by
from al_core.masks.soft import Window
from al_core.networks.shapes.box_crops import BoxedObject, window_around
from al_core.networks.shapes.shape_network import ShapeOutput
from al_core.networks.shapes.shape_training import new_shape_network
from tests.toys.labelling.boxed_disks import disk, scene

GREY = np.full((48, 64, 3), 110, np.uint8)


class Draws(torch.nn.Module):
    """A network that sees a diamond in every box, or the upper half of it."""

    def __init__(self, upper=False):
        super().__init__()
        self.upper = upper

    def forward(self, crops, boxes, around, kinds, outlines=None, kept=None):
        """Return the shape as logits."""
        inside = boxes[:, 0].clone()
        rows, columns = torch.meshgrid(*[torch.arange(s) - (s - 1) / 2 for s in inside.shape[1:]], indexing="ij")
        reach = inside.amax(dim=1).sum() / len(inside) / 2
        inside[:, rows > 0] *= not self.upper
        return ShapeOutput(kinds, kinds, boxes, boxes, 20 * inside * (rows.abs() + columns.abs() <= reach) - 10)


def diamonds(n=4):
    """Diamonds in the colours of their ground: their boxes alone tell anything of them."""
    rows, columns = np.mgrid[:48, :64]
    found = []
    for number in range(n):
        mask = abs(rows - 22) + abs(columns - 10 - 14 * number) <= 7
        found.append(KnownObject(BoxedObject(GREY, window_around(mask), number % 2, mask), (1, number)))
    return found


def test_the_masks_of_every_category_are_hidden_in_turn():
    hidden = []

    def train(half, objects):
        hidden.append((half, [k for k, one in enumerate(objects) if one.mask is None]))
        return Draws()

    choose_way(diamonds(), train)
    assert hidden == [(0, [0, 2]), (1, [1, 3])]


def test_where_one_category_alone_has_masks_half_of_its_objects_lose_theirs_in_all_frames():
    one = BoxedObject(GREY, window_around(disk(20, 20)), 0, disk(20, 20))
    known = [KnownObject(one, (1, track)) for track in (7, 7, 8, 9, 9)]
    assert hidden_halves(known) == [[0, 1, 3, 4], [2]]


def test_a_network_that_sees_what_colours_do_not_is_taken():
    choice = choose_way(diamonds(), lambda half, objects: Draws())
    assert choice.way.learns
    assert choice.iou[choice.way] > choice.iou[BoxWay.COLOURS] + 0.1
    assert choice.objects == 4
    assert choice.confidence == choice.iou[choice.way]


def test_a_network_that_does_worse_than_colours_is_not_taken():
    image, objects = scene()
    red, blue = disk(18, 20), disk(46, 26)
    known = [
        KnownObject(BoxedObject(image, one.box, one.kind, mask), (video, one.kind))
        for video in (1, 2)
        for one, mask in zip(objects, (red, blue), strict=True)
    ]
    choice = choose_way(known, lambda half, objects: Draws(upper=True))
    assert choice.iou[BoxWay.COLOURS] > 0.9
    assert choice.way in (BoxWay.COLOURS, BoxWay.ELLIPSE)


def test_with_masks_of_few_objects_nothing_is_learnt():
    def never(half, objects):
        raise AssertionError

    choice = choose_way(diamonds(2), never)
    assert (choice.way, choice.confidence) == (BoxWay.COLOURS, None)
    assert "with masks of 3 objects a network would be tried" in choice.describe()


@pytest.mark.parametrize("way", list(BoxWay))
def test_every_way_makes_a_mask_within_its_box(way):
    box = Window(8, 10, 30, 32)
    (mask,) = masks_by(way, new_shape_network(2, 0).eval(), scene()[0], [box], [1])
    outside = np.ones(mask.shape, bool)
    outside[box.slices] = False
    assert mask.any()
    assert not mask[outside].any()


def test_a_choice_is_kept_as_it_is():
    choice = WayChoice(BoxWay.HEAD, {BoxWay.COLOURS: 0.5, BoxWay.HEAD: 0.75}, 12)
    assert WayChoice.from_json(choice.to_json()) == choice
    told = "masks by a network; overlap with 12 drawn masks that were held out: colours 0.50, a network 0.75"
    assert choice.describe() == told
