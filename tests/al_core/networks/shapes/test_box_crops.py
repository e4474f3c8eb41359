"""What a network sees of a box, and back onto the frame."""

import numpy as np

from al_core.masks.soft import Window
from al_core.networks.shapes.box_crops import BoxCrop
from tests.toys.labelling.boxed_disks import disk, scene


def test_a_crop_is_a_square_of_the_box_and_its_surroundings_and_back():
    image, (_, blue) = scene()
    crop = BoxCrop.around(blue.box)
    assert crop.image(image).shape == (crop.side, crop.side, 3)
    inside = crop.drawn(blue.box)
    assert inside[crop.side // 2, crop.side // 2] == 1
    assert inside[0, 0] == 0
    back = crop.on_frame(crop.values(disk(46, 26)), (48, 64)) > 0.5
    assert np.count_nonzero(back ^ disk(46, 26)) < 0.05 * disk(46, 26).sum()


def test_a_box_that_reaches_beyond_the_frame_is_cut_to_it():
    image, _ = scene()
    crop = BoxCrop.around(Window(50, 30, 80, 60))
    assert crop.image(image).shape == (crop.side, crop.side, 3)
    found = crop.on_frame(np.ones((crop.side, crop.side), np.float32), (48, 64))
    assert found.sum() == 18 * 14
