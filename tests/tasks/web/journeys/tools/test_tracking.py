"""An object is carried to the neighbouring frames while somebody looks, and corrected there."""

import threading

import numpy as np
import pytest

from al_core.ledger.labelling.leases import Purpose
from tasks.web.tracking import track_routes
from tests.toys.labelled_project import mask_at
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import masks_of, stored

pytestmark = needs_chromium

OWN, LAST = 1, 5
"""The frame in hand, and the last one of the clip; people labelled frame 0."""


@pytest.fixture
def at_work(bright, seen_ledger):
    """Ada has a frame in hand in which the square is seen; gives (person, ledger)."""
    return bright, seen_ledger


def track(person, key="Shift+ArrowRight"):
    """Carry the object on to the end."""
    person.page.keyboard.press(key)
    person.page.wait_for_function("() => !fewframes.tracking.runs && fewframes.tracking.here")


def seen(person):
    return person.page.evaluate("() => fewframes.clip.at")


def carried(person):
    """Numbers of the frames that the object was carried to."""
    return sorted(person.page.evaluate("() => [...fewframes.tracking.frames.keys()]"))


def go_to(person, frame):
    person.page.evaluate(f"() => fewframes.clip.visit({frame})")
    person.page.wait_for_function(f"() => fewframes.tracking.here?.index === {frame}")


def go_home(person):
    person.page.keyboard.press("Home")
    person.page.wait_for_function("() => !fewframes.tracking.here && fewframes.editor.editable")


def draw(person):
    """Add a stroke to the object, below it; returns what is drawn then."""
    person.page.keyboard.press("b")
    person.page.keyboard.down("Shift")
    person.drag((10, 20), (20, 20))
    person.page.keyboard.up("Shift")
    return person.masks()[1]


def arrived(ledger, n=1):
    """The corrections that the server has, by frame, when there are so many."""
    for _ in range(1200):
        found = {g.answer.label.frame.frame_idx: g for g in ledger[0].answers_given()
                 if g.question.purpose is Purpose.TRACKED}  # fmt: skip
        if len(found) >= n:
            return found
        threading.Event().wait(0.05)
    raise AssertionError("no correction came")


def test_the_object_is_carried_frame_by_frame_and_nothing_is_stored(at_work):
    person, ledger = at_work
    track(person)
    assert (carried(person), seen(person)) == ([2, 3, 4, LAST], LAST)
    assert person.page.inner_text("#note") == "The video ends here."
    found = person.page.evaluate("() => fewframes.tracking.at(3).masks")
    mask = masks_of(found)[1]
    assert (mask & mask_at(3)).sum() / (mask | mask_at(3)).sum() > 0.5
    go_home(person)
    assert np.array_equal(person.masks()[1], mask_at(OWN))
    assert list(stored(ledger, *range(6))) == [0]


def test_it_stops_before_a_frame_that_people_labelled(at_work):
    person, _ = at_work
    person.page.keyboard.press("Shift+ArrowLeft")
    person.page.wait_for_function("() => document.querySelector('#note').textContent === 'The next frame is labelled.'")
    assert (carried(person), seen(person)) == ([], OWN)


def test_a_corrected_frame_is_an_answer_and_the_others_are_not(at_work):
    person, ledger = at_work
    track(person)
    go_to(person, 3)
    drawn = draw(person)
    go_home(person)
    (given,) = arrived(ledger).values()
    label = given.answer.label
    assert (label.frame.frame_idx, label.complete, label.tracks) == (3, False, {1})
    assert [g.tool for g in given.answer.gestures] == ["brush"]
    assert given.answer.seconds > 0
    assert np.array_equal(stored(ledger, 3)[3][1], drawn)
    person.go_on()
    person.next_after(OWN)
    assert list(stored(ledger, *range(6))) == [0, OWN, 3]


def test_an_object_that_was_deleted_is_said_not_to_be_there(at_work):
    person, ledger = at_work
    track(person)
    go_to(person, 4)
    person.page.keyboard.press("Delete")
    go_home(person)
    (given,) = arrived(ledger).values()
    assert (given.answer.label.objects, given.answer.label.absent) == ((), (1,))


def test_enter_says_that_all_is_right_and_goes_to_the_next_frame(at_work):
    person, ledger = at_work
    track(person)
    go_to(person, 2)
    shown = person.masks()[1]
    assert person.page.inner_text("#accept-text") == "All is right"
    person.page.keyboard.press("Enter")
    person.page.wait_for_function("() => fewframes.tracking.here?.index === 3")
    label = arrived(ledger)[2].answer.label
    assert label.complete
    assert np.array_equal(stored(ledger, 2)[2][1], shown)
    assert person.task()["frame"]["frame_idx"] == OWN


def test_it_goes_on_from_what_was_corrected(at_work):
    person, ledger = at_work
    track(person)
    go_to(person, 3)
    drawn = draw(person)
    with person.page.expect_request("**/track") as asked:
        track(person)
    body = asked.value.post_data_json
    assert (body["frame_idx"], body["direction"]) == (3, 1)
    assert np.array_equal(masks_of(body["masks"])[1], drawn)
    assert list(arrived(ledger)) == [3]


@pytest.fixture
def gate(monkeypatch):
    """Lets the server look at one frame at a time; tells how many it was asked for."""
    follower, passes, begun = track_routes.follower, threading.Semaphore(0), []

    def slowly(*args):
        follow = follower(*args)

        def frames(start, masks, ahead):
            for i, found in zip(ahead, follow(start, masks, ahead), strict=True):
                begun.append(i)
                assert passes.acquire(timeout=60)
                yield found

        return frames

    monkeypatch.setattr(track_routes, "follower", slowly)
    return passes, begun


def test_each_frame_is_seen_as_soon_as_it_comes_and_a_gesture_stops_it(at_work, gate):
    person, ledger = at_work
    passes, begun = gate
    person.page.keyboard.press("Shift+ArrowRight")
    passes.release()
    person.page.wait_for_function("() => fewframes.clip.at === 2 && fewframes.tracking.frames.size === 1")
    assert person.page.evaluate("() => fewframes.tracking.runs && !fewframes.editor.editable")
    drawn = draw(person)
    passes.release(9)
    assert not person.page.evaluate("() => fewframes.tracking.runs")
    go_home(person)
    arrived(ledger)
    assert np.array_equal(stored(ledger, 2)[2][1], drawn)
    assert len(begun) <= 2


def test_a_correction_waits_on_this_device_until_the_connection_is_back(at_work):
    person, ledger = at_work
    track(person)
    go_to(person, 3)
    person.route("**/tracked", lambda route: route.abort())
    drawn = draw(person)
    go_home(person)
    person.page.wait_for_selector("#banner:not([hidden])")
    assert len(person.page.evaluate("() => fewframes.work.keeper.pending()")) == 1
    person.page.unroute("**/tracked")
    arrived(ledger)
    assert np.array_equal(stored(ledger, 3)[3][1], drawn)
    person.page.wait_for_function("() => !fewframes.work.keeper.pending().length")
    assert person.task()["frame"]["frame_idx"] == OWN


def test_a_correction_survives_a_reload(at_work):
    person, ledger = at_work
    track(person)
    go_to(person, 3)
    person.page.on("dialog", lambda dialog: dialog.accept())
    person.route("**/tracked", lambda route: route.abort())
    drawn = draw(person)
    person.page.wait_for_function("() => fewframes.work.keeper.pending().length")
    person.page.reload()
    person.page.unroute("**/tracked")
    arrived(ledger)
    assert np.array_equal(stored(ledger, 3)[3][1], drawn)


def test_a_correction_that_is_refused_stays_on_this_device(at_work):
    person, ledger = at_work
    track(person)
    go_to(person, 3)
    draw(person)
    ledger[0].hold_out(1, [3], [], "eve")
    go_home(person)
    person.page.wait_for_selector("#late[open]")
    assert "held out" in person.page.inner_text("#late-error")


def test_all_objects_or_the_selected_one(at_work):
    person, _ = at_work
    person.page.keyboard.press("n")
    draw_new = person.page.evaluate("() => fewframes.drawing().selected.track")
    person.page.keyboard.press("b")
    person.drag((2, 2), (6, 2))
    track(person)
    assert [m["track_id"] for m in person.page.evaluate("() => fewframes.tracking.at(2).masks")] == [draw_new]
    go_home(person)
    person.page.click("[data-action=trackEvery]")
    track(person)
    assert sorted(m["track_id"] for m in person.page.evaluate("() => fewframes.tracking.at(2).masks")) == [1, draw_new]


def test_a_click_is_answered_in_the_frame_that_is_looked_at(at_work):
    person, _ = at_work
    track(person)
    go_to(person, 4)
    person.page.keyboard.press("s")
    with person.page.expect_request("**/refine") as asked:
        person.click((16.5, 9.5))
    assert asked.value.post_data_json["frame_idx"] == 4
