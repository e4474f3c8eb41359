from itertools import groupby
from types import UnionType
from typing import Union, get_origin

import pytest

from al_core.errors import BadSettings
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.networks import imagenet_weights
from al_core.project import Project
from al_core.settings import Settings
from tasks.preflight import check, check_rounds
from tests.bench.wrong_settings import Case, cases, kept_open, leaves, tried
from tests.toys.ledgers import ledger_with_clip

BY_SECTION = {name: list(found) for name, found in groupby(sorted(cases()), key=lambda c: c.setting.split(".")[0])}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the projects of all cases lie."""
    return tmp_path_factory.mktemp("wrong")


def test_every_setting_has_wrong_values_of_each_kind():
    for name, field in leaves():
        kinds = {case.kind for case in cases() if case.setting == name}
        assert {"misspelt name", "wrong type"} <= kinds, name
        if field.annotation in (int, float) or get_origin(field.annotation) in (Union, UnionType):
            assert "out of range" in kinds, name
        elif field.annotation is not bool:
            assert len(kinds) > 2, name


@pytest.mark.parametrize("section", BY_SECTION)
def test_wrong_values_are_refused_in_one_line_and_nothing_is_stored(folder, section):
    with kept_open(folder):
        for case in BY_SECTION[section]:
            code, message, stored = tried(case, folder)
            assert (code, stored, message.count("\n")) == (1, (), 0), (case, message)
            assert case.setting.split(".")[-1][:-2] in message, (case, message)


WRONG = [
    Case("selection.strategy", "misspelt", ("selection.strategy=vlaue",)),
    Case("propagation.encoder", "no such file", ("propagation.encoder=nowhere.pth",)),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.setting)
@pytest.mark.parametrize("command", ["run", "round", "deploy"])
def test_each_command_that_takes_settings_refuses_them_alike(folder, command, case):
    code, message, stored = tried(case, folder, command)
    assert (code, stored, message.count("\n")) == (1, (), 0), message
    assert message.startswith(f"Error: {case.setting}: ")


def test_what_may_be_meant_is_said(folder):
    assert "Did you mean 'value'?" in tried(WRONG[0], folder).message


def test_a_project_whose_settings_fit_passes(tmp_path):
    ledger_with_clip(tmp_path)
    check(Settings(), Project.at(tmp_path))
    check(Settings())


def test_weights_of_the_first_round_are_not_looked_at_once_a_round_has_trained(tmp_path):
    ledger, project = ledger_with_clip(tmp_path), Project.at(tmp_path)
    gone = Settings().changed({"student.init_weights": str(tmp_path / "gone.pth")})
    with pytest.raises(BadSettings, match="student.init_weights: .*gone.pth: expected a file of weights"):
        check(gone, project)
    ledger.begin_round(Settings())
    ledger.begin_step(1, "train", "0" * 64)
    ledger.finish_step(1, "train", {}, 1.0)
    check(gone, project)
    with pytest.raises(BadSettings, match="gone.pth"):
        check(gone.changed({"student.warm_start": False}), project)


def test_rounds_under_way_and_to_come_are_looked_at_until_the_campaign_is_over(tmp_path):
    ledger, project = ledger_with_clip(tmp_path), Project.at(tmp_path)
    gone = Settings().changed({"student.init_weights": str(tmp_path / "gone.pth")})
    check_rounds(project)
    ledger.begin_round(Settings())
    check_rounds(project)
    ledger.want(gone)
    with pytest.raises(BadSettings, match="gone.pth.*The rounds of this project would fail.*run --project .* --set"):
        check_rounds(project)
    ledger.finish_round(1, None)
    ledger.begin_round(gone)
    ledger.want(Settings())
    with pytest.raises(BadSettings, match="gone.pth"):
        check_rounds(project)
    ledger.finish_round(2, "all rounds are done: 2 of 2")
    ledger.want(gone)
    check_rounds(project)


def test_nothing_is_simulated_in_a_project_of_people_unless_its_round_is_under_way(tmp_path):
    ledger, project = ledger_with_clip(tmp_path), Project.at(tmp_path)
    simulated = Settings().changed({"annotator.backend": "simulated"})
    ledger.add_annotator("vic", Role.VIEWER)
    check(simulated, project)
    ledger.begin_round(simulated)
    ledger.add_annotator("ada")
    check(simulated, project)
    ledger.finish_round(1, None)
    with pytest.raises(BadSettings, match="annotator.backend is 'simulated', but ada may label in this project"):
        check(simulated, project)


def test_tokens_are_only_wanted_where_they_are_used(tmp_path, monkeypatch):
    ledger_with_clip(tmp_path)
    settings = Settings().changed({"annotator.backend": "label_studio"})
    monkeypatch.delenv("LABEL_STUDIO_TOKEN", raising=False)
    check(settings, Project.at(tmp_path), tokens=False)
    with pytest.raises(BadSettings, match="export LABEL_STUDIO_TOKEN"):
        check(settings, Project.at(tmp_path))
    monkeypatch.setenv("LABEL_STUDIO_TOKEN", "a token")
    check(settings, Project.at(tmp_path))


def test_small_videos_are_no_contradiction(tmp_path):
    """A folder of single pictures: no video allows two frames, whatever the gap."""
    assert Ledger(ledger_with_clip(tmp_path).path).video_lengths() == {1: 12}
    check(Settings().changed({"selection.min_gap": 11}), Project.at(tmp_path))
    check(Settings().changed({"selection.min_gap": 40, "selection.frames_per_round": 1}), Project.at(tmp_path))


def test_weights_of_a_student_that_are_not_installed(tmp_path, monkeypatch):
    ledger_with_clip(tmp_path)
    settings = Settings().changed({"student.config": "rtmdet_ins_lite0", "propagation.backbone": "none"})
    check(settings, Project.at(tmp_path))
    monkeypatch.setattr(imagenet_weights, "PACKAGE", "no_such_package")
    with pytest.raises(
        BadSettings, match=r"student\.config: expected the weights of EfficientNet-Lite0 .*not installed"
    ):
        check(settings, Project.at(tmp_path))


def test_heads_alone_are_trained_once_there_is_something_to_start_from(tmp_path):
    ledger, project = ledger_with_clip(tmp_path), Project.at(tmp_path)
    heads = Settings().changed({"student.train": "heads"})
    with pytest.raises(BadSettings, match="student.train: 'heads' leaves backbone and neck as they are"):
        check(heads, project)
    ledger.begin_round(Settings())
    ledger.begin_step(1, "train", "0" * 64)
    ledger.finish_step(1, "train", {}, 1.0)
    check(heads, project)
