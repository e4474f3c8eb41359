import numpy as np

from al_core.discovery.colours import brightness, guided, with_colours

SIZE = (30, 40)
THING = np.zeros(SIZE, bool)
THING[8:22, 12:28] = True


def picture():
    """A red thing on green."""
    image = np.full((*SIZE, 3), (40, 120, 50), np.uint8)
    image[THING] = (200, 60, 60)
    return image


def test_colours_fill_in_what_motion_leaves_open():
    odds = np.full(SIZE, -2, np.float32)
    odds[THING] = 0
    odds[8:22, 12:15] = 2
    (found,) = with_colours([odds], [picture()])
    assert ((found > 0.5) == THING).mean() > 0.97


def test_where_nothing_moves_colours_say_nothing():
    (found,) = with_colours([np.full(SIZE, -2, np.float32)], [picture()])
    assert found.max() < 0.2


def test_a_mask_is_drawn_to_the_edge_of_the_picture():
    rough = np.zeros(SIZE, np.float32)
    rough[7:23, 11:29] = 1
    smooth = guided(rough, brightness(picture()))
    assert np.count_nonzero((smooth > 0.5) != THING) < np.count_nonzero((rough > 0.5) != THING)
    assert smooth.min() >= 0
    assert smooth.max() <= 1
