"""The journey of a person who labels in the browser: a whole round, and the campaign goes on by itself."""

import json
import re
import time
from contextlib import contextmanager

import numpy as np
import pytest

from al_core.interactive import Click, refine_with_clicks
from al_core.masks.rle import decode
from al_core.project import Project
from al_core.records import FrameRef, LabelKind
from al_core.settings import Settings
from tasks.ledger.client import open_ledger
from tasks.project.ingest import open_frames
from tests.flows.serving import serving
from tests.toys.projects import SIDE, fewframes, write_clip, write_settings
from tests.toys.web.browser import browser, needs_chromium
from tests.toys.web.label_page import Person

PATIENCE_SECONDS = 300


def said(*arguments) -> str:
    """What a command prints; it must succeed."""
    done = fewframes(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def project(tmp_path, shared_prefect, tried) -> Project:
    """A project whose first round the simulated annotator has answered, so that the second shows masks."""
    project = Project.at(tmp_path / "project")
    said("ingest", write_clip(tmp_path / "data", n_frames=20), "--project", project.root)
    tried(project)
    run = ("run", "--project", project.root, "--settings", write_settings(tmp_path))
    said(*run, "--rounds", 1)
    asked = said(*run, "--set", "annotator.backend=page", "--set", "selection.frames_per_round=6")
    assert "waits for 6 labels" in asked
    return project


def link_of(printed: str, url: str) -> str:
    """The personal link in what ``fewframes annotator add`` printed, at the address of a server."""
    token = re.search(r"/enter#([^\s]+)", printed).group(1)
    return f"{url}/enter#{token}"


def centres():
    """x and y of all pixel centres."""
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    return columns, rows


def capsule(start, end, radius):
    """Pixels whose centre is within the radius of a line."""
    x, y = centres()
    (ax, ay), (bx, by) = start, end
    length = (bx - ax) ** 2 + (by - ay) ** 2
    along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length, 0, 1) if length else 0 * x
    return (x - ax - along * (bx - ax)) ** 2 + (y - ay - along * (by - ay)) ** 2 <= radius**2


def polygon(points):
    """Pixels whose centre lies inside by the even-odd rule."""
    x, y = centres()
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        crosses = (ay > y) != (by > y)
        inside ^= crosses & (x < ax + (y - ay) * (bx - ax) / (by - ay if by != ay else 1))
    return inside


# ---- what the person does; each returns the frame


def accept(person):
    """Nothing is wrong."""
    person.task()
    assert person.page.inner_text("#accept-text") == "Accept frame"
    return person.go_on()


def correct(person):
    """A stroke of the brush, and a corner cut off with a polygon."""
    page = person.page
    person.task()
    track, before = next(iter(person.masks().items()))
    page.keyboard.press("b")
    for _ in range(6):
        page.keyboard.press("[")
    page.keyboard.down("Shift")
    stroke = capsule(*person.drag((8, 8), (30, 12)), page.evaluate("() => fewframes.editor.radius"))
    page.keyboard.up("Shift")
    page.keyboard.press("p")
    page.keyboard.press("m")
    corners = [person.pixel(*point) for point in [(4, 4), (20, 6), (12, 16)]]
    for at, _ in corners:
        page.mouse.click(*at)
    page.keyboard.press("Enter")
    page.keyboard.press("m")
    drawn = (before | stroke) & ~polygon([point for _, point in corners])
    assert np.array_equal(person.masks()[track], drawn)
    return person.go_on()


def click(person, frames):
    """A click that the server makes a better mask of."""
    page, task = person.page, person.task()
    track, before = next(iter(person.masks().items()))
    page.keyboard.press("s")
    (at, (x, y)) = person.pixel(*np.argwhere(before).mean(axis=0)[::-1])
    with page.expect_response("**/refine") as reply:
        page.mouse.click(*at, button="right")
    assert reply.value.ok
    page.wait_for_function("() => !fewframes.editor.busy")
    image = frames.read_full(FrameRef(task["frame"]["video_id"], task["frame"]["frame_idx"]))
    refined = refine_with_clicks(image, before.astype(np.float32), [Click(int(x), int(y), False)])
    assert not np.array_equal(refined, before)
    assert np.array_equal(person.masks()[track], refined)
    return person.go_on()


def nothing_here(person):
    """The masks that are shown are of nothing."""
    frame = person.task()["frame"]["frame_idx"]
    person.saved[frame] = {}
    person.page.keyboard.press("0")
    return frame


def skip(person):
    """Leave it to somebody else."""
    frame = person.task()["frame"]["frame_idx"]
    person.page.keyboard.press("Shift+S")
    person.page.click("#ask-skip button[value=yes]")
    return frame


def lose_the_connection(person):
    """The connection goes in the middle of a stroke's frame, and comes back after it was saved."""
    page, frame = person.page, person.task()["frame"]["frame_idx"]
    page.keyboard.press("b")
    person.context.set_offline(True)
    person.drag((40, 50), (50, 50))
    page.wait_for_selector("#banner:not([hidden])")
    assert person.go_on() == frame
    page.wait_for_function("() => fewframes.work.sending")
    assert "kept on this device" in page.inner_text("#banner")
    person.context.set_offline(False)
    page.wait_for_selector("#banner", state="hidden")
    return frame


@contextmanager
def no_errors(page):
    """No script of the page may fail."""
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield
    assert errors == []


@needs_chromium
@pytest.mark.end_to_end
def test_a_person_labels_a_round_in_the_browser_and_the_campaign_goes_on(project):
    with serving(project) as (_, owner), browser() as running:
        ledger = open_ledger(project)
        frames = open_frames(project, ledger, Settings().frames)
        ada = Person(running, link_of(said("annotator", "add", "Ada", "--project", project.root), owner.url))
        with no_errors(ada.page):
            did = {}
            for act in (accept, correct, lambda p: click(p, frames), nothing_here, skip, lose_the_connection):
                frame = act(ada)
                did[act.__name__] = frame
                ada.next_after(frame)
            ada.page.wait_for_selector("#app[data-state=empty]")

        lea = Person(
            running,
            link_of(said("annotator", "add", "Lea", "--role", "lead", "--project", project.root), owner.url),
        )
        with no_errors(lea.page):
            assert lea.task()["frame"]["frame_idx"] == did["skip"]
            accept(lea)
            lea.page.wait_for_selector("#app[data-state=empty]")

        wait_for_round(ledger, 2)
        labels = {label.frame.frame_idx: label for label in ledger.human_labels()}
        for frame, masks in (ada.saved | lea.saved).items():
            stored = {m.track_id: decode(m.rle) for m in labels[frame].objects}
            assert stored.keys() == masks.keys(), frame
            assert all(np.array_equal(stored[track], mask) for track, mask in masks.items()), frame
        assert labels[did["nothing_here"]].objects == ()
        kinds = {kind: count for kind, _, count in ledger.answer_times()}
        assert {LabelKind.MASK, LabelKind.ACCEPT, LabelKind.ABSENT} <= set(kinds)
    assert {step.name for step in ledger.steps(2)} >= {"collect", "train", "predict", "propagate"}


def wait_for_round(ledger, round_id):
    """Wait until a round is finished."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while ledger.round(round_id).status != "finished":
        assert time.monotonic() < ends, json.dumps([step.name for step in ledger.steps(round_id)])
        time.sleep(0.5)
