import cv2
import numpy as np

from al_core.interactive.grabcut import grabcut
from tests.al_core.interactive.figure import IMAGE, TRUTH


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
