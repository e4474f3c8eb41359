"""The sentence of a round, with stand-ins for the steps that take long, on a real ledger."""

from dataclasses import replace

import pytest

from al_core.fingerprint import fingerprint_file
from al_core.project import Project
from al_core.records import Answer, FrameLabel, LabelKind, LabelRequest
from al_core.settings import Settings
from tasks.ledger.client import open_ledger
from tasks.processes.run_lock import only_run
from tasks.project.round_control import ask_for, settings_of_schedule, stuck
from tasks.report.tables import round_line
from tasks.steps import table
from tasks.steps.context import Audited, Chosen, Predicted, Propagated, Requested, Trained
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer

ORDER = ["select", "request", "collect", "train", "predict", "propagate", "audit"]


class Round:
    """A project of one clip whose steps note that they were done.

    Attributes:
        done: names of the steps whose work was done, in order.
    """

    def __init__(self, folder, monkeypatch, backend="simulated"):
        ledger_with_clip(folder)
        self.project = Project.at(folder)
        self.ledger = open_ledger(self.project)
        self.settings = Settings().changed({"annotator.backend": backend, "stopping.max_rounds": 2})
        self.done = []
        weights = folder / "weights.pth"
        weights.write_bytes(b"weights")
        self.results = {
            "select": Chosen(((1, 3), (1, 8))),
            "train": Trained("weights.pth", fingerprint_file(weights)),
            "predict": Predicted("2" * 64),
            "propagate": Propagated(),
            "audit": Audited(),
        }
        for name, step in table.STEPS.items():
            work = {"request": self._ask, "collect": step.work}.get(name, self._stand_in(name))
            monkeypatch.setattr(table, name, replace(step, work=self._noted(name, work)))
        monkeypatch.setattr(table, "collect_work", self._noted("collect", table.collect_work))
        self.rounds_at_trial = []
        monkeypatch.setattr("flows.round.rehearse", self._rehearse)
        monkeypatch.setattr(table, "tell_finished", lambda *_: self.done.append("finish"))

    def run(self):
        """What the flow returns."""
        from flows.round import run_round

        return run_round.fn(self.project, self.settings)

    def answer(self, frame_idx):
        """A person draws the object in a frame that was asked for."""
        (request,) = [r for r in self.ledger.requests() if r.frame.frame_idx == frame_idx]
        self.ledger.put_answer(mask_answer(request, f"a{frame_idx}"))

    def _ask(self, context):
        selected = [chosen(3, 0), chosen(8, 1)]
        context.ledger.put_requests([LabelRequest.of(context.round_id, s) for s in selected])
        return Requested(2)

    def _rehearse(self, project, ledger, settings):
        self.rounds_at_trial.append(len(ledger.rounds()))

    def _stand_in(self, name):
        return lambda context: self.results[name]

    def _noted(self, name, work):
        def noted(context, **given):
            self.done.append(name)
            return work(context, **given)

        return noted


@pytest.fixture
def simulated(no_prefect, tmp_path, monkeypatch):
    yield from open_round(tmp_path, monkeypatch, "simulated")


@pytest.fixture
def people(no_prefect, tmp_path, monkeypatch):
    yield from open_round(tmp_path, monkeypatch, "page")


def open_round(folder, monkeypatch, backend):
    """A round whose ledger this process keeps open: a round opens it a hundred times, which costs seconds."""
    made = Round(folder, monkeypatch, backend)
    with made.ledger.held():
        yield made


def test_the_steps_are_done_in_their_order(simulated):
    outcome = simulated.run()
    assert simulated.done == [*ORDER, "finish"]
    assert (outcome.round_id, outcome.waiting, outcome.stop_reason) == (1, 0, None)
    assert [step.name for step in sorted(simulated.ledger.steps(1), key=lambda s: s.finished_at)] == ORDER
    assert simulated.ledger.round(1).status == "finished"


def test_the_student_is_tried_before_the_round_is_stored(people):
    people.run()
    assert people.rounds_at_trial[0] == 0


def test_the_next_round_may_end_the_campaign(simulated):
    simulated.run()
    assert simulated.run().stop_reason == "all rounds are done: 2 of 2"


def test_what_is_done_is_not_done_again(simulated):
    simulated.results["predict"] = None
    with pytest.raises(AttributeError):
        simulated.run()
    before = simulated.done.copy()
    simulated.results["predict"] = Predicted("2" * 64)
    simulated.run()
    assert before == ORDER[:5]
    assert simulated.done[5:] == ["predict", "propagate", "audit", "finish"]


def test_a_step_that_fails_stops_the_round_and_is_recorded(simulated, monkeypatch):
    def fail(context):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(table, "train", replace(table.train, work=fail))
    with pytest.raises(RuntimeError, match="out of luck"):
        simulated.run()
    assert simulated.done == ["select", "request", "collect"]
    assert simulated.ledger.step(1, "train").error == "RuntimeError: out of luck"
    assert simulated.ledger.round(1).status == "running"


def test_a_round_that_waits_for_people_goes_no_further(people):
    outcome = people.run()
    assert (outcome.waiting, people.done) == (2, ["select", "request"])
    people.answer(3)
    assert people.run().waiting == 1
    assert people.done == ["select", "request"]
    people.answer(8)
    assert people.run().waiting == 0
    assert people.done == [*ORDER, "finish"]


def test_nothing_is_trained_or_predicted_while_no_label_shows_an_object(people, monkeypatch):
    for name in ("train", "predict"):
        monkeypatch.setattr(table, name, table.STEPS[name])
    assert people.run().waiting == 2
    for request in people.ledger.requests():
        seen = FrameLabel(request.frame, ())
        people.ledger.put_answer(Answer(f"a{request.frame}", request.request_id, seen, LabelKind.MASK, 9.0, "ann"))
    people.run()
    assert people.ledger.prediction_paths(1) == {}
    assert round_line(people.project, 1).plain.endswith("not trained: no label shows an object yet")


def test_with_nothing_to_select_the_campaign_is_over(simulated):
    simulated.results["select"] = Chosen(empty="no frame is left to ask for")
    outcome = simulated.run()
    assert simulated.done == ["select", "finish"]
    assert outcome.stop_reason == "no frame is left to ask for"


def test_a_campaign_that_is_over_says_so_until_its_settings_allow_more(simulated):
    from tasks.processes.campaign_end import campaign_over

    assert campaign_over(simulated.project, simulated.settings) is None
    simulated.run()
    simulated.run()
    assert campaign_over(simulated.project, simulated.settings).stop_reason == "all rounds are done: 2 of 2"
    assert campaign_over(simulated.project, simulated.settings.changed({"stopping.max_rounds": 3})) is None


class TestDeployed:
    def test_a_round_is_taken(self, simulated):
        from flows.round import take_round

        said = take_round.fn(str(simulated.project.root), changes={"annotator.backend": "simulated"})
        assert said.message == "round 1 is finished"

    def test_it_says_how_many_labels_it_waits_for(self, people):
        from flows.round import take_round

        said = take_round.fn(str(people.project.root), changes={"annotator.backend": "page"})
        assert said.message == "round 1 waits for 2 labels"

    @pytest.mark.parametrize("flow", ["flows.round:take_round", "flows.campaign:take_campaign"])
    def test_beside_another_run_nothing_is_begun(self, simulated, flow):
        from importlib import import_module

        module, _, name = flow.partition(":")
        with only_run(simulated.project.root):
            said = getattr(import_module(module), name).fn(str(simulated.project.root))
        assert said.message == "another process takes the rounds of this project on already"
        assert simulated.ledger.last_round() is None


class TestSteering:
    """Settings that change while a round is under way, rounds that are given up, and pauses."""

    def test_a_wrong_setting_that_people_had_labelled_for_is_mended_and_their_answers_stay(self, people, monkeypatch):
        def train(context):
            people.done.append(context.settings.student.init_weights)
            if context.settings.student.init_weights:
                raise RuntimeError("no such weights")
            return people.results["train"]

        people.settings = people.settings.changed({"student.init_weights": "weights.pth"})
        monkeypatch.chdir(people.project.root)
        monkeypatch.setattr("flows.round.check", lambda *_: None)
        monkeypatch.setattr(table, "train", replace(table.train, work=train))
        people.run()
        people.answer(3)
        people.answer(8)
        with pytest.raises(RuntimeError, match="no such weights"):
            people.run()
        assert "step 'train' failed once: RuntimeError: no such weights" in stuck(people.project, people.ledger)
        people.settings = people.settings.changed({"student.init_weights": ""})
        asked = ask_for(people.project, people.settings, "eve")
        assert (asked.now, asked.later) == (("student.init_weights",), ())
        assert people.run().stop_reason is None
        assert people.done.count("select") == people.done.count("collect") == 1
        assert len(people.ledger.human_labels()) == 2
        assert people.ledger.step_settings(1, "select").settings.student.init_weights == "weights.pth"

    def test_a_round_that_an_early_version_wedged_goes_on_with_another_back_end(self, people, monkeypatch):
        """The simulated annotator on plain videos: nothing could be chosen, and the round kept its settings."""
        wedged = people.settings.changed({"annotator.backend": "simulated"})
        people.ledger.begin_round(wedged)
        people.ledger.begin_step(1, "select", "a")
        people.ledger.fail_step(1, "select", "BadSettings: annotator.backend is 'simulated', but no video has any")
        assert "run --set annotator.backend=page" in stuck(people.project, people.ledger)
        assert ask_for(people.project, people.settings, "eve").now == ("annotator.backend",)
        assert people.run().waiting == 2
        assert stuck(people.project, people.ledger) is None

    def test_answers_of_an_abandoned_round_are_labels_of_the_next(self, people, monkeypatch):
        learned = []

        def choose(context):
            return replace(people.results["select"], as_of=context.known_as_of)

        monkeypatch.setattr(table, "select", replace(table.select, work=choose))
        monkeypatch.setattr(table, "train", replace(table.train, work=lambda context: learned.append(
            [label.frame.frame_idx for label in context.labels_collected]) or people.results["train"]))  # fmt: skip
        people.run()
        people.answer(3)
        people.ledger.abandon_round("eve")
        assert people.run().round_id == 2
        (late,) = people.ledger.requests(1, "abandoned")
        people.ledger.put_answer(mask_answer(late, "late"))
        people.run()
        for request in people.ledger.requests(2):
            people.ledger.put_answer(mask_answer(request, f"b{request.frame.frame_idx}"))
        assert people.run().round_id == 2
        assert learned == [[3, 8]]
        assert people.ledger.round(2).status == "finished"

    def test_abandoned_rounds_do_not_count_for_the_number_of_rounds(self, people):
        people.run()
        people.ledger.abandon_round("eve")
        people.run()
        for request in people.ledger.requests(2):
            people.ledger.put_answer(mask_answer(request, f"b{request.frame.frame_idx}"))
        assert people.run().stop_reason is None

    def test_a_paused_project_begins_no_round_and_no_step_after_the_answers(self, people):
        people.run()
        people.answer(3)
        people.answer(8)
        pause = people.ledger.pause("eve")
        assert people.run().paused == pause
        assert people.done == ["select", "request", "collect"]
        people.ledger.resume("eve")
        assert people.run().paused is None
        people.ledger.pause("eve")
        assert (people.run().round_id, people.ledger.last_round().round_id) == (1, 1)

    def test_a_budget_that_is_changed_while_people_label_counts_for_this_round(self, people):
        people.run()
        asked = ask_for(people.project, people.settings.changed({"stopping.max_rounds": 1}), "eve")
        assert asked.now == ("stopping.max_rounds",)
        people.answer(3)
        people.answer(8)
        assert people.run().stop_reason == "all rounds are done: 1 of 1"

    def test_a_campaign_begins_its_next_round_with_what_was_asked_for_meanwhile(self, simulated, monkeypatch):
        from flows import campaign
        from flows.round import run_round

        monkeypatch.setattr(campaign, "run_round", run_round.fn)

        def audit(context):
            if context.round_id == 1:
                ask_for(context.project, simulated.settings.changed({"selection.frames_per_round": 7}), "eve")
            return simulated.results["audit"]

        monkeypatch.setattr(table, "audit", replace(table.audit, work=audit))
        campaign.run_campaign.fn(simulated.project, simulated.settings)
        frames = [this.settings.selection.frames_per_round for this in simulated.ledger.rounds()]
        assert frames == [simulated.settings.selection.frames_per_round, 7]

    def test_a_schedule_asks_once_so_that_a_person_may_change_it(self, people):
        changes = {"selection.frames_per_round": 7}
        assert settings_of_schedule(people.project, None, changes).selection.frames_per_round == 7
        ask_for(people.project, people.settings.changed({"selection.frames_per_round": 9}), "eve")
        assert settings_of_schedule(people.project, None, changes).selection.frames_per_round == 9
        other = {"selection.frames_per_round": 5}
        assert settings_of_schedule(people.project, None, other).selection.frames_per_round == 5


def test_a_round_that_learns_from_imported_labels_asks_nobody_and_does_not_count(no_prefect, tmp_path, monkeypatch):
    """With at most one round that asks, the second is the last."""
    page = Round(tmp_path, monkeypatch, "page")
    page.settings = page.settings.changed({"stopping.max_rounds": 1})
    asking = table.request
    page.results |= {"select": Chosen(learns=True), "request": Requested()}
    monkeypatch.setattr(table, "request", replace(asking, work=page._noted("request", page._stand_in("request"))))
    first = page.run()
    assert page.done == [*ORDER, "finish"]
    assert (first.waiting, first.stop_reason) == (0, None)
    page.results["select"] = Chosen(((1, 3), (1, 8)))
    monkeypatch.setattr(table, "request", asking)
    assert page.run().waiting == 2
    page.answer(3)
    page.answer(8)
    assert page.run().stop_reason == "all rounds are done: 1 of 1"
