"""From a selection to questions: what people see first, and what they are asked ahead."""

import numpy as np
import pytest
from PIL import Image

from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import Answer, DeliveredMask, FrameLabel, FrameRef, LabelKind, MaskLabel, Provenance
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.steps import table as steps
from tasks.steps.context import Requested, RoundContext
from tasks.steps.request import request_ahead, request_labels
from tasks.steps.select import select_frames
from tests.toys.labelled_project import frames_of, mask_at, new_project
from tests.toys.ledgers import SQUARE, chosen, context_of, ledger_with_clip, square

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


def test_nobody_is_asked_for_what_was_not_selected(project, ledger):
    ledger.put_selection(1, "uniform", [])
    assert request(project, ledger, INBOX) == 0


def test_asking_twice_is_asking_once(project, ledger):
    assert request(project, ledger, INBOX) == request(project, ledger, INBOX) == 2
    assert [r.frame.frame_idx for r in ledger.requests(1)] == [3, 8]


def test_people_start_from_what_was_delivered(project, ledger):
    path = project.round_dir(1) / "delivered" / "clip.parquet"
    mask = DeliveredMask(8, 1, 1, Provenance.TEACHER, 0.9, square())
    write_delivered(path, [mask])
    ledger.put_delivered(1, 1, project.relative(path), 1, [("teacher", 1, 1, 0.9)])
    ledger.put_selection(2, "uniform", [chosen(3, 0), chosen(8, 1)])
    request(project, ledger, INBOX, round_id=2)
    folder = project.outbox / "round-0002" / "proposals"
    assert [p.name for p in folder.iterdir()] == ["r0002-v00001-f0000008.png"]
    assert (np.asarray(Image.open(folder / "r0002-v00001-f0000008.png")) == SQUARE).all()


CHANGES = {
    "annotator.backend": "page",
    "annotator.ahead": 2,
    "selection.strategy": "uniform",
    "selection.frames_per_round": 2,
    "selection.min_gap": 1,
    "selection.control_share": 0.0,
}


@pytest.fixture
def built(tmp_path):
    """A project, its ledger and its frames; somebody called Ada labels."""
    project, _, _ = new_project(tmp_path)
    ledger = Ledger(project.ledger_path, patience=5)
    ledger.add_annotator("ada")
    return project, ledger, frames_of(project, ledger)


def ask_ahead(built, round_id, **changes):
    """A round chooses and asks; returns the chosen frame numbers and how many were asked ahead."""
    project, ledger, frames = built
    settings = Settings().changed(CHANGES | changes)
    ledger.begin_round(settings)
    context = context_of(project, ledger, round_id, settings, frames=frames)
    chosen = select_frames(context, np.random.default_rng(round_id))
    request_labels(context)
    ahead = request_ahead(context)
    return [s.frame.frame_idx for s in chosen], ahead


def answer(ledger):
    """Ada labels the next frame; returns its number."""
    task = ledger.claim("ada", 300)
    request = task.question.request
    label = FrameLabel(request.frame, (MaskLabel(1, 1, encode(mask_at(request.frame.frame_idx))),))
    ledger.submit(Answer(task.lease, request.request_id, label, LabelKind.MASK, 9.0, "ada"), task.lease, 0)
    return request.frame.frame_idx


def frames_in(requests):
    return [request.frame.frame_idx for request in requests]


def test_other_frames_of_the_next_round_follow_those_of_this_one(built):
    ledger = built[1]
    chosen, ahead = ask_ahead(built, 1)
    following = frames_in(ledger.requests(2))
    assert ahead == len(following) == 2
    assert not set(following) & set(chosen)
    assert [answer(ledger) for _ in range(4)] == [*chosen, *following]
    assert "asked ahead of round 2" in ledger.requests(2)[0].reason


def test_asking_again_asks_nothing_more(built):
    ask_ahead(built, 1)
    before = built[1].requests()
    assert ask_ahead(built, 1)[1] == 0
    assert built[1].requests() == before


def test_the_next_round_keeps_what_was_answered_and_replaces_the_rest(built):
    ledger = built[1]
    chosen, _ = ask_ahead(built, 1)
    *_, early = [answer(ledger) for _ in range(3)]
    ledger.finish_round(1, None)
    (second, _) = ask_ahead(built, 2, **{"annotator.ahead": 0})
    assert second[0] == early
    assert len(second) == len(ledger.requests(2)) == 2
    assert not set(second) & set(chosen)
    assert frames_in(ledger.requests(2, "done")) == [early]
    assert frames_in(ledger.requests(2, "open")) == second[1:]
    assert [s.rank for s in ledger.selection(2)] == [0, 1]


def test_what_is_in_somebodys_hands_stays(built):
    ledger = built[1]
    ask_ahead(built, 1)
    for _ in range(2):
        answer(ledger)
    held = ledger.claim("ada", 300).question.request
    ledger.finish_round(1, None)
    second, _ = ask_ahead(built, 2)
    assert second[0] == held.frame.frame_idx
    assert ledger.task_of("ada").question.request == held


def test_when_all_were_answered_the_round_asks_nothing_more(built):
    ledger = built[1]
    ask_ahead(built, 1)
    following = [answer(ledger) for _ in range(4)][2:]
    ledger.finish_round(1, None)
    second, _ = ask_ahead(built, 2, **{"annotator.ahead": 0})
    assert second == following
    assert ledger.requests(2, "open") == []


def test_labels_that_came_ahead_are_not_of_this_round(built):
    ledger = built[1]
    ask_ahead(built, 1)
    for _ in range(3):
        answer(ledger)
    assert len(ledger.human_labels(up_to_round=1)) == 2
    assert len(ledger.human_labels(up_to_round=2)) == 3


@pytest.mark.parametrize(
    "changes", [{"stopping.max_rounds": 1}, {"stopping.max_human_frames": 2}, {"annotator.backend": "inbox"}]
)
def test_nothing_is_asked_ahead_of_a_round_that_will_not_be_or_elsewhere(built, changes):
    assert ask_ahead(built, 1, **changes)[1] == 0
    assert built[1].requests(2) == []


def test_when_the_campaign_ends_what_was_asked_ahead_is_taken_back(built):
    project, ledger, _ = built
    ask_ahead(built, 1, **{"stopping.max_human_seconds": 1.0})
    for _ in range(2):
        answer(ledger)
    assert steps.close(RoundContext(project, ledger, 1))
    assert ledger.requests(2) == []
    assert ledger.claim("ada", 300) is None


def test_each_step_is_done_once(built):
    project, ledger, _ = built
    ledger.begin_round(Settings().changed(CHANGES))
    for _ in range(2):
        context = RoundContext(project, ledger, 1)
        assert len(steps.select.do(context).frames) == 2
        assert steps.request.do(context) == Requested(2, 2)
    assert steps.collect.do(context).waiting == 2
    assert len(ledger.requests(2)) == 2
