"""Clicks that come faster than masks: an older one is given up, and none is lost."""

import threading

import numpy as np

from al_core.interactive.refiner import PlainRefiner, always
from tasks.web.refining.page_gestures import PageGestures
from tests.toys.labelled_project import mask_at
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import ASKED

pytestmark = needs_chromium

PATIENCE = 30
"""Seconds that a click waits for the next one before the test fails."""


class Slow(PlainRefiner):
    """A refiner whose first mask takes until a second one is asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.first, self.second = threading.Event(), threading.Event()

    def with_clicks(self, image, probability, clicks, going_on=always):
        self.asked.append(len(clicks))
        if len(clicks) == 1:
            self.first.set()
            assert self.second.wait(PATIENCE)
        else:
            self.second.set()
        going_on()
        return super().with_clicks(image, probability, clicks, going_on)


def test_of_two_quick_clicks_the_first_has_no_answer_and_both_count(ada, monkeypatch):
    slow = Slow()
    monkeypatch.setattr(PageGestures, "refiner", lambda self: slow)
    answers = []

    def note(got):
        if got.url.endswith("/refine") and "coarse" not in got.request.post_data_json:
            answers.append(got.status)

    ada.page.on("response", note)
    ys, xs = np.nonzero(mask_at(ASKED[0]))
    ada.page.keyboard.press("Shift+V")
    ada.page.keyboard.press("s")
    ada.page.mouse.click(*ada.pixel(xs.max() + 2.5, ys.min() + 2.5)[0])
    assert slow.first.wait(PATIENCE)
    ada.page.mouse.click(*ada.pixel(xs.min() + 1.5, ys.max() - 0.5)[0], button="right")
    ada.page.wait_for_function("() => !fewframes.editor.busy")
    assert sorted(slow.asked) == [1, 2]
    assert sorted(answers) == [200, 204]
    drawn = ada.masks()[1]
    assert drawn[ys.min() + 2, xs.max() + 2]
    assert not drawn[ys.max() - 1, xs.min() + 1]
    # The next click goes on with both: none was forgotten with the answer that did not come.
    third = xs.max() + 3, ys.min() + 3
    with ada.page.expect_response("**/refine"):
        ada.page.mouse.click(*ada.pixel(third[0] + 0.5, third[1] + 0.5)[0])
    ada.page.wait_for_function("() => !fewframes.editor.busy")
    assert slow.asked[-1] == 3
