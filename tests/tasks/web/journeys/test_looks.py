"""Several masks that are looked at together, where only a yes or no is asked for."""

import pytest

from al_core.records import FrameRef, Gesture, LabelKind, LabelRequest, Selected
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import ASKED, Person

pytestmark = needs_chromium


@pytest.fixture
def bo(ledger, running):
    """Bo, to whom all frames of the round come with a question for a yes or no."""
    ledger[0].replace_requests(2)
    for rank, frame in enumerate(ASKED):
        chosen = Selected(FrameRef(1, frame), rank, 0.5, "it moves", LabelKind.ACCEPT)
        request = LabelRequest.of(2, chosen)
        name = f"{request.request_id}-x"
        ledger[0].put_requests([LabelRequest(name, 2, request.frame, rank, "", LabelKind.ACCEPT)])
    person = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator('Bo')}")
    person.page.wait_for_selector("#looks:not([hidden]) li:nth-child(3)")
    yield person
    person.context.close()


def answers(ledger):
    """Frame -> the newest answer to it in the round."""
    given = [g.answer for g in ledger[0].answers_given() if g.answer.request_id.endswith("-x")]
    return {answer.label.frame.frame_idx: answer for answer in given}


def sent(bo):
    bo.page.wait_for_selector("#app[data-state=empty]")


def said(bo):
    return bo.page.evaluate("() => [...document.querySelectorAll('#looks li button')].map((b) => b.dataset.said)")


def test_each_mask_is_confirmed_or_refused_by_its_key(bo, ledger):
    for key in ("1", "2", "3", "3"):
        bo.page.keyboard.press(key)
    assert said(bo) == ["right", "right", "wrong"]
    bo.page.keyboard.press("Enter")
    sent(bo)
    found = answers(ledger)
    kinds = [(found[frame].kind, found[frame].label.complete) for frame in ASKED]
    assert kinds == [(LabelKind.ACCEPT, True), (LabelKind.ACCEPT, True), (LabelKind.REJECT, False)]
    assert found[ASKED[0]].gestures == (Gesture("accept", 1),)
    assert found[ASKED[2]].gestures == (Gesture("accept", 1, False),)
    masks = {m.kind for label in ledger[0].human_labels(1) if label.frame.frame_idx == ASKED[0] for m in label.masks}
    assert masks == {LabelKind.ACCEPT}


def test_a_click_says_it_too_and_what_nobody_judged_comes_again(bo, ledger):
    bo.page.click("#looks li:nth-child(2) button")
    bo.page.click("#looks-send")
    bo.page.wait_for_function("() => fewframes.looks.isOpen && fewframes.looks.cards.length === 2")
    assert set(answers(ledger)) == {ASKED[1]}
    bo.page.keyboard.press("a")
    bo.page.keyboard.press("Enter")
    sent(bo)
    assert {answer.kind for answer in answers(ledger).values()} == {LabelKind.ACCEPT}


def test_who_leaves_looks_at_one_frame_at_a_time_and_the_others_are_free_again(bo, ledger):
    assert ledger[0].queue_state().in_hand == 3
    with bo.page.expect_response("**/*0004-x/release"):
        bo.page.keyboard.press("Escape")
    assert bo.page.is_hidden("#looks")
    assert ledger[0].queue_state().in_hand == 1
    assert bo.task()["frame"]["frame_idx"] == ASKED[0]
    bo.page.keyboard.press("Enter")
    bo.next_after(ASKED[0])
    assert answers(ledger)[ASKED[0]].kind is LabelKind.ACCEPT


def test_the_pieces_show_the_picture(bo):
    colours = """() => new Set([...document.querySelector('#looks canvas').getContext('2d')
        .getImageData(0, 0, 336, 240).data]).size"""
    bo.page.wait_for_function(f"() => ({colours})() > 2")
