"""Tags over the API: what people say of stretches, and what is refused."""

import pytest

from al_core.ledger.labelling.people import Role
from al_core.records import CategoryTag
from tests.toys.web.desk import answer, desk, sent, square


@pytest.fixture
def office(tmp_path):
    with desk(tmp_path) as found:
        yield found


@pytest.fixture
def ada(office):
    return office.person("ada")


def said(first, last, present, category=1):
    return {"first_frame": first, "last_frame": last, "category_id": category, "present": present}


def test_what_is_said_is_kept_and_told(office, ada):
    assert ada.get("/api/tags").json() == {"videos": [{"video_id": 1, "name": "clip", "n_frames": 6, "n_tagged": 0}]}
    reply = ada.post("/api/tags/1", json={"tags": [said(0, 3, False), said(5, 5, True)], "seconds": 2.5})
    assert reply.json() == {"tags": [said(0, 3, False), said(5, 5, True)]}
    assert office.ledger.category_tags() == {1: (CategoryTag(1, 0, 3, 1, False), CategoryTag(1, 5, 5, 1, True))}
    assert ada.get("/api/tags").json()["videos"][0]["n_tagged"] == 5
    assert ada.post("/api/tags/1", json={"tags": [said(2, 5, None)]}).json() == {"tags": [said(0, 1, False)]}
    assert ada.get("/api/tags/1").json() == {"tags": [said(0, 1, False)]}


@pytest.mark.parametrize(
    ("tags", "status", "words"),
    [
        ([said(0, 6, True)], 422, "has the frames 0 to 5"),
        ([said(3, 2, True)], 422, "got 3 to 2"),
        ([said(0, 3, True, category=7)], 404, "unknown category '7'"),
        ([said(0, 3, True), said(3, 4, False)], 422, "both to show 'square' and not to"),
        ([said(-1, 3, True)], 422, "first_frame"),
    ],
)
def test_what_cannot_be_so_is_refused_in_one_line_and_nothing_is_kept(office, ada, tags, status, words):
    reply = ada.post("/api/tags/1", json={"tags": [said(1, 1, True), *tags]})
    assert (reply.status_code, words in reply.json()["error"]) == (status, True), reply.text
    assert "\n" not in reply.json()["error"]
    assert office.ledger.category_tags() == {}


def test_tags_against_what_somebody_drew_are_refused(office, ada):
    office.ask(3)
    task = ada.post("/api/next").json()
    assert ada.post(f"/api/requests/{task['request_id']}/submit", json=answer(task, sent([square(3)]))).is_success
    reply = ada.post("/api/tags/1", json={"tags": [said(0, 5, False)]})
    assert reply.status_code == 422
    assert "somebody drew one in frame 3" in reply.json()["error"]
    assert reply.json()["mend"] == "Nothing was stored; say it of other frames."


def test_excluded_videos_are_not_offered(office, ada):
    office.ledger.exclude_video(1, "eve")
    assert ada.get("/api/tags").json() == {"videos": []}


def test_who_only_looks_may_not_tag(office):
    viewer = office.person("vic", Role.VIEWER)
    assert viewer.post("/api/tags/1", json={"tags": [said(0, 1, True)]}).status_code == 403
    assert viewer.get("/api/tags/1").status_code == 403
    assert viewer.get("/api/tags/99").status_code == 403
