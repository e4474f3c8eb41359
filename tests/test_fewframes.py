"""The Python module: the notebook runs as it stands, tables hold what the ledger holds, mistakes are one line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import fewframes
from al_core.errors import BadLabel, BadSettings, NotReady, UnknownName
from al_core.footage.images import read_indices
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import Settings
from tasks.steps.context import RoundContext
from tasks.steps.table import collect, propagate, request, select
from tests.toys.projects import write_clip

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.mark.end_to_end
def test_the_notebook_runs_and_shows_what_it_says(tmp_path):
    written = json.loads((DOCS / "fewframes.ipynb").read_text(encoding="utf-8"))
    copy = tmp_path / "notebook.ipynb"
    copy.write_text(json.dumps(written))
    script = [sys.executable, str(DOCS / "run_notebook.py"), str(copy), "--write"]
    done = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(copy.read_text()) == written


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project after a round that asked a simulated annotator for two frames; nothing was trained."""
    folder = tmp_path_factory.mktemp("python")
    opened = fewframes.Project(folder / "work")
    opened.ingest([write_clip(folder / "data")], category="square")
    settings = Settings().changed(
        {
            "annotator.backend": "simulated",
            "annotator.ahead": 0,
            "selection.strategy": "uniform",
            "selection.frames_per_round": 2,
            "selection.control_share": 0.0,
            "propagation.methods": ["flow"],
        }
    )
    ledger = Ledger(opened.root / "ledger.duckdb")
    with ledger.held():
        round_id = ledger.begin_round(settings).round_id
        context = RoundContext.open(Project.at(opened.root), round_id)
        for step in (select, request, collect, propagate):
            step.do(context)
        ledger.finish_round(round_id, None)
    return opened


def test_tables_tell_what_was_asked_and_delivered(project):
    assert project.videos().select(["video", "frames", "height", "width"]).to_pylist() == [
        {"video": "toy", "frames": 12, "height": 64, "width": 64}
    ]
    (row,) = project.coverage().to_pylist()
    assert (row["round"], row["human_frames"], row["covered"], row["coverage"]) == (1, 2, 12, 1.0)
    asked = project.selected().to_pylist()
    assert sorted(frame["frame"] for frame in asked) == [4, 10]
    assert all(frame["reason"] and frame["kind"] == "mask" for frame in asked)
    masks = project.masks("toy")
    assert masks.num_rows == 12
    assert set(masks["category"].to_pylist()) == {"square"}
    assert set(masks["provenance"].to_pylist()) == {"human", "propagated"}


def test_masks_of_people_come_back_as_arrays(project):
    truth = project.root.parent / "data" / "Annotations" / "480p" / "toy"
    arrays = dict(project.mask_arrays("toy"))
    for frame in (4, 10):
        assert np.array_equal(arrays[frame][1], read_indices(truth / f"{frame:05d}.png")[0] == 1)


def test_a_table_without_rows_has_its_columns(project):
    assert project.quality().column_names == ["round", "video", "track", "provenance", "metric", "value", "frames"]
    assert project.quality().num_rows == 0
    assert project.predictions().schema.field("video").type == pa.string()


def test_labels_go_out_and_come_into_another_project(project, tmp_path):
    project.export("coco", tmp_path / "out")
    other = fewframes.Project(tmp_path / "other")
    other.ingest([project.root.parent / "data" / "JPEGImages" / "480p" / "toy"], category="square")
    plan = other.import_labels([tmp_path / "out" / "annotations.json"], purpose="prelabels", author="first")
    assert len(plan.frames) == 12
    assert other.import_labels([tmp_path / "out" / "annotations.json"], purpose="prelabels").already == 12


class TestMistakes:
    def test_there_is_nothing_yet(self, tmp_path):
        empty = fewframes.Project(tmp_path / "none")
        with pytest.raises(NotReady, match=r"holds no project yet; begin with ingest\(\)"):
            empty.run()
        with pytest.raises(fewframes.FewframesError, match="nothing|there is no such"):
            empty.ingest([tmp_path / "nowhere"])
        assert not (tmp_path / "none" / "rounds").exists()

    def test_settings_are_refused_before_anything_is_stored(self, project):
        with pytest.raises(BadSettings, match="unknown strategy 'valu'.*Did you mean 'value'"):
            project.run(strategy="valu")
        with pytest.raises(UnknownName, match="unknown setting 'selection.frames_per_rond'"):
            project.run(changes={"selection.frames_per_rond": 3})
        with pytest.raises(BadSettings, match="expected a name or a function of a module, got <function"):
            project.run(strategy=lambda *given: [])
        assert project.settings().selection.strategy == "uniform"

    def test_labels_that_fit_nothing_are_refused(self, project, tmp_path):
        images = [{"id": 1, "file_name": "toy/00000.jpg", "width": 64, "height": 64}]
        drawn = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}
        content = {"images": images, "annotations": [drawn], "categories": [{"id": 1, "name": "a"}] * 2}
        (tmp_path / "labels.json").write_text(json.dumps(content | {"images": [images[0] | {"width": 32}]}))
        with pytest.raises(BadLabel, match="cannot be taken, so nothing was stored, first: .*partial=True"):
            project.import_labels([tmp_path / "labels.json"])
        with pytest.raises(UnknownName, match="purpose of labels 'lables'"):
            project.import_labels([tmp_path / "labels.json"], purpose="lables")
