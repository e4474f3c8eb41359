"""The labelling page against the real server: nothing that a person draws is lost, and all of it can be done by key."""

import json

import numpy as np

from al_core.records import FrameRef, LabelRequest, Selected
from tests.bench.people.scripted_person import Pace, ScriptedPerson
from tests.toys.labelled_project import mask_at
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import ASKED, masks_of, same, stored

pytestmark = needs_chromium

EMPTY = 5
"""The round before delivered nothing for it."""


def wait_until_saved(person):
    person.page.wait_for_function("() => fewframes.work.saved === 'saved'")


def test_the_page_shows_what_was_delivered_and_why(ada):
    assert ada.task()["frame"]["frame_idx"] == ASKED[0]
    assert same(ada.masks(), {1: mask_at(ASKED[0])})
    assert "it moves" in ada.page.text_content("#why")


def test_a_drawing_survives_a_reload_and_the_loss_of_what_the_browser_kept(ada):
    ada.drag((2, 2), (20, 3))
    drawn = ada.masks()
    ada.page.reload()
    ada.task()
    assert same(ada.masks(), drawn)
    ada.drag((2, 20), (20, 20))
    drawn = ada.masks()
    wait_until_saved(ada)
    ada.page.evaluate(
        "() => { addEventListener('pagehide', (e) => e.stopImmediatePropagation(), true); localStorage.clear(); }"
    )
    ada.page.reload()
    # To the server a browser that forgot everything is another device.
    ada.page.click("[data-action=goOnThisDevice]")
    ada.task()
    assert same(ada.masks(), drawn)


def test_an_answer_whose_receipt_got_lost_is_stored_once(ada, ledger):
    ada.drag((2, 2), (20, 3))
    ada.route("**/submit", lambda route: (route.fetch(), route.abort()))
    frame = ada.go_on()
    ada.page.wait_for_selector("#banner:not([hidden])")
    ada.page.unroute("**/submit")
    ada.next_after(frame)
    assert same(stored(ledger)[frame], ada.saved[frame])
    assert ada.page.evaluate("() => fewframes.work.keeper.pending().length") == 0
    assert sum(entry.action == "submit" for entry in ledger[0].audit_log(who="Ada")) == 1


def test_a_lease_that_ended_unnoticed_is_taken_again(ada, ledger):
    task = ada.task()
    ada.drag((2, 2), (20, 3))
    ledger[0].release(task["request_id"], "Ada", task["lease"]["token"])
    frame = ada.go_on()
    ada.next_after(frame)
    assert same(stored(ledger)[frame], ada.saved[frame])


def test_a_drawing_that_came_too_late_stays_with_the_person(ada, ledger):
    task = ada.task()
    ada.drag((2, 2), (20, 3))
    drawn = ada.masks()
    ledger[0].release(task["request_id"], "Ada", task["lease"]["token"])
    ledger[0].add_annotator("Ben")
    bens = ledger[0].claim("Ben", 60)
    ada.page.keyboard.press("Enter")
    ada.page.wait_for_selector("#late[open]")
    assert "Ben" in ada.page.inner_text("#late-error")
    assert ada.task()["frame"]["frame_idx"] == ASKED[1]
    assert stored(ledger) == {}
    with ada.page.expect_download() as download:
        ada.page.click("#late-download")
    assert same(masks_of(json.loads(download.value.path().read_text())["masks"]), drawn)
    ada.page.click("#late-again")
    ada.page.wait_for_function("() => document.getElementById('late-note').textContent")

    ledger[0].release(bens.question.request.request_id, "Ben", bens.lease)
    ada.page.click("#late-again")
    ada.page.wait_for_selector("#late:not([open])", state="attached")
    assert ada.task()["frame"]["frame_idx"] == ASKED[0]
    assert same(ada.masks(), drawn)


def test_who_is_signed_out_signs_in_again_and_goes_on(ada, ledger):
    key = ledger[0].renew_link("Ada")
    ada.drag((2, 2), (20, 3))
    frame = ada.go_on()
    ada.page.wait_for_selector("#banner:not([hidden])")
    assert "signed out" in ada.page.inner_text("#banner")
    ada.context.new_page().goto(f"{ledger[1]}/enter#{key}")
    ada.next_after(frame)
    assert same(stored(ledger)[frame], ada.saved[frame])


def test_an_answer_can_be_taken_back_as_it_was_drawn(ada, ledger):
    ada.drag((2, 2), (20, 3))
    frame = ada.go_on()
    ada.next_after(frame)
    assert frame in stored(ledger)
    ada.page.keyboard.press("Shift+U")
    ada.page.wait_for_function(f"() => fewframes.work.task.frame.frame_idx === {frame}")
    assert same(ada.masks(), ada.saved[frame])
    assert stored(ledger) == {}


def test_a_frame_is_labelled_by_the_keyboard_alone(ada, ledger):
    for key in ("n", "k", *"[" * 8, "b", "Space", *["ArrowRight"] * 6, "Space"):
        ada.page.keyboard.press(key)
    drawn = ada.masks()
    assert set(drawn) == {1, 2}
    assert np.ptp(np.argwhere(drawn[2])[:, 1]) >= 6
    frame = ada.go_on()
    ada.next_after(frame)
    assert same(stored(ledger)[frame], drawn)


def test_a_frame_that_nobody_touched_is_called_empty_only_when_that_is_meant(ada, ledger):
    ledger[0].put_requests([LabelRequest.of(2, Selected(FrameRef(1, EMPTY), 0, 0.5, "it moves"))])
    ada.next_after(ada.go_on())
    assert (ada.task()["frame"]["frame_idx"], ada.masks()) == (EMPTY, {})
    for by_habit in ("Enter", "Enter"):
        ada.page.keyboard.press(by_habit)
    ada.page.wait_for_selector("#ask-untouched:not([open])", state="attached")
    assert ada.task()["frame"]["frame_idx"] == EMPTY
    assert EMPTY not in stored(ledger, EMPTY)
    ada.page.keyboard.press("Enter")
    ada.page.click("#ask-untouched >> text='Nothing is here'")
    ada.next_after(EMPTY)
    assert stored(ledger, EMPTY) == {EMPTY: {}}
    ada.page.keyboard.press("Shift+U")
    ada.page.wait_for_function(f"() => fewframes.work.task.frame.frame_idx === {EMPTY}")
    ada.page.keyboard.press("0")
    ada.next_after(EMPTY)
    assert stored(ledger, EMPTY) == {EMPTY: {}}


def test_the_page_says_when_the_campaign_is_over(ada, ledger):
    for _ in ASKED:
        ada.next_after(ada.go_on())
    ada.page.wait_for_selector("#app[data-state=empty]")
    said = "() => document.getElementById('empty-text').textContent.includes('{}')"
    ada.page.wait_for_function(said.format("The next frames appear here"))
    ledger[0].finish_round(2, "all rounds are done: 2 of 2")
    ada.page.reload()
    ada.page.wait_for_function(said.format("The campaign is over"))


def test_what_is_missing_is_copied_from_the_frame_before(ada):
    ada.page.keyboard.press("Delete")
    assert ada.masks() == {}
    ada.page.keyboard.press("c")
    ada.page.wait_for_function("() => fewframes.drawing().objects.length === 1")
    assert same(ada.masks(), {1: mask_at(ASKED[0] - 1)})


def test_tracing_the_outlines_of_a_mask_gives_it_back_to_the_pixel(ada):
    rows, columns = np.mgrid[:24, :32]
    ring = np.abs(np.hypot(rows - 12, columns - 16) - 8) < 2.5
    ada.page.keyboard.press("n")
    ada.page.keyboard.press("p")
    ScriptedPerson(ada.page, Pace()).draw(np.zeros_like(ring), ring)
    assert np.array_equal(ada.masks()[2], ring)


def test_neighbours_are_only_looked_at(ada):
    before = ada.masks()
    ada.page.keyboard.press("ArrowRight")
    ada.page.wait_for_selector("#elsewhere:not([hidden])")
    ada.drag((2, 2), (20, 3))
    ada.page.keyboard.press("Enter")
    ada.page.wait_for_selector("#elsewhere", state="hidden")
    assert same(ada.masks(), before)
    assert ada.task()["frame"]["frame_idx"] == ASKED[0]


def test_an_arrow_shows_where_to_look_until_the_person_begins(ada):
    confidence = ada.task()["masks"][0]["confidence"]
    assert f"only {confidence:.0%}".replace("%", " %") in ada.page.inner_text("#why")
    arrow = "() => [fewframes.reason.shown, fewframes.reason.point]"
    shown, (x, y) = ada.page.evaluate(arrow)
    assert shown
    assert mask_at(ASKED[0])[int(y), int(x)]
    ada.drag((2, 2), (4, 3))
    assert ada.page.evaluate(arrow)[0] is False
    ada.page.keyboard.press("Shift+d")
    assert ada.page.evaluate(arrow)[0] is True


def test_the_arrow_points_to_the_middle_of_the_strongest_doubt(ada):
    found = ada.page.evaluate(
        """async () => {
            const source = document.querySelector("script[type=module]").src.replace("label.js", "reason.js");
            const { strongest } = await import(source), canvas = new OffscreenCanvas(320, 240);
            const context = canvas.getContext("2d");
            const none = strongest(canvas, 320, 240);
            context.fillStyle = "rgb(255 120 0 / 30%)";
            context.fillRect(20, 20, 60, 60);
            context.fillStyle = "rgb(255 220 0 / 70%)";
            context.fillRect(200, 150, 40, 30);
            return [none, strongest(canvas, 320, 240)];
        }"""
    )
    assert found[0] is None
    assert 200 < found[1][0] < 240
    assert 150 < found[1][1] < 180


def test_who_draws_sees_the_masks(ada):
    ada.page.keyboard.press("h")
    assert ada.page.evaluate("() => fewframes.look.hidden")
    ada.drag((2, 2), (4, 3))
    assert not ada.page.evaluate("() => fewframes.look.hidden")


def test_masks_are_counted_as_accepted_once_somebody_accepts_them(ada):
    assert ada.page.inner_text("#left") == ""
    ada.page.keyboard.press("a")
    assert ada.page.inner_text("#left") == "1 of 1 accepted"


def test_a_region_is_ignored_by_one_key(ada, ledger):
    ada.page.keyboard.press("Shift+i")
    ada.next_after(ada.go_on())
    (label,) = [it for it in ledger[0].human_labels() if it.frame.frame_idx == ASKED[0]]
    assert [mask.ignore for mask in label.masks] == [True]


def test_neighbours_are_not_fetched_while_the_server_works_on_a_gesture(ada):
    address = ada.page.url
    ada.page.goto("about:blank")
    gestures, neighbours = ada.hold("**/refine"), ada.hold("**/*long_side=960")
    ada.page.goto(address)
    ada.task()
    ada.wait_for_calls(neighbours, 2)
    ada.page.keyboard.press("s")
    ada.page.mouse.click(*ada.pixel(26.5, 4.5)[0])
    ada.wait_for_calls(gestures)
    for route in neighbours[:2]:
        route.continue_()
    ada.page.wait_for_timeout(400)
    assert len(neighbours) == 2
    # A coarse mask is asked for first.
    for _ in range(2):
        ada.wait_for_calls(gestures)
        gestures.pop().continue_()
    ada.wait_for_calls(neighbours, 4)
    ada.page.unroute_all(behavior="ignoreErrors")


def test_a_box_that_the_server_never_answered_calls_no_frame_empty(ada, ledger):
    ledger[0].put_requests([LabelRequest.of(2, Selected(FrameRef(1, EMPTY), 0, 0.5, "it moves"))])
    ada.next_after(ada.go_on())
    ada.task()
    ada.route("**/refine", lambda route: route.abort())
    for key in ("n", "r"):
        ada.page.keyboard.press(key)
    ada.drag((4, 4), (20, 16))
    ada.page.wait_for_selector("#note:not([hidden])")
    assert ada.page.inner_text("#note").startswith("The server did not answer, so no mask came of that.")
    assert ada.page.inner_text(".objects li .state") == "nothing drawn yet"
    assert ada.page.inner_text("#accept-text") == "Go on"
    ada.page.keyboard.press("Enter")
    ada.page.wait_for_selector("#ask-untouched[open]")
    assert EMPTY not in stored(ledger, EMPTY)


def test_no_number_covers_what_is_to_be_seen(ada):
    words = """async (scale) => {
        const { view } = fewframes, { write } = Object.getPrototypeOf(view);
        let told = [];
        view.write = (context, words) => { told = words.map(([text]) => text); write.call(view, context, words); };
        fewframes.drawing().select(null);
        view.scale = scale;
        view.redraw();
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        return told;
    }"""
    assert ada.page.evaluate(words, 10) == ["1"], "a mask of 80 by 80 CSS pixels"
    assert ada.page.evaluate(words, 2) == [], "one of 16 by 16"
