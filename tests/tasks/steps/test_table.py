"""The table of steps: done once in their order, recorded, and recognised again by what earlier versions recorded."""

import errno
import json
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import duckdb
import numpy as np
import pytest

from al_core.errors import LedgerConflict, NoSpace, OutOfMemory, UnknownName
from al_core.fingerprint import fingerprint
from al_core.project import Project
from al_core.records import LabelRequest
from al_core.settings import Settings
from tasks.processes.memory import noted
from tasks.steps.context import (
    Audited,
    Chosen,
    Collected,
    Predicted,
    Propagated,
    Requested,
    RoundContext,
    StepResult,
    Trained,
)
from tasks.steps.table import STEPS, Step, close, collect, once
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer

NAMES = ("select", "request", "collect", "train", "predict", "propagate", "audit")


@dataclass(frozen=True)
class Counted(StepResult):
    """How often work was done."""

    step: ClassVar[str] = "train"
    times: int = 0


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


@pytest.fixture
def context(tmp_path, ledger):
    ledger.begin_round(Settings())
    return RoundContext(Project.at(tmp_path), ledger, 1)


def counting(calls, inputs=None):
    """A step that counts how often its work is done."""

    def work(context):
        calls.append(context.round_id)
        return Counted(len(calls))

    return Step(Counted, lambda context: inputs or {}, work)


class TestOnce:
    def test_work_that_is_done_is_not_done_again(self, context):
        calls = []
        step = counting(calls, {"seed": 0})
        assert step.do(context) == step.do(context) == Counted(1)
        assert calls == [1]
        (row,) = context.ledger.steps(1)
        assert (row.name, row.status, row.result) == ("train", "finished", {"times": 1})
        assert row.inputs_sha256 == fingerprint({"seed": 0})

    def test_each_round_does_its_own(self, context):
        calls = []
        step = counting(calls)
        step.do(context)
        context.ledger.finish_round(1, None)
        context.ledger.begin_round(Settings())
        step.do(context.of_round(2))
        assert calls == [1, 2]

    def test_work_that_failed_is_recorded_and_done_again(self, context):
        def fail(context):
            raise RuntimeError("out of luck")

        step = counting([])
        with pytest.raises(RuntimeError):
            once(context, step, fail)
        (row,) = context.ledger.steps(1)
        assert (row.status, row.error) == ("started", "RuntimeError: out of luck")
        assert once(context, step, step.work) == Counted(1)
        (row,) = context.ledger.steps(1)
        assert (row.status, row.attempts, row.error) == ("finished", 2, "")
        assert row.seconds >= 0

    def test_a_full_disk_below_another_error_is_told_as_such(self, context):
        def fail(context):
            try:
                raise OSError(errno.ENOSPC, "No space left on device")
            except OSError as error:
                raise RuntimeError("the writer gave up") from error

        with pytest.raises(NoSpace, match="make room"):
            once(context, counting([]), fail)


class TestCollect:
    """Until all are answered the step is not done, and nothing is recorded of it."""

    @pytest.fixture
    def asked(self, context):
        requests = [LabelRequest.of(1, chosen(i, i)) for i in (2, 5)]
        context.ledger.put_requests(requests)
        context.__dict__["settings"] = Settings().changed({"annotator.backend": "page"})
        return requests

    def test_waiting(self, context, asked):
        context.ledger.put_answer(mask_answer(asked[0], "a0"))
        assert collect.do(context) == Collected(waiting=1)
        assert context.ledger.step(1, "collect") is None

    def test_answered(self, context, asked):
        for number, request in enumerate(asked):
            context.ledger.put_answer(mask_answer(request, f"a{number}"))
        found = collect.do(context)
        assert (found.waiting, found.answered, found.expired) == (0, 2, 0)
        assert found.as_of == context.ledger.newest_answer_at(1).isoformat()
        assert collect.do(context) == found
        assert [label.frame.frame_idx for label in context.labels_collected] == [2, 5]

    def test_what_was_rejected_is_kept_with_the_result(self, context, asked, monkeypatch):
        monkeypatch.setattr("tasks.steps.table.collect_found", lambda context: Collected(rejected=("bad file",)))
        for number, request in enumerate(asked):
            context.ledger.put_answer(mask_answer(request, f"a{number}"))
        assert collect.do(context).rejected == ("bad file",)
        assert context.ledger.step(1, "collect").result["rejected"] == ["bad file"]


def test_the_steps_are_in_their_order_and_an_unknown_one_is_refused():
    assert tuple(STEPS) == NAMES
    with pytest.raises(UnknownName, match="unknown step 'trian'.*train"):
        STEPS["trian"]


def test_a_step_reads_what_an_earlier_step_makes():
    """Of the same round, or of the one before; what is read has files to be looked at."""
    order = list(STEPS)
    for name, step in STEPS.items():
        for other, shift in step.reads:
            assert shift == -1 or order.index(other) < order.index(name)
            assert other in ("train", "predict", "propagate")


@pytest.mark.parametrize(
    ("result", "stored"),
    [
        (Chosen(((1, 3), (2, 0)), control=1), {"frames": [[1, 3], [2, 0]], "control": 1}),
        (Chosen(empty="no frame is left"), {"frames": [], "empty": "no frame is left"}),
        (Requested(2, 1), {"requested": 2, "ahead": 1}),
        (
            Collected(0, ("bad",), 3, 1, "2026-01-02T03:04:05"),
            {"waiting": 0, "rejected": ["bad"], "answered": 3, "expired": 1, "as_of": "2026-01-02T03:04:05"},
        ),
        (
            Trained("s.pth", "1" * 64, "cpu", None, 2, ("fresh",)),
            {
                "checkpoint": "s.pth",
                "sha256": "1" * 64,
                "device": "cpu",
                "loss": None,
                "labels": 2,
                "notes": ["fresh"],
            },
        ),
        (Predicted("2" * 64, 1, {"1": "3" * 64}), {"sha256": "2" * 64, "videos": 1, "hashes": {"1": "3" * 64}}),
        (
            Propagated(1, {"flow": {"slope": 1.0, "ece_before": [None, None, None]}}, {}),
            {"videos": 1, "calibration": {"flow": {"slope": 1.0, "ece_before": [None, None, None]}}, "hashes": {}},
        ),
        (Audited(1, ((0.0, 80.0, 2.5),)), {"videos": 1, "credits": [[0.0, 80.0, 2.5]]}),
    ],
)
def test_results_are_stored_under_the_same_keys_as_ever(result, stored):
    assert result.to_json() == stored
    assert type(result).from_json(stored) == result


def test_results_of_earlier_versions_are_read():
    assert Predicted.from_json({}) == Predicted(None, 0, {})
    assert Audited.from_json({"videos": 3}) == Audited(3)
    assert Chosen.from_json({"frames": [[1, 2]], "strategy": "gone"}).frames == ((1, 2),)


def two_rounds(folder):
    """Round 1 is finished, round 2 has its answers; what the steps returned is written by hand."""
    ledger = ledger_with_clip(folder)
    (folder / "weights.pth").write_bytes(b"weights of round 1")
    results = (Trained("weights.pth", "1" * 64, "cpu", 0.5, 2), Predicted("2" * 64, 1), Propagated(1))
    for round_id in (1, 2):
        ledger.begin_round(Settings())
        with duckdb.connect(str(ledger.path)) as connection:
            connection.execute("UPDATE round SET settings = ?", [SETTINGS])
        selected = [chosen(3 * round_id, 0), chosen(3 * round_id + 1, 1)]
        ledger.put_selection(round_id, "uniform", selected)
        requests = [LabelRequest.of(round_id, s) for s in selected]
        ledger.put_requests(requests)
        for number, request in enumerate(requests):
            ledger.put_answer(mask_answer(request, f"a{round_id}{number}"))
        done = [Collected(as_of=ledger.newest_answer_at(round_id).isoformat()), results[0]]
        for result in (*done, *(results[1:] if round_id == 1 else ())):
            ledger.begin_step(round_id, result.step, "0" * 64)
            ledger.finish_step(round_id, result.step, result.to_json(), 1.0)
        ledger.put_delivered(round_id, 1, f"rounds/{round_id:04d}/delivered/clip.parquet", 12, [])
        if round_id == 1:
            ledger.finish_round(1, None)
    return partial(RoundContext, Project.at(folder), ledger)


SETTINGS = """
{"seed":0,"frames":{"working_long_side":448,"cache_gigabytes":20.0},
"student":{"config":"rtmdet_ins_tiny","override":"","init_weights":"","warm_start":true,"long_side":320,
"iterations":150,"first_round_iterations":250,"batch_size":2,"learning_rate":0.0005,"checkpoint_interval":50,
"max_objects":100,"device":"auto"},
"teachers":{"decays":[0.9,0.97],"seeds":1,"views":["identity","flip"],"score_threshold":0.3,"match_iou":0.5},
"uncertainty":{"class_entropy":1.0,"mutual_information":1.0,"box_spread":0.5,"mask_disagreement":1.0,
"existence_disagreement":1.0,"temporal_inconsistency":1.0},
"selection":{"strategy":"value","frames_per_round":2,"min_gap":2,"quota_per_video":0,"pool_factor":4,
"planned_frames":0,"control_share":0.1},
"annotator":{"backend":"simulated","noise_pixels":0.0,"mask_seconds":80.0,"box_seconds":7.0,"click_seconds":1.5,
"click_overhead_seconds":1.0,"absent_seconds":3.0,"accept_seconds":2.0,"polygon_seconds":25.0,"scribble_seconds":11.0,
"click_noise_pixels":2.0,"box_noise_pixels":3.0,"judgement_error":0.03,"lease_seconds":300.0,"blind_share":0.0,
"double_share":0.0,"known_truth_share":0.0,"ahead":0,"label_studio_url":"http://127.0.0.1:8080",
"label_studio_token_variable":"LABEL_STUDIO_TOKEN","cvat_url":"","cvat_token_variable":"CVAT_TOKEN"},
"propagation":{"methods":["flow"],"flow_long_side":427,"flow_preset":"fine","teacher_weight":1.0,
"new_object_threshold":0.8,"encoder":"","encoder_steps":400,"specialist_steps":300,"parent":"","cutie_weights":""},
"stopping":{"max_rounds":4,"max_human_frames":0,"max_human_seconds":0.0,"target_coverage":0.0,"plateau_rounds":0,
"plateau_gain":0.005},
"schedule":{"answered_share":1.0,"deadline_hours":0.0},
"notify":{"url":"","url_variable":"FEWFRAMES_NOTIFY_URL","page_url":""}}
"""
"""The defaults of state 7c52e30, as it stored them with a round."""

FINGERPRINTS = {
    (1, "select"): "c5eddb28cfa082562fe225413487f623ec8d2ad63363270a42b6b6cb20bab297",
    (1, "request"): "791f03e9a463ea243a28a87f3450483569416dc04f8c5bed85d7fe92f5a839f2",
    (1, "collect"): "7a1ff056faf269a633c7065a6f27a4dd695e2b97e849d6be9178fd9e20bf70a1",
    (1, "train"): "f6bbac5673c9375b2d0f91a0d1dae17dc7fbb6af4ee335d95e1535b2a4f3b610",
    (1, "predict"): "4a4e05a0abe397a02fd997d5a449999065a6ebfced5906cb3ee6bee482b06c34",
    (1, "propagate"): "e444681aff98f2ebc241d290c285465ff2c32940a5edf9f22cf59def253fbc16",
    (1, "audit"): "93b549c578593710567e4702a93de0a6dc573a495cbd3f35e8b68217c939e65f",
    (2, "select"): "3b3df09b5003aa276242841d5d2dd70264ee5e45d754388533848ec2efcbcaa6",
    (2, "request"): "e7dc25f4679a1614e9c68b07ce71690e6a2cd6a272c3263e6f375ae6669f35e0",
    (2, "collect"): "ceee377cf8a203c6d1aadac953bc64c02447dea70fa4547b26e96925d093a1cf",
    (2, "train"): "74aa3504f0aaba92b3331d4b6917d6eaf9015317313b3b7a1bf050d36f695025",
    (2, "predict"): "4a4e05a0abe397a02fd997d5a449999065a6ebfced5906cb3ee6bee482b06c34",
    (2, "propagate"): "a879a20412f3ff69b037bbc133098abf58c7dbdcaf417083a5bfb7658610c8d7",
    (2, "audit"): "5170f21ceb50135bed5b2d0993831abc8e515542793f5482663387b87ca93b3c",
}
"""Of the inputs of every step of ``two_rounds``, as the code of state 7c52e30 computed them."""


def test_open_rounds_of_earlier_versions_go_on(tmp_path):
    """A step whose inputs had another fingerprint would be done again."""
    rounds = two_rounds(tmp_path)
    found = {
        (round_id, name): fingerprint(step.inputs(rounds(round_id)))
        for round_id in (1, 2)
        for name, step in STEPS.items()
    }
    assert found == FINGERPRINTS


def test_a_finished_step_whose_inputs_are_told_in_another_way_by_now_stays_finished(context):
    step = STEPS["collect"]
    assert once(context, step, lambda _: Collected(answered=2)) == Collected(answered=2)
    told_anew = replace(step, inputs=lambda _: {"told": "anew"})
    with pytest.raises(LedgerConflict, match="finished with other inputs"):
        once(context, told_anew, lambda _: Collected(answered=3))
    assert once(context, replace(told_anew, form=2), lambda _: Collected(answered=3)) == Collected(answered=2)


class TestMemory:
    """A training whose frames do not fit into memory; the work needs as much as the settings say."""

    @staticmethod
    def work(context):
        """Take the memory for a batch: more than there is, unless the batch is of one frame."""
        np.empty(10**6 if context.settings.student.batch_size == 1 else 2**62, np.uint8)
        return Counted(context.settings.student.batch_size)

    @pytest.fixture
    def train(self):
        return Step(Counted, lambda context: {"batch": context.stored.part("student.batch_size")}, self.work)

    def begin(self, context, **student):
        names = {f"student.{name}": value for name, value in student.items()}
        context.ledger.change_round(1, Settings().changed(names), "ada", list(names))
        return context.of_round(1)

    def test_it_is_done_once_more_with_less_and_the_ledger_says_with_what(self, context, train, caplog):
        context = self.begin(context, batch_size=2)
        assert once(context, train, train.work) == Counted(1)
        assert "it is tried once more with student.batch_size = 1" in caplog.text
        assert context.ledger.step_settings(1, "train").settings.student.batch_size == 1
        assert context.ledger.round(1).settings.student.batch_size == 1
        (entry,) = [e for e in context.ledger.audit_log() if e.who == "fewframes"]
        assert (entry.action, entry.detail) == ("settings", "student.batch_size = 1")
        # The same call once more finds it done.
        assert once(context.of_round(1), train, train.work) == Counted(1)
        assert context.ledger.step(1, "train").attempts == 2

    def test_settings_that_were_asked_for_are_lowered_too(self, context, train):
        context = self.begin(context, batch_size=2)
        context.ledger.want(Settings().changed({"student.batch_size": 2, "seed": 5}))
        once(context, train, train.work)
        assert context.ledger.wanted() == Settings().changed({"student.batch_size": 1, "seed": 5})

    def test_a_second_time_it_says_what_to_lower(self, context, train):
        context = self.begin(context, batch_size=8)
        with pytest.raises(OutOfMemory, match=r"step 'train' of round 1 \(Unable to allocate .*batch_size \(4\)"):
            once(context, train, train.work)
        assert context.ledger.step(1, "train").error.startswith("OutOfMemory: memory ran out in step 'train'")

    def test_it_is_not_tried_again_where_the_settings_say_so(self, context, train):
        context = self.begin(context, batch_size=2, lower_on_memory=False)
        with pytest.raises(OutOfMemory, match=r"lower student.long_side \(320\), student.batch_size \(2\)"):
            once(context, train, train.work)
        assert context.ledger.step(1, "train").attempts == 1

    def test_one_that_the_system_killed_for_memory_is_recognised_and_done_with_less(self, context, train, caplog):
        context = self.begin(context, batch_size=2)
        note = context.project.round_dir(1) / "train.working"
        with noted(note):
            told = json.loads(note.read_text())
        note.write_text(json.dumps(told | {"process": 4321, "kills": told["kills"] - 1}))
        assert once(context, train, train.work) == Counted(1)
        assert "process 4321 was ended by the system when memory ran out" in caplog.text
        assert not note.exists()


class TestClose:
    def test_a_finished_round_keeps_its_reason(self, context):
        context.ledger.finish_round(1, "all is done")
        assert close(context.of_round(1)) == "all is done"

    def test_an_empty_selection_ends_the_campaign(self, context):
        context.ledger.begin_step(1, "select", "0" * 64)
        context.ledger.finish_step(1, "select", Chosen(empty="no frame is left").to_json(), 1.0)
        assert close(context) == "no frame is left"
        assert context.ledger.round(1).status == "finished"

    def test_what_was_asked_ahead_is_taken_back_when_the_campaign_ends(self, context):
        context.ledger.put_requests([LabelRequest.of(2, chosen(4))])
        context.__dict__["settings"] = Settings().changed({"stopping.max_rounds": 1})
        assert close(context) == "all rounds are done: 1 of 1"
        assert context.ledger.requests(2) == []
