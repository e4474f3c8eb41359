"""What of a project's settings is in force, default, waiting, and from when on a change holds."""

import json

import pytest

from al_core.errors import UnknownName
from al_core.project import Project
from al_core.settings import Settings, leaves
from tasks.project.round_control import ask_for
from tasks.report.setting_rows import MATTER, view_settings
from tests.toys.ledgers import ledger_with_clip

BEGUN = Settings().changed({"annotator.backend": "inbox", "student.iterations": 9})
NAMES = [name for name, _ in leaves(Settings().model_dump())]


def row(ledger, name):
    return {row.name: row for row in view_settings(ledger).rows}[name]


def finish(ledger, *steps):
    for step in steps:
        ledger.begin_step(1, step, "0" * 64)
        ledger.finish_step(1, step, {}, 1.0)


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def test_before_the_first_round_the_defaults_or_what_was_asked_for_are_in_force(ledger):
    view = view_settings(ledger)
    assert (view.round_id, view.status, view.done) == (0, "", ())
    assert [r.name for r in view.rows if not r.is_default] == []
    assert [r.name for r in view.rows] == NAMES
    ledger.want(BEGUN)
    found = row(ledger, "student.iterations")
    assert (found.value, found.default, found.waits, found.holds_from) == (9, 150, False, 1)


def test_a_round_at_work_has_its_own_and_the_next_what_was_asked_for(ledger, tmp_path):
    ledger.begin_round(BEGUN)
    finish(ledger, "select", "request")
    ask_for(Project.at(tmp_path), BEGUN.changed({"student.iterations": 12, "selection.strategy": "random"}), "eve")
    now, later = row(ledger, "student.iterations"), row(ledger, "selection.strategy")
    assert (now.value, now.waits, now.earlier, now.holds_from) == (12, False, {"select": 9, "request": 9}, 1)
    assert (later.value, later.waits, later.next, later.earlier, later.holds_from) == ("value", True, "random", {}, 2)
    assert view_settings(ledger).done == ("select", "request")


def test_after_a_round_the_next_begins_with_what_it_had(ledger):
    ledger.begin_round(BEGUN)
    finish(ledger, "select")
    ledger.finish_round(1, None)
    found = row(ledger, "student.iterations")
    assert (view_settings(ledger).status, found.value, found.earlier, found.holds_from) == ("finished", 9, {}, 2)


def test_one_section_one_setting_or_what_matters(ledger):
    view = view_settings(ledger)
    assert {r.section for r in view.chosen("selection").rows} == {"selection"}
    assert [r.name for r in view.chosen("seed").rows] == ["seed"]
    assert [r.name for r in view.short().rows] == [name for name in NAMES if name in MATTER]
    with pytest.raises(UnknownName, match="Did you mean 'selection'"):
        view.chosen("selektion")
    with pytest.raises(UnknownName, match="Did you mean 'selection.strategy'"):
        view.chosen("selection.strategi")


def test_an_address_that_may_be_a_secret_is_not_shown(ledger):
    ledger.begin_round(BEGUN.changed({"notify.url": "https://hooks.example.org/T0/secret"}))
    view = view_settings(ledger)
    assert "secret" not in json.dumps(view.to_json())
    assert row(ledger, "notify.url").value == "(set, not shown)"


def test_for_programs(ledger):
    ledger.begin_round(BEGUN)
    ledger.pause("eve")
    found = json.loads(json.dumps(view_settings(ledger).to_json()))
    assert found["round"] == {"round_id": 1, "status": "running", "done": []}
    assert found["paused"]["who"] == "eve"
    assert found["settings"]["student.iterations"] == {
        "value": 9,
        "default": 150,
        "next_round": 9,
        "steps": {},
        "change_holds_from_round": 1,
    }
