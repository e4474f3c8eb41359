"""Nothing is sent by accident: a frame goes on when the person means it, once, and from one tab."""

from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import ASKED, Person, same, stored

pytestmark = needs_chromium


def click(person, *points):
    """Press the button of the mouse at points of the image."""
    for point in points:
        person.page.mouse.click(*person.pixel(*point)[0])


def tab_state(page):
    return page.evaluate("() => document.getElementById('app').dataset.state")


def test_a_polygon_that_closed_itself_does_not_leave_its_enter_to_the_frame(ada, ledger):
    ada.page.keyboard.press("n")
    ada.page.keyboard.press("p")
    click(ada, (20, 2), (28, 2), (28, 8), (20, 2))
    drawn = ada.masks()
    assert set(drawn) == {1, 2}
    ada.page.keyboard.press("Enter")
    ada.page.wait_for_selector("#note:not([hidden])")
    assert "polygon is closed" in ada.page.inner_text("#note")
    assert stored(ledger) == {}
    assert ada.task()["frame"]["frame_idx"] == ASKED[0]
    ada.next_after(ada.go_on())
    assert same(stored(ledger)[ASKED[0]], drawn)


def test_a_polygon_that_closed_itself_is_forgotten_when_something_else_is_drawn(ada, ledger):
    ada.page.keyboard.press("n")
    ada.page.keyboard.press("p")
    click(ada, (20, 2), (28, 2), (28, 8), (20, 2))
    ada.page.keyboard.press("b")
    ada.drag((22, 3), (26, 3))
    ada.next_after(ada.go_on())
    assert set(stored(ledger)) == {ASKED[0]}


def test_a_second_enter_while_the_next_frame_is_on_its_way_does_nothing(ada, ledger):
    held = []
    ada.route("**/submit", lambda route: held.append((route, route.fetch())))
    frame = ada.go_on()
    ada.wait_for_calls(held)
    for key in ("Enter", "0", "Shift+U", "Enter"):
        ada.page.keyboard.press(key)
    ada.drag((2, 2), (20, 3))
    assert same(ada.masks(), ada.saved[frame])
    ((route, reply),) = held
    route.fulfill(response=reply)
    ada.next_after(frame)
    assert ada.task()["frame"]["frame_idx"] == ASKED[1]
    assert set(stored(ledger)) == {frame}
    assert ada.page.evaluate("() => fewframes.work.keeper.late()") == []
    assert not ada.page.is_visible("#late")


def test_the_next_frame_comes_with_what_the_server_says_to_the_answer(ada):
    asked = []
    ada.page.on("request", lambda request: asked.append(request.url))
    ada.next_after(ada.go_on())
    assert ada.task()["frame"]["frame_idx"] == ASKED[1]
    assert not any(url.endswith("/api/next") for url in asked)


def test_the_next_frame_is_asked_for_where_it_did_not_come(ada):
    def without_next(route):
        reply = route.fetch()
        route.fulfill(response=reply, json={name: value for name, value in reply.json().items() if name != "next"})

    ada.route("**/submit", without_next)
    ada.next_after(ada.go_on())
    assert ada.task()["frame"]["frame_idx"] == ASKED[1]


def test_nothing_is_sent_while_a_frame_is_being_skipped(ada, ledger):
    held = ada.hold("**/skip")
    ada.page.keyboard.press("Shift+S")
    ada.page.click("#ask-skip button[value=yes]")
    ada.wait_for_calls(held)
    ada.page.keyboard.press("Enter")
    held[0].continue_()
    ada.next_after(ASKED[0])
    assert stored(ledger) == {}


def test_a_second_tab_says_so_and_waits_until_it_is_told_to_go_on(ada, ledger):
    first = ada.page
    ada.drag((2, 2), (20, 3))
    drawn = ada.masks()
    second = ada.context.new_page()
    second.goto(f"{ledger[1]}/label")
    second.wait_for_selector("#app[data-state=another-tab]")
    assert "another tab" in second.inner_text("#stage")
    assert second.evaluate("() => fewframes.drawing()") is None

    second.click("text='Go on here'")
    first.wait_for_selector("#app[data-state=another-tab]")
    ada.page = second
    assert ada.task()["frame"]["frame_idx"] == ASKED[0]
    assert same(ada.masks(), drawn)
    first.keyboard.press("Enter")
    ada.drag((2, 20), (20, 20))
    assert not same(ada.masks(), drawn)
    frame = ada.go_on()
    ada.next_after(frame)
    assert same(stored(ledger)[frame], ada.saved[frame])
    assert sum(entry.action == "submit" for entry in ledger[0].audit_log(who="Ada")) == 1


def test_a_tab_that_waits_goes_on_by_itself_when_the_other_is_closed(ada, ledger):
    second = ada.context.new_page()
    second.goto(f"{ledger[1]}/label")
    second.wait_for_selector("#app[data-state=another-tab]")
    ada.page.close()
    ada.page = second
    assert ada.task()["frame"]["frame_idx"] == ASKED[0]


def test_a_tab_that_is_loaded_again_keeps_its_work(ada, ledger):
    second = ada.context.new_page()
    second.goto(f"{ledger[1]}/label")
    second.wait_for_selector("#app[data-state=another-tab]")
    ada.page.reload()
    ada.task()
    assert tab_state(second) == "another-tab"


def test_who_is_told_of_a_lost_frame_reads_no_numbers_of_requests(ada, ledger):
    task = ada.task()
    ledger[0].release(task["request_id"], "Ada", task["lease"]["token"])
    ledger[0].add_annotator("Ben")
    ledger[0].claim("Ben", 60)
    ada.page.keyboard.press("Enter")
    ada.page.wait_for_selector("#late[open]")
    said = ada.page.inner_text("#late")
    assert "Ben has this frame in hand now" in said
    assert task["request_id"].lower() not in said.lower()


def open_last(person, frame):
    """Open one of the last frames again."""
    person.page.keyboard.press("Shift+l")
    person.page.click(f"#last button:has-text('frame {frame}')")
    person.page.wait_for_function(f"() => fewframes.work.task?.frame.frame_idx === {frame}")
    assert person.task()["reopened"]


def test_a_frame_that_was_sent_long_ago_is_opened_again_and_changed(ada, ledger):
    first = ada.go_on()
    ada.next_after(first)
    second = ada.go_on()
    ada.next_after(second)
    open_last(ada, first)
    assert same(ada.masks(), ada.saved[first])
    ada.drag((2, 2), (20, 3))
    changed = ada.masks()
    assert not same(changed, stored(ledger)[first])
    ada.next_after(ada.go_on())
    assert same(stored(ledger)[first], changed)
    assert ada.task()["frame"]["frame_idx"] == ASKED[2]


def test_a_frame_that_is_only_looked_at_again_keeps_its_answer(ada, ledger):
    first = ada.go_on()
    ada.next_after(first)
    before = stored(ledger)[first]
    open_last(ada, first)
    assert not ada.page.is_visible("#flag")
    ada.drag((2, 2), (20, 3))
    ada.page.click("#skip")
    ada.next_after(first)
    assert same(stored(ledger)[first], before)
    assert ada.task()["frame"]["frame_idx"] == ASKED[1]


def test_last_frames_are_opened_when_nothing_is_left_to_label(ada, ledger):
    for _ in ASKED:
        frame = ada.go_on()
        ada.next_after(frame)
    assert tab_state(ada.page) == "empty"
    ada.page.click("[data-action=lastFrames]")
    ada.page.wait_for_function("() => [...document.querySelectorAll('#last img')].every((i) => i.naturalWidth)")
    ada.page.click(f"#last button:has-text('frame {ASKED[1]}')")
    assert ada.task()["frame"]["frame_idx"] == ASKED[1]


def test_the_picture_of_the_next_frame_is_there_before_this_one_is_sent(ada):
    ada.page.wait_for_function(
        "() => performance.getEntriesByName(new URL('api/frames/1/2.jpg', location).href).length"
    )
    asked = []
    ada.page.on("request", lambda request: asked.append(request.url))
    ada.next_after(ada.go_on())
    assert ada.task()["frame"]["frame_idx"] == ASKED[1] == 2
    assert not [url for url in asked if url.endswith("/frames/1/2.jpg")]


def test_who_waits_for_a_picture_that_the_server_refuses_reads_why(ada):
    refused = {"error": "clip.mp4: was changed since the video 'clip' was taken in", "mend": "Tell the lead."}
    ada.route(f"**/api/frames/1/{ASKED[2]}.jpg*", lambda route: route.fulfill(status=422, json=refused))
    for _ in ASKED[:2]:
        ada.next_after(ada.go_on())
    ada.page.wait_for_function("() => document.getElementById('note').textContent.startsWith('Clip.mp4: was changed')")
    assert ada.page.inner_text("#note").endswith("Tell the lead.")


def test_a_second_browser_says_so_and_takes_the_work_along(running, ledger):
    link = f"{ledger[1]}/enter#{ledger[0].add_annotator('Cyd')}"
    desk = Person(running, link)
    frame = desk.task()["frame"]["frame_idx"]
    desk.drag((2, 2), (20, 3))
    drawn = desk.masks()
    desk.page.wait_for_function("() => fewframes.work.saved === 'saved'")
    tablet = Person(running, link)
    tablet.page.wait_for_selector("#app[data-state=another-device]")
    assert "another device" in tablet.page.inner_text("#stage")
    tablet.page.click("[data-action=goOnThisDevice]")
    assert tablet.task()["frame"]["frame_idx"] == frame
    assert same(tablet.masks(), drawn)

    desk.drag((2, 20), (20, 20))
    desk.page.wait_for_selector("#app[data-state=another-device]")
    tablet.next_after(tablet.go_on())
    assert same(stored(ledger)[frame], drawn)
    for person in (desk, tablet):
        person.context.close()
