"""What was found before anybody labelled, on the labelling page of a fresh project."""

import pytest
from fastapi.testclient import TestClient

from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import FrameRef, LabelKind, LabelRequest, Selected
from al_core.settings import Settings
from tasks.discovery.finding import discover
from tasks.project.ingest import ingest_paths
from tasks.web.app import create_app
from tasks.web.state import WebContext
from tests.toys.footage.movers import line, mover_clip, write_frames
from tests.toys.web.desk import ADDRESS, CHANGING, answer


@pytest.fixture
def clip():
    return mover_clip({1: line((20, 36), (5, 0), 8)})


@pytest.fixture
def office(tmp_path, clip):
    """A fresh project whose first round asks for two frames; returns (project, ledger, somebody who signed in)."""
    folder = write_frames(tmp_path / "moving", clip)
    project = Project.at(tmp_path / "project")
    ledger = Ledger(project.ledger_path, patience=5)
    with ledger.owned():
        assert not ingest_paths(ledger, [folder]).failed
        ledger.begin_round(Settings())
        asked = [Selected(FrameRef(1, index), rank, 0.0, "evenly spaced") for rank, index in enumerate((1, 4))]
        ledger.put_requests([LabelRequest.of(1, one) for one in asked])
        client = TestClient(create_app(WebContext(project, ledger)), base_url=ADDRESS, headers=CHANGING)
        token = ledger.add_annotator("ada", Role.ANNOTATOR)
        assert client.post("/enter", json={"token": token}).status_code == 200
        yield project, ledger, client


def look(project, ledger):
    return list(discover(project, ledger, Settings(), ledger.videos()))


def give(client, task, masks):
    kept = [{name: mask[name] for name in ("track_id", "category_id", "rle")} for mask in masks]
    reply = client.post(f"/api/requests/{task['request_id']}/submit", json=answer(task, kept) | {"go_on": True})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_what_was_found_is_shown_and_accepted_as_it_is(office):
    project, ledger, ada = office
    (found,) = look(project, ledger)
    assert found.objects == 1
    task = ada.post("/api/next").json()
    (mask,) = task["masks"]
    assert (mask["provenance"], mask["track_id"], mask["category_id"]) == ("discovered", 1, 1)
    give(ada, task, [mask])
    (label,) = ledger.human_labels()
    assert (label.objects[0].track_id, label.objects[0].kind) == (1, LabelKind.ACCEPT)


def test_proposals_join_a_queue_that_is_open_as_what_people_said_they_are(office, clip):
    project, ledger, ada = office
    first = ada.post("/api/next").json()
    assert first["masks"] == []
    look(project, ledger)
    drawn = {"track_id": 5, "category_id": 1, "rle": encode(clip.truth[1][1]).to_coco()}
    second = give(ada, first, [drawn])["next"]
    assert [(mask["provenance"], mask["track_id"]) for mask in second["masks"]] == [("discovered", 5)]


def test_what_people_did_not_want_in_one_frame_is_not_shown_in_another(office):
    project, ledger, ada = office
    look(project, ledger)
    first = ada.post("/api/next").json()
    assert first["masks"]
    assert give(ada, first, [])["next"]["masks"] == []


def test_a_new_object_gets_a_number_that_nothing_found_has(office):
    project, ledger, ada = office
    look(project, ledger)
    task = ada.post("/api/next").json()
    reply = ada.post(f"/api/objects/{task['frame']['video_id']}/number", json={"taken": []})
    assert reply.status_code == 200, reply.text
    assert reply.json()["track_id"] == 2
