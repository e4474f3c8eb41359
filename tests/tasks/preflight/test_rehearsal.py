import json
import logging
import signal

import pytest
import torch

from al_core.errors import BadSettings
from al_core.project import Project
from al_core.records import Progress
from al_core.settings import Settings
from tasks.ledger.client import open_ledger
from tasks.preflight import rehearsal
from tasks.preflight.rehearsal import rehearse
from tasks.progress import listening
from tasks.project.ingest import ingest_paths
from tests.toys.processes.prepared import trial
from tests.toys.projects import write_clip
from tests.toys.students import NARROW

SMALL = {
    "annotator.backend": "page",
    "student.long_side": 64,
    "frames.working_long_side": 64,
    "teachers.decays": (0.5,),
}


@pytest.fixture
def project(tmp_path):
    """A project with one real clip."""
    project = Project.at(tmp_path / "project")
    ingest_paths(open_ledger(project), [write_clip(tmp_path / "clips")])
    return project


@pytest.fixture
def child(monkeypatch):
    """A child process that only answers what it is told to, and counts how often it was asked."""

    def ask(folder):
        ask.trials.append(json.loads((folder / "trial.json").read_text()))
        if ask.says is not None:
            (folder / "answer.json").write_text(json.dumps(ask.says))
        return ask.ends

    ask.trials, ask.says, ask.ends = [], {"notes": ["it fits"]}, 0
    monkeypatch.setattr(rehearsal, "_child", ask)
    return ask


def tried(project, **changes):
    """Rehearse with some settings, dots in their names written as two underscores."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return rehearse(project, open_ledger(project), Settings().changed(SMALL | named))


def override(folder, text):
    """A file with what differs in a student."""
    file = folder / "override.py"
    file.write_text(text)
    return str(file)


def test_a_student_that_works_is_tried_once(project, child, caplog):
    told = []
    with caplog.at_level(logging.INFO), listening(lambda step, progress: told.append((step, progress))):
        assert tried(project) == ("it fits",)
    assert tried(project) == tried(project, student__iterations=7, selection__strategy="random") == ()
    assert len(child.trials) == 1
    assert told[0] == ("try the student", Progress(0, 1, "one training step, one prediction"))
    assert "it fits" in caplog.text


def test_another_student_or_category_is_tried_again(project, child):
    tried(project)
    tried(project, student__long_side=32)
    open_ledger(project).add_categories(["bird"])
    tried(project)
    assert len(child.trials) == 3
    assert child.trials[2]["categories"] == [[1, "object"], [2, "bird"]]


def test_where_nobody_is_asked_only_given_weights_are_tried(project, child, tmp_path):
    assert tried(project, annotator__backend="simulated") == ()
    assert child.trials == []
    torch.save({"one": torch.zeros(1)}, tmp_path / "one.pth")
    assert tried(project, annotator__backend="simulated", student__init_weights=str(tmp_path / "one.pth"))
    assert child.trials[0]["start"] == str(tmp_path / "one.pth")


@pytest.mark.parametrize(
    ("says", "ends", "message"),
    [
        (None, -signal.SIGKILL, r"needs more memory than there is .*status -9\); lower student.long_side \(64\)"),
        ({"error": "RuntimeError: CUDA out of memory", "memory": True}, 0, "needs more memory .*student.batch_size"),
        (None, -signal.SIGSEGV, "'rtmdet_ins_tiny' failed .*status -11.*choose another student.config"),
        ({"error": "KeyError: 'masks'"}, 0, r"one prediction of 'rtmdet_ins_tiny' failed \(KeyError"),
        ({"error": "student.config: no model", "known": True}, 0, "^student.config: no model$"),
    ],
)
def test_what_goes_wrong_is_one_line_and_is_not_remembered(project, child, says, ends, message):
    child.says, child.ends = says, ends
    for _ in range(2):
        with pytest.raises(BadSettings, match=message) as caught:
            tried(project)
        assert "\n" not in str(caught.value)
    assert len(child.trials) == 2


@pytest.fixture
def real_child(monkeypatch):
    """The child process as it is, but for loading what is loaded already; the test of one that is killed starts it."""
    monkeypatch.setattr(rehearsal, "_child", trial)


@pytest.mark.usefixtures("real_child")
def test_a_real_student_is_built_trained_and_used(project, tmp_path):
    assert tried(project, student__override=override(tmp_path, NARROW)) == ()
    assert len(list((project.cache / "trials").glob("*.json"))) == 1


def test_a_process_that_is_killed_is_told(project, tmp_path):
    with pytest.raises(BadSettings, match="needs more memory than there is"):
        tried(project, student__override=override(tmp_path, "import os\nos.kill(os.getpid(), 9)\n"))


@pytest.mark.usefixtures("real_child")
def test_a_detector_without_masks_is_told(project, tmp_path):
    small = override(tmp_path, "model = dict(backbone=dict(depth=18), neck=dict(in_channels=[64, 128, 256, 512]))\n")
    with pytest.raises(BadSettings, match="'mmdet::faster_rcnn/.*failed"):
        tried(project, student__config="mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py", student__override=small)


@pytest.mark.usefixtures("real_child")
def test_weights_of_something_else_are_refused(project, tmp_path):
    torch.save({"one": torch.zeros(1)}, tmp_path / "one.pth")
    with pytest.raises(BadSettings, match=r"student.init_weights: .*one.pth: nothing in it fits the student"):
        tried(
            project,
            student__init_weights=str(tmp_path / "one.pth"),
            student__override=override(tmp_path, NARROW),
        )
