"""The calls about the objects of a video, as two people use them."""

import cv2
import numpy as np
import pytest

from al_core.masks.rle import encode
from al_core.records import MaskLabel
from tests.toys.labelled_project import HEIGHT, N_FRAMES, WIDTH
from tests.toys.web.desk import answer, desk, sent, square


@pytest.fixture
def office(tmp_path):
    with desk(tmp_path) as found:
        yield found


@pytest.fixture
def ada(office):
    return office.person("ada")


def label(client, *masks):
    """Answer the frame in hand with masks."""
    task = client.post("/api/next").json()
    reply = client.post(f"/api/requests/{task['request_id']}/submit", json=answer(task, sent(masks)))
    assert reply.status_code == 200, reply.text


def corner(track_id):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[:4, :6] = True
    return MaskLabel(track_id, 1, encode(mask))


def test_objects_are_listed_with_the_frames_that_people_labelled(office, ada):
    office.ask(3)
    label(ada, square(3), corner(7))
    found = ada.get("/api/objects/1").json()
    assert found["labelled"] == [3]
    assert found["objects"] == [
        {"track_id": 1, "category_id": 1, "first_frame": 0, "last_frame": N_FRAMES - 1, "labelled": [3],
         "example_frame": 3},
        {"track_id": 7, "category_id": 1, "first_frame": 3, "last_frame": 3, "labelled": [3], "example_frame": 3},
    ]  # fmt: skip


def test_a_picture_shows_the_object(office, ada):
    office.ask(3)
    label(ada, square(3), corner(7))
    reply = ada.get("/api/objects/1/7.jpg")
    assert reply.headers["content-type"] == "image/jpeg"
    height, width, _ = cv2.imdecode(np.frombuffer(reply.content, np.uint8), cv2.IMREAD_COLOR).shape
    assert (height, width) == (4 + 2, 6 + 2)
    assert ada.get("/api/objects/1/8.jpg").status_code == 404


def test_new_objects_of_two_people_in_one_video_have_two_numbers(office, ada):
    office.ask(3, 1)
    ben = office.person("ben")
    numbers = [c.post("/api/objects/1/number", json={"taken": [1]}).json()["track_id"] for c in (ada, ben)]
    assert numbers == [2, 3]
    label(ada, square(3), corner(2))
    assert ada.post("/api/objects/1/number", json={"taken": [1]}).json() == {"track_id": 4}


def test_who_is_measured_learns_nothing_that_was_worked_out(tmp_path):
    with desk(tmp_path, blind_share=1.0) as office:
        office.ask(3)
        ada = office.person("ada")
        ada.post("/api/next")
        assert ada.get("/api/objects/1").json() == {"objects": [], "labelled": []}
        assert ada.get("/api/objects/1/1.jpg").status_code == 404
        assert ada.post("/api/objects/1/number", json={}).json() == {"track_id": 2}


def test_a_video_that_is_not_there_is_named(ada):
    for method, path in (("GET", "/api/objects/9"), ("POST", "/api/objects/9/number")):
        reply = ada.request(method, path, json={} if method == "POST" else None)
        assert (reply.status_code, "unknown video" in reply.json()["error"]) == (404, True)
