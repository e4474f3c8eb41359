"""A few boxes of one frame become masks of all others, which people say yes or no to."""

import pytest
from click.testing import CliRunner

from al_core.discovery.exemplars import watch_and_learn
from al_core.discovery.exemplars.learning import Watching
from al_core.masks.rle import decode, encode
from al_core.project import Project
from al_core.records import Answer, FrameLabel, FrameRef, Gesture, LabelKind, LabelRequest, MaskLabel, Selected
from flows.cli.main import main
from tasks.backends.prelabels import delivered_masks
from tasks.discovery import finding
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tests.toys.engines.worker_here import work_elsewhere
from tests.toys.footage.crowds.like_objects import boxes_of, hard_crowd
from tests.toys.footage.movers import iou, write_frames

DRAWN, ASKED = 5, 7


@pytest.fixture(scope="module")
def clip():
    return hard_crowd(1)


@pytest.fixture
def project(tmp_path, clip, monkeypatch):
    monkeypatch.setattr(watch_and_learn, "WATCHING", Watching(rounds=1, frames=8))
    made = Project.at(tmp_path / "project")
    assert not ingest_paths(open_ledger(made), [write_frames(tmp_path / "street", clip)], categories=("car",)).failed
    return made


def give(project, masks, corners=True):
    ledger = open_ledger(project)
    request = LabelRequest.of(1, Selected(FrameRef(1, DRAWN), 0, 0.0, ""))
    ledger.put_requests([request])
    boxes = {track: boxes_of([mask])[0].tolist() for track, mask in masks.items()}
    gestures = [Gesture("box", t, points=((x0, y0), (x1, y1))) for t, (x0, y0, x1, y1) in boxes.items()]
    said = FrameLabel(request.frame, tuple(MaskLabel(t, 1, encode(m)) for t, m in masks.items()), complete=False)
    ledger.put_answer(Answer("a1", request.request_id, said, LabelKind.BOX, 9.0, "ann", tuple(gestures)))


def run(project):
    result = CliRunner().invoke(main, ["discover", "--method", "exemplars", "--project", str(project.root)])
    return result.exit_code, result.output


def whole(clip, frame_idx):
    return {t: m for t, m in clip.truth[frame_idx].items() if not m[:, [0, -1]].any()}


def test_boxes_of_one_frame_become_masks_that_are_accepted_in_another(project, clip):
    drawn = dict(list(whole(clip, DRAWN).items())[:3])
    give(project, drawn)
    code, said = run(project)
    assert code == 0
    assert "of 10 frames" in said
    ledger = open_ledger(project)
    request = LabelRequest.of(2, Selected(FrameRef(1, ASKED), 0, 0.0, ""))
    ledger.put_requests([request])
    shown = [mask for mask in delivered_masks(project, ledger, [request])[request.request_id] if mask.confidence >= 0.5]
    truth = whole(clip, ASKED)
    best = {track: max(iou(decode(m.rle), mask) for m in shown) for track, mask in truth.items()}
    assert sum(value > 0.5 for value in best.values()) > len(truth) / 2
    assert {mask.track_id for mask in shown} & set(drawn)
    accepted = FrameLabel(request.frame, tuple(MaskLabel(m.track_id, m.category_id, m.rle) for m in shown))
    ledger.put_answer(Answer("a2", request.request_id, accepted, LabelKind.ACCEPT, 2.0, "ann"))
    assert {label.frame.frame_idx for label in ledger.human_labels()} == {DRAWN, ASKED}
    assert "found before" not in run(project)[1]


def test_without_boxes_it_is_refused_in_one_line_and_nothing_is_stored(project):
    code, said = run(project)
    assert code == 1
    assert "'exemplars' starts from boxes that people gave" in said
    assert len(said.strip().splitlines()) == 1
    assert open_ledger(project).prediction_paths(0) == {}


def test_a_worker_finds_the_same_by_what_was_learnt_here(project, clip, tmp_path, monkeypatch):
    give(project, dict(list(whole(clip, DRAWN).items())[:3]))
    assert run(project)[0] == 0
    file = project.absolute(open_ledger(project).prediction_path(0, 1))
    found = file.read_bytes()
    file.unlink()
    worker = work_elsewhere(monkeypatch, finding, tmp_path / "elsewhere")
    assert run(project)[0] == 0
    assert (worker.done, file.read_bytes()) == (["discover street"], found)
