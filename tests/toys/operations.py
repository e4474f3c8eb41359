"""A ledger in which a bit of everything happened, and real arguments for each of its operations."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from al_core.audit.audit_records import AuditAnswer
from al_core.ledger.campaign.audit_requests import AuditQuestion, CarriedRequest
from al_core.ledger.labelling.leases import Purpose
from al_core.ledger.labelling.people import Role, made_key
from al_core.ledger.store import Ledger
from al_core.records import (
    Answer,
    CategoryTag,
    FrameLabel,
    FrameRef,
    LabelKind,
    LabelRequest,
    MaskLabel,
    Selected,
    Shots,
)
from al_core.settings import ScheduleSettings, Settings
from tests.toys.audits.deliveries import certificate, small_sample
from tests.toys.ledgers import (
    chosen,
    clip,
    frame_rows,
    import_tables,
    ledger_with_clip,
    mask_answer,
    square,
    times_us,
)

ESTIMATE = ("all", "good", "judged", 0.9, 0.8, 0.95, 60, 70.0, 900, 0)


def audit_request(round_id: int) -> tuple[LabelRequest, AuditQuestion]:
    """A request to judge the mask of object 1."""
    frame = FrameRef(1, 2)
    request = LabelRequest(f"audit-{round_id}", round_id, frame, 0, "", LabelKind.ACCEPT)
    return request, AuditQuestion(round_id, 1, frame, 1, "judged", 0.75)


def used_ledger(folder: Path) -> tuple[Ledger, dict[str, Any]]:
    """The ledger, and by name the keys, tokens and requests that are in it."""
    ledger = ledger_with_clip(folder)
    with ledger.owned():
        return ledger, happened(ledger)


def happened(ledger: Ledger) -> dict[str, Any]:
    """Two rounds: one finished, and one in which ann has a frame in hand; returns keys and tokens by name."""
    found = {"link": ledger.add_annotator("ann"), "lead": ledger.add_annotator("eve", Role.LEAD)}
    ledger.begin_round(Settings(), "flow-run")
    ledger.put_selection(1, "value", [chosen(3), chosen(7, 1)])
    first, second = requests = [LabelRequest.of(1, s) for s in ledger.selection(1)]
    ledger.put_requests(requests)
    ledger.put_answer(mask_answer(first, "a1"))
    ledger.put_answer(mask_answer(second, "a2"))
    ledger.withdraw(["a2"], "eve", "unsure")
    for name in ("train", "predict"):
        ledger.begin_step(1, name, "abc")
        ledger.finish_step(1, name, {"loss": 0.5}, 1.0)
    ledger.put_training_curve(1, [(1, 0.5, 0.01)])
    rows = frame_rows([0.5, float("nan"), 0.75], existence_disagreement=0.25)
    ledger.put_predictions(1, 1, rows, "a.parquet", "abc")
    ledger.put_delivered(1, 1, "d.parquet", 12, [("human", 1, 1, 1.0)], [("human", 1, 1)], "abc", "{}")
    ledger.put_qualities(1, [(1, [(None, "all", "j", 0.7, 11), (1, "human", "j", 0.5, 1)])])
    ledger.finish_round(1, None)
    _curated(ledger)
    ledger.begin_round(Settings())
    ledger.begin_step(2, "request", "abc")
    ledger.want(Settings().changed({"seed": 3}), "a schedule")
    kinds = {5: LabelKind.ACCEPT}
    asked = [replace(chosen(i, i), kind=kinds.get(i, LabelKind.MASK)) for i in (2, 5, 8)]
    ledger.put_requests([LabelRequest.of(2, selected) for selected in asked])
    check = LabelRequest.of(2, chosen(3, 9))
    ledger.put_checks([check], Purpose.AGREEMENT, [first.request_id])
    ledger.put_answer(replace(mask_answer(check, "a6"), annotator="bert"))
    task = ledger.claim("ann", 1000.0)
    found["flagged"] = task.question.request.request_id
    ledger.flag(found["flagged"], "ann", task.lease, "blurred")
    task = ledger.claim("ann", 1000.0)
    found["answered"] = task.question.request.request_id
    given = mask_answer(task.question.request, "a3")
    ledger.submit(given, task.lease, 0)
    found["said"] = given.label
    task = ledger.claim("ann", 1000.0)
    ledger.save_draft(task.question.request.request_id, "ann", task.lease, [MaskLabel(1, 1, square())], 4.0)
    ledger.put_import("label", "kim", ["old.json"], **import_tables(10))
    ledger.put_import("prelabel", "old model", ["old.json"], **import_tables(11))
    ledger.hold_out(1, [9, 11], [9], "eve")
    _audited(ledger)
    ledger.put_audit_requests([audit_request(1)], {}, [CarriedRequest("audit-1-t", 1, "audit-1", 1)])
    ledger.put_estimates(1, [ESTIMATE], datetime(2026, 11, 26))
    ledger.pin_student(1, "eve")
    _reviewed(ledger, found)
    ledger.put_shots(1, Shots((4,), ((6, 7),)))
    ledger.put_category_tags([CategoryTag(1, 0, 1, 2, False)], "eve")
    ledger.pause("eve")
    return found | {
        "session": ledger.sign_in(found["link"], 1000.0), "request": task.question.request, "lease": task.lease,
    }  # fmt: skip


def _audited(ledger: Ledger) -> None:
    """A draw from what the first round delivered, an answer to it, and a look at that."""
    sample = small_sample()
    ledger.put_audit_sample(sample)
    ledger.put_audit_answers(1, [AuditAnswer(sample.units[0].key, "ann", "b1", good=True)])
    ledger.put_certificate(certificate())


def _reviewed(ledger: Ledger, found: dict[str, Any]) -> None:
    """An answer of bert's that eve has in hand to review, beside one that rae approved, with a note."""
    for name in ("bert", "rae"):
        ledger.add_annotator(name, Role.REVIEWER)
    this = ledger.last_round()
    assert this is not None
    ledger.change_round(2, this.settings.changed({"annotator.review": "after"}), "eve", ["annotator.review"])
    ledger.put_likeness([("a3", "", 0.5)])
    task = ledger.claim_review("rae", 1000.0)
    assert task is not None
    ledger.approve("v1", found["answered"], "rae", task.task.lease, 1, 2.0)
    ledger.write_note(found["answered"], "eve", "Well done.")
    request = LabelRequest.of(2, chosen(0, 6))
    ledger.put_requests([request])
    ledger.put_answer(replace(mask_answer(request, "a5"), annotator="bert"))
    held = ledger.claim_review("eve", 1000.0)
    assert held is not None
    found["review"] = {"request_id": request.request_id, "reviewer": "eve", "lease": held.task.lease}


def tracked_answer(request_id: str) -> Answer:
    """What ann corrected in frame 4 after she tracked an object there."""
    label = FrameLabel(FrameRef(1, 4), (MaskLabel(1, 1, square()),), complete=False)
    return Answer("t1", request_id, label, LabelKind.CLICK, 3.0, "ann")


def _curated(ledger: Ledger) -> None:
    """Categories that were described and merged, a guide, and a video with a label that the loop leaves out."""
    ledger.set_category("cat", "eve", "#112233", "a pet", "3", b"\x89PNG")
    ledger.set_category("kitten", "eve")
    ledger.merge_category("kitten", "cat", "eve")
    ledger.put_guide("Draw it whole.", "eve")
    aside = ledger.add_video(clip("aside"), times_us())
    assert aside is not None
    request = LabelRequest.of(1, Selected(FrameRef(aside.video_id, 3), 2, 0.5, "spread"))
    ledger.put_requests([request])
    ledger.put_answer(mask_answer(request, "a4"))
    ledger.exclude_video(aside.video_id, "eve", "out of focus")


def reading(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What each operation that reads is asked here: it finds something in all these cases."""
    frame, request = FrameRef(1, 2), found["request"].request_id
    return {
        "standing_answers": {}, "category_masks": {"round_id": 1}, "delivered_paths": {"round_id": 1},
        "last_delivered_round": {}, "frames_covered": {"round_id": 1}, "quality": {}, "coverage": {},
        "annotators": {}, "session_holder": {"key": found["session"]}, "audit_log": {}, "answers_given": {},
        "waiting": {"round_id": 2}, "task_of": {"annotator": "ann"},
        "upcoming": {"annotator": "eve", "seconds": 1000.0}, "last_answers": {"annotator": "ann", "most": 9},
        "question": {"request_id": request},
        "queue_counts": {"annotator": "ann"}, "queue_state": {}, "flagged": {},
        "set_aside": {"request_id": found["flagged"]}, "set_aside_counts": {},
        "selection": {"round_id": 1}, "label_seconds": {"round_id": 1}, "asked_frames": {"before_round": 3},
        "requests": {}, "human_labels": {}, "newest_answer_at": {"up_to_round": 2}, "human_effort": {},
        "effort_by_person": {},
        "due_reviews": {}, "reviews": {}, "likeness_of_pairs": {}, "threads": {}, "uncompared": {},
        "notes_on": {"request_id": found["answered"]}, "standing_revision": {"request_id": found["answered"]},
        "answer_times": {}, "training_curve": {"round_id": 1}, "prediction_paths": {"round_id": 1},
        "predictions": {"round_id": 1}, "least_certain": {"round_id": 1, "limit": 2},
        "least_certain_per_video": {"round_id": 1, "limit": 2},
        "components_of": {"round_id": 1, "frames": [frame]}, "rounds": {}, "last_round": {}, "round": {"round_id": 1},
        "steps": {}, "step": {"round_id": 1, "name": "train"}, "categories": {}, "videos": {},
        "video": {"name": "clip"}, "frame_times_us": {"video_id": 1}, "truth": {"video_id": 1},
        "truths": {"videos": [1]}, "video_lengths": {}, "videos_added": {},
        "drawn_tracks": {"video_id": 1},
        "audit_samples": {"round_id": 1}, "audit_answers": {"round_id": 1}, "audit_answers_so_far": {},
        "certificates": {},
        "audit_question": {"request_id": "audit-1"}, "carried_requests": {"round_id": 1}, "audit_state": {},
        "estimates": {},
        "truth_frames": {}, "round_before": {"round_id": 2}, "step_settings": {"round_id": 1, "name": "train"},
        "wanted": {}, "last_source": {}, "paused": {}, "pinned_student": {}, "imports": {}, "imported_frames": {},
        "prelabels": {"frames": [FrameRef(1, 11)]}, "holdout_frames": {}, "held_out": {},
        "shots": {}, "searched_videos": {}, "traces": {"name": "clip"},
        "category_example": {"category_id": 2}, "category_ids": {}, "category_names": {}, "category_uses": {},
        "described_categories": {}, "ended_categories": {}, "guide": {},
        "excluded_before": {"round_id": 2}, "excluded_videos": {}, "frames_set_aside": {}, "pool_lengths": {},
        "video_cares": {}, "video_places": {}, "category_tags": {}, "newest_tag_at": {},
        "disagreements": {"round_id": 1, "first": 1, "last": 2}, "prediction_path": {"round_id": 1, "video_id": 1},
        "video_numbered": {"video_id": 1}, "video_of_content": {"sha256": clip().sha256},
        "predicted_from": {"round_id": 1}, "delivered_from": {"round_id": 1},
    }  # fmt: skip


def writing(found: dict[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """Arguments with which each operation that writes finds something to write."""
    request = found["request"]
    held = {"request_id": request.request_id, "annotator": "ann", "lease": found["lease"]}
    truth = [FrameLabel(FrameRef(1, 3), (MaskLabel(1, 1, square()),))]
    return {
        "copy_to": {"path": str(folder / "copy.duckdb")},
        "publish_to": {"path": str(folder / "public.duckdb"), "folder": str(folder)},
        "withdraw": {"answer_ids": ["a1"], "who": "eve", "reason": "wrong"},
        "put_delivered": {"round_id": 1, "video_id": 1, "path": "e.parquet", "n_covered": 3, "summary": []},
        "put_deliveries": {"round_id": 1, "videos": [(1, "f.parquet", 4, (("human", 1, 1, 1.0),), (), "abc", "{}")]},
        "put_qualities": {"round_id": 1, "videos": [(1, [(None, "all", "j", 0.5, 2)])]},
        "add_annotator": {"name": "bob"}, "renew_link": {"name": "ann"},
        "share_link": {"name": "ann", "key": made_key()}, "revoke_annotator": {"name": "ann"},
        "sign_in": {"key": found["link"], "seconds": 9.0}, "sign_out": {"key": found["session"]},
        "log_action": {"who": "ann", "action": "refused"},
        "put_checks": {
            "checks": [LabelRequest.of(2, chosen(6, 9))], "purpose": Purpose.RELABEL,
            "originals": [request.request_id],
        },
        "settle": {"round_id": 2, "schedule": ScheduleSettings(answered_share=0.1), "grace_seconds": 0.0},
        "claim": {"annotator": "ann", "seconds": 2000.0},
        "claim_looks": {"annotator": "ann", "seconds": 2000.0, "most": 12},
        "renew": held | {"seconds": 2000.0}, "release": held,
        "save_draft": held | {"masks": [], "seconds": 9.0},
        "submit": {"answer": mask_answer(request, "a9"), "lease": found["lease"], "base_revision": 0},
        "claim_review": {"reviewer": "eve", "seconds": 2000.0},
        "approve": found["review"] | {"review_id": "v2", "base_revision": 1, "seconds": 2.0},
        "undo_approval": {"review_id": "v1", "reviewer": "rae", "within": 3600.0, "seconds": 2000.0},
        "return_answer": found["review"] | {"review_id": "v2", "base_revision": 1, "seconds": 2.0, "note": "tail"},
        "adopt": {
            "answer": replace(mask_answer(request, "a8"), request_id=found["answered"], label=found["said"]),
            "instead_of": "a3",
        },
        "put_likeness": {"pairs": [("a3", "", 0.25)]},
        "write_note": {"request_id": found["answered"], "who": "eve", "text": "hello"},
        "reopen": {"request_id": found["answered"], "annotator": "ann", "seconds": 9.0},
        "put_tracked": {"answer": tracked_answer(found["answered"])},
        "undo": {"answer_id": "a3", "annotator": "ann", "within": 1000.0, "seconds": 9.0},
        "skip": held | {"reason": "dark"}, "flag": held | {"reason": "dark"}, "drop": held | {"reason": "dark"},
        "put_selection": {"round_id": 2, "strategy": "value", "selected": [chosen(4)]},
        "put_requests": {"requests": [LabelRequest.of(2, chosen(4))]}, "replace_requests": {"round_id": 2},
        "put_answer": {"answer": mask_answer(request, "a9")},
        "put_training_curve": {"round_id": 1, "curve": []},
        "put_predictions": {"round_id": 1, "video_id": 1, "frames": frame_rows([0.1]), "path": "b.parquet"},
        "forget_predictions": {"round_id": 1, "video_id": 1},
        "link_predictions": {"round_id": 2, "earlier": 1, "videos": [1]},
        "link_delivered": {"round_id": 2, "earlier": 1, "videos": [1]},
        "begin_round": {"settings": Settings()}, "finish_round": {"round_id": 2, "stop_reason": None},
        "want": {"settings": Settings()}, "pin_student": {"round_id": None, "who": "ann"},
        "pause": {"who": "ann"}, "resume": {"who": "ann"},
        "change_round": {"round_id": 2, "settings": Settings(), "who": "eve", "changed": ["seed"]},
        "abandon_round": {"who": "eve"},
        "begin_step": {"round_id": 2, "name": "train", "inputs_sha256": "abc"},
        "fail_step": {"round_id": 2, "name": "request", "error": "no disk"},
        "finish_step": {"round_id": 2, "name": "request", "result": {}, "seconds": 1.0},
        "reopen_step": {"round_id": 1, "name": "predict", "videos": [1]},
        "add_categories": {"names": ["car"]}, "add_video": {"video": clip("other"), "times_us": times_us()},
        "put_import": {"purpose": "label", "author": "kim", "files": ["a.json"], **import_tables(1)},
        "put_audit_requests": {
            "requests": [audit_request(2)], "after": {}, "carried": [CarriedRequest("audit-2-t", 2, "audit-1", 1)],
        },
        "put_estimates": {"round_id": 2, "rows": [ESTIMATE], "as_of": datetime(2026, 11, 26)},
        "hold_out": {"video_id": 1, "frame_indices": [1], "asked": [1], "who": "eve"},
        "end_holdout": {"video_id": 1, "frame_indices": [9], "who": "eve"},
        "set_category": {"name": "dog", "who": "eve"}, "rename_category": {"name": "cat", "new": "pet", "who": "eve"},
        "merge_category": {"name": "cat", "into": "object", "who": "eve"},
        "remove_category": {"name": "cat", "who": "eve"}, "put_guide": {"text": "Draw half of it.", "who": "eve"},
        "exclude_video": {"video_id": 1, "who": "eve"}, "include_video": {"video_id": 2, "who": "eve"},
        "set_priority": {"video_id": 1, "priority": 3, "who": "eve"},
        "assign_video": {"video_id": 1, "people": ["ann"], "who": "eve"},
        "set_video_categories": {"video_id": 1, "names": ["cat"]}, "purge_video": {"name": "clip", "who": "eve"},
        "put_audit_sample": {"sample": small_sample(2)},
        "put_audit_answers": {
            "round_id": 1, "answers": [AuditAnswer(small_sample().units[1].key, "ann", "b2", j=0.5, f=0.25)],
        },
        "put_certificate": {"certificate": certificate(2)},
        "put_shots": {"video_id": 2, "found": Shots((5,))},
        "correct_cuts": {"video_id": 1, "add": [5], "remove": [4], "who": "eve"},
        "put_category_tags": {"tags": [CategoryTag(1, 0, 5, 2, False)], "who": "eve", "seconds": 1.5},
        "add_truth": {"video_id": 1, "truth": truth}, "move_video": {"video_id": 1, "uri": "/elsewhere/clip.mp4"},
    }  # fmt: skip
