"""Several objects of the list at once."""

import pytest

from tests.toys.web.browser import needs_chromium

pytestmark = needs_chromium


@pytest.fixture
def four(ada):
    """Ada has four objects in her frame, each with a category of its own number's; the last one is selected."""
    ada.page.evaluate("() => fewframes.editor.set({ radius: 0.5 })")
    for y in (2, 5, 20):
        ada.page.keyboard.press("n")
        ada.page.keyboard.press("b")
        ada.drag((20, y), (26, y))
    assert sorted(ada.masks()) == [1, 2, 3, 4]
    return ada


def press(person, number, *modifiers):
    person.page.click(f".objects li:nth-child({number}) .choose", modifiers=list(modifiers))


def lit(person):
    """Numbers of the rows that look chosen."""
    rows = person.page.locator(".objects li")
    return [i + 1 for i in range(rows.count()) if "selected" in (rows.nth(i).get_attribute("class") or "")]


def test_shift_takes_all_between_and_a_click_only_one(four):
    press(four, 2)
    press(four, 4, "Shift")
    assert lit(four) == [2, 3, 4]
    press(four, 3, "Control")
    assert lit(four) == [2, 4]
    press(four, 1)
    assert lit(four) == [1]


def test_they_are_deleted_in_one_step(four):
    press(four, 2)
    press(four, 4, "Control")
    four.page.keyboard.press("Delete")
    assert sorted(four.masks()) == [1, 3]
    four.page.keyboard.press("z")
    assert sorted(four.masks()) == [1, 2, 3, 4]


def test_they_are_accepted_hidden_and_ignored_by_no_mistake(four):
    press(four, 1)
    press(four, 2, "Shift")
    four.page.click(".objects li:nth-child(1) .see")
    assert four.page.evaluate("() => fewframes.drawing().objects.map((o) => o.visible)") == [False, False, True, True]
    four.page.keyboard.press("a")
    assert four.page.evaluate("() => fewframes.drawing().objects.map((o) => o.accepted)") == [True, True, False, False]
    assert lit(four) == [3]


def test_their_category_changes_in_one_step(four, ledger):
    ledger[0].set_category("round", "eve")
    four.page.evaluate("() => fewframes.panel.offer([...fewframes.panel.categories.values(),"
                       " { category_id: 2, name: 'round', key: '2', colour: '', description: '' }])")  # fmt: skip
    press(four, 2)
    press(four, 4, "Shift")
    four.page.keyboard.press("2")
    categories = "() => fewframes.drawing().objects.map((o) => o.category)"
    assert four.page.evaluate(categories) == [1, 2, 2, 2]
    four.page.keyboard.press("z")
    assert four.page.evaluate(categories) == [1, 1, 1, 1]


def test_another_object_chosen_on_the_picture_stands_alone(four):
    press(four, 2)
    press(four, 3, "Control")
    four.page.keyboard.press("ArrowDown")
    assert len(lit(four)) == 1
