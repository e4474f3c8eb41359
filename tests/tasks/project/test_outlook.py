import re

import pytest

from al_core.errors import BadSettings
from al_core.ledger.labelling.people import Role
from al_core.project import Project
from al_core.settings import Settings
from tasks.ledger.client import open_ledger
from tasks.project.outlook import check_simulated, hours_by_person, next_step, outlook_of, sentences_ahead
from tasks.steps.context import Chosen
from tests.toys.ledgers import asked, import_tables, ledger_with_clip, mask_answer

SIMULATED = Settings.model_validate({"annotator": {"backend": "simulated"}})


@pytest.fixture
def ledger(tmp_path):
    """A project with one clip, no people and no round."""
    return ledger_with_clip(tmp_path)


@pytest.fixture
def step(ledger, tmp_path):
    """Say what is next, with the folder of the project cut out."""
    return lambda served=None: next_step(Project.at(tmp_path), ledger, served).replace(str(tmp_path), "P")


def test_the_next_step_follows_the_campaign(ledger, step):
    assert step() == "begin the first round: fewframes run --project P"
    ledger.begin_round(Settings())
    requests = asked(ledger, 3, 7)
    assert step() == "give somebody who labels a link: fewframes annotator add NAME --project P"
    ledger.add_annotator("vic", Role.VIEWER)
    assert step().startswith("give somebody who labels a link")
    ledger.add_annotator("ada")
    assert step() == "let people label: fewframes serve --project P"
    assert step("at http://127.0.0.1:8600/") == "people label at http://127.0.0.1:8600/"
    for number, request in enumerate(requests):
        ledger.put_answer(mask_answer(request, f"answer {number}"))
    assert step() == "go on with: fewframes run --project P"
    ledger.finish_round(1, None)
    assert step() == "begin the next round: fewframes run --project P"
    assert step("at http://127.0.0.1:8600/") == "nothing: the next round begins by itself"
    ledger.begin_round(Settings())
    ledger.finish_round(2, "all frames are labelled")
    assert step().startswith("the campaign is over (all frames are labelled): give the labels away")


def test_a_round_says_what_it_asks_for_and_costs(ledger):
    ledger.add_annotator("ada")
    ledger.add_annotator("ben")
    ledger.begin_round(Settings())
    asked(ledger, 3, 7)
    outlook = outlook_of(ledger, Settings())
    assert (outlook.round_id, outlook.asks, outlook.facts.people) == (1, 2, 2)
    assert outlook.of_round().startswith("Round 1 of about ")
    assert "asks for 2 frames: people need about 80 s for each of 2 people" in outlook.of_round()
    assert outlook.of_campaign().startswith("Left of the budget: ")


def test_answers_of_the_open_round_do_not_shorten_the_campaign(ledger):
    settings = Settings().changed({"selection.frames_per_round": 2, "stopping.max_rounds": 3})
    ledger.begin_round(settings)
    requests = asked(ledger, 3, 7)
    assert (
        outlook_of(ledger, settings).of_round().startswith("Round 1 of 3 asks for 2 frames: people need about 2.7 min")
    )
    ledger.put_answer(mask_answer(requests[0], "first"))
    told = outlook_of(ledger, settings).of_round()
    assert re.match(r"Round 1 of 3 asks for 2 frames \(1 answered\): people need about .* s, then the machine", told)
    ledger.put_answer(mask_answer(requests[1], "second"))
    outlook = outlook_of(ledger, settings)
    assert outlook.of_round().startswith("Round 1 of 3 asks for 2 frames, all answered: the machine needs about ")
    assert (outlook.plan.left, outlook.rounds_left) == (4, 3)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            {},
            "nothing, as labels take so little time, for each other (at most 20 % of the labels' time; settings",
        ),
        ({"audit.share": 1.0}, "for the last delivery, about 2.1 min for each other (at most 100 % of"),
        (
            {"stopping.target_quality": 0.8},
            "(60 masks to judge, 8 to draw from nothing, 20 frames to look through) for each delivery that may",
        ),
    ],
)
def test_what_audits_cost_is_told_beforehand(ledger, changed, told):
    ledger.begin_round(Settings().changed(changed))
    asked(ledger, 3, 7)
    assert told in outlook_of(ledger, Settings()).of_audit()


def test_abandoned_rounds_are_none_of_the_campaigns(ledger):
    ledger.begin_round(Settings())
    before = outlook_of(ledger, Settings()).last_round
    ledger.abandon_round(1)
    outlook = outlook_of(ledger, Settings())
    assert outlook.uncounted == 1
    assert outlook.last_round == before + 1


def test_a_first_round_of_imported_labels_asks_nobody_and_is_none_of_the_campaigns(ledger):
    before = outlook_of(ledger, Settings()).last_round
    ledger.put_import("label", "kim", ["old.json"], **import_tables(2, 5))
    outlook = outlook_of(ledger, Settings())
    assert f"of about {before + 1} learns from 2 imported frames and asks nobody: the machine" in outlook.of_round()
    ledger.begin_round(Settings())
    ledger.begin_step(1, "select", "0" * 64)
    ledger.finish_step(1, "select", Chosen(learns=True).to_json(), 1.0)
    assert outlook_of(ledger, Settings()).learns == 2
    ledger.finish_round(1, None)
    outlook = outlook_of(ledger, Settings())
    assert (outlook.learns, outlook.facts.rounds, outlook.last_round) == (0, 0, before + 1)
    assert f"Round 2 of about {before + 1} asks for" in outlook.of_round()


def test_without_videos_there_is_only_a_next_step(tmp_path):
    project = Project.at(tmp_path / "empty")
    assert sentences_ahead(project, open_ledger(project), None) == [
        f"Next: take videos in: fewframes ingest PATH --project {project.root}."
    ]


def test_nothing_is_simulated_among_people(ledger):
    check_simulated(ledger, SIMULATED)
    ledger.add_annotator("vic", Role.VIEWER)
    check_simulated(ledger, SIMULATED)
    ledger.add_annotator("ada")
    with pytest.raises(BadSettings, match="annotator.backend is 'simulated', but ada may label"):
        check_simulated(ledger, SIMULATED)
    check_simulated(ledger, Settings())


def test_hours_are_told_by_person(ledger):
    ledger.begin_round(Settings())
    (request,) = asked(ledger, 3)
    answer = mask_answer(request, "a")
    ledger.put_answer(answer)
    ((name, frames, seconds),) = hours_by_person(ledger)
    assert frames == 1
    assert seconds == answer.seconds
    assert name == (answer.annotator or "unnamed")
