"""What people answered, taken in with both kinds of back-ends."""

import numpy as np
import pytest
from PIL import Image

from al_core.project import Project
from al_core.records import FrameRef
from al_core.settings import Settings
from tasks.steps.collect import FoundAnswers, collect_labels
from tasks.steps.request import request_labels
from tests.toys.ledgers import SQUARE, chosen, context_of, ledger_with_clip

SIMULATED = Settings().changed({"annotator.backend": "simulated"})
INBOX = Settings().changed({"annotator.backend": "inbox"})


class BlackFrames:
    def read_full(self, frame: FrameRef) -> np.ndarray:
        return np.zeros((4, 4, 3), np.uint8)


@pytest.fixture
def project(tmp_path):
    return Project.at(tmp_path)


@pytest.fixture
def ledger(project):
    ledger = ledger_with_clip(project.root)
    ledger.begin_round(Settings())
    ledger.put_selection(1, "uniform", [chosen(3, 0), chosen(8, 1)])
    return ledger


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr("tasks.backends.drop_folder.time.sleep", lambda seconds: None)


def request(project, ledger, settings, round_id=1):
    return request_labels(context_of(project, ledger, round_id, settings, frames=BlackFrames()))


def collect(project, ledger, settings, round_id=1, on_progress=None):
    return collect_labels(context_of(project, ledger, round_id, settings, frames=BlackFrames()), on_progress)


def drop(project, frame_idx, values):
    Image.fromarray(values.astype(np.uint8)).save(project.inbox / f"r0001-v00001-f{frame_idx:07d}.png")


def test_the_simulated_annotator_answers_everything_once(project, ledger):
    told = []
    assert request(project, ledger, SIMULATED) == 2
    assert request(project, ledger, SIMULATED) == 2
    assert collect(project, ledger, SIMULATED, on_progress=told.append) == FoundAnswers(2, 2, 2, ())
    assert collect(project, ledger, SIMULATED) == FoundAnswers(2, 2, 0, ())
    assert [label.frame.frame_idx for label in ledger.human_labels()] == [3, 8]
    assert ledger.human_effort() == [(1, 2, 160.0)]
    assert [(p.done, p.total) for p in told] == [(2, 2)]


def test_nothing_selected(project, ledger):
    ledger.put_selection(1, "uniform", [])
    assert request(project, ledger, INBOX) == 0
    assert collect(project, ledger, INBOX) == FoundAnswers(0, 0, 0, ())


def test_people_answer_in_their_own_time(project, ledger):
    request(project, ledger, INBOX)
    assert collect(project, ledger, INBOX) == FoundAnswers(2, 0, 0, ())
    drop(project, 3, SQUARE)
    (project.inbox / "notes.txt").write_text("?")
    found = collect(project, ledger, INBOX)
    assert (found.answered, found.new, len(found.rejected)) == (1, 1, 1)
    drop(project, 8, np.zeros((4, 4)))
    assert collect(project, ledger, INBOX) == FoundAnswers(2, 2, 1, ())
    assert [len(label.masks) for label in ledger.human_labels()] == [1, 0]


def test_people_may_revise(project, ledger):
    request(project, ledger, INBOX)
    drop(project, 3, SQUARE)
    collect(project, ledger, INBOX)
    drop(project, 3, np.zeros((4, 4)))
    assert collect(project, ledger, INBOX, round_id=2).new == 1
    (label,) = ledger.human_labels()
    assert label.masks == ()
