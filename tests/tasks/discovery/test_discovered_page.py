"""A fresh project in which objects were discovered: what somebody at the page sees first, and does with it."""

import numpy as np
import pytest

from al_core.ledger.store import Ledger
from al_core.masks.rle import decode
from al_core.project import Project
from al_core.records import FrameRef, LabelKind, LabelRequest, Selected
from al_core.settings import Settings
from tasks.discovery.finding import discover
from tasks.project.ingest import ingest_paths
from tests.toys.footage.movers import iou, line, mover_clip, write_frames
from tests.toys.web.browser import needs_chromium
from tests.toys.web.label_page import Person
from tests.toys.web.serving import served

pytestmark = needs_chromium

ASKED = (2, 5)


@pytest.fixture
def clip():
    return mover_clip({1: line((30, 60), (8, 0), 8)}, radius=20, size=(120, 200))


@pytest.fixture
def project(tmp_path, clip):
    """A project whose first round asks for two frames, and in which nobody has labelled; objects were discovered."""
    folder = write_frames(tmp_path / "moving", clip)
    made = Project.at(tmp_path / "project")
    ledger = Ledger(made.ledger_path)
    assert not ingest_paths(ledger, [folder], categories=("disk", "car")).failed
    ledger.begin_round(Settings())
    asked = [Selected(FrameRef(1, index), rank, 0.0, "evenly spaced") for rank, index in enumerate(ASKED)]
    ledger.put_requests([LabelRequest.of(1, one) for one in asked])
    assert [found.objects for found in discover(made, ledger, Settings(), ledger.videos())] == [1]
    return made


def test_what_was_discovered_is_shown_said_so_and_accepted(project, clip, running):
    with served(project) as (context, owner):
        ledger = context.ledger
        ada = Person(running, f"{owner.url}/enter#{ledger.add_annotator('Ada')}")
        task = ada.task()
        assert [mask["provenance"] for mask in task["masks"]] == ["discovered"]
        assert "nobody has labelled here yet" in ada.page.inner_text("body")
        assert iou(ada.masks()[1], clip.truth[ASKED[0]][1]) > 0.6
        ada.next_after(ada.go_on())
        (label,) = ledger.human_labels()
        assert [mask.kind for mask in label.objects] == [LabelKind.ACCEPT]
        assert np.array_equal(decode(label.objects[0].rle), ada.saved[ASKED[0]][1])
        ada.context.close()


def test_what_is_deleted_in_one_frame_does_not_come_back_in_the_next(project, running):
    with served(project) as (context, owner):
        ledger = context.ledger
        ada = Person(running, f"{owner.url}/enter#{ledger.add_annotator('Ada')}")
        ada.task()
        ada.page.keyboard.press("Delete")
        assert ada.masks() == {}
        ada.page.keyboard.press("Enter")
        ada.next_after(ASKED[0])
        assert ada.task()["masks"] == []
        ada.context.close()
