import pytest

from al_core.errors import BadSettings, UnknownName
from al_core.project import Project
from al_core.settings import Settings, load_settings
from tasks.project.run_settings import parse_overrides, settings_for_run
from tests.toys.ledgers import ledger_with_clip


def test_without_a_preset_a_project_goes_on_as_its_last_round_ran(tmp_path):
    ledger, project = ledger_with_clip(tmp_path), Project.at(tmp_path)
    assert settings_for_run(project, None, {}) == load_settings("default")
    ledger.begin_round(Settings().changed({"seed": 7}))
    assert settings_for_run(project, None, {}).seed == 7
    assert settings_for_run(project, "quick", {}) == load_settings("quick")
    assert settings_for_run(project, None, {"seed": 8}).seed == 8


def test_a_name_that_is_none_is_refused(tmp_path):
    ledger_with_clip(tmp_path)
    with pytest.raises(UnknownName, match="sede"):
        settings_for_run(Project.at(tmp_path), None, {"sede": 8})


def test_values_are_toml_or_plain_text():
    given = ["seed=3", "teachers.decays=[0.5, 0.9]", "selection.strategy=random", "notify.url=http://a/b=c", "a=true"]
    assert parse_overrides(given) == {
        "seed": 3,
        "teachers.decays": [0.5, 0.9],
        "selection.strategy": "random",
        "notify.url": "http://a/b=c",
        "a": True,
    }


def test_a_change_without_a_value_is_refused():
    with pytest.raises(BadSettings, match="NAME=VALUE, got 'seed'"):
        parse_overrides(["seed"])
