"""The labelling page: its HTML, and its arithmetic of masks as a browser does it."""

import re

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from al_core.masks.rle import Rle, decode, encode
from al_core.project import Project
from al_core.records import COMPONENTS as LEDGER_COMPONENTS
from tasks.web import pages
from tasks.web.error_responses import add_error_handlers
from tasks.web.tagging import tag_routes
from tests.toys.web.browser import browser, needs_chromium
from tests.toys.web.serving import served


def application() -> FastAPI:
    app = FastAPI()
    add_error_handlers(app)
    app.include_router(pages.router)
    app.include_router(tag_routes.router)
    return app


# ---- what the server sends


@pytest.fixture
def client():
    return TestClient(application())


@pytest.mark.parametrize("path", ["/", "/label", "/enter", "/tags"])
def test_a_page_has_no_script_or_style_of_its_own_and_asks_nobody_else(client, path):
    page = client.get(path).text
    assert not re.search(r"<script(?![^>]*(src=|application/json))", page)
    assert "<style" not in page
    assert not re.search(r"\s(style|on\w+)=", page)
    # Addresses are relative: a proxy may show the page below another path.
    assert not re.search(r"(?:src|href|action)=\"(?:/|\w+:)", page)
    assert "$" not in page


def test_every_file_that_the_pages_and_scripts_name_is_there(client):
    shown = "".join(client.get(page).text for page in ("/label", "/", "/tags"))
    named = re.findall(r"(?:src|href)=\"(static/[^\"]+)\"", shown)
    folder = f"static/{pages.static_version()}"
    for name, path in pages.static_files().items():
        if name.endswith(".js"):
            named += [f"{folder}/{other}" for other in re.findall(r'from "\./([^"]+)"', path.read_text())]
    assert len(named) > 15
    for path in set(named):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("name", ["nothing.js", "..%2fpages.py", "%2e%2e%2fpages.py", "label.html"])
def test_other_files_are_not_to_be_had(client, name):
    assert client.get(f"/static/0/{name}").status_code == 404


def test_an_old_version_of_a_file_is_not_kept(client):
    assert client.get("/static/0/label.js").headers["cache-control"] == "no-cache"


def test_every_component_of_uncertainty_has_a_word():
    assert set(pages.COMPONENTS) == set(LEDGER_COMPONENTS)


def test_every_button_does_something_and_has_a_name(client):
    page = client.get("/label").text
    script = pages.static_files()["label.js"].read_text()
    editor = pages.static_files()["editor.js"].read_text()
    for action in re.findall(r'data-action="(\w+)"', page):
        assert re.search(rf"^  {action}[:,]", script, re.MULTILINE) or f'"{action}"' in editor, action
    for icon in re.findall(r'href="#icon-(\w+)"', page):
        assert f'id="icon-{icon}"' in page


# ---- what the browser computes


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with served(Project.at(tmp_path_factory.mktemp("project"))) as (_, owner), browser() as running:
        page = running.new_page()
        page.goto(f"{owner.url}/label")
        page.evaluate(
            """async (folder) => {
                for (const name of ["rle", "masks", "drawing", "keys", "clock", "keeper"])
                    globalThis[name] = await import(`${folder}/${name}.js`);
                globalThis.text = (mask) => Array.from(mask).join("");
            }""",
            f"/static/{pages.static_version()}",
        )
        yield page


def shape(text: str) -> str:
    """Rows of a picture, one digit per pixel, as one string."""
    return "".join(text.split())


def random_masks() -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    noise = [rng.random((h, w)) < p for h, w, p in [(1, 1, 0.5), (7, 5, 0.5), (31, 64, 0.1), (64, 31, 0.9)]]
    blobs = []
    for _ in range(12):
        mask = np.zeros(rng.integers(20, 90, 2), bool)
        for _ in range(3):
            y, x = (int(rng.integers(0, n)) for n in mask.shape)
            mask[y : y + 30, x : x + 25] ^= True
        blobs.append(mask)
    wide = np.zeros((1080, 1920), bool)
    wide[300:900, 500:1700] = True
    upright = np.zeros((6, 8), bool)
    upright[:, 2:4] = True
    return [*noise, *blobs, np.zeros((5, 4), bool), np.ones((5, 4), bool), wide, upright]


@needs_chromium
@pytest.mark.parametrize("mask", random_masks(), ids=lambda m: f"{m.shape[0]}x{m.shape[1]}")
def test_run_length_codes_are_those_of_pycocotools(page, mask):
    expected = encode(mask)
    found = page.evaluate(
        """(coded) => {
            const { mask, box } = rle.decode(coded), [h, w] = coded.size;
            const rows = []; let at = 0;
            mask.forEach((v, i) => { if (v) { rows.push(i - at); at = i; } });
            return { steps: rows, tight: rle.encode(mask, h, w, box), wide: rle.encode(mask, h, w) };
        }""",
        expected.to_coco(),
    )
    assert found["tight"] == found["wide"] == expected.to_coco()
    assert np.cumsum(found["steps"]).tolist() == np.flatnonzero(mask).tolist()


@needs_chromium
@pytest.mark.parametrize("counts", ["", "1", "ÿÿ", "oooooooooooo", encode(np.ones((9, 9), bool)).counts])
def test_a_damaged_code_is_refused(page, counts):
    with pytest.raises(Exception, match="run-length code"):
        page.evaluate("(counts) => rle.decode({ size: [4, 4], counts }) && null", counts)


@needs_chromium
def test_the_brush_sets_pixels_whose_centre_is_near_the_line(page):
    drawn = page.evaluate(
        """() => {
            const mask = new Uint8Array(7 * 8);
            const rect = masks.capsule(mask, 8, 7, [2.5, 2.5], [5.5, 2.5], 1, 1);
            masks.capsule(mask, 8, 7, [2.5, 2.5], [2.5, 2.5], 0.5, 0);
            return [text(mask), rect];
        }"""
    )
    assert drawn[0] == shape("00000000 00111100 01011110 00111100 00000000 00000000 00000000")
    assert drawn[1] == {"x0": 0, "y0": 0, "x1": 8, "y1": 5}


@needs_chromium
def test_a_brush_that_leaves_the_frame_is_cut_off(page):
    drawn = "() => { const m = new Uint8Array(9); masks.capsule(m, 3, 3, [-9, -9], [0.5, 0.5], 1, 1); return text(m); }"
    assert page.evaluate(drawn) == shape("110 100 000")


@needs_chromium
def test_a_polygon_is_filled_by_the_even_odd_rule(page):
    drawn = page.evaluate(
        """() => {
            const square = new Uint8Array(36), ring = new Uint8Array(36), far = new Uint8Array(36);
            masks.polygon(square, 6, 6, [[1, 1], [4, 1], [4, 3], [1, 3]], 1);
            const outer = [[0, 0], [6, 0], [6, 6], [0, 6], [0, 0]], inner = [[2, 2], [2, 4], [4, 4], [4, 2], [2, 2]];
            masks.polygon(ring, 6, 6, [...outer, ...inner], 1);
            masks.polygon(far, 6, 6, [[-9, 2], [20, 2], [20, 4], [-9, 4]], 1);
            return [square, ring, far].map(text);
        }"""
    )
    assert drawn[0] == shape("000000 011100 011100 000000 000000 000000")
    assert drawn[1] == shape("111111 111111 110011 110011 111111 111111")
    assert drawn[2] == shape("000000 000000 111111 111111 000000 000000")


@needs_chromium
def test_holes_are_filled_and_bays_are_not(page):
    filled = page.evaluate(
        """(rows) => {
            const mask = Uint8Array.from(rows);
            masks.fillHoles(mask, 6, 4, { x0: 0, y0: 0, x1: 6, y1: 4 });
            return text(mask);
        }""",
        shape("111011 101010 111011 000000"),
    )
    assert filled == shape("111011 111010 111011 000000")


@needs_chromium
def test_undo_and_redo_walk_through_everything_that_was_done(page):
    states = page.evaluate(
        """() => {
            const shown = [{ track_id: 3, category_id: 1, rle: rle.encode(Uint8Array.of(1, 0, 0, 0), 2, 2) }];
            const d = new drawing.Drawing(2, 2, shown), seen = [];
            const short = (m) => [m.track_id, m.category_id, text(rle.decode(m.rle).mask)];
            const note = () => seen.push(JSON.stringify([d.kind(), d.masks().map(short)]));
            const dot = (place) => (mask) => (mask[place] = 1, { x0: 0, y0: 0, x1: 2, y1: 2 });
            note();
            d.apply("dot", dot(1)); note();
            d.add({ track_id: 4, category_id: 2 }); d.apply("dot", dot(1), true); note();
            d.assign(d.selected, { track: 9, category: 1 }); note();
            d.remove(d.objects[0]); note();
            d.remove(d.objects[0]); note();
            const there = [...seen], back = [], again = [];
            while (d.undo()) { seen.length = 0; note(); back.push(seen[0]); }
            while (d.redo()) { seen.length = 0; note(); again.push(seen[0]); }
            return { there, back, again };
        }"""
    )
    there = states["there"]
    assert there == [
        '["accept",[[3,1,"1000"]]]',
        '["mask",[[3,1,"1100"]]]',
        '["mask",[[3,1,"1000"],[4,2,"0100"]]]',
        '["mask",[[3,1,"1000"],[9,1,"0100"]]]',
        '["mask",[[9,1,"0100"]]]',
        '["absent",[]]',
    ]
    assert list(dict.fromkeys(states["back"])) == [there[4], there[3], there[2], there[1], there[0]]
    assert states["again"][-1] == there[-1]


@needs_chromium
def test_a_stroke_that_is_given_up_leaves_nothing(page):
    left = page.evaluate(
        """() => {
            const d = new drawing.Drawing(2, 2, []);
            d.add({ track_id: 1, category_id: 1 });
            d.begin();
            d.draw((mask) => (mask.fill(1), { x0: 0, y0: 0, x1: 2, y1: 2 }));
            d.drop();
            return [text(rle.decode(d.rleOf(d.selected)).mask), d.kind(), d.done.length];
        }"""
    )
    assert left == ["0000", "absent", 1]


@needs_chromium
def test_of_each_object_no_more_pixels_are_kept_than_it_covers(page):
    """Whole frames of 148 objects at 4K are more than a gigabyte."""
    kept = page.evaluate(
        """() => {
            const size = [2160, 3840], shown = [];
            for (let i = 0; i < 148; i++) {
                const pixels = new Uint8Array(100).fill(1), x0 = 20 * i, y0 = 10 * i;
                const area = { x0, y0, x1: x0 + 10, y1: y0 + 10 };
                shown.push({ track_id: i + 1, category_id: 1, rle: rle.encode(pixels, ...size, area, area) });
            }
            const d = new drawing.Drawing(...size, shown);
            const kept = () => d.objects.reduce((n, o) => n + o.pixels.length, 0);
            const sizes = [kept()], dot = (mask) => (mask[5000] = 1, { x0: 1160, y0: 1, x1: 1161, y1: 2 });
            d.apply("dot", dot, true);
            sizes.push(kept());
            d.undo();
            sizes.push(kept());
            return { sizes, same: d.kind(), at: [d.at(25, 15)?.track, d.at(12, 2)?.track ?? null] };
        }"""
    )
    assert kept["sizes"][0] == kept["sizes"][2] == 14_800
    assert kept["sizes"][1] == 14_700 + 1161 * 10
    assert (kept["same"], kept["at"]) == ("accept", [2, None])


@needs_chromium
def test_objects_are_joined_and_split_and_both_can_be_undone(page):
    seen = page.evaluate(
        """() => {
            const make = (...pixels) => rle.encode(Uint8Array.from(pixels), 2, 4);
            const shown = [[1, make(1, 0, 0, 0, 1, 0, 0, 1)], [2, make(0, 0, 1, 0, 0, 0, 1, 0)]];
            const masks = shown.map(([track_id, code]) => ({ track_id, category_id: 1, rle: code }));
            const d = new drawing.Drawing(2, 4, masks);
            const all = () => d.objects.map((o) => [o.track, text(rle.decode(d.rleOf(o)).mask)]), seen = [all()];
            d.split(d.objects[0], [1.5, 0.5], { track_id: 3, category_id: 1 });
            d.split(d.objects[1], [2.5, 0.5], { track_id: 3, category_id: 1 });
            d.split(d.objects[0], [3.5, 1.5], { track_id: 3, category_id: 1 }); seen.push(all());
            d.merge(d.objects[1], d.objects[2]); seen.push(all());
            d.undo(); seen.push(all());
            d.undo(); seen.push(all());
            d.redo(); d.redo(); seen.push(all());
            return seen;
        }"""
    )
    whole, joined = [[1, "10001001"], [2, "00100010"]], [[1, "10001000"], [2, "00100011"]]
    split = [[1, "10001000"], [2, "00100010"], [3, "00000001"]]
    assert seen == [whole, split, joined, split, whole, joined]


@needs_chromium
def test_working_time_stops_ten_seconds_after_the_last_input(page):
    seconds = page.evaluate(
        """() => {
            let now = 100;
            const watch = new clock.ActiveClock(() => now), seen = [];
            watch.start(5);
            for (const at of [103, 109, 200, 204]) { now = at; watch.note(); seen.push(watch.seconds); }
            now = 300;
            return [...seen, watch.seconds];
        }"""
    )
    assert seconds == [8, 14, 24, 28, 38]


@needs_chromium
def test_what_one_person_keeps_is_not_anothers(page):
    kept = page.evaluate(
        """() => {
            const one = new keeper.Keeper("one"), other = new keeper.Keeper("other");
            one.putPending({ answer_id: "b", made: 2 }); one.putPending({ answer_id: "a", made: 1 });
            one.putDraft("r", { seconds: 3 });
            const ids = one.pending().map((p) => p.answer_id);
            const before = [ids, other.pending(), other.draft("r"), one.draft("r").seconds];
            one.dropPending({ answer_id: "a" }); one.dropDraft("r");
            return [...before, one.pending().length, one.draft("r")];
        }"""
    )
    assert kept == [["a", "b"], [], None, 3, 1, None]


@needs_chromium
def test_what_is_kept_below_one_path_is_not_that_of_another_and_a_proxys_goes_on(page):
    kept = page.evaluate(
        """() => {
            const at = (path) => new keeper.Keeper("ada", localStorage, path);
            at("/label").putDraft("r", { seconds: 1 });
            at("/p/cows/label").putDraft("r", { seconds: 2 });
            const projects = ["/label", "/p/cows/label", "/p/dogs/label"].map((path) => at(path).draft("r")?.seconds);
            return [...projects, at("/label-tool/label").draft("r").seconds, at("/label").draft("r")];
        }"""
    )
    assert kept == [1, 2, None, 1, None]


@needs_chromium
def test_old_drafts_are_forgotten_and_answers_on_their_way_are_not(page):
    kept = page.evaluate(
        """() => {
            const one = new keeper.Keeper("tidy"), month = 30 * 86400 * 1000;
            one.putDraft("r", { seconds: 3 });
            one.putPending({ answer_id: "a", made: 1 });
            one.tidy();
            const fresh = one.draft("r").seconds;
            one.tidy(Date.now() + month);
            return [fresh, one.draft("r"), one.pending().length];
        }"""
    )
    assert kept == [3, None, 1]


@needs_chromium
def test_a_browser_that_keeps_nothing_remembers_while_the_page_is_open(page):
    kept = page.evaluate(
        """() => {
            const full = { setItem() { throw new Error("full"); }, getItem() { return null; }, removeItem() {} };
            const one = new keeper.Keeper("one", full);
            one.putPending({ answer_id: "a", made: 1 });
            one.putDraft("r", { seconds: 3 });
            const before = [one.pending().length, one.draft("r").seconds];
            one.dropPending({ answer_id: "a" });
            return [...before, one.pending().length];
        }"""
    )
    assert kept == [1, 3, 0]


@needs_chromium
def test_no_key_has_two_meanings(page):
    pairs = page.evaluate(
        """() => Object.values(keys.KEYS).flat().filter((l) => l[1])
            .flatMap(([all, action]) => all.split(" ").map((key) => [key, action]))"""
    )
    names = [key for key, _ in pairs]
    assert len(names) == len(set(names))


@needs_chromium
def test_masks_of_the_page_are_masks_of_the_ledger(page):
    coded = page.evaluate(
        """() => {
            const mask = new Uint8Array(40 * 50);
            masks.capsule(mask, 50, 40, [10, 10], [30, 25], 6, 1);
            return rle.encode(mask, 40, 50);
        }"""
    )
    rows, columns = np.mgrid[:40, :50] + 0.5
    along = np.clip(((columns - 10) * 20 + (rows - 10) * 15) / 625, 0, 1)
    near = np.hypot(columns - 10 - 20 * along, rows - 10 - 15 * along) <= 6
    assert np.array_equal(decode(Rle(40, 50, coded["counts"])), near)
