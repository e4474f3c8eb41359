"""The JSON API of the labelling page, as people and as attackers use it."""

from uuid import uuid4

import cv2
import numpy as np
import pyarrow as pa
import pytest

from al_core.errors import LedgerBusy
from al_core.interactive.refiner import PlainRefiner, always
from al_core.ledger.labelling.people import Role
from al_core.masks.rle import Rle, decode, encode
from al_core.masks.soft import SoftMask
from al_core.records import COMPONENTS, LabelKind, MaskLabel
from al_core.stores.predictions import FramePrediction, PredictedObject, write_predictions
from tests.toys.labelled_project import HEIGHT, N_FRAMES, WIDTH, mask_at
from tests.toys.ledgers import import_tables
from tests.toys.web.attacks import PATH_ATTACKS, REFINE_ATTACKS, SUBMIT_ATTACKS, TEXT_ATTACKS, rle
from tests.toys.web.desk import answer, delivered, desk, sent, square


@pytest.fixture
def office(tmp_path):
    with desk(tmp_path) as found:
        yield found


@pytest.fixture
def ada(office):
    return office.person("ada")


def next_task(client):
    """What somebody gets; None when there is nothing."""
    reply = client.post("/api/next")
    assert reply.status_code in (200, 204)
    return reply.json() if reply.status_code == 200 else None


def submit(client, task, masks, **changes):
    return client.post(f"/api/requests/{task['request_id']}/submit", json=answer(task, sent(masks)) | changes)


def act(client, task, how, **more):
    return client.post(f"/api/requests/{task['request_id']}/{how}", json={"lease": task["lease"]["token"], **more})


class TestTasks:
    def test_a_task_has_all_that_the_page_shows(self, office, ada):
        office.ask(3, 1)
        task = next_task(ada)
        assert (task["request_id"], task["rank"], task["kind"]) == ("r0002-v00001-f0000003", 0, "mask")
        assert task["reason"] == "the teachers disagree"
        assert task["frame"] == {
            "video_id": 1, "video": "clip", "frame_idx": 3, "time_seconds": 0.12, "n_frames": N_FRAMES, "fps": 25.0,
            "width": WIDTH, "height": HEIGHT, "cuts": [],
        }  # fmt: skip
        assert (task["categories"][0]["name"], task["categories"][0]["key"], task["own_categories"]) == (
            "square",
            "1",
            [],
        )
        (mask,) = task["masks"]
        assert (mask["provenance"], mask["confidence"]) == ("propagated", 0.75)
        assert np.array_equal(decode(Rle(*mask["rle"]["size"], mask["rle"]["counts"])), mask_at(3))
        assert 0 < task["lease"]["expires_in_seconds"] <= 300
        assert (task["blind"], task["control"], task["base_revision"], task["draft"]) == (False, False, 0, None)
        assert task["queue"] == {"open": 2, "done": 0, "mine": 0}

    def test_two_people_get_two_frames_and_a_third_waits(self, office, ada):
        office.ask(3, 1)
        others = [office.person(name) for name in ("bo", "cyd")]
        assert [next_task(ada)["frame"]["frame_idx"], next_task(others[0])["frame"]["frame_idx"]] == [3, 1]
        assert next_task(others[1]) is None
        assert next_task(ada)["frame"]["frame_idx"] == 3

    def test_uncertainty_is_told_by_component(self, office, ada):
        values = np.linspace(0, 0.5, N_FRAMES).astype(np.float32)
        frames = {"frame_idx": np.arange(N_FRAMES, dtype=np.int32), "uncertainty": values}
        rows = pa.table(frames | {"n_objects": np.ones(N_FRAMES, np.int32)} | dict.fromkeys(COMPONENTS, values))
        office.ledger.put_predictions(1, 1, rows, "none.parquet")
        office.ask(5)
        assert next_task(ada)["uncertainty"] == pytest.approx(dict.fromkeys(COMPONENTS, 0.5))

    def test_a_blind_task_shows_no_masks(self, tmp_path):
        with desk(tmp_path, blind_share=1.0) as office:
            office.ask(3)
            ada = office.person("ada")
            task = next_task(ada)
            assert (task["blind"], task["masks"]) == (True, [])
            for frame_idx in range(N_FRAMES):
                assert ada.get(f"/api/masks/1/{frame_idx}").json() == {"masks": []}
            assert ada.get("/api/disagreement/1/3.png").status_code == 204
            assert submit(ada, task, [square(3)]).status_code == 200
            (given,) = office.ledger.answers_given()
            assert given.answer.kind is LabelKind.MASK


class TestAnswers:
    def test_what_was_drawn_is_stored_pixel_for_pixel(self, office, ada):
        office.ask(3)
        drawn = np.random.default_rng(0).random((HEIGHT, WIDTH)) < 0.5
        task = next_task(ada)
        reply = submit(ada, task, [MaskLabel(1, 1, encode(drawn)), square(3, track_id=9)], seconds=7.25)
        assert reply.json()["revision"] == 1
        assert reply.json()["undo_seconds"] == 60
        (label,) = office.ledger.human_labels()
        assert [mask.track_id for mask in label.masks] == [1, 9]
        assert np.array_equal(decode(label.masks[0].rle), drawn)
        assert office.ledger.answer_times() == [(LabelKind.MASK, 7.25, 2)]

    def test_who_goes_on_gets_the_next_frame_with_the_acknowledgement(self, office, ada):
        office.ask(3, 1)
        task = next_task(ada)
        reply = submit(ada, task, [square(3)], go_on=True).json()
        assert reply["next"]["frame"]["frame_idx"] == 1
        assert next_task(ada)["lease"]["token"] == reply["next"]["lease"]["token"]
        assert submit(ada, reply["next"], [square(1)], go_on=True).json()["next"] is None

    def test_who_does_not_go_on_has_nothing_in_hand(self, office, ada):
        office.ask(3, 1)
        assert "next" not in submit(ada, next_task(ada), [square(3)]).json()
        assert office.ledger.task_of("ada") is None

    def test_an_answer_is_stored_where_the_next_frame_cannot_be_had(self, office, ada, monkeypatch):
        office.ask(3, 1)
        task = next_task(ada)

        def busy(*_):
            raise LedgerBusy("somebody else writes")

        monkeypatch.setattr(type(office.ledger), "claim", busy)
        assert "next" not in submit(ada, task, [square(3)], go_on=True).json()
        assert [label.frame.frame_idx for label in office.ledger.human_labels()] == [3]

    def test_a_frame_has_as_many_objects_as_there_are(self, office, ada):
        office.ask(3)
        dots = [MaskLabel(i + 1, 1, encode(np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) == i)) for i in range(700)]
        assert submit(ada, next_task(ada), dots).status_code == 200
        (label,) = office.ledger.human_labels()
        assert len(label.masks) == 700

    def test_the_same_answer_again_is_answered_the_same(self, office, ada):
        office.ask(3)
        task = next_task(ada)
        body = answer(task, sent([square(3)]))
        path = f"/api/requests/{task['request_id']}/submit"
        assert ada.post(path, json=body).json() == ada.post(path, json=body).json()
        assert len(office.ledger.answers_given()) == 1

    @pytest.mark.parametrize(
        ("said", "masks", "stored"),
        [
            ("accept", [square(3)], LabelKind.ACCEPT),
            ("mask", [square(3)], LabelKind.ACCEPT),
            ("mask", [square(2)], LabelKind.MASK),
            ("accept", [square(2)], LabelKind.MASK),
            ("absent", [], LabelKind.ABSENT),
            ("mask", [], LabelKind.ABSENT),
        ],
    )
    def test_the_kind_follows_from_what_came_back(self, office, ada, said, masks, stored):
        office.ask(3)
        assert submit(ada, next_task(ada), masks, kind=said).status_code == 200
        assert office.ledger.answer_times() == [(stored, 12.5, len(masks))]

    def test_the_round_goes_on_when_its_last_request_is_answered(self, office, ada):
        office.ask(3, 1)
        submit(ada, next_task(ada), [square(3)])
        assert office.answered == []
        submit(ada, next_task(ada), [])
        assert office.answered == [2]

    def test_a_stale_answer_is_refused_and_told_whose_frame_it_is(self, office, ada):
        office.ask(3)
        task, bo = next_task(ada), office.person("bo")
        act(ada, task, "release")
        next_task(bo)
        reply = submit(ada, task, [square(3)])
        assert (reply.status_code, reply.json()["owner"]) == (409, "bo")
        assert "stays on this page" in reply.json()["mend"]
        assert office.ledger.audit_log(1)[0].action == "refused"

    def test_an_answer_can_be_taken_back(self, office, ada):
        office.ask(3, 1)
        answer_id = submit(ada, next_task(ada), [square(2)], seconds=9.0).json()["answer_id"]
        next_task(ada)
        task = ada.post(f"/api/answers/{answer_id}/undo").json()
        assert (task["frame"]["frame_idx"], task["base_revision"]) == (3, 1)
        assert (task["draft"]["masks"], task["draft"]["seconds"]) == (sent([square(2)]), 9.0)
        assert submit(ada, task, [square(1)]).json()["revision"] == 2
        assert ada.post(f"/api/answers/{answer_id}/undo").status_code == 409

    def test_a_draft_comes_back(self, office, ada):
        office.ask(3)
        task = next_task(ada)
        path, lease = f"/api/requests/{task['request_id']}/draft", task["lease"]["token"]
        for seconds in (1.0, 2.5):
            body = {"lease": lease, "masks": sent([square(1)]), "seconds": seconds}
            assert ada.put(path, json=body).status_code == 200
        draft = next_task(ada)["draft"]
        assert (draft["masks"], draft["seconds"]) == (sent([square(1)]), 2.5)
        assert draft["saved_at"].endswith("Z")

    def test_skip_flag_release_and_renew(self, office, ada):
        office.ask(3, 1)
        bo = office.person("bo")
        assert act(ada, next_task(ada), "skip", reason="too dark").status_code == 204
        task = next_task(ada)
        assert act(ada, task, "renew").json() == {"expires_in_seconds": 300.0, "note": ""}
        assert act(ada, task, "flag", reason="what is this?").status_code == 204
        assert next_task(ada) is None
        task = next_task(bo)
        assert task["frame"]["frame_idx"] == 3
        assert task["set_aside"] == []
        assert act(bo, task, "release").status_code == 204
        lea = office.person("lea", Role.LEAD)
        assert lea.get("/api/me").json()["flagged"] == 1
        task = next_task(lea)
        assert task["frame"]["frame_idx"] == 1
        assert task["set_aside"] == [{"who": "ada", "how": "flag", "reason": "what is this?"}]
        assert act(lea, task, "drop", reason="black").status_code == 204

    def test_nobody_says_how_sure_an_imported_mask_is(self, office, ada):
        tables = import_tables(1)
        (row,) = tables["masks"].to_pylist()
        row |= {"category": "square", "rle_counts": encode(mask_at(1)).counts.encode()}
        tables["masks"] = pa.Table.from_pylist([row], schema=tables["masks"].schema)
        office.ledger.put_import("prelabel", "old model", ["old.json"], **tables)
        office.ask(1)
        assert [mask["confidence"] for mask in next_task(ada)["masks"]] == [None]


class TestPictures:
    def test_a_frame_comes_with_its_exact_pixels(self, office, ada):
        picture = ada.get("/api/frames/1/3.png")
        assert picture.headers["content-type"] == "image/png"
        pixels = cv2.imdecode(np.frombuffer(picture.content, np.uint8), cv2.IMREAD_COLOR)
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert (pixels == 70).all()

    def test_a_frame_can_be_had_smaller_never_larger(self, ada):
        for long_side, shape in ((16, (12, 16, 3)), (4000, (HEIGHT, WIDTH, 3))):
            content = ada.get(f"/api/frames/1/3.jpg?long_side={long_side}").content
            assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape == shape

    def test_where_a_file_is_missed_is_for_leads(self, office, ada):
        missed = office.project.root.parent / "source" / "clip" / "00003.png"
        missed.unlink()
        refusals = [p.get("/api/frames/1/3.png").json()["error"] for p in (ada, office.person("lea", Role.LEAD))]
        assert refusals[0].startswith("00003.png: ")
        assert refusals[1] == refusals[0].replace("00003.png", str(missed), 1)

    @pytest.mark.parametrize("path", ["1/6.jpg", "2/0.jpg", "1/6.png", "9999999999/0.jpg", "1/-1.jpg", "1/0.gif"])
    def test_a_frame_that_is_not_there(self, ada, path):
        assert ada.get(f"/api/frames/{path}").status_code in (404, 422)

    def test_masks_around_are_what_people_said_or_what_was_delivered(self, office, ada):
        office.ask(3, 1)
        submit(ada, next_task(ada), [square(0, track_id=4)])
        (human,) = ada.get("/api/masks/1/3").json()["masks"]
        assert (human["provenance"], human["track_id"], human["confidence"]) == ("human", 4, 1.0)
        (carried,) = ada.get("/api/masks/1/4").json()["masks"]
        assert carried == sent([delivered(4)])[0] | {"provenance": "propagated", "confidence": 0.75}
        assert ada.get("/api/masks/1/6").status_code == 422

    def test_where_teachers_disagree_is_hot(self, office, ada):
        probability = np.zeros((HEIGHT, WIDTH), np.float32)
        probability[4:12, 4:12] = 0.5
        probability[14:20, 14:20] = 1.0
        seen = PredictedObject(1, (1.0, 0.0), 1.0, 4, (4, 4, 20, 20), 0.0, 1.0, 0.0, 0.0, SoftMask.of(probability))
        path = office.project.round_dir(1) / "predictions" / "00001.parquet"
        write_predictions(path, [FramePrediction(3, (seen,), np.ones(2, np.float32))], (HEIGHT, WIDTH))
        rows = {"frame_idx": [3], "uncertainty": [0.5], "n_objects": [1]} | {name: [0.5] for name in COMPONENTS}
        office.ledger.put_predictions(1, 1, pa.table(rows), office.project.relative(path))
        content = ada.get("/api/disagreement/1/3.png").content
        heat = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        assert heat.shape == (HEIGHT, WIDTH, 4)
        assert heat[8, 8, 3] > 150
        assert heat[17, 17, 3] == heat[0, 0, 3] == 0
        assert ada.get("/api/disagreement/1/4.png").status_code == 204


class TestRefine:
    def test_clicks_and_boxes_give_a_mask_and_store_nothing(self, office, ada):
        office.ask(3)
        task = next_task(ada)
        empty = encode(np.zeros((HEIGHT, WIDTH), bool)).to_coco()
        more = {"track_id": 1, "category_id": 1, "rle": empty}
        clicked = act(ada, task, "refine", **more, clicks=[{"x": 10, "y": 12, "positive": True}]).json()["rle"]
        assert decode(Rle(*clicked["size"], clicked["counts"]))[12, 10]
        boxed = act(ada, task, "refine", track_id=1, category_id=1, rle=None, box=[4.2, 4.0, 20.0, 16.0])
        found = decode(Rle(*boxed.json()["rle"]["size"], boxed.json()["rle"]["counts"]))
        assert not found[:, 20:].any()
        stroke = {"points": [[10.4, 12.2], [13.0, 12.2]], "positive": True}
        scribbled = act(ada, task, "refine", **more, strokes=[stroke]).json()["rle"]
        assert decode(Rle(*scribbled["size"], scribbled["counts"]))[12, 10:14].all()
        drawn = square(3)
        fitted = act(ada, task, "refine", track_id=1, category_id=1, outline=drawn.rle.to_coco()).json()["rle"]
        assert (decode(Rle(*fitted["size"], fitted["counts"])) & decode(drawn.rle)).any()
        assert next_task(ada)["draft"] is None

    def test_a_click_far_from_a_shown_mask_makes_a_new_one_and_from_a_drawn_one_another_part(self, office, ada):
        office.ask(3)
        task = next_task(ada)
        speck = np.zeros((HEIGHT, WIDTH), bool)
        speck[0, WIDTH - 1] = True
        clicks = [{"x": 10, "y": 12, "positive": True}]
        for own in (False, True):
            asked = {"rle": encode(speck).to_coco(), "clicks": clicks, "own": own}
            found = act(ada, task, "refine", track_id=1, **asked).json()["rle"]
            mask = decode(Rle(*found["size"], found["counts"]))
            assert mask[12, 10]
            assert mask[0, WIDTH - 1] == own

    def test_a_coarse_mask_needs_no_other_refiner(self, office, ada):
        office.ask(3)
        task = next_task(ada)
        office.app.state.label_cache.gestures.refiner = None
        for question in ({"clicks": [{"x": 10, "y": 12, "positive": True}]}, {"box": [4.0, 4.0, 20.0, 16.0]}):
            found = act(ada, task, "refine", track_id=1, **question, coarse=True).json()["rle"]
            assert decode(Rle(*found["size"], found["counts"]))[12, 10]

    def test_a_gesture_that_a_newer_one_follows_has_no_answer(self, office, ada):
        office.ask(3)
        task = next_task(ada)
        gestures = office.app.state.label_cache.gestures

        class Slow(PlainRefiner):
            def with_clicks(self, image, probability, clicks, going_on=always):
                with gestures.at_work((task["request_id"], 1)):
                    going_on()
                return super().with_clicks(image, probability, clicks, going_on)

        gestures.refiner = Slow
        asked = {"clicks": [{"x": 10, "y": 12, "positive": True}]}
        assert act(ada, task, "refine", track_id=1, **asked).status_code == 204
        assert act(ada, task, "refine", track_id=2, **asked).status_code == 200

    def test_it_needs_the_frame_in_hand(self, office, ada):
        office.ask(3)
        task = next_task(ada)
        bo = office.person("bo")
        assert act(bo, task, "refine", clicks=[]).status_code == 409


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """A desk, somebody who is signed in, and the task that is in hand."""
    with desk(tmp_path_factory.mktemp("attacked")) as office:
        office.ask(3)
        ada = office.person("ada")
        yield office, ada, next_task(ada)


@pytest.mark.parametrize("attack", SUBMIT_ATTACKS)
def test_a_spoiled_answer_is_refused_and_the_task_stays(attacked, attack):
    office, ada, task = attacked
    changes, status, said = SUBMIT_ATTACKS[attack]
    body = answer(task, sent([square(3)])) | changes
    reply = ada.post(f"/api/requests/{task['request_id']}/submit", json=body)
    assert (reply.status_code, said in reply.json()["error"]) == (status, True), reply.json()
    assert reply.json()["mend"]
    assert "<script" not in reply.text
    assert office.ledger.answers_given() == []
    assert next_task(ada)["lease"]["token"] == task["lease"]["token"]


@pytest.mark.parametrize("attack", TEXT_ATTACKS)
def test_what_is_no_answer_at_all_is_refused(attacked, attack):
    office, ada, task = attacked
    spoil, statuses = TEXT_ATTACKS[attack]
    path = f"/api/requests/{task['request_id']}/submit"
    content = spoil(answer(task, sent([square(3)])))
    reply = ada.post(path, content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code in (statuses if isinstance(statuses, tuple) else (statuses,))
    assert set(reply.json()) == {"error", "mend"}
    assert office.ledger.answers_given() == []


@pytest.mark.parametrize("path", PATH_ATTACKS)
def test_a_path_that_leads_elsewhere_leads_nowhere(attacked, path):
    reply = attacked[1].get(path)
    assert reply.status_code in (400, 404, 422)
    assert reply.headers["content-type"].startswith("application/json")


REQUEST_IDS = ["..%2f..%2fetc", "r1' OR '1'='1", "r" * 65, "%00", "r0002-v00001-f0000005"]


@pytest.mark.parametrize("request_id", REQUEST_IDS)
@pytest.mark.parametrize("how", ["renew", "skip", "flag", "release", "refine"])
def test_a_request_that_is_not_there(attacked, request_id, how):
    reply = attacked[1].post(f"/api/requests/{request_id}/{how}", json={"lease": "A" * 22})
    assert reply.status_code in (404, 422)


@pytest.mark.parametrize("attack", REFINE_ATTACKS)
def test_a_refinement_that_cannot_be(attacked, attack):
    _, ada, task = attacked
    body, said = REFINE_ATTACKS[attack]
    reply = act(ada, task, "refine", **body)
    assert (reply.status_code, said in reply.json()["error"]) == (422, True), reply.json()


def test_a_draft_is_checked_like_an_answer_but_may_hold_empty_masks(attacked):
    _, ada, task = attacked
    path, lease = f"/api/requests/{task['request_id']}/draft", task["lease"]["token"]
    empty = encode(np.zeros((HEIGHT, WIDTH), bool))
    assert ada.put(path, json={"lease": lease, "seconds": 1, **rle(empty.counts)}).status_code == 200
    assert ada.put(path, json={"lease": lease, "seconds": 1, **rle("oooooo?")}).status_code == 422


def test_other_peoples_answers_cannot_be_taken_back(office, ada):
    office.ask(3)
    answer_id = submit(ada, next_task(ada), [square(3)]).json()["answer_id"]
    assert office.person("bo").post(f"/api/answers/{answer_id}/undo").status_code == 404
    assert ada.post(f"/api/answers/{uuid4()}/undo").status_code == 404


def test_reasons_are_kept_as_they_are_and_never_sent_as_html(office, ada):
    office.ask(3)
    reason = "<img src=x onerror=alert(1)>"
    task = next_task(ada)
    act(ada, task, "flag", reason=reason)
    assert office.ledger.set_aside(task["request_id"]) == [("ada", "flag", reason)]
    reply = office.person("lea", Role.LEAD).get("/api/log")
    assert reply.headers["content-type"] == "application/json"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
