"""What a click or a box does is seen where the person looks, and one key takes it back."""

import numpy as np
import pytest

from tests.toys.labelled_project import mask_at
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import ASKED, masks_of, same

pytestmark = needs_chromium

INSIDE, ABOVE = (7.5, 9.5), (20.5, 3.5)
"""Points of the square of the first frame that is asked for, and of the ground."""

COUNT_COLOUR = """([red, green, blue]) => {
    const { overlay } = fewframes.view, context = overlay.getContext("2d");
    const { data } = context.getImageData(0, 0, overlay.width, overlay.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
        const near = [red, green, blue].every((value, k) => Math.abs(data[i + k] - value) < 12);
        count += near && data[i + 3] > 200 ? 1 : 0;
    }
    return count;
}"""
CAME, WENT = (0x37, 0xF0, 0xB0), (0xFF, 0x7A, 0x86)


def seen(person, colour):
    """How many pixels of the picture have a colour, when it is drawn."""
    person.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return person.page.evaluate(COUNT_COLOUR, colour)


def markers(person):
    return person.page.evaluate("() => fewframes.editor.clicks?.made.length ?? 0")


def click_from_nothing(person, *points):
    """A new object, found by clicks."""
    person.page.keyboard.press("n")
    person.page.keyboard.press("s")
    person.click(*points)


def test_what_a_click_changed_is_outlined_until_the_next_gesture(bright):
    click_from_nothing(bright, INSIDE)
    assert bright.masks()[2].sum() > 9
    assert seen(bright, CAME) > 0
    assert seen(bright, WENT) == 0
    assert "pixels came" in bright.page.inner_text("#spoken")
    bright.page.keyboard.press("b")
    bright.drag(ABOVE, (ABOVE[0] + 1, ABOVE[1]))
    assert seen(bright, CAME) == 0


def test_what_a_click_took_away_is_outlined_otherwise(bright):
    bright.page.keyboard.press("s")
    bright.click(INSIDE, button="right")
    assert bright.masks()[1].sum() < mask_at(ASKED[0]).sum()
    assert seen(bright, WENT) > 0
    bright.page.keyboard.press("z")
    assert same(bright.masks(), {1: mask_at(ASKED[0])})
    assert seen(bright, WENT) == 0


def test_one_key_takes_one_click_back_and_leaves_the_clicks_before_it(bright):
    click_from_nothing(bright, INSIDE)
    after_one = bright.masks()
    bright.click((10.5, 14.5), button="right")
    after_two = bright.masks()
    assert not same(after_one, after_two)
    assert markers(bright) == 2
    bright.page.keyboard.press("z")
    assert same(bright.masks(), after_one)
    assert markers(bright) == 1
    bright.page.keyboard.press("Shift+z")
    assert same(bright.masks(), after_two)
    assert markers(bright) == 2
    bright.page.keyboard.press("z")
    bright.click((10.5, 14.5), button="right")
    assert same(bright.masks(), after_two)


def test_strokes_find_the_object_and_one_key_takes_one_back(bright):
    bright.page.keyboard.press("n")
    bright.page.keyboard.press("Shift+b")
    bright.drag(INSIDE, (11.5, 9.5))
    bright.page.wait_for_function("() => !fewframes.editor.busy && fewframes.drawing().done.length")
    found = bright.masks()
    assert found[2][9, 8:12].all()
    bright.page.mouse.move(*bright.pixel(10.5, 13.5)[0])
    bright.page.mouse.down(button="right")
    bright.page.mouse.move(*bright.pixel(10.5, 16.5)[0])
    bright.page.mouse.up(button="right")
    bright.page.wait_for_function("() => !fewframes.editor.busy")
    assert not bright.masks()[2][14:16, 10].any()
    assert markers(bright) == 2
    bright.page.keyboard.press("z")
    assert same(bright.masks(), found)
    assert markers(bright) == 1
    gestures = bright.page.evaluate("() => fewframes.evidence.list(fewframes.drawing())")
    assert [(g["tool"], g["track_id"], g["adds"]) for g in gestures] == [("scribble", 2, True), ("scribble", 2, False)]
    assert gestures[0]["points"][0] == [pytest.approx(v, abs=1) for v in INSIDE]
    assert [g["taken_back"] for g in gestures] == [False, True]


def test_the_answer_tells_which_clicks_were_taken_back(bright):
    click_from_nothing(bright, INSIDE)
    bright.click((10.5, 14.5), button="right")
    told = "() => fewframes.evidence.list(fewframes.drawing()).map((g) => g.taken_back)"
    assert bright.page.evaluate(told) == [False, False]
    bright.page.keyboard.press("z")
    bright.page.keyboard.press("z")
    bright.page.keyboard.press("Shift+z")
    assert bright.page.evaluate(told) == [False, True]


def test_a_click_that_changed_nothing_says_so(bright):
    click_from_nothing(bright, INSIDE)
    before = bright.masks()
    bright.click(INSIDE)
    assert same(bright.masks(), before)
    assert "click changed nothing" in bright.page.inner_text("#note")
    assert seen(bright, CAME) == 0


def test_a_coarse_mask_is_seen_first_and_is_no_part_of_the_drawing(bright):
    held, before = bright.hold("**/refine"), bright.masks()
    bright.page.keyboard.press("n")
    bright.page.keyboard.press("s")
    bright.page.mouse.click(*bright.pixel(*INSIDE)[0])
    bright.wait_for_calls(held)
    coarse = held.pop()
    assert coarse.request.post_data_json["coarse"]
    coarse.continue_()
    bright.wait_for_calls(held)
    bright.page.wait_for_function("() => fewframes.sketch.shown")
    assert same({track: mask for track, mask in bright.masks().items() if mask.any()}, before)
    # What is not there yet cannot be sent.
    bright.page.keyboard.press("Enter")
    assert "still working" in bright.page.inner_text("#note")
    final = held.pop()
    assert "coarse" not in final.request.post_data_json
    final.continue_()
    bright.page.wait_for_function("() => !fewframes.editor.busy")
    assert bright.masks()[2].sum() > 9
    assert not bright.page.evaluate("() => fewframes.sketch.shown")


def test_a_coarse_mask_goes_on_from_the_mask_as_it_is(bright):
    asked = []
    bright.page.on("request", lambda sent: sent.url.endswith("/refine") and asked.append(sent.post_data_json))
    bright.page.keyboard.press("Shift+V")
    click_from_nothing(bright, INSIDE)
    drawn = bright.masks()[2]
    bright.click((10.5, 14.5), button="right")
    coarse, final = asked[-2:]
    assert ([len(question["clicks"]) for question in (coarse, final)], coarse["made_at"]) == ([1, 2], final["made_at"])
    assert np.array_equal(masks_of([{"track_id": 2, "rle": coarse["rle"]}])[2], drawn)


def test_the_server_is_told_whether_somebody_drew_the_mask_that_is_clicked_on(bright):
    asked = []
    bright.page.on("request", lambda sent: sent.url.endswith("/refine") and asked.append(sent.post_data_json))
    bright.page.keyboard.press("Shift+V")
    bright.page.keyboard.press("s")
    bright.click(ABOVE)
    assert [question["own"] for question in asked] == [False, False]
    bright.page.keyboard.press("z")
    bright.page.keyboard.press("b")
    bright.drag(INSIDE, ABOVE)
    bright.page.keyboard.press("s")
    bright.click(ABOVE)
    assert [question["own"] for question in asked[2:]] == [True, True]


def test_a_sign_at_the_pointer_says_that_the_server_works(bright):
    held = bright.hold("**/refine")
    bright.page.keyboard.press("n")
    bright.page.keyboard.press("s")
    at, _ = bright.pixel(*INSIDE)
    ring = """([x, y]) => {
        const { overlay, stage } = fewframes.view, edge = stage.getBoundingClientRect();
        const { data } = overlay.getContext("2d").getImageData(x - edge.left - 16, y - edge.top - 16, 33, 33);
        let white = 0;
        for (let i = 0; i < data.length; i += 4) {
            const far = Math.hypot((i / 4) % 33 - 16, Math.floor(i / 132) - 16);
            white += far > 11 && far < 15 && data[i] > 240 && data[i + 1] > 240 && data[i + 2] > 240 ? 1 : 0;
        }
        return white > 20;
    }"""
    assert not bright.page.evaluate(ring, at)
    bright.page.mouse.click(*at)
    bright.page.wait_for_function(ring, arg=at)
    for _ in range(2):
        bright.wait_for_calls(held)
        held.pop().continue_()
    bright.page.wait_for_function("() => !fewframes.editor.busy")
    bright.page.mouse.move(*bright.pixel(*ABOVE)[0])
    bright.page.wait_for_function(f"(at) => !({ring})(at)", arg=at)


def test_tool_brush_and_brightness_survive_a_reload(ada):
    for key in ("e", "]", "u", "Alt+ArrowUp", "Alt+ArrowUp", "Alt+ArrowRight", "{", "t"):
        ada.page.keyboard.press(key)
    state = """() => {
        const { tool, radius, cutting } = fewframes.editor, value = (id) => document.getElementById(id).value;
        const numbers = fewframes.look.numbers;
        return { tool, radius, cutting, numbers, brightness: value("brightness"), contrast: value("contrast"),
            opacity: value("opacity") };
    }"""
    before = ada.page.evaluate(state)
    assert before["tool"] == "eraser"
    assert before["numbers"] is False
    ada.page.reload()
    ada.task()
    assert ada.page.evaluate(state) == before


def test_what_was_kept_by_another_version_is_taken_as_far_as_it_is_known(ada):
    ada.page.add_init_script(
        """localStorage.setItem("fewframes:Ada:preferences",
            JSON.stringify({ tool: "lasso", radius: 1e9, opacity: "much", numbers: false, more: 1 }))"""
    )
    ada.page.reload()
    ada.task()
    found = ada.page.evaluate("() => [fewframes.editor.tool, fewframes.editor.radius, fewframes.look.opacity]")
    assert found == ["brush", 200, 0.4]
    assert ada.page.evaluate("() => fewframes.look.numbers") is False


def add_objects(person, count):
    """Objects of one pixel each, and of doubt that falls."""
    person.page.evaluate(
        """(count) => {
            const drawing = fewframes.drawing(), { width, height } = drawing;
            for (let i = 0; i < count; i++) {
                const object = drawing.add({ track_id: 10 + i, category_id: 1 });
                drawing.apply("test", (mask) => (mask.fill(1, i * width, i * width + i + 1), drawing.everything));
                object.confidence = 0.1 + i / 20;
            }
        }""",
        count,
    )


def listed(person):
    return person.page.evaluate("() => [...document.querySelectorAll('#side ol .name')].map((e) => e.textContent)")


def test_a_long_list_is_searched_and_a_short_one_has_no_search(ada):
    assert not ada.page.is_visible("[data-part=search]")
    add_objects(ada, 8)
    ada.page.keyboard.press("/")
    ada.page.keyboard.type("square 13")
    assert listed(ada) == ["square 13"]
    ada.page.keyboard.press("Enter")
    assert ada.page.evaluate("() => fewframes.drawing().selected.track") == 13
    ada.page.keyboard.press("/")
    ada.page.keyboard.press("Escape")
    assert len(listed(ada)) == 9


def test_the_list_begins_with_what_is_most_in_doubt_and_keys_follow_it(ada):
    add_objects(ada, 6)
    ada.page.select_option("[data-part=sort]", "doubt")
    assert listed(ada) == [*(f"square {10 + i}" for i in range(6)), "square 1"]
    ada.page.select_option("[data-part=sort]", "size")
    assert listed(ada) == ["square 1", *(f"square {10 + i}" for i in reversed(range(6)))]
    ada.page.locator("#stage").focus()
    ada.page.evaluate("() => { const d = fewframes.drawing(); d.select(d.objects[0]); }")
    ada.page.keyboard.press("ArrowDown")
    assert ada.page.evaluate("() => fewframes.drawing().selected.track") == 15
    ada.page.reload()
    ada.task()
    assert ada.page.evaluate("() => fewframes.panel.order") == "size"
    assert np.array_equal(ada.masks()[1], mask_at(ASKED[0]))


def draw_polygon(person, *corners):
    """A new object; Enter closes its polygon."""
    person.page.keyboard.press("n")
    person.page.keyboard.press("p")
    person.click(*corners)
    person.page.keyboard.press("Enter")
    return person.masks()[2]


def filled(left, top, right, bottom):
    mask = np.zeros_like(mask_at(0))
    mask[top:bottom, left:right] = True
    return mask


def test_corners_of_a_polygon_can_be_moved_and_each_move_taken_back(ada):
    first = draw_polygon(ada, (20, 2), (28, 2), (28, 8), (20, 8))
    assert np.array_equal(first, filled(20, 2, 28, 8))
    ada.drag((28, 8), (28, 12))
    slanted = ada.masks()[2]
    ada.drag((20, 8), (20, 12))
    assert np.array_equal(ada.masks()[2], filled(20, 2, 28, 12))
    ada.page.keyboard.press("z")
    assert np.array_equal(ada.masks()[2], slanted)
    ada.page.keyboard.press("z")
    assert np.array_equal(ada.masks()[2], first)
    ada.drag((28, 8), (24, 8))
    ada.drag((28, 2), (24, 2))
    assert np.array_equal(ada.masks()[2], filled(20, 2, 24, 8))


def test_a_corner_comes_where_an_edge_is_pulled_and_goes_by_delete(ada):
    first = draw_polygon(ada, (20, 2), (28, 2), (28, 8), (20, 8))
    ada.drag((24, 8), (24, 14))
    assert ada.masks()[2][11, 24]
    ada.page.keyboard.press("Delete")
    assert np.array_equal(ada.masks()[2], first)
    assert set(ada.masks()) == {1, 2}


def test_a_polygon_may_begin_on_a_corner_of_the_last_one(ada):
    first = draw_polygon(ada, (20, 2), (28, 2), (28, 8), (20, 8))
    ada.click((28, 8), (28, 14), (20, 14), (20, 8))
    ada.page.keyboard.press("Enter")
    assert np.array_equal(ada.masks()[2], first | filled(20, 8, 28, 14))


def test_corners_are_gone_when_something_else_is_drawn(ada):
    first = draw_polygon(ada, (20, 2), (28, 2), (28, 8), (20, 8))
    ada.page.keyboard.press("x")
    assert ada.page.evaluate("() => fewframes.editor.corners !== null")
    ada.page.keyboard.press("e")
    ada.page.evaluate("() => fewframes.editor.set({ radius: 0.5 })")
    ada.drag((24, 5), (25, 5))
    ada.page.keyboard.press("p")
    assert ada.page.evaluate("() => fewframes.editor.corners") is None
    assert ada.masks()[2].sum() < first.sum()


def test_the_outline_of_what_was_drawn_is_fitted_by_one_key(bright):
    """The server is asked with the mask that was drawn and with the one that was shown; in a frame as small as this
    one, the band in which the outline may move has no pixel."""
    drawn = draw_polygon(bright, (20, 2), (28, 2), (28, 8), (20, 8))
    with bright.page.expect_request("**/refine") as asked:
        bright.page.keyboard.press("Shift+p")
    sent = asked.value.post_data_json
    assert sent["rle"] is None
    assert np.array_equal(masks_of([{"track_id": 2, "rle": sent["outline"]}])[2], drawn)
    bright.page.wait_for_selector("#note:has-text('The outline is as it was')")
    assert np.array_equal(bright.masks()[2], drawn)
    bright.page.keyboard.press("ArrowUp")
    with bright.page.expect_response("**/refine") as asked:
        bright.page.keyboard.press("Shift+p")
    assert asked.value.status == 200
    assert asked.value.request.post_data_json["rle"] == bright.task()["masks"][0]["rle"]
