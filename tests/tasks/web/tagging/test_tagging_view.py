"""The tagging view in a browser: stretches are marked and spoken of, by mouse and by keys."""

import pytest

from al_core.records import CategoryTag
from tests.toys.web.browser import needs_chromium

pytestmark = needs_chromium


@pytest.fixture
def page(ledger, running):
    """Ada at the tagging view of a video of six frames."""
    context = running.new_context(viewport={"width": 1280, "height": 800})
    found = context.new_page()
    found.goto(f"{ledger[1]}/enter#{ledger[0].add_annotator('Ada')}")
    found.wait_for_url(lambda url: "/enter" not in url)
    found.goto(f"{ledger[1]}/tags")
    found.wait_for_selector("#cell-5 img")
    yield found
    context.close()


def spoken(page):
    """What the strip shows of each picture."""
    return page.eval_on_selector_all("#strip li", "items => items.map(item => item.dataset.said)")


def settled(page, *said):
    page.wait_for_function(
        "said => JSON.stringify([...document.querySelectorAll('#strip li')].map(i => i.dataset.said)) === said",
        arg=str(list(said)).replace("'", '"').replace(" ", ""),
    )


def test_a_stretch_is_spoken_of_by_keys(page, ledger):
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate("getComputedStyle(document.querySelector('#strip')).outlineStyle") == "none"
    marked = page.eval_on_selector_all("#strip li", "items => items.map(item => getComputedStyle(item).outlineStyle)")
    assert marked == ["none", "solid", "solid", "none", "none", "none"]
    page.keyboard.press("n")
    settled(page, "open", "gone", "gone", "open", "open", "open")
    page.keyboard.press("End")
    page.keyboard.press("y")
    settled(page, "open", "gone", "gone", "open", "open", "here")
    assert ledger[0].category_tags() == {1: (CategoryTag(1, 1, 2, 1, False), CategoryTag(1, 5, 5, 1, True))}


def test_pictures_are_marked_by_clicks_and_one_after_the_other_is_spoken_of(page, ledger):
    page.click("#cell-2")
    page.click("#cell-4", modifiers=["Shift"])
    page.click('[data-says="here"]')
    settled(page, "open", "open", "here", "here", "here", "open")
    page.click("#cell-3")
    page.click('[data-says="open"]')
    settled(page, "open", "open", "here", "open", "here", "open")
    page.click("#cell-1")
    page.click('[data-says="gone"]')
    settled(page, "open", "gone", "here", "open", "here", "open")
    assert page.get_attribute("#cell-2", "aria-selected") == "true"
    page.click('[data-says="gone"]')
    settled(page, "open", "gone", "gone", "open", "here", "open")
    assert ledger[0].category_tags() == {1: (CategoryTag(1, 1, 2, 1, False), CategoryTag(1, 4, 4, 1, True))}


def test_what_somebody_drew_is_not_spoken_against(page, ledger):
    """The square of frame 0 was drawn in the first round."""
    page.keyboard.press("n")
    page.wait_for_selector("#problem:not([hidden])")
    assert "somebody drew one in frame 0" in page.inner_text("#problem")
    assert ledger[0].category_tags() == {}


def test_a_stretch_is_looked_at_more_closely_and_the_way_back_is_kept(page):
    page.click("#cell-1")
    page.click("#cell-3", modifiers=["Shift"])
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('#strip li').length === 3")
    assert page.inner_text("#place") == "frames 1 to 3 of 6"
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.querySelectorAll('#strip li').length === 6")


def test_what_is_refused_is_told_and_nothing_changes(page, ledger):
    ledger[0].exclude_video(1, "eve")
    ledger[0].set_category("circle", "eve")
    ledger[0].remove_category("square", "eve")
    page.keyboard.press("y")
    page.wait_for_selector("#problem:not([hidden])")
    assert "unknown category" in page.inner_text("#problem")
    assert spoken(page) == ["open"] * 6
