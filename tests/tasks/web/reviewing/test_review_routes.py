"""The JSON API of reviewers, and the notes that people write to each other."""

from uuid import uuid4

import pytest

from al_core.ledger.labelling.people import Role
from tests.tasks.web.reviewing.asking import approve, review, send_back, submit
from tests.toys.web.desk import answer, desk, sent, square


@pytest.fixture
def office(tmp_path):
    """Ada answered frame 3 of the round, whose answers need an approval; frame 1 waits."""
    with desk(tmp_path, review="before") as found:
        found.ask(3, 1)
        yield found


@pytest.fixture
def ada(office):
    person = office.person("ada")
    submit(person, person.post("/api/next").json(), [square(3)], note="Is the shadow part of it?")
    return person


@pytest.fixture
def rae(office, ada):
    return office.person("rae", Role.REVIEWER)


def labelled(office):
    return [label.frame.frame_idx for label in office.ledger.human_labels()]


def test_a_review_shows_what_its_author_drew(office, rae):
    assert rae.get("/api/me").json()["reviews"] == 1
    task = review(rae)
    assert task["review"] | {"answer_id": ""} == {
        "answer_id": "", "author": "ada", "kind": "accept", "agrees": 1.0, "left": 1,
    }  # fmt: skip
    assert [{k: m[k] for k in ("track_id", "category_id", "rle")} for m in task["masks"]] == sent([square(3)])
    assert [note["text"] for note in task["notes"]] == ["Is the shadow part of it?"]
    assert review(rae)["lease"]["token"] == task["lease"]["token"]


def test_an_approval_is_stored_once_and_ends_the_wait_of_the_round(office, ada, rae):
    second = ada.post("/api/next").json()
    ada.post(f"/api/requests/{second['request_id']}/submit", json=answer(second, [], "absent"))
    assert office.answered == []
    first = review(rae)
    assert approve(rae, first).json()["left"] == 1
    given = {"review_id": str(uuid4()), "base_revision": 1, "seconds": 2.0}
    task = review(rae)
    stored = [approve(rae, task, **given).json() for _ in range(2)]
    assert stored == [{"review_id": given["review_id"], "left": 0, "undo_seconds": 60}] * 2
    assert office.answered == [2, 2]
    assert labelled(office) == [1, 3]
    assert rae.post("/api/review/next").status_code == 204


def test_what_is_returned_comes_back_with_the_note(office, ada, rae):
    send_back(rae, review(rae), "The corner is missing.")
    assert labelled(office) == []
    task = ada.post("/api/next").json()
    assert (task["frame"]["frame_idx"], task["returned"]) == (3, True)
    assert [(note["who"], note["text"]) for note in task["notes"]] == [
        ("ada", "Is the shadow part of it?"),
        ("rae", "The corner is missing."),
    ]
    assert task["draft"]["masks"] == sent([square(3)])


def test_a_return_needs_a_note(office, rae):
    reply = send_back(rae, review(rae), " ", check=False)
    assert (reply.status_code, reply.json()["error"]) == (422, "a note has 1 to 1000 characters, got 1")


def test_a_correction_is_an_answer_of_the_reviewer(office, rae):
    task = review(rae)
    submit(rae, task, [square(2)])
    assert labelled(office) == [3]
    assert rae.post("/api/review/next").status_code == 204
    assert [(it.verdict, it.author, it.reviewer) for it in office.ledger.reviews()] == [("corrected", "ada", "rae")]


def test_annotators_review_nothing(office, ada):
    assert ada.post("/api/review/next").status_code == 403
    assert "reviews" not in ada.get("/api/me").json()


def test_a_lost_review_says_so_and_stores_nothing(office, ada, rae):
    task = review(rae)
    office.ledger.withdraw([task["review"]["answer_id"]], "lea", "wrong")
    reply = approve(rae, task, check=False)
    assert reply.status_code == 409
    assert "no longer in your hands" in reply.json()["error"]
    assert office.ledger.reviews() == []


class TestNotes:
    def threads(self, person):
        return [
            (thread["frame_idx"], [note["text"] for note in thread["notes"]])
            for thread in person.get("/api/notes").json()["threads"]
        ]

    def write(self, person, request_id, text, note_id=None):
        body = {"note_id": note_id or str(uuid4()), "text": text}
        return person.post(f"/api/requests/{request_id}/notes", json=body)

    def test_question_and_reply_are_seen_by_who_asked(self, office, ada, rae):
        request_id, note_id = office.ledger.requests(2, "done")[0].request_id, str(uuid4())
        for _ in range(2):
            assert self.write(rae, request_id, "No.", note_id).json() == {"stored": True}
        asked = (3, ["Is the shadow part of it?", "No."])
        assert self.threads(ada) == self.threads(rae) == [asked]
        assert self.threads(office.person("bo")) == []
        assert self.write(ada, request_id, "Thank you.").status_code == 200

    def test_of_frames_of_others_an_annotator_writes_nothing(self, office, ada):
        request_id = office.ledger.requests(2, "done")[0].request_id
        bo = office.person("bo")
        assert self.write(bo, request_id, "Hello.").status_code == 404
        task = bo.post("/api/next").json()
        assert self.write(bo, task["request_id"], "It is dark.").status_code == 200
        assert self.threads(bo) == [(1, ["It is dark."])]
