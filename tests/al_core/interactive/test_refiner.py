"""The refiner without learning does what its functions do."""

import numpy as np

from al_core.interactive import Click, Stroke, refine_with_box, refine_with_clicks, refine_with_scribble
from al_core.interactive.refiner import PlainRefiner
from al_core.masks.soft import Window
from tests.al_core.interactive.figure import BODY, IMAGE, soft


def test_gestures_are_read_by_the_plain_functions():
    plain, shown = PlainRefiner(), soft(BODY)
    clicks, box = [Click(30, 18, True)], Window(10, 8, 50, 58)
    strokes = [Stroke(np.array([[28, 18], [32, 18]]), True)]
    assert np.array_equal(plain.with_clicks(IMAGE, shown, clicks), refine_with_clicks(IMAGE, shown, clicks))
    assert np.array_equal(plain.with_box(IMAGE, shown, box), refine_with_box(IMAGE, shown, box))
    assert np.array_equal(plain.with_scribble(IMAGE, shown, strokes), refine_with_scribble(IMAGE, shown, strokes))
