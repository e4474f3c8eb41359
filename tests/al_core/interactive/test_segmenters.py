import cv2
import numpy as np
import pytest

from al_core.interactive.segmenters import grabcut, random_walk
from tests.al_core.interactive.figure import IMAGE, TRUTH

HALVES = np.zeros((8, 16, 3), np.uint8)
HALVES[:, 8:] = 255


def seeded(*seeds):
    """Prior and trust [8, 16] with a seed (row, column, probability) here and there."""
    prior, trust = np.zeros((8, 16), np.float32), np.zeros((8, 16), np.float32)
    for row, column, probability in seeds:
        prior[row, column], trust[row, column] = probability, 10
    return prior, trust


def test_a_seed_holds_up_to_the_edge_of_its_colour():
    found = random_walk(HALVES, *seeded((4, 2, 0), (4, 13, 1)))
    assert (found[:, :7] < 0.1).all()
    assert (found[:, 9:] > 0.9).all()


def test_on_a_flat_picture_the_nearer_seed_wins():
    found = random_walk(np.full((8, 16, 3), 90, np.uint8), *seeded((4, 2, 0), (4, 13, 1)))
    assert (found[4, :7] < 0.5).all()
    assert (found[4, 9:] > 0.5).all()


def test_what_is_known_everywhere_stays():
    prior = np.random.default_rng(0).random((8, 16)).astype(np.float32)
    found = random_walk(HALVES, prior, np.full((8, 16), 1e4, np.float32))
    assert np.abs(found - prior).max() < 0.01


def test_it_solves_the_system_of_its_energy():
    # Two pixels of one colour, one of them held at 1 with the strength of a step: the other is 1 as well.
    found = random_walk(
        np.full((1, 2, 3), 50, np.uint8), np.array([[1, 0]], np.float32), np.array([[1, 0]], np.float32)
    )
    assert np.allclose(found, 1, atol=0.01)
    # Held at 0 with the same strength, it lies at 1/3: two steps of like ease from 1 - 1/3 to 1/3 to 0.
    both = random_walk(np.full((1, 2, 3), 50, np.uint8), np.array([[1, 0]], np.float32), np.array([[1, 1]], np.float32))
    assert np.allclose(both, [[2 / 3, 1 / 3]], atol=0.01)


def test_colours_tell_the_object_from_its_surroundings():
    states = np.full((64, 64), cv2.GC_BGD, np.uint8)
    states[6:60, 10:50] = cv2.GC_PR_FGD
    assert (grabcut(IMAGE, states, 2) == TRUTH).all()


def test_it_gives_the_same_again_and_leaves_the_states_alone():
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    states = np.full((16, 16), cv2.GC_BGD, np.uint8)
    states[4:12, 4:12] = cv2.GC_PR_FGD
    kept = states.copy()
    cv2.setRNGSeed(99)
    first = grabcut(image, states, 2)
    assert (grabcut(image, states, 2) == first).all()
    assert (states == kept).all()


def test_without_background_there_is_nothing_to_learn_from():
    assert grabcut(IMAGE, np.full((64, 64), cv2.GC_PR_FGD, np.uint8), 2).all()
    assert not grabcut(IMAGE, np.full((64, 64), cv2.GC_BGD, np.uint8), 2).any()


@pytest.mark.parametrize("product", ["dot", "vdot", "inner", "matmul"])
def test_it_takes_no_product_from_blas(monkeypatch, product):
    # Whose threads wait for each other, at every step, beside a training.
    monkeypatch.setattr(np, product, None)
    assert random_walk(HALVES, *seeded((4, 2, 0), (4, 13, 1)))[4, 12] > 0.9
