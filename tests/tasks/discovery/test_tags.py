"""Masks out of tags in a project: from what people said to the masks that they start from."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from al_core.discovery.tags import tag_localiser
from al_core.project import Project
from al_core.propagation.affinity.encoder import new_encoder
from al_core.records import CategoryTag
from al_core.settings import Settings
from flows.cli.main import main
from tasks.discovery import finding
from tasks.discovery.finding import discover
from tasks.discovery.found_masks import discovered_masks
from tasks.discovery.given_labels import given_in
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tests.toys.engines.worker_here import work_elsewhere
from tests.toys.footage.marked_shapes import marked_picture

KINDS = [(), (0,), (1,), (0, 1)]


@pytest.fixture
def project(tmp_path):
    made, rng, folder = Project.at(tmp_path / "project"), np.random.default_rng(3), tmp_path / "shapes"
    folder.mkdir()
    for number, kinds in enumerate(KINDS):
        Image.fromarray(marked_picture(rng, kinds, (48, 72)).image).save(folder / f"{number:05d}.png")
    assert not ingest_paths(open_ledger(made), [folder], categories=("red", "blue")).failed
    return made


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(tag_localiser, "STEPS", 3)
    torch.save(new_encoder(2).state_dict(), tmp_path / "encoder.pt")
    return Settings().changed({"discovery.backbone": str(tmp_path / "encoder.pt")})


def test_tags_become_masks_of_the_categories_that_were_said_to_be_there(project, settings):
    ledger = open_ledger(project)
    tags = [CategoryTag(1, i, i, place + 1, place in kinds) for i, kinds in enumerate(KINDS) for place in (0, 1)]
    ledger.put_category_tags(tags, "ann")
    assert sum(map(len, given_in(ledger).tags.values())) == 6
    (found,) = discover(project, ledger, settings, ledger.videos(), method="tags")
    assert "object" in found.describe()
    shown = discovered_masks(project, ledger, 1, range(4))
    assert 0 not in shown
    assert {mask.category_id for mask in shown[1]} == {1}
    assert {mask.category_id for mask in shown[2]} == {2}
    (again,) = discover(project, ledger, settings, ledger.videos(), method="tags")
    assert again.known


def test_a_worker_finds_the_same_by_what_was_learnt_here(project, settings, tmp_path, monkeypatch):
    ledger = open_ledger(project)
    tags = [CategoryTag(1, i, i, place + 1, place in kinds) for i, kinds in enumerate(KINDS) for place in (0, 1)]
    ledger.put_category_tags(tags, "ann")
    (here,) = discover(project, ledger, settings, ledger.videos(), method="tags")
    file = project.absolute(ledger.prediction_path(0, 1))
    found = file.read_bytes()
    worker = work_elsewhere(monkeypatch, finding, tmp_path / "elsewhere")
    monkeypatch.setattr(tag_localiser, "train", None)
    (there,) = discover(project, ledger, settings, ledger.videos(), again=True, method="tags")
    assert (there, worker.done, file.read_bytes()) == (here, ["discover shapes"], found)


def test_without_tags_one_line_says_what_to_give(project):
    result = CliRunner().invoke(main, ["discover", "--method", "tags", "--project", str(project.root)])
    assert result.exit_code == 1
    assert "'tags' starts from tags that people gave" in result.output
    assert len(result.output.strip().splitlines()) == 1
