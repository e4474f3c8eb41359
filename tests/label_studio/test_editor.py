"""A person works in Label Studio's editor, in a browser: what comes back is what was drawn, and a server that dies in
the middle loses nothing.

``LABEL_STUDIO_SCREENSHOT=docs/images/label_studio.png`` keeps a picture of the editor.
"""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from al_core.ledger.store import Ledger
from al_core.masks.rle import decode, encode
from al_core.project import Project
from al_core.records import FrameLabel, LabelKind, LabelRequest, MaskLabel
from al_core.settings import Settings
from tasks.backends.label_studio import LabelStudioBackend
from tests.label_studio.environments import LABEL_STUDIO
from tests.label_studio.server import EMAIL, PASSWORD, chromium
from tests.toys.footage.synthetic import synthetic_clip
from tests.toys.ledgers import chosen, clip, context_of, times_us

pytestmark = pytest.mark.label_studio

HEIGHT, WIDTH = 360, 640
ACCEPTED, CORRECTED, DRAWN = 6, 3, 9
"""Frames, in the order in which they are asked."""


@pytest.fixture(scope="module")
def footage():
    return synthetic_clip(3, n_frames=12, size=(HEIGHT, WIDTH), objects=2, radius=60)


@pytest.fixture
def page():
    executable = chromium()
    if executable is None:
        pytest.skip("there is no Chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield page
        browser.close()


@dataclass
class Campaign:
    """A round that is sent: two frames with masks that are a little too small, one with none."""

    project: Project
    requests: list[LabelRequest]
    shown: dict[str, FrameLabel]
    backend: Callable[[], LabelStudioBackend]

    @property
    def ids(self) -> list[str]:
        return [request.request_id for request in self.requests]


@pytest.fixture
def campaign(tmp_path, footage, server, token):
    project, ledger = Project.at(tmp_path / "harbour"), Ledger(tmp_path / "ledger.duckdb", patience=5)
    ledger.add_categories(["boat", "buoy"])
    ledger.add_video(replace(clip("harbour"), height=HEIGHT, width=WIDTH), times_us())
    order = enumerate((ACCEPTED, CORRECTED, DRAWN))
    ledger.put_requests([LabelRequest.of(1, replace(chosen(f, r), reason="least certain")) for r, f in order])

    class Frames:
        def read_full(self, frame):
            return footage.images[frame.frame_idx]

    settings = Settings().changed({"annotator.label_studio_url": server.url})
    requests = ledger.requests()
    shown = {r.request_id: too_small(footage, r) for r in requests if r.frame.frame_idx != DRAWN}
    context = context_of(project, ledger, 1, settings, frames=Frames())
    campaign = Campaign(project, requests, shown, lambda: LabelStudioBackend(context))
    campaign.backend().submit(requests, shown)
    return campaign


def too_small(footage, request):
    masks = footage.truth[request.frame.frame_idx].items()
    eroded = ((track, cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8))) for track, mask in masks)
    return FrameLabel(request.frame, tuple(MaskLabel(track, track, encode(mask)) for track, mask in eroded))


def sign_in(page: Page, server) -> None:
    """Sign in, and begin with the first task of the project that was made last."""
    project = max(p["id"] for p in server.http.get("/api/projects/").json()["results"])
    page.goto(f"{server.url}/user/login/")
    page.fill("input[name=email]", EMAIL)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_load_state("networkidle")
    page.goto(f"{server.url}/projects/{project}/data")
    page.get_by_text("Label All Tasks").first.click()


def wait_for_frame(page: Page, frame_idx: int) -> None:
    """The editor shows this frame, and its picture has been laid out."""
    expect(page.get_by_text(f"harbour, frame {frame_idx}: least certain").first).to_be_visible()
    page.locator(".konvajs-content canvas").first.wait_for(state="attached")
    page.wait_for_timeout(2000)


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw from one place of the frame to another, (x, y) in its pixels."""
    box = page.locator(".konvajs-content canvas").first.bounding_box()
    scale = box["width"] / WIDTH
    page.mouse.move(box["x"] + start[0] * scale, box["y"] + start[1] * scale)
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * scale, box["y"] + end[1] * scale, steps=8)
    page.mouse.up()
    page.wait_for_timeout(500)


def submit(page: Page) -> None:
    with page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST"):
        page.get_by_test_id("bottombar-submit-button").click()


def test_accepted_corrected_and_drawn_in_the_editor(page, server, campaign):
    backend, shown = campaign.backend(), campaign.shown
    external = []
    page.on("request", lambda r: external.append(r.url) if not r.url.startswith((server.url, "data:", "blob:")) else 0)
    sign_in(page, server)

    wait_for_frame(page, ACCEPTED)
    submit(page)

    wait_for_frame(page, CORRECTED)
    server.kill()
    assert backend.collect(campaign.ids) == []
    (message,) = backend.rejected()
    assert "does not answer" in message
    server.start()
    page.reload()
    wait_for_frame(page, CORRECTED)
    page.get_by_text("buoy", exact=True).last.click()
    stroke(page, (235, 80), (270, 95))
    if os.environ.get("LABEL_STUDIO_SCREENSHOT"):
        page.screenshot(path=os.environ["LABEL_STUDIO_SCREENSHOT"])
    submit(page)

    wait_for_frame(page, DRAWN)
    page.get_by_text("boat", exact=True).first.click()
    stroke(page, (100, 100), (160, 130))
    submit(page)
    page.wait_for_load_state("networkidle")

    later = campaign.backend()
    accepted, corrected, drawn = later.collect(campaign.ids)
    assert later.rejected() == []
    assert external == []

    assert (accepted.kind, accepted.label) == (LabelKind.ACCEPT, shown[accepted.request_id])
    assert 0 < accepted.seconds < 600

    assert corrected.kind is LabelKind.MASK
    before, after = shown[corrected.request_id], corrected.label
    assert after.masks[0] == before.masks[0]
    changed = decode(after.masks[1].rle) ^ decode(before.masks[1].rle)
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 100
    assert 70 < rows.min() <= rows.max() < 105
    assert 225 < columns.min() <= columns.max() < 280
    assert not (decode(before.masks[1].rle) & changed).any()

    assert drawn.kind is LabelKind.MASK
    (mask,) = drawn.label.masks
    assert (mask.track_id, mask.category_id) == (1, 1)
    for answer in (accepted, corrected, drawn):
        assert_as_label_studio_decodes(campaign.project, answer)


DECODE = """
import json, sys
import numpy as np
from label_studio_sdk.converter import brush
found = []
for part in json.load(open(sys.argv[1]))["annotation"]["result"]:
    if part["type"] == "brushlabels":
        shape = part["original_height"], part["original_width"], 4
        found.append(brush.decode_rle(part["value"]["rle"]).reshape(shape)[..., 3] >= 128)
np.save(sys.argv[2], np.stack(found))
"""


def assert_as_label_studio_decodes(project, answer):
    """What Label Studio's own library reads in the raw annotation is what we have."""
    raw = project.root / "label_studio/answers" / f"{answer.answer_id}.json"
    theirs = raw.with_suffix(".npy")
    subprocess.run([LABEL_STUDIO / "bin/python", "-c", DECODE, raw, theirs], check=True, capture_output=True)
    ours = np.stack([decode(mask.rle) for mask in answer.label.masks])
    assert np.array_equal(np.load(theirs), ours)
    assert json.loads(raw.read_text())["kind"] == answer.kind.value
