"""Gestures away from the selected object make a new one; those beside it go on with it."""

import numpy as np
import pytest

from tests.toys.labelled_project import mask_at
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import ASKED, same

pytestmark = needs_chromium

FAR = (28.5, 2.5), (30.5, 2.5)
"""A stroke in the corner; the square that is shown begins eight pixels below."""


@pytest.fixture
def thin(ada):
    """Ada, with a brush of a pixel."""
    ada.page.evaluate("() => fewframes.editor.set({ radius: 0.5 })")
    return ada


def draw_box(person, start, end):
    """Drag a box, and wait for what the server finds."""
    person.page.keyboard.press("r")
    with person.page.expect_response("**/refine"):
        person.drag(start, end)
    person.page.wait_for_function("() => !fewframes.editor.busy")


def test_a_stroke_away_from_the_selected_object_makes_a_new_one(thin):
    thin.drag(*FAR)
    drawn = thin.masks()
    assert set(drawn) == {1, 2}
    assert np.array_equal(drawn[1], mask_at(ASKED[0]))
    assert drawn[2][2, 28:31].all()
    assert "is new" in thin.page.inner_text("#note")


def test_a_stroke_with_shift_goes_on_with_the_selected_object(thin):
    thin.page.keyboard.down("Shift")
    thin.drag(*FAR)
    thin.page.keyboard.up("Shift")
    drawn = thin.masks()
    assert set(drawn) == {1}
    assert drawn[1][2, 28:31].all()
    assert (drawn[1] >= mask_at(ASKED[0])).all()


def test_a_stroke_beside_the_selected_object_goes_on_with_it(thin):
    ys, xs = np.nonzero(mask_at(ASKED[0]))
    thin.drag((xs.max() + 1.5, ys.min() + 0.5), (xs.max() + 4.5, ys.min() + 0.5))
    drawn = thin.masks()
    assert set(drawn) == {1}
    assert drawn[1].sum() > mask_at(ASKED[0]).sum()


@pytest.mark.parametrize("by", ["right button", "eraser"])
def test_what_takes_away_makes_no_object(thin, by):
    if by == "eraser":
        thin.page.keyboard.press("e")
    (at, _), (to, _) = thin.pixel(*FAR[0]), thin.pixel(8.5, 9.5)
    thin.page.mouse.move(*at)
    thin.page.mouse.down(button="right" if by == "right button" else "left")
    thin.page.mouse.move(*to)
    thin.page.mouse.up(button="right" if by == "right button" else "left")
    drawn = thin.masks()
    assert set(drawn) == {1}
    assert drawn[1].sum() < mask_at(ASKED[0]).sum()


def test_a_box_around_a_second_object_leaves_the_first_as_it_is(ada):
    draw_box(ada, (24, 17), (31, 23))
    drawn = ada.masks()
    assert np.array_equal(drawn[1], mask_at(ASKED[0]))
    assert set(drawn) <= {1, 2}
    assert len(drawn) == ada.page.evaluate("() => fewframes.drawing().objects.length")


def test_a_box_around_the_selected_object_draws_that_one_anew(ada):
    ys, xs = np.nonzero(mask_at(ASKED[0]))
    draw_box(ada, (xs.min() - 1, ys.min() - 1), (xs.max() + 2, ys.max() + 2))
    assert ada.page.evaluate("() => fewframes.drawing().objects.map((o) => o.track)") == [1]


def test_one_undo_takes_the_new_object_back_with_its_stroke_and_redo_brings_both(thin):
    before = thin.masks()
    thin.drag(*FAR)
    drawn = thin.masks()
    thin.page.keyboard.press("z")
    assert thin.page.evaluate("() => fewframes.drawing().objects.length") == 1
    assert same(thin.masks(), before)
    thin.page.keyboard.press("Shift+Z")
    assert same(thin.masks(), drawn)


def test_an_object_that_was_asked_for_stays_when_its_stroke_is_taken_back(thin):
    thin.page.keyboard.press("n")
    thin.drag(*FAR)
    thin.page.keyboard.press("z")
    assert thin.page.evaluate("() => fewframes.drawing().objects.map((o) => o.track)") == [1, 2]
    thin.drag(*FAR)
    assert set(thin.masks()) == {1, 2}


def test_a_stroke_that_is_given_up_leaves_no_object(thin):
    (at, _), (to, _) = thin.pixel(*FAR[0]), thin.pixel(*FAR[1])
    thin.page.mouse.move(*at)
    thin.page.mouse.down()
    thin.page.mouse.move(*to)
    thin.page.keyboard.press("Escape")
    thin.page.mouse.up()
    assert thin.page.evaluate("() => fewframes.drawing().objects.length") == 1
