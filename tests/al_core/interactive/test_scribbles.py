import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.evaluation.metrics import j_and_f
from al_core.interactive import Stroke, refine_with_scribble
from al_core.interactive.scribbles import stroke_through
from tests.al_core.interactive.figure import BODY, HEAD, IMAGE, TRUTH, soft


def line(start, end, positive):
    points = np.linspace(start, end, 20).round().astype(np.int64)
    return Stroke(points, positive)


def test_strokes_bring_what_is_missing_and_take_what_is_too_much():
    wrong = BODY.copy()
    wrong[30:50, 50:60] = True
    refined = refine_with_scribble(
        IMAGE, soft(wrong), [line((27, 17), (33, 17), True), line((54, 32), (54, 47), False)]
    )
    assert j_and_f(refined, TRUTH).j > 0.97 > j_and_f(wrong, TRUTH).j


def test_every_point_is_on_its_side():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    stroke = line((2, 2), (60, 50), True)
    refined = refine_with_scribble(noise, np.zeros((64, 64), np.float32), [stroke])
    assert refined[stroke.points[:, 1], stroke.points[:, 0]].all()


def test_a_dot_is_a_click():
    dot = Stroke(np.array([[30, 17]]), True)
    assert j_and_f(refine_with_scribble(IMAGE, soft(BODY), [dot]), TRUTH).j > 0.97


def test_no_strokes_change_nothing():
    assert (refine_with_scribble(IMAGE, soft(HEAD), []) == HEAD).all()


def test_a_stroke_goes_along_straight_lines_as_far_as_the_frame_does():
    stroke = stroke_through([(1.9, 2.0), (4.2, 2.9), (4.0, 40.0)], False, (5, 10))
    assert stroke.points.tolist() == [[1, 2], [2, 2], [3, 2], [4, 2], [4, 3], [4, 4]]
    assert len(stroke_through([(0, 0), (1e6, 0), (0, 4)], True, (5, 10)).points) < 30
    assert not stroke.positive
    assert stroke_through([(3.0, 3.0)], True, (5, 10)).points.tolist() == [[3, 3]]
    with pytest.raises(BadLabel, match="wholly outside"):
        stroke_through([(-3.0, 3.0), (-1.0, 3.0)], True, (5, 10))


def test_strokes_lie_in_the_frame_and_have_points():
    with pytest.raises(BadLabel, match="inside the frame of 64x64"):
        refine_with_scribble(IMAGE, soft(BODY), [line((0, 0), (64, 3), True)])
    with pytest.raises(BadLabel, match="at least one point"):
        Stroke(np.zeros((0, 2), np.int64), True)
