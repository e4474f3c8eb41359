"""A campaign that begins with labels that exist: plain footage, a COCO file, rounds, held-out frames."""

import json

import cv2
import pytest

from al_core.masks.rle import encode
from al_core.project import Project
from tasks.ledger.client import open_ledger
from tests.toys.projects import fewframes, write_clip, write_settings


def told(*arguments):
    """What a command prints; it has to end well."""
    done = fewframes(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def coco(masks, path, *indices):
    """Write the masks of these frames as others would: named by their files, without numbers."""
    images = [{"id": i, "file_name": f"toy_{i:05d}.jpg", "height": 64, "width": 64} for i in indices]
    found = {i: cv2.imread(str(masks / f"{i:05d}.png"), cv2.IMREAD_UNCHANGED) > 0 for i in indices}
    annotations = [
        {"id": i, "image_id": i, "category_id": 1, "segmentation": encode(mask).to_coco()} for i, mask in found.items()
    ]
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "box"}]}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def footage(tmp_path):
    """(Plain frames, the masks that nobody gives the project)."""
    write_clip(tmp_path / "data")
    plain = tmp_path / "plain" / "toy"
    plain.parent.mkdir()
    (tmp_path / "data" / "JPEGImages" / "480p" / "toy").rename(plain)
    return plain, tmp_path / "data" / "Annotations" / "480p" / "toy"


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_the_first_frames_that_people_see_come_with_masks_of_a_model(footage, tmp_path, tried):
    plain, masks = footage
    root = tmp_path / "project"
    told("ingest", plain, "--project", root)
    tried(Project.at(root))
    told("import", coco(masks, tmp_path / "old.json", 0, 5, 10), "--project", root, "--as", "labels", "--author", "kim")
    told("import", coco(masks, tmp_path / "held.json", 3, 8), "--project", root, "--as", "holdout", "--author", "bo")
    settings = write_settings(tmp_path)
    said = told("run", "--project", root, "--settings", settings, "--set", "annotator.backend=page")
    assert "learns from 3 imported frames and asks nobody" in said.replace("\n", " ")
    assert "round 2 waits for 2 labels" in said
    assert "On 2 held-out human frames: J&F" in said
    project = Project.at(root)
    ledger = open_ledger(project)
    assert ledger.requests(1) == []
    assert ledger.prediction_paths(1).keys() == ledger.delivered_paths(1).keys() == {1}
    asked = {request.frame.frame_idx for request in ledger.requests(2)}
    assert not asked & {0, 3, 5, 8, 10}
    assert {q.n_frames for q in ledger.quality(reference="holdout") if q.metric == "jf" and q.track_id is None} == {2}
    (entry, _) = ledger.coverage()
    assert (entry["human_frames"], entry["imported"], entry["human_seconds"]) == (3, 3, 0)
    report = told("report", "--project", root)
    assert "report.html" in report
    assert "3 imported" in (root / "report.html").read_text(encoding="utf-8")
