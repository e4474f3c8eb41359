"""The command that discovers from strokes: what it finds, with shapes from elsewhere, and what it refuses."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from al_core.discovery.scribbles import scribble_network
from al_core.discovery.scribbles.adversarial_training import Schedule
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import Answer, FrameLabel, FrameRef, Gesture, LabelKind, LabelRequest, MaskLabel, Selected
from flows.cli.main import main
from tasks.discovery import finding
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tests.toys.engines.worker_here import work_elsewhere
from tests.toys.footage.movers import line, mover_clip, write_frames


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setattr(scribble_network, "Schedule", lambda: Schedule(steps=40))
    clip = mover_clip({1: line((16, 24), (6, 0), 4)}, radius=10, size=(48, 64))
    made = Project.at(tmp_path / "project")
    ledger = open_ledger(made)
    assert not ingest_paths(ledger, [write_frames(tmp_path / "moving", clip)], categories=("disk",)).failed
    request = LabelRequest.of(1, Selected(FrameRef(1, 0), 0, 0.0, ""))
    ledger.put_requests([request])
    said = FrameLabel(request.frame, (MaskLabel(1, 1, encode(clip.truth[0][1])),))
    gestures = (Gesture("scribble", 1, True, ((12.0, 20.0), (20.0, 28.0))),)
    ledger.put_answer(Answer("a", request.request_id, said, LabelKind.SCRIBBLE, 11.0, "ann", gestures))
    return made


def run(project, *arguments):
    result = CliRunner().invoke(main, ["discover", *arguments, "--project", str(project.root)])
    return result.exit_code, result.output


def test_with_other_shapes_it_looks_again(project, tmp_path):
    code, said = run(project, "--method", "scribbles")
    assert code == 0
    assert "in 4 of 4 frames" in said
    assert "found before" in run(project, "--method", "scribbles")[1]
    (tmp_path / "shapes").mkdir()
    Image.fromarray(np.full((32, 32), 255, np.uint8)).save(tmp_path / "shapes" / "a.png")
    code, said = run(project, "--method", "scribbles", "--shapes", str(tmp_path / "shapes"))
    assert code == 0
    assert "found before" not in said


def test_bad_shapes_are_refused_before_anything_is_stored(project, tmp_path):
    for method, words in (("scribbles", "there is no such folder"), ("motion", "learns from no shapes")):
        code, said = run(project, "--method", method, "--shapes", str(tmp_path / "nowhere"))
        assert code == 1
        assert words in said
        assert len(said.strip().splitlines()) == 1
    assert open_ledger(project).prediction_paths(0) == {}


def test_a_worker_finds_the_same_by_what_was_learnt_here(project, tmp_path, monkeypatch):
    assert run(project, "--method", "scribbles")[0] == 0
    file = project.absolute(open_ledger(project).prediction_path(0, 1))
    found = file.read_bytes()
    file.unlink()
    worker = work_elsewhere(monkeypatch, finding, tmp_path / "elsewhere")
    assert run(project, "--method", "scribbles")[0] == 0
    assert (worker.done, file.read_bytes()) == (["discover moving"], found)
