"""Which object is which: numbers come from the server, and are swapped, joined, split and chosen by one key each."""

import numpy as np
import pytest

from al_core.masks.rle import encode
from tests.toys.labelled_project import mask_at
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import ASKED, Person, stored

pytestmark = needs_chromium

CORNER = (28.5, 2.5), (30.5, 2.5)


@pytest.fixture
def thin(ada):
    """Ada, with a brush of a pixel, when the number of the next object has come."""
    ada.page.evaluate("() => fewframes.editor.set({ radius: 0.5 })")
    ada.page.wait_for_function("() => fewframes.known.spare !== null && fewframes.known.list.length")
    return ada


def numbers(person):
    return person.page.evaluate("() => fewframes.drawing().objects.map((o) => o.track)")


def point_at(person, x, y):
    person.page.mouse.move(*person.pixel(x, y)[0])


def draw_corner(person):
    """A second object in the corner, which is selected then."""
    person.drag(*CORNER)
    return person.masks()


def centre(mask):
    """A pixel of a mask, as a point (x, y)."""
    y, x = np.argwhere(mask)[0]
    return x + 0.5, y + 0.5


def test_two_people_who_draw_in_one_video_get_different_numbers(thin, ledger, running):
    ben = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator('Ben')}")
    ben.task()
    ben.page.wait_for_function("() => fewframes.known.spare !== null")
    for person in (thin, ben):
        person.page.keyboard.press("n")
        person.page.wait_for_function("() => fewframes.drawing().objects.every((o) => !o.guessed)")
    assert (numbers(thin), numbers(ben)) == ([1, 2], [1, 3])
    ben.context.close()


def test_a_number_that_was_guessed_is_mended_when_the_server_has_one(thin):
    thin.route("**/number", lambda route: route.abort())
    for _ in range(2):
        thin.page.keyboard.press("n")
        thin.drag(*CORNER)
    assert thin.page.evaluate("() => fewframes.drawing().objects.map((o) => o.guessed)") == [False, False, True]
    thin.page.unroute("**/number")
    thin.page.wait_for_function("() => fewframes.drawing().objects.every((o) => !o.guessed)")
    assert len(set(numbers(thin))) == 3


def test_swapping_gives_each_the_others_number(thin):
    before = draw_corner(thin)
    point_at(thin, *centre(before[1]))
    thin.page.keyboard.press("w")
    after = thin.masks()
    assert np.array_equal(after[1], before[2])
    assert np.array_equal(after[2], before[1])
    thin.page.keyboard.press("z")
    assert np.array_equal(thin.masks()[1], before[1])


def test_a_number_that_another_object_has_is_swapped_when_that_is_meant(thin):
    before = draw_corner(thin)
    thin.page.keyboard.press("i")
    thin.page.keyboard.type("1")
    thin.page.keyboard.press("Enter")
    thin.page.click("#ask-swap button[value=yes]")
    thin.page.wait_for_function("() => fewframes.drawing().objects[0].track === 2")
    assert np.array_equal(thin.masks()[1], before[2])


def test_joining_makes_two_objects_one_and_undo_gives_both_back(thin):
    before = draw_corner(thin)
    point_at(thin, *centre(before[1]))
    thin.page.keyboard.press("j")
    after = thin.masks()
    assert set(after) == {2}
    assert np.array_equal(after[2], before[1] | before[2])
    thin.page.keyboard.press("z")
    after = thin.masks()
    assert np.array_equal(after[1], before[1])
    assert np.array_equal(after[2], before[2])


def test_splitting_makes_an_object_of_the_part_under_the_pointer(thin):
    thin.page.keyboard.down("Shift")
    thin.drag(*CORNER)
    thin.page.keyboard.up("Shift")
    (whole,) = thin.masks().values()
    point_at(thin, *CORNER[0])
    thin.page.keyboard.press("y")
    after = thin.masks()
    assert np.array_equal(after[1], mask_at(ASKED[0]))
    assert np.array_equal(after[1] | after[2], whole)
    assert not (after[1] & after[2]).any()
    thin.page.keyboard.press("z")
    assert np.array_equal(thin.masks()[1], whole)


def test_an_object_is_chosen_from_those_of_the_video(thin, ledger):
    draw_corner(thin)
    thin.page.keyboard.press("Delete")
    thin.page.keyboard.press("Delete")
    thin.drag(*CORNER)
    thin.page.keyboard.press("q")
    row = thin.page.wait_for_selector("#known [data-track='1']")
    assert "square 1" in row.inner_text()
    thin.page.wait_for_function("() => document.querySelector('#known img').naturalWidth > 0")
    row.click()
    assert numbers(thin) == [1]


def test_a_labelled_frame_is_marked_and_can_be_opened(thin):
    assert thin.page.evaluate("() => [...document.querySelectorAll('.marks i')].map((i) => i.title)") == [
        "frame 0 is labelled"
    ]
    thin.page.keyboard.press("q")
    thin.page.click("#known .place")
    thin.page.wait_for_selector("#elsewhere:not([hidden])")
    assert "frame 0" in thin.page.inner_text("#elsewhere-text")


def test_a_number_with_another_category_than_elsewhere_is_asked_about(ledger, running):
    ledger[0].add_categories(["bird"])
    ada = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator('Ada')}")
    (bird,) = [number for number, name in ledger[0].categories().items() if name == "bird"]
    task = ada.task()
    reply = ada.page.request.put(
        f"{ledger[1]}/api/requests/{task['request_id']}/draft",
        headers={"X-Fewframes": "1"},
        data={
            "lease": task["lease"]["token"],
            "seconds": 100,
            "masks": [{"track_id": 1, "category_id": bird, "rle": encode(mask_at(ASKED[0])).to_coco()}],
        },
    )
    assert reply.ok, reply.text()
    ada.page.reload()
    frame = ada.task()["frame"]["frame_idx"]
    ada.page.wait_for_function("() => fewframes.known.list.length")
    ada.page.keyboard.press("Enter")
    ada.page.wait_for_selector("#ask-category[open]")
    assert 'Object 1 is "square" in frame 0 and "bird" here.' in ada.page.inner_text("#ask-category")
    ada.page.click("#ask-category >> text='Go on drawing'")
    assert stored(ledger) == {}
    ada.page.keyboard.press("Enter")
    ada.page.click("#ask-category button[value=yes]")
    ada.next_after(frame)
    assert set(stored(ledger)) == {frame}
    ada.context.close()


def test_the_name_of_what_is_under_the_pointer_is_on_the_picture(thin):
    written = """() => {
        const said = [], { view } = fewframes, write = view.write;
        view.write = (context, words) => said.push(...words.map(([text]) => text));
        view.redrawOverlay();
        return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
            view.write = write;
            done(said);
        })));
    }"""
    point_at(thin, 1, 1)
    assert set(thin.page.evaluate(written)) == {"1"}
    point_at(thin, *centre(mask_at(ASKED[0])))
    assert "square 1" in thin.page.evaluate(written)


def test_the_object_of_the_row_under_the_pointer_stands_out(thin):
    draw_corner(thin)
    white = """() => {
        const { overlay } = fewframes.view, edge = overlay.getBoundingClientRect();
        const { x0, y0 } = fewframes.drawing().objects[0].bounds, [left, top] = fewframes.view.toPage([x0, y0]);
        const { data } = overlay.getContext("2d").getImageData(left - edge.left - 2, top - edge.top + 20, 4, 60);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) count += data.slice(i, i + 4).every((value) => value > 180) ? 1 : 0;
        return count > 30;
    }"""
    assert not thin.page.evaluate(white)
    thin.page.hover("#side ol li:first-child")
    thin.page.wait_for_function(white)
    thin.page.hover("#stage")
    thin.page.wait_for_function(f"() => !({white})()")
