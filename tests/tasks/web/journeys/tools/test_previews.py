"""What a click would make is seen where the pointer rests."""

import pytest

from tests.toys.web.browser import needs_chromium

pytestmark = needs_chromium

INSIDE = (7.5, 9.5)
"""A point of the square of the frame in hand."""


@pytest.fixture
def clicking(bright):
    """Ada has the tool for clicks and nothing selected; gives (person, questions that the server got)."""
    asked = []
    bright.page.on("request", lambda sent: sent.url.endswith("/refine") and asked.append(sent.post_data_json))
    bright.page.keyboard.press("n")
    bright.page.keyboard.press("s")
    return bright, asked


def rest(person, point):
    """Let the pointer rest at a point of the image until something is shown there."""
    person.page.mouse.move(*person.pixel(*point)[0])
    person.page.wait_for_function("() => fewframes.preview.shown")


def test_a_click_where_the_pointer_rested_is_answered_at_once(clicking):
    person, asked = clicking
    rest(person, INSIDE)
    assert 2 not in person.masks()
    person.click(INSIDE)
    assert person.masks()[2].sum() > 9
    assert [question["preview"] for question in asked] == [True]
    assert not person.page.evaluate("() => fewframes.preview.shown")


def test_it_is_gone_when_the_pointer_moves_on(clicking):
    person, _ = clicking
    rest(person, INSIDE)
    person.page.mouse.move(*person.pixel(20.5, 3.5)[0])
    assert not person.page.evaluate("() => fewframes.preview.shown")


def test_a_click_elsewhere_is_asked_for(clicking):
    person, asked = clicking
    rest(person, INSIDE)
    person.click((8.5, 10.5))
    assert not asked[-1].get("preview")
    assert person.masks()[2].sum() > 9


def test_only_the_tool_for_clicks_shows_it_and_a_key_switches_it_off(clicking):
    person, asked = clicking
    person.page.keyboard.press("Shift+V")
    for tool in ("s", "b"):
        person.page.keyboard.press(tool)
        person.page.mouse.move(*person.pixel(*INSIDE)[0])
        person.page.wait_for_timeout(600)
        person.page.mouse.move(*person.pixel(20.5, 3.5)[0])
        person.page.keyboard.press("Shift+V")
    assert asked == []


def test_a_slow_server_is_not_asked_for_more(clicking):
    person, asked = clicking
    person.page.evaluate("() => fewframes.preview.took(900)")
    person.page.mouse.move(*person.pixel(*INSIDE)[0])
    person.page.wait_for_timeout(600)
    assert asked == []
    person.click(INSIDE)
    assert [question.get("coarse", False) for question in asked] == [True, False]
