"""Tracking over the API, as the page and as attackers use it."""

import json
from uuid import uuid4

import numpy as np
import pytest

from al_core.ledger.labelling.leases import Purpose
from al_core.masks.rle import Rle, decode
from al_core.records import LabelKind, MaskLabel
from tasks.web.refining.page_gestures import Superseded
from tests.toys.labelled_project import N_FRAMES
from tests.toys.web.desk import answer, desk, sent, square


@pytest.fixture
def office(tmp_path):
    with desk(tmp_path) as found:
        yield found


@pytest.fixture
def ada(office):
    return office.person("ada")


@pytest.fixture
def task(office, ada):
    office.ask(2)
    return ada.post("/api/next").json()


def track(client, task, **changes):
    """(status, lines) of what is carried on from the frame in hand."""
    body = {"lease": task["lease"]["token"], "frame_idx": 2, "direction": 1, "masks": sent([square(2)])} | changes
    reply = client.post(f"/api/requests/{task['request_id']}/track", json=body)
    return reply.status_code, [json.loads(line) for line in reply.text.splitlines()]


def correct(client, task, frame_idx, masks, **changes):
    body = {"answer_id": str(uuid4()), "frame_idx": frame_idx, "seconds": 2.5, "masks": sent(masks), **changes}
    return client.post(f"/api/requests/{task['request_id']}/tracked", json=body)


class TestTrack:
    def test_every_frame_comes_as_a_line_and_the_last_line_says_why(self, ada, task):
        status, lines = track(ada, task)
        assert status == 200
        assert [line["frame_idx"] for line in lines[:-1]] == list(range(3, N_FRAMES))
        assert lines[-1] == {"until": "end"}
        for line in lines[:-1]:
            (mask,) = line["masks"]
            assert (mask["track_id"], mask["category_id"]) == (1, 1)
            assert decode(Rle(*mask["rle"]["size"], mask["rle"]["counts"])).any()
            assert 0 < mask["confidence"] <= 1

    def test_nothing_is_stored(self, office, ada, task):
        track(ada, task, direction=-1)
        assert office.ledger.human_labels() == []

    def test_objects_are_carried_from_another_frame_and_the_way_is_as_long_as_asked(self, ada, task):
        lines = track(ada, task, frame_idx=5, direction=-1, most=2)[1]
        assert [line.get("frame_idx") for line in lines] == [4, 3, None]
        assert lines[-1] == {"until": "far"}

    def test_the_way_ends_at_a_cut(self, office, ada):
        office.ledger.correct_cuts(1, [4], [], "eve")
        office.ask(2)
        assert [line.get("frame_idx") for line in track(ada, ada.post("/api/next").json())[1]] == [3, None]

    def test_frames_that_are_held_out_are_left_out(self, office, ada, task):
        office.ledger.hold_out(1, [3], [], "eve")
        assert [line.get("frame_idx") for line in track(ada, task)[1]] == [4, 5, None]

    def test_nothing_is_carried_from_a_frame_that_measures(self, office, ada):
        office.ledger.hold_out(1, [2], [2], "eve")
        status, (refusal,) = track(ada, ada.post("/api/next").json())
        assert (status, "measures" in refusal["error"]) == (422, True)

    def test_a_newer_gesture_ends_it(self, office, ada, task):
        gestures = office.app.state.label_cache.gestures
        with gestures.at_work((task["request_id"], "tracking"), made_at=10):
            assert track(ada, task, made_at=5)[1] == [{"until": "superseded"}]

    def test_what_goes_wrong_on_the_way_is_told(self, ada, task, office):
        for file in (office.project.root.parent / "source" / "clip").glob("*.png"):
            file.unlink()
        told = track(ada, task)[1][-1]["error"]
        assert ".png: " in told
        assert "/" not in told

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"lease": "stolen"}, 409),
            ({"frame_idx": N_FRAMES}, 422),
            ({"frame_idx": -1}, 422),
            ({"direction": 2}, 422),
            ({"masks": []}, 422),
            ({"most": 10_000}, 422),
            ({"masks": [{"track_id": 0, "category_id": 0, "rle": sent([square(2)])[0]["rle"]}]}, 422),
            ({"masks": [{"track_id": 1, "category_id": 99, "rle": sent([square(2)])[0]["rle"]}]}, 422),
        ],
    )
    def test_what_makes_no_sense_is_refused_before_anything_begins(self, ada, task, changes, status):
        assert track(ada, task, **changes)[0] == status


class TestCorrected:
    def test_a_correction_is_a_label_of_its_objects_and_of_no_others(self, office, ada, task):
        gestures = [{"tool": "brush", "track_id": 1, "adds": True, "points": [[1, 2]]}]
        reply = correct(ada, task, 3, [square(3)], absent=[7], gestures=gestures)
        assert reply.status_code == 200, reply.text
        (label,) = office.ledger.human_labels()
        assert (label.frame.frame_idx, label.complete, label.tracks) == (3, False, {1, 7})
        (given,) = office.ledger.answers_given()
        assert (given.answer.kind, given.answer.seconds, given.answer.annotator) == (LabelKind.MASK, 2.5, "ada")
        assert given.question.purpose is Purpose.TRACKED
        assert given.question.request.reason == "Tracked from frame 2."
        assert given.question.request.request_id == reply.json()["request_id"]

    def test_a_frame_that_was_found_right_is_a_whole_label(self, office, ada, task):
        correct(ada, task, 3, [square(3)], complete=True, kind="accept")
        correct(ada, task, 4, [], complete=True, kind="absent")
        kinds = [(g.answer.kind, g.answer.label.complete) for g in office.ledger.answers_given()]
        assert kinds == [(LabelKind.ACCEPT, True), (LabelKind.ABSENT, True)]

    def test_what_was_done_with_one_cheap_tool_is_of_that_kind(self, office, ada, task):
        gestures = [{"tool": "click", "track_id": 1, "points": [[3, 4]]}]
        correct(ada, task, 3, [square(3)], gestures=gestures)
        correct(ada, task, 4, [], absent=[1])
        assert [g.answer.kind for g in office.ledger.answers_given()] == [LabelKind.CLICK, LabelKind.TAG]

    def test_the_same_answer_twice_is_stored_once(self, office, ada, task):
        body = {"answer_id": str(uuid4())}
        first, again = (correct(ada, task, 3, [square(3)], **body) for _ in range(2))
        assert first.json() == again.json()
        assert len(office.ledger.answers_given()) == 1

    def test_it_may_come_after_the_frame_was_sent(self, office, ada, task):
        ada.post(f"/api/requests/{task['request_id']}/submit", json=answer(task, sent([square(2)])))
        assert correct(ada, task, 3, [square(3)]).status_code == 200
        assert [label.frame.frame_idx for label in office.ledger.human_labels()] == [2, 3]

    @pytest.mark.parametrize(
        ("masks", "changes", "status"),
        [
            ([MaskLabel(1, 99, square(3).rle)], {}, 422),
            ([], {}, 422),
            ([square(3), square(3)], {}, 422),
            ([square(3)], {"seconds": -1}, 422),
            ([square(3)], {"answer_id": "me"}, 422),
            ([square(3)], {"absent": [1]}, 422),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, office, ada, task, masks, changes, status):
        assert correct(ada, task, 3, masks, **changes).status_code == status
        assert office.ledger.human_labels() == []

    def test_from_the_frame_of_somebody_else_nothing_is_taken(self, office, ada, task):
        assert correct(office.person("bo"), task, 3, [square(3)]).status_code == 409
        assert office.ledger.human_labels() == []


class TestPreview:
    def click(self, task, **changes):
        clicks = [{"x": 10, "y": 9, "positive": True}]
        return {"lease": task["lease"]["token"], "clicks": clicks, "preview": True} | changes

    def ask(self, client, task, **changes):
        return client.post(f"/api/requests/{task['request_id']}/refine", json=self.click(task, **changes))

    def test_it_is_what_the_click_makes(self, ada, task):
        assert self.ask(ada, task).json() == self.ask(ada, task, preview=False).json()

    def test_it_waits_for_nobody(self, office, ada, task):
        with office.app.state.label_cache.gestures.at_work(("another", 1)):
            assert self.ask(ada, task).status_code == 204

    def test_a_gesture_ends_it(self, office, ada, task):
        gestures = office.app.state.label_cache.gestures
        with gestures.at_work((task["request_id"], "preview")) as going_on:
            going_on()
            self.ask(ada, task, preview=False)
            with pytest.raises(Superseded):
                going_on()

    def test_it_needs_the_frame_in_hand(self, office, ada, task):
        assert self.ask(ada, task, lease="stolen").status_code == 204
        assert self.ask(office.person("bo"), task).status_code == 204


def test_clicks_are_answered_in_another_frame_of_the_video(ada, task):
    body = {"lease": task["lease"]["token"], "frame_idx": 4, "clicks": [{"x": 14, "y": 9, "positive": True}]}
    reply = ada.post(f"/api/requests/{task['request_id']}/refine", json=body)
    assert reply.status_code == 200
    rle = reply.json()["rle"]
    assert decode(Rle(*rle["size"], rle["counts"])).any()
    assert ada.post(f"/api/requests/{task['request_id']}/refine", json=body | {"frame_idx": 99}).status_code == 422
    assert np.all(reply.json()["rle"]["size"] == task["masks"][0]["rle"]["size"])
