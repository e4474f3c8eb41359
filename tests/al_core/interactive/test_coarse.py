"""Coarse masks: one way to read a gesture, in a small picture."""

import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.evaluation.metrics import j_and_f
from al_core.interactive.clicks import Click
from al_core.interactive.closeup import window_of
from al_core.interactive.coarse import CoarseRefiner
from al_core.interactive.scribbles import Stroke, refine_with_scribble
from tests.al_core.interactive.figure import BODY, HEAD, IMAGE, TRUTH, soft

NOTHING = np.zeros((64, 64), np.float32)
ON_BODY, ON_HEAD, BESIDE = Click(30, 40, True), Click(30, 18, True), Click(3, 3, False)


def test_a_click_finds_the_object():
    assert j_and_f(CoarseRefiner().with_clicks(IMAGE, NOTHING, [ON_BODY]), TRUTH).j > 0.9


def test_a_click_goes_on_from_what_there_is_and_leaves_the_rest():
    found = CoarseRefiner().with_clicks(IMAGE, soft(BODY), [ON_HEAD])
    assert found[18, 30]
    assert (found & BODY).sum() == BODY.sum()
    assert j_and_f(found, BODY | HEAD).j > 0.9


def test_a_click_on_the_background_of_nothing_is_nothing():
    assert not CoarseRefiner().with_clicks(IMAGE, NOTHING, [BESIDE]).any()


def test_a_box_and_a_stroke():
    assert j_and_f(CoarseRefiner().with_box(IMAGE, NOTHING, window_of(TRUTH)), TRUTH).j > 0.9
    strokes = [Stroke(np.array([[28, 40], [32, 40]]), True)]
    assert (
        CoarseRefiner().with_scribble(IMAGE, NOTHING, strokes) == refine_with_scribble(IMAGE, NOTHING, strokes)
    ).all()


def test_a_click_outside_the_frame_is_refused():
    with pytest.raises(BadLabel, match="clicks"):
        CoarseRefiner().with_clicks(IMAGE, NOTHING, [Click(64, 0, True)])
