"""Keys that a person chooses instead of the usual ones, in a real browser."""

import pytest

from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import Person, waiting_round

pytestmark = needs_chromium


@pytest.fixture
def ada(tmp_path, running):
    """Ada has a frame in hand, and the list of keys open."""
    with waiting_round(tmp_path) as (ledger, url):
        person = Person(running, f"{url}/enter#{ledger.add_annotator('Ada')}")
        person.task()
        person.page.keyboard.press("?")
        person.page.wait_for_selector("#help[open]")
        yield person
        person.context.close()


def choose(ada, action, key):
    """Ask for another key; returns what is said."""
    ada.page.click(f'[data-of="{action}"]')
    ada.page.keyboard.press(key)
    return ada.page.inner_text("#keys-note")


def tool(ada):
    return ada.page.evaluate("() => fewframes.editor.tool")


def test_every_key_is_listed_once(ada):
    listed = ada.page.evaluate("() => [...document.querySelectorAll('[data-of]')].map((b) => b.dataset.of)")
    assert len(listed) == len(set(listed))
    caps = ada.page.evaluate(
        "() => [...document.querySelectorAll('[data-of]')].flatMap((b) => [...b.children].map((c) => c.textContent))"
    )
    assert len(caps) == len(set(caps))
    # A key that two actions share would be missing at one of them.
    assert ada.page.evaluate("() => document.querySelectorAll('[data-of]:not(:has(kbd))').length") == 0
    assert {"[", "]", "{", "}"} <= set(caps)


def test_a_chosen_key_works_instead_of_the_usual_one_and_survives_a_reload(ada):
    assert choose(ada, "polygon", "Shift+K") == '"Polygon" is Shift K now.'
    assert ada.page.get_attribute("[data-action=polygon]", "title") == "Polygon (Shift K)"
    ada.page.keyboard.press("Escape")
    ada.page.keyboard.press("p")
    assert tool(ada) != "polygon"
    ada.page.keyboard.press("Shift+K")
    assert tool(ada) == "polygon"
    ada.page.reload()
    ada.task()
    ada.page.keyboard.press("b")
    ada.page.keyboard.press("Shift+K")
    assert tool(ada) == "polygon"


def test_a_key_that_is_taken_is_told_and_nothing_changes(ada):
    assert choose(ada, "polygon", "b") == 'B is taken by "Brush": choose another key.'
    ada.page.keyboard.press("3")
    assert ada.page.inner_text("#keys-note") == "3 cannot be changed: choose another key."
    ada.page.keyboard.press("Escape")
    assert ada.page.is_visible("#help")
    assert ada.page.inner_text("#keys-note") == ""
    ada.page.keyboard.press("Escape")
    ada.page.keyboard.press("b")
    assert tool(ada) == "brush"


def test_the_usual_keys_come_back(ada):
    choose(ada, "acceptFrame", "Shift+J")
    assert ada.page.text_content("#accept kbd") == "Shift J"
    ada.page.click("text='The usual keys'")
    assert ada.page.text_content("#accept kbd") == "Enter"
    assert choose(ada, "polygon", "p") == '"Polygon" is P now.'


def test_the_guide_is_one_key_away(ada):
    ada.page.keyboard.press("Escape")
    ada.page.keyboard.press("Shift+G")
    ada.page.wait_for_selector("#guide[open]")
