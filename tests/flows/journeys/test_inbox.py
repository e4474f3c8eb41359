"""The journey of a person who labels with any tool: the run asks, stops, and goes on with what lies in the inbox."""

import shutil

import cv2
import numpy as np
import pytest

from al_core.ledger.store import Ledger
from al_core.masks.rle import decode
from al_core.project import Project
from tests.toys.projects import fewframes, write_clip, write_settings


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_a_round_waits_for_people_and_goes_on_with_what_they_drew(tmp_path, tried):
    data = write_clip(tmp_path / "data")
    truth = data / "Annotations" / "480p" / "toy"
    drawn = shutil.move(truth, tmp_path / "drawn")
    project = Project.at(tmp_path / "project")
    assert fewframes("ingest", data, "--project", project.root).returncode == 0
    tried(project)
    run = ("run", "--project", project.root, "--settings", write_settings(tmp_path), "--rounds", 1)

    first = fewframes(*run, "--set", "annotator.backend=inbox")
    assert first.returncode == 0, first.stderr
    assert "waits for 2 labels" in first.stdout
    ledger = Ledger(project.ledger_path)
    one, other = ledger.requests(1, "open")
    assert {p.stem for p in project.outbox.rglob("*.jpg")} >= {one.request_id, other.request_id}

    project.inbox.mkdir(exist_ok=True)
    shutil.copy(drawn / f"{one.frame.frame_idx:05d}.png", project.inbox / f"{one.request_id}.png")
    cv2.imwrite(str(project.inbox / f"{other.request_id}.png"), np.zeros((5, 5), np.uint8))
    second = fewframes(*run, "--set", "annotator.backend=inbox")
    assert second.returncode == 0, second.stderr
    assert "waits for 1 label" in second.stdout
    assert "not taken" in second.stdout
    assert "5x5" in second.stdout

    cv2.imwrite(str(project.inbox / f"{other.request_id}.png"), np.zeros((64, 64), np.uint8))
    third = fewframes(*run, "--set", "annotator.backend=inbox")
    assert third.returncode == 0, third.stderr
    assert "campaign is over after round 1" in third.stdout
    labels = {label.frame: label for label in ledger.human_labels()}
    assert labels[other.frame].masks == ()
    (mask,) = labels[one.frame].masks
    expected = cv2.imread(str(drawn / f"{one.frame.frame_idx:05d}.png"), cv2.IMREAD_GRAYSCALE) > 0
    assert np.array_equal(decode(mask.rle), expected)
