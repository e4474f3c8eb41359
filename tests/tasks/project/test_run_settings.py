import pytest

from al_core.errors import UnknownName
from al_core.project import Project
from al_core.settings import Settings, load_settings
from tasks.project.run_settings import asked_settings
from tests.toys.ledgers import ledger_with_clip


def test_without_a_preset_a_project_goes_on_as_its_last_round_ran(tmp_path):
    ledger, project = ledger_with_clip(tmp_path), Project.at(tmp_path)
    assert asked_settings(project, None, {}) == load_settings("default")
    ledger.begin_round(Settings().changed({"seed": 7}))
    assert asked_settings(project, None, {}).seed == 7
    assert asked_settings(project, "quick", {}) == load_settings("quick")
    assert asked_settings(project, None, {"seed": 8}).seed == 8


def test_a_name_that_is_none_is_refused(tmp_path):
    ledger_with_clip(tmp_path)
    with pytest.raises(UnknownName, match="sede"):
        asked_settings(Project.at(tmp_path), None, {"sede": 8})
