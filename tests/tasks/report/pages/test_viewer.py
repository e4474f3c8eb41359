"""One frame as rounds delivered it."""

import pytest

from al_core.masks.rle import encode
from al_core.records import DeliveredMask, Provenance
from tasks.project.run_settings import settings_in_force
from tasks.report.pages.viewer import FrameView, Look, frame_view, gather_frame, viewer
from tests.toys.labelled_project import finished_project, mask_at
from tests.toys.models.depth_networks import keep_depth
from tests.toys.web.html_page import Page


def test_a_frame_is_read_as_each_round_delivered_it(finished):
    project, ledger, frames = finished
    view = gather_frame(project, ledger, frames, ledger.videos()[0], 3, [1, 2])
    assert (view.frame_idx, view.time_us) == (3, 120_000)
    assert [(look.round_id, [m.provenance for m in look.masks]) for look in view.looks] == [
        (1, [Provenance.TEACHER]),
        (2, [Provenance.HUMAN]),
    ]
    assert all(look.image.startswith("data:image/jpeg") for look in view.looks)
    assert view.reasons == ((2, "chosen <i>2</i>"),)
    assert view.uncertainty == pytest.approx(dict.fromkeys(view.uncertainty, 0.4))
    assert len(view.uncertainty) == 6


def test_a_round_that_delivered_nothing_has_no_masks(finished):
    project, ledger, frames = finished
    (look,) = gather_frame(project, ledger, frames, ledger.videos()[0], 5, [7]).looks
    assert look.masks == ()


def test_a_frame_stands_beside_its_depth_where_it_is_asked_for(tmp_path):
    project, ledger, frames = finished_project(tmp_path)
    video = ledger.videos()[0]
    without = gather_frame(project, ledger, frames, video, 3, [2], depth=True)
    assert without.depth is None
    assert (
        "Depth cannot be shown: depth: it needs what this project learnt of depth" in Page(frame_view(without, {})).text
    )
    keep_depth(project, settings_in_force(ledger).student)
    view = gather_frame(project, ledger, frames, video, 3, [2], depth=True)
    page = Page(frame_view(view, {}))
    assert len(page.images) == 3
    assert "Depth (bright is near)" in page.text
    assert gather_frame(project, ledger, frames, video, 3, [2]).depth is None


def test_depth_can_be_asked_for_where_the_project_knows_it(finished):
    video = finished[1].videos()[0]
    assert 'name="depth"' in viewer(video, [1, 2], None, depth=True)
    assert 'name="depth"' not in viewer(video, [1, 2], None)


def test_a_frame_that_is_gone_is_told():
    view = FrameView(3, 0, (Look(1, None, ()),), {}, ())
    page = Page(frame_view(view, {}))
    assert "The frame cannot be read: its video is gone or was changed." in page.text
    assert "No mask." in page.text
    assert page.images == []


def test_masks_are_listed_with_object_category_provenance_and_confidence():
    masks = (
        DeliveredMask(3, 1, 1, Provenance.TEACHER, 0.525, encode(mask_at(3))),
        DeliveredMask(3, 2, 9, Provenance.HUMAN, 1.0, encode(mask_at(3))),
    )
    view = FrameView(
        3, 1_500_000, (Look(2, "data:image/jpeg;base64,", masks),), {"box_spread": 0.25}, ((2, "<i>why</i>"),)
    )
    html = frame_view(view, {1: "<b>square</b>"})
    page = Page(html)
    assert page.tables[0] == [
        ["object", "category", "provenance", "confidence"],
        ["1", "<b>square</b>", "teacher", "0.525"],
        ["2", "9", "human", "1.000"],
    ]
    assert "<b>square</b>" not in html
    assert "Frame 3 at 0:01.50" in page.text
    assert "Chosen in round 2: <i>why</i>" in page.text
    assert "Uncertainty, part by part: box spread 0.250" in page.text


def test_two_rounds_can_be_chosen_where_there_are_two(finished):
    video = finished[1].videos()[0]
    html = viewer(video, [1, 2, 3], (1, 3))
    assert 'data-rounds="1,3"' in html
    assert '<select name="before"><option selected>1</option><option>2</option><option>3</option></select>' in html
    assert '<select name="after"><option>1</option><option>2</option><option selected>3</option></select>' in html
    assert 'max="5"' in html


def test_a_single_round_is_not_compared(finished):
    html = viewer(finished[1].videos()[0], [4], None)
    assert 'data-rounds="4"' in html
    assert "<select" not in html
