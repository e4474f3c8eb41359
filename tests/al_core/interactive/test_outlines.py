import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.evaluation.metrics import j_and_f
from al_core.interactive import filled, refine_with_outline
from tests.al_core.interactive.figure import IMAGE, TRUTH, soft

SQUARE = np.zeros((32, 32), bool)
SQUARE[8:25, 6:21] = True
CORNERS = np.array([[6, 8], [20, 8], [20, 24], [6, 24]])
COARSE = np.array([[30, 9], [40, 16], [37, 26], [48, 40], [38, 57], [21, 56], [12, 38], [24, 25], [21, 16]])
NOTHING = np.zeros((64, 64), np.float32)


def test_the_polygon_of_a_square_is_the_square():
    assert (filled((32, 32), [CORNERS]) == SQUARE).all()
    painted = np.where(SQUARE[..., None], np.uint8([180, 60, 40]), np.uint8([50, 90, 120]))
    assert (refine_with_outline(painted, np.zeros((32, 32), np.float32), SQUARE) == SQUARE).all()


def test_two_pieces_are_one_object():
    assert filled((8, 8), [np.array([[0, 0], [2, 0], [0, 2]]), np.array([[7, 7], [5, 7], [7, 5]])]).sum() == 12


def test_a_coarse_outline_moves_to_the_edge():
    coarse = filled((64, 64), [COARSE])
    refined = refine_with_outline(IMAGE, NOTHING, coarse)
    assert j_and_f(refined, TRUTH).j > 0.95 > j_and_f(coarse, TRUTH).j


def test_a_prediction_like_the_outline_has_a_say():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    coarse = filled((64, 64), [COARSE])
    alone = refine_with_outline(noise, NOTHING, coarse)
    helped = refine_with_outline(noise, soft(TRUTH), coarse)
    assert j_and_f(helped, TRUTH).j > j_and_f(alone, TRUTH).j


def test_a_prediction_elsewhere_has_none():
    coarse = filled((64, 64), [COARSE])
    elsewhere = np.zeros((64, 64), np.float32)
    elsewhere[50:, 50:] = 1
    alone = refine_with_outline(IMAGE, NOTHING, coarse)
    assert (refine_with_outline(IMAGE, elsewhere, coarse) == alone).all()


def test_nothing_drawn():
    assert not refine_with_outline(IMAGE, soft(TRUTH), np.zeros((64, 64), bool)).any()


def test_a_line_is_no_polygon():
    with pytest.raises(BadLabel, match="at least three vertices"):
        filled((8, 8), [np.array([[0, 0], [3, 3]])])
