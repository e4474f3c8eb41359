"""The page on a tablet held upright, and for those who find their way by landmarks and headings."""

import pytest

from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import Person

pytestmark = needs_chromium

LEAST_TARGET = 44
"""CSS pixels that a finger hits."""

SEEN = """[...document.querySelectorAll("button")].filter((button) => button.checkVisibility())"""

CUT_OFF = f"""() => {SEEN}.filter((button) => !button.closest("ol, dialog, fieldset, .objects, #why, .look"))"""
CUT_OFF += """
    .filter((button) => {
        const { left, right, top, bottom } = button.getBoundingClientRect();
        return left < -1 || top < -1 || right > innerWidth + 1 || bottom > innerHeight + 1;
    })
    .map((button) => button.textContent.trim())"""

OUT_OF_REACH = f"() => {SEEN}"
OUT_OF_REACH += """
    .filter((button) => {
        const { left, right, bottom } = button.getBoundingClientRect();
        if (left > -1 && right < innerWidth + 1 && bottom < innerHeight + 1) return false;
        for (let around = button.parentElement; around; around = around.parentElement) {
            const fits = around.scrollWidth <= around.clientWidth && around.scrollHeight <= around.clientHeight;
            if (/auto|scroll/.test(getComputedStyle(around).overflowX) && !fits) return false;
        }
        return true;
    })
    .map((button) => button.textContent.trim())"""
"""Buttons beyond the edge that no finger can push into the picture."""

SMALL = f"(least) => {SEEN}"
SMALL += """
    .map((button) => [button.textContent.trim(), button.getBoundingClientRect()])
    .filter(([, { width, height }]) => height < least - 0.5 || width < least - 0.5)
    .map(([name, { width, height }]) => `${name}: ${Math.round(width)}x${Math.round(height)}`)"""


@pytest.fixture
def upright(ledger, running):
    """Ada at a tablet that she holds upright."""
    link = f"{ledger[1]}/enter#{ledger[0].add_annotator('Ada')}"
    person = Person(running, link, viewport={"width": 768, "height": 1024}, has_touch=True, is_mobile=True)
    person.task()
    yield person
    person.context.close()


def test_a_tablet_held_upright_shows_the_frame_in_its_whole_width(upright):
    width, height = upright.page.evaluate("() => [fewframes.view.stage.clientWidth, fewframes.view.stage.clientHeight]")
    assert width == 768
    assert height > 350
    assert upright.page.evaluate(CUT_OFF) == []


def test_what_fingers_press_is_large_enough(upright):
    assert upright.page.evaluate(SMALL, LEAST_TARGET) == []


def test_on_a_phone_every_button_can_be_reached(upright):
    upright.page.set_viewport_size({"width": 390, "height": 844})
    cut_off = upright.page.evaluate(OUT_OF_REACH)
    assert cut_off == []


def test_a_phone_shows_where_one_is_and_takes_an_answer_back(upright):
    upright.page.set_viewport_size({"width": 390, "height": 844})
    wide, room = upright.page.evaluate("() => [video.offsetWidth, video.parentElement.clientWidth]")
    assert 0 < wide < room
    top = "(at) => document.querySelector(at).getBoundingClientRect().top"
    assert upright.page.evaluate(top, ".finish") - upright.page.evaluate(top, "#side") > 120, "room for the reason"
    upright.next_after(upright.go_on())
    upright.page.wait_for_selector("#sent button >> visible=true")
    right = "(at) => document.querySelector(at).getBoundingClientRect().right"
    assert upright.page.evaluate(right, "#sent button") <= upright.page.evaluate(right, "#accept")
    assert upright.page.evaluate(SMALL, LEAST_TARGET) == []


def test_a_frame_is_labelled_by_touch_alone(upright):
    before = upright.masks()
    at, _ = upright.pixel(26.5, 4.5)
    upright.page.tap("[data-action=box] >> visible=true")
    upright.page.tap("[data-action=brush] >> visible=true")
    upright.page.touchscreen.tap(*at)
    assert len(upright.masks()) == len(before) + 1
    frame = upright.task()["frame"]["frame_idx"]
    upright.page.tap("#accept")
    upright.next_after(frame)


def test_everything_on_the_page_is_in_a_landmark_and_below_a_heading(ada):
    page = ada.page
    assert page.locator("main").count() == page.locator("h1").count() == 1
    assert page.get_attribute("main", "role") is None
    outside = page.evaluate(
        """() => [...document.querySelector("#app").children]
            .filter((part) => !part.matches("header, main, aside, section[aria-label], [role=alert], [aria-live]"))
            .map((part) => part.outerHTML.slice(0, 80))"""
    )
    assert outside == []


def test_the_key_on_the_button_that_goes_on_is_as_strong_as_its_words(ada):
    assert ada.page.evaluate("() => getComputedStyle(document.querySelector('#accept kbd')).opacity") == "1"
