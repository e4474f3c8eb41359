"""The settings of a project on a terminal of 80 columns."""

import io

import pytest
from rich.console import Console

from al_core.project import Project
from al_core.settings import Settings
from tasks.project.round_control import ask_for
from tasks.report.setting_rows import view_settings
from tasks.report.setting_tables import print_settings, written
from tests.toys.ledgers import ledger_with_clip

BEGUN = Settings().changed({"annotator.backend": "inbox"})


@pytest.fixture
def project(tmp_path):
    """A project whose first round asked, after which somebody changed settings."""
    project = Project.at(tmp_path)
    ledger = ledger_with_clip(tmp_path)
    ledger.begin_round(BEGUN)
    for step in ("select", "request"):
        ledger.begin_step(1, step, "0" * 64)
        ledger.finish_step(1, step, {}, 1.0)
    ask_for(project, BEGUN.changed({"student.max_objects": 50, "selection.strategy": "random"}), "eve")
    ledger.pause("eve")
    return project, ledger


def printed(project, chosen=lambda view: view):
    console = Console(file=io.StringIO(), width=80)
    view = view_settings(project[1])
    print_settings(project[0], view, chosen(view), console)
    return console.file.getvalue()


def line(text, name):
    return " ".join(next(found for found in text.splitlines() if found.strip().startswith(name)).split())


def test_each_setting_has_its_value_its_default_what_waits_and_when_a_change_holds(project):
    text = printed(project)
    assert line(text, "strategy") == "strategy value the same random from round 2"
    assert line(text, "max_objects") == "max_objects 50 100 in this round"
    assert line(text, "init_weights") == 'init_weights "" the same in this round'


def test_around_it_stands_what_holds_the_project_up_and_how_to_change_it(project):
    text = printed(project, lambda view: view.short())
    assert f"{project[0].root.name}: round 1 is at work with these settings (done: select, request)." in text
    assert "It is paused since" in text
    assert "fewframes resume --project" in text
    assert "The change of selection.strategy holds from round 2 on." in text
    assert "With student.max_objects = 100 ran: select, request." in text
    assert "other settings are not shown: fewframes settings --all" in text
    assert "To change one: fewframes run --set NAME=VALUE" in text
    assert "other settings" not in printed(project)


def test_tables_fit_80_columns(project):
    text = printed(project).splitlines()
    table = text[2 : next(i for i, row in enumerate(text) if row.startswith("The change"))]
    assert max(len(row) for row in table) <= 80
    assert "…" not in "".join(table)
    assert any("label_studio_token_variable" in row for row in table)


def test_where_nothing_is_at_work_or_waits_there_are_three_columns(tmp_path):
    project = Project.at(tmp_path), ledger_with_clip(tmp_path)
    text = printed(project)
    assert "no round has begun; the first begins with these settings" in text
    assert line(text, "setting ") == "setting in force default"
    project[1].begin_round(BEGUN)
    project[1].finish_round(1, None)
    assert "round 1 is finished; the next round begins with these settings" in printed(project)


@pytest.mark.parametrize(
    ("value", "text"), [("", '""'), ("random", "random"), (True, "true"), (0.5, "0.5"), (["flow"], '["flow"]')]
)
def test_values_are_written_as_they_are_set(value, text):
    assert written(value) == text
