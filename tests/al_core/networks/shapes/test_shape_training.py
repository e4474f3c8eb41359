"""Boxes become masks by what was learnt from masks of another category; a training goes on to the same bits."""

import numpy as np
import pytest
import torch

from al_core.errors import BadLabel
from al_core.networks.network_state import Checkpoint
from al_core.networks.shapes.shape_refiner import masks_in_boxes
from al_core.networks.shapes.shape_training import new_shape_network, train_shapes
from al_core.stores.disk_cache import DiskCache
from tests.toys.labelling.boxed_disks import disk, scene


def test_the_category_without_masks_gets_some(monkeypatch):
    monkeypatch.setattr("al_core.networks.shapes.shape_training.BATCH", 4)
    image, objects = scene()
    network = new_shape_network(2, 0)
    train_shapes(network, objects, 0, steps=25)
    for found, truth in zip(
        masks_in_boxes(network, image, [o.box for o in objects], [0, 1]), (disk(18, 20), disk(46, 26)), strict=True
    ):
        assert np.count_nonzero(found.mask & truth) / np.count_nonzero(found.mask | truth) > 0.7
        assert 0.5 < found.confidence <= 1


def test_a_training_that_was_killed_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr("al_core.networks.training_loop.SAVE_EVERY", 1)
    _, objects = scene()
    whole, again = new_shape_network(2, 3), new_shape_network(2, 3)
    train_shapes(whole, objects, 3, steps=2)
    keep = Checkpoint(DiskCache(tmp_path, 10**9), "half")

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_shapes(new_shape_network(2, 3), objects, 3, keep, stop, steps=2)
    train_shapes(again, objects, 3, keep, steps=2)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def test_no_mask_at_all_is_told():
    _, objects = scene(masked=False)
    with pytest.raises(BadLabel, match="expected one at least, got none beside 2 boxes"):
        train_shapes(new_shape_network(2, 0), objects, 0, steps=1)
