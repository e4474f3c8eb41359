"""What the selection derived from unchanged videos is read again, and the choice is the same to the last bit."""

import shutil

import numpy as np
import pytest

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import Answer, FrameLabel, LabelKind, LabelRequest
from al_core.selection.hazard import hazards
from al_core.stores.delivered import read_delivered, write_delivered
from tasks.steps import expected_error
from tasks.steps.context import RoundContext
from tasks.steps.expected_error import outlooks_of
from tasks.steps.select import select_frames
from tasks.steps.unchanged.kept_sketches import FILE, KeptSketches
from tests.bench.load.scale_project import make_project, next_round

VIDEOS = 8


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two rounds of eight videos, in each of which two frames are labelled; a third waits for people."""
    folder = tmp_path_factory.mktemp("many")
    make_project(folder, VIDEOS, asked=2)
    return folder


@pytest.fixture
def project(made, tmp_path):
    shutil.copytree(made / "project", tmp_path / "project")
    return Project.at(tmp_path / "project")


@pytest.fixture
def derived(monkeypatch):
    """How many videos' hazards were derived."""
    counted = []

    def counting(*args):
        counted.append(1)
        return hazards(*args)

    monkeypatch.setattr(expected_error, "hazards", counting)
    return lambda: [len(counted), counted.clear()][0]


def chosen(project, round_id, n=4):
    return select_frames(RoundContext.open(project, round_id), np.random.default_rng(0), n)


def kept(project):
    return project.cache / "selection" / FILE


def outlooks(project, round_id):
    """Everything that is told of every video, to the last bit."""
    context = RoundContext.open(project, round_id)
    sketches = KeptSketches(context)
    of = outlooks_of(context, sketches=sketches)
    found = [vars(of(video.video_id)) for video in context.videos]
    sketches.keep()
    return [{name: x.tobytes() if isinstance(x, np.ndarray) else x for name, x in told.items()} for told in found]


def test_what_is_kept_tells_the_same_to_the_last_bit(project, derived):
    fresh = outlooks(project, 3)
    assert derived() == VIDEOS
    assert outlooks(project, 3) == fresh
    assert derived() == 0


def test_the_next_round_derives_what_changed_and_chooses_as_if_nothing_were_kept(project, derived):
    labelled = {s.frame.video_id for s in chosen(project, 3, 2)}
    assert derived() == VIDEOS
    next_round(project, 3)
    again, told = chosen(project, 4), outlooks(project, 4)
    assert 0 < derived() <= len(labelled) < VIDEOS
    kept(project).unlink()
    assert chosen(project, 4) == again
    assert outlooks(project, 4) == told
    assert derived() == VIDEOS


def test_other_masks_and_other_flow_are_not_taken_for_the_same(project, derived):
    chosen(project, 3)
    derived()
    ledger = Ledger(project.ledger_path)
    path = project.absolute(ledger.delivered_paths(2)[1])
    masks = [mask for _, found in read_delivered(path) for mask in found][:2]
    path.unlink()
    write_delivered(path, masks)
    ledger.put_delivered(2, 1, project.relative(path), 2, [("teacher", 2, 2, 0.8)], [("teacher", 1, 2)], "other masks")
    chosen(project, 3)
    assert derived() == 1
    ledger.change_round(3, ledger.round(3).settings.changed({"propagation.flow_long_side": 16}), "ann", ["smaller"])
    chosen(project, 3)
    assert derived() == VIDEOS


def test_the_look_of_frames_is_kept_once_labels_are_empty(project, monkeypatch):
    ledger = Ledger(project.ledger_path)
    request = LabelRequest.of(3, chosen(project, 3, 1)[0])
    ledger.put_requests([request])
    empty = FrameLabel(request.frame, ())
    ledger.put_answer(Answer("nothing", request.request_id, empty, LabelKind.MASK, 2.0, "ann"))
    next_round(project, 3)
    told = outlooks(project, 4)
    looked = []
    plain = expected_error.conspicuousness
    monkeypatch.setattr(expected_error, "conspicuousness", lambda parts: [looked.append(1), plain(parts)][1])
    assert outlooks(project, 4) == told
    # Only videos with labels are looked at, which tell how much looks count.
    assert len(looked) <= len({label.frame.video_id for label in ledger.human_labels()}) < VIDEOS


def test_a_damaged_file_is_made_again(project, derived):
    told = outlooks(project, 3)
    kept(project).write_bytes(b"nothing of that")
    derived()
    assert outlooks(project, 3) == told
    assert derived() == VIDEOS
