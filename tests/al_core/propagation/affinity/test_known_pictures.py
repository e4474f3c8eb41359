"""What a network that knows pictures sees in the cells of a clip."""

import numpy as np
import torch

from al_core.propagation.affinity.known_pictures import SCALE, seen_in
from tests.toys.footage.marked_shapes import PictureClip

RNG = np.random.default_rng(5)
PICTURES = [RNG.integers(0, 255, (46, 74, 3), np.uint8) for _ in range(3)]


def test_each_cell_of_four_pixels_has_features_also_at_the_rim():
    see = seen_in(PictureClip(PICTURES), (46, 74))
    assert see(PICTURES[0]).shape == (24 + 40, 12, 19)


def test_channels_are_less_what_is_usual_in_the_clip_and_levels_count_alike():
    see = seen_in(PictureClip(PICTURES), (46, 74))
    cells = torch.cat([see(picture).flatten(1) for picture in PICTURES], dim=1)
    assert torch.allclose(cells.mean(dim=1), torch.zeros(64), atol=1e-4)
    varies = cells.square().mean(dim=1)
    assert abs(varies[:24].sum() - SCALE**2) < 0.1
    assert abs(varies[24:].sum() - SCALE**2) < 0.1


def test_a_clip_in_which_nothing_varies_has_finite_features():
    grey = np.full((32, 32, 3), 128, np.uint8)
    assert torch.isfinite(seen_in(PictureClip([grey]), (32, 32))(grey)).all()
