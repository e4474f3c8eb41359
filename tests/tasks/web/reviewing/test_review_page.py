"""Reviewers at the page, in a real browser, and the people whose answers they look at."""

import pytest

from al_core.ledger.labelling.people import Role
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import ASKED, Person, same, stored, waiting_round

pytestmark = needs_chromium


@pytest.fixture
def ledger(tmp_path):
    """The ledger of a served project in which nothing is used before it is approved; it knows its address."""
    with waiting_round(tmp_path, review="before") as found:
        yield found


@pytest.fixture
def ada(ledger, running):
    """Ada answered the first frame, with a note, and has the second in hand."""
    person = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator('Ada')}")
    person.task()
    person.page.keyboard.press("Shift+R")
    person.page.keyboard.type("Is its shadow part of it?")
    person.page.keyboard.press("Enter")
    person.next_after(person.go_on())
    yield person
    person.context.close()


@pytest.fixture
def rae(ledger, ada, running):
    """Rae has Ada's answer in hand."""
    person = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator('Rae', Role.REVIEWER)}")
    person.page.click("#other-page")
    person.task()
    yield person
    person.context.close()


def test_enter_approves_and_only_then_the_answer_is_used(ledger, ada, rae):
    page = rae.page
    assert page.inner_text("#review-author") == "Ada accepted these masks"
    assert "Is its shadow part of it?" in page.inner_text("#notes")
    assert page.inner_text("#accept-text") == "Approve"
    assert page.evaluate("() => fewframes.look.outlineOnly")
    assert not any(page.is_visible(f"#{name}") for name in ("skip", "flag", "drop"))
    shown = rae.masks()
    assert stored(ledger) == {}
    page.keyboard.press("Enter")
    page.wait_for_selector("#app[data-state=empty]")
    assert same(stored(ledger)[ASKED[0]], shown)
    assert "Nothing to review now" in page.inner_text(".cover[data-for=empty]")


def test_an_approval_can_be_taken_back(ledger, ada, rae):
    shown = rae.masks()
    rae.page.keyboard.press("Enter")
    rae.page.wait_for_selector("#app[data-state=empty]")
    assert set(stored(ledger)) == {ASKED[0]}
    rae.page.keyboard.press("Shift+U")
    rae.task()
    assert same(rae.masks(), shown)
    assert rae.page.inner_text("#review-author") == "Ada accepted these masks"
    assert stored(ledger) == {}
    rae.page.keyboard.press("Enter")
    rae.page.wait_for_selector("#app[data-state=empty]")
    assert set(stored(ledger)) == {ASKED[0]}


def test_a_approves_too(ledger, ada, rae):
    rae.page.keyboard.press("a")
    rae.page.wait_for_selector("#app[data-state=empty]")
    assert set(stored(ledger)) == {ASKED[0]}


def test_what_is_sent_back_comes_to_its_author_with_the_note_and_the_drawing(ledger, ada, rae):
    drawn = rae.masks()
    rae.page.keyboard.press("Shift+N")
    rae.page.fill("#ask-return input", "The corner is missing.")
    rae.page.click("#ask-return button[value=yes]")
    rae.page.wait_for_selector("#app[data-state=empty]")
    ada.next_after(ada.go_on())
    ada.task()
    assert ada.page.inner_text("#notes-title").lower() == "this frame came back to you"
    assert "The corner is missing." in ada.page.inner_text("#notes")
    assert same(ada.masks(), drawn)
    assert ada.task()["frame"]["frame_idx"] == ASKED[0]


def test_who_thinks_better_of_it_sends_nothing_back(ledger, ada, rae):
    rae.page.keyboard.press("Shift+N")
    rae.page.click("text='Go on looking'")
    rae.task()
    assert ledger[0].reviews() == []
    assert rae.page.inner_text("#accept-text") == "Approve"


def test_a_correction_is_the_reviewers_answer_and_survives_a_reload(ledger, ada, rae):
    page = rae.page
    page.keyboard.press("b")
    rae.drag((2, 2), (12, 3))
    assert page.inner_text("#accept-text") == "Save correction"
    page.wait_for_function("() => fewframes.work.saved === 'saved'")
    drawn = rae.masks()
    page.reload()
    rae.task()
    assert same(rae.masks(), drawn)
    assert page.inner_text("#accept-text") == "Save correction"
    page.keyboard.press("Enter")
    page.wait_for_selector("#app[data-state=empty]")
    assert same(stored(ledger)[ASKED[0]], drawn)
    assert [(it.verdict, it.author, it.reviewer) for it in ledger[0].reviews()] == [("corrected", "Ada", "Rae")]


def test_an_approval_that_meets_no_server_is_kept_and_sent_once(ledger, ada, rae):
    lost = rae.hold("**/approve")
    rae.page.keyboard.press("Enter")
    rae.page.wait_for_function("() => fewframes.work.keeper.pending().length === 1")
    rae.wait_for_calls(lost)
    lost[0].abort()
    rae.page.unroute("**/approve")
    rae.page.wait_for_selector("#app[data-state=empty]")
    assert len(ledger[0].reviews()) == 1


def test_somebody_who_was_faster_is_told_of(ledger, ada, rae):
    request_id = rae.task()["request_id"]
    ledger[0].release(request_id, "Rae", rae.task()["lease"]["token"])
    ledger[0].add_annotator("Lea", Role.LEAD)
    ledger[0].approve("v1", request_id, "Lea", None, 1, 1.0)
    rae.page.keyboard.press("Enter")
    rae.page.wait_for_selector("#app[data-state=empty]")
    assert "no longer in your hands" in rae.page.inner_text("#note")
    assert len(ledger[0].reviews()) == 1


def test_the_reply_to_a_note_is_counted_until_it_is_read(ledger, ada, rae):
    rae.page.keyboard.press("Shift+Q")
    rae.page.fill("#threads input", "No, without it.")
    rae.page.keyboard.press("Enter")
    rae.page.wait_for_function("() => document.querySelectorAll('#threads .notes li').length === 2")
    ada.page.reload()
    ada.task()
    ada.page.wait_for_function("() => document.getElementById('threads-count').textContent === '1'")
    ada.page.keyboard.press("Shift+Q")
    ada.page.wait_for_selector("#threads[open]")
    assert "No, without it." in ada.page.inner_text("#threads")
    assert ada.page.text_content("#threads-count") == ""
