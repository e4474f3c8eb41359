"""What is said of an object beside its mask."""

import pytest

from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import Person, waiting_round

pytestmark = needs_chromium

OFFERED = ["occluded", "square: round", "unicorn: white", "truncated"]


@pytest.fixture
def ada(running, tmp_path):
    """Ada has a frame with the mask of a square in hand."""
    with waiting_round(tmp_path, attributes=OFFERED) as (ledger, url):
        person = Person(running, f"{url}/enter#{ledger.add_annotator('Ada')}")
        person.ledger = ledger
        person.task()
        yield person
        person.context.close()


def said(person):
    """Track -> attributes, as they are drawn now."""
    return {m["track_id"]: m.get("attributes") for m in person.page.evaluate("() => fewframes.drawing().masks()")}


def offered(person):
    """The buttons of the selected object, without their keys."""
    buttons = person.page.locator('[data-part="attributes"] button:visible')
    return [words.split()[0] for words in buttons.all_inner_texts()]


def test_it_is_chosen_by_button_and_by_key_taken_back_and_stored(ada):
    first, *_ = said(ada)
    ada.page.click('[data-part="attributes"] button:has-text("occluded")')
    assert said(ada)[first] == ["occluded"]
    assert "occluded" in ada.page.inner_text(".objects li.selected .name")
    last = len(offered(ada))
    ada.page.keyboard.press(f"Alt+{last}")
    assert said(ada)[first] == ["occluded", "truncated"]
    ada.page.keyboard.press("z")
    assert said(ada)[first] == ["occluded"]
    ada.page.keyboard.press("Alt+1")
    assert said(ada)[first] is None
    ada.page.keyboard.press("Alt+1")
    frame = ada.go_on()
    ada.next_after(frame)
    (label,) = [x for x in ada.ledger.human_labels() if x.frame.frame_idx == frame]
    assert {m.track_id: m.attributes for m in label.objects}[first] == ("occluded",)


def test_those_of_a_category_are_offered_for_it_alone_and_survive_a_reload(ada):
    # There is no unicorn.
    assert [a["name"] for a in ada.task()["attributes"]] == ["occluded", "round", "truncated"]
    assert offered(ada) == ["occluded", "round", "truncated"]
    ada.page.keyboard.press("Alt+2")
    before = said(ada)
    assert ["round"] in before.values()
    ada.page.keyboard.press("Shift+i")
    assert offered(ada) == []
    ada.page.keyboard.press("z")
    ada.page.reload()
    ada.task()
    assert said(ada) == before
