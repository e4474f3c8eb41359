"""A frame that is asked for less than whole masks, and what people answer."""

import numpy as np
import pytest
from scipy.ndimage import binary_fill_holes as filled

from al_core.records import FrameRef, Gesture, LabelKind, LabelRequest, Selected
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import ASKED, Person

pytestmark = needs_chromium

FRAME = 1
"""Its square was delivered."""


@pytest.fixture
def asked(ledger, running):
    """Somebody who has a frame in hand that is asked for a kind of label; gives (person, ledger)."""
    people = []

    def ask(kind):
        ledger[0].replace_requests(2)
        chosen = Selected(FrameRef(1, FRAME), 0, 0.5, "it moves", LabelKind(kind))
        request = LabelRequest.of(2, chosen)
        ledger[0].put_requests([LabelRequest(f"{request.request_id}-x", 2, request.frame, 0, "", LabelKind(kind))])
        person = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator('Bo')}")
        assert person.task()["kind"] == kind
        people.append(person)
        return person

    yield ask
    for person in people:
        person.context.close()


def given(ledger):
    """The newest answer that somebody gave to the frame."""
    found = [g.answer for g in ledger[0].answers_given() if g.answer.request_id.endswith("-x")]
    return found[-1]


def sent(person):
    """The answer was taken: it was the only question."""
    person.page.wait_for_selector("#app[data-state=empty]")


def text(person):
    return person.page.inner_text("#asked-text")


def test_a_yes_labels_the_frame(asked, ledger):
    bo = asked("accept")
    assert text(bo) == "Are all masks right, and is nothing missing?"
    bo.page.click("#asked-yes")
    sent(bo)
    answer = given(ledger)
    assert (answer.kind, answer.label.complete) == (LabelKind.ACCEPT, True)
    assert bo.page.is_hidden("#asked")


def test_a_no_labels_nothing_and_the_frame_may_be_asked_for_again(asked, ledger):
    bo = asked("accept")
    bo.page.keyboard.press("Shift+n")
    sent(bo)
    answer = given(ledger)
    assert (answer.kind, answer.label.objects, answer.label.complete) == (LabelKind.REJECT, (), False)
    assert FRAME not in ledger[0].asked_frames(3)["frame_idx"]
    assert [(g.tool, g.adds) for g in answer.gestures] == [("accept", False)]


def test_masks_that_were_accepted_one_by_one_count_although_the_frame_is_not_complete(asked, ledger):
    bo = asked("accept")
    bo.page.keyboard.press("a")
    bo.page.click("#asked-no")
    sent(bo)
    answer = given(ledger)
    assert (answer.kind, answer.label.complete, answer.label.tracks) == (LabelKind.ACCEPT, False, {1})
    assert Gesture("accept", 1) in answer.gestures
    (label,) = [found for found in ledger[0].human_labels(1) if found.frame.frame_idx == FRAME]
    assert not label.complete


def test_who_draws_instead_is_welcome(asked, ledger):
    bo = asked("accept")
    bo.page.keyboard.press("b")
    bo.drag((20, 4), (26, 4))
    bo.page.keyboard.press("Shift+n")
    assert "Enter sends it" in bo.page.inner_text("#note")
    bo.page.keyboard.press("Enter")
    sent(bo)
    answer = given(ledger)
    assert (answer.kind, answer.label.complete) == (LabelKind.MASK, True)
    brush = [g for g in answer.gestures if g.tool == "brush"]
    assert len(brush) == 1
    assert brush[0].points[0] == pytest.approx((20, 4), abs=1)


def test_ticks_say_what_is_here_and_what_is_not(asked, ledger):
    bo = asked("tag")
    bo.page.wait_for_selector("#asked-tags input")
    assert bo.page.evaluate("() => fewframes.asked.sendsTags")
    bo.page.keyboard.press("Enter")
    sent(bo)
    answer = given(ledger)
    assert (answer.kind, answer.label.complete, answer.label.absent) == (LabelKind.TAG, False, (1,))
    assert answer.gestures == (Gesture("tag", 1, False),)


def test_a_click_that_was_asked_for_is_an_answer_of_its_kind(asked, ledger):
    bo = asked("click")
    assert bo.page.get_attribute("#stage", "data-tool") == "click"
    before = bo.masks()[1]
    hole = np.argwhere(filled(before) & ~before)[0][::-1] + 0.5
    bo.page.mouse.click(*bo.pixel(*hole)[0])
    bo.page.wait_for_function("() => !fewframes.editor.busy && fewframes.drawing().done.length")
    assert not np.array_equal(bo.masks()[1], before)
    bo.page.keyboard.press("Enter")
    sent(bo)
    answer = given(ledger)
    assert answer.kind is LabelKind.CLICK
    assert [(g.tool, g.adds) for g in answer.gestures] == [("click", True)]


@pytest.fixture
def together(ledger, running):
    """Somebody to whom all frames of the round come with a question for a yes or no."""
    ledger[0].replace_requests(2)
    for rank, frame in enumerate(ASKED):
        chosen = Selected(FrameRef(1, frame), rank, 0.5, "it moves", LabelKind.ACCEPT)
        request = LabelRequest.of(2, chosen)
        name = f"{request.request_id}-x"
        ledger[0].put_requests([LabelRequest(name, 2, request.frame, rank, "", LabelKind.ACCEPT)])
    person = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator('Cy')}")
    person.page.wait_for_selector("#looks:not([hidden]) li:nth-child(3)")
    yield person
    person.context.close()


def answers_by_frame(ledger):
    """Frame -> the newest answer to it in the round."""
    given = [g.answer for g in ledger[0].answers_given() if g.answer.request_id.endswith("-x")]
    return {answer.label.frame.frame_idx: answer for answer in given}


def said(together):
    return together.page.evaluate("() => [...document.querySelectorAll('#looks li button')].map((b) => b.dataset.said)")


def test_each_mask_is_confirmed_or_refused_by_its_key(together, ledger):
    for key in ("1", "2", "3", "3"):
        together.page.keyboard.press(key)
    assert said(together) == ["right", "right", "wrong"]
    together.page.keyboard.press("Enter")
    sent(together)
    found = answers_by_frame(ledger)
    kinds = [(found[frame].kind, found[frame].label.complete) for frame in ASKED]
    assert kinds == [(LabelKind.ACCEPT, True), (LabelKind.ACCEPT, True), (LabelKind.REJECT, False)]
    assert found[ASKED[0]].gestures == (Gesture("accept", 1),)
    assert found[ASKED[2]].gestures == (Gesture("accept", 1, False),)
    masks = {m.kind for label in ledger[0].human_labels(1) if label.frame.frame_idx == ASKED[0] for m in label.masks}
    assert masks == {LabelKind.ACCEPT}


def test_a_click_says_it_too_and_what_nobody_judged_comes_again(together, ledger):
    together.page.click("#looks li:nth-child(2) button")
    together.page.click("#looks-send")
    together.page.wait_for_function("() => fewframes.looks.isOpen && fewframes.looks.cards.length === 2")
    assert set(answers_by_frame(ledger)) == {ASKED[1]}
    together.page.keyboard.press("a")
    together.page.keyboard.press("Enter")
    sent(together)
    assert {answer.kind for answer in answers_by_frame(ledger).values()} == {LabelKind.ACCEPT}


def test_judgements_survive_a_reload_until_they_are_sent(together, ledger):
    together.page.keyboard.press("1")
    together.page.keyboard.press("3")
    together.page.keyboard.press("3")
    together.page.reload()
    together.page.wait_for_selector("#looks:not([hidden]) li:nth-child(3)")
    assert said(together) == ["right", "", "wrong"]
    together.page.keyboard.press("Enter")
    together.page.wait_for_function("() => !fewframes.work.sending && fewframes.work.task?.image")
    assert {frame: answer.kind for frame, answer in answers_by_frame(ledger).items()} == {
        ASKED[0]: LabelKind.ACCEPT,
        ASKED[2]: LabelKind.REJECT,
    }
    kept = "() => Object.keys(localStorage).filter((name) => name.includes('judged:'))"
    assert together.page.evaluate(kept) == []


def test_who_leaves_looks_at_one_frame_at_a_time_and_the_others_are_free_again(together, ledger):
    assert ledger[0].queue_state().in_hand == 3
    assert together.page.inner_text(".bar .where") == "clip 3 frames"
    with together.page.expect_response("**/*0004-x/release"):
        together.page.keyboard.press("Escape")
    assert together.page.is_hidden("#looks")
    assert together.page.inner_text(".bar .where").startswith(f"clip frame {ASKED[0]} of ")
    assert ledger[0].queue_state().in_hand == 1
    assert together.task()["frame"]["frame_idx"] == ASKED[0]
    together.page.keyboard.press("Enter")
    together.next_after(ASKED[0])
    assert answers_by_frame(ledger)[ASKED[0]].kind is LabelKind.ACCEPT


def test_the_pieces_show_the_picture(together):
    colours = """() => new Set([...document.querySelector('#looks canvas').getContext('2d')
        .getImageData(0, 0, 336, 240).data]).size"""
    together.page.wait_for_function(f"() => ({colours})() > 2")
