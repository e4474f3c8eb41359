"""The template of a plug-in in docs/plugin: installed as a package, used by name in a round, a bench, an export."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from al_core.benchmark.world import World
from al_core.export.contents import ExportOptions
from al_core.ledger.store import Ledger
from al_core.masks.soft import SoftMask, Window
from al_core.project import Project
from al_core.propagation import PROPAGATORS
from al_core.propagation.flow import FlowPropagator
from al_core.records import COMPONENTS, Provenance
from al_core.selection import STRATEGIES
from al_core.settings import PropagationSettings, Settings, UncertaintySettings
from al_core.stores.delivered import read_delivered
from al_core.stores.optical_flow import FlowStore
from al_core.stores.predictions import FramePrediction, PredictedObject
from al_core.uncertainty.scores import FrameScorer, combine
from tasks.benchmark.bench import Arm, Bench, run_arm
from tasks.preflight import check
from tasks.project.export import export_project
from tasks.project.ingest import ingest_paths, open_last_frames
from tasks.steps.context import RoundContext
from tasks.steps.table import collect, propagate, request, select
from tasks.web.refining.page_gestures import PageGestures
from tests.toys.ledgers import ledger_with_clip
from tests.toys.projects import write_clip
from tests.toys.web.browser import browser, needs_chromium
from tests.toys.web.label_page import Person
from tests.toys.web.serving import served

TEMPLATE = Path(__file__).resolve().parents[1] / "docs" / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the template's package, installed by pip."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source")
    for file in TEMPLATE.iterdir():
        if file.is_file():
            (source / file.name).write_bytes(file.read_bytes())
    options = ("--no-index", "--no-deps", "--no-build-isolation", "--quiet", "--target", str(folder))
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def plugin(installed, monkeypatch):
    monkeypatch.syspath_prepend(str(installed))


@pytest.mark.usefixtures("plugin")
def test_a_round_an_export_and_the_bench_use_it_by_name(tmp_path):
    data = write_clip(tmp_path / "data")
    project = Project.at(tmp_path / "work")
    ledger = Ledger(project.ledger_path)
    settings = Settings().changed(
        {
            "annotator.backend": "simulated",
            "annotator.ahead": 0,
            "selection.strategy": "widest_gap",
            "selection.frames_per_round": 2,
            "selection.control_share": 0.0,
            "propagation.methods": ["nearest"],
        }
    )
    with ledger.held():
        assert not ingest_paths(ledger, [data]).failed
        check(settings, project)
        context = RoundContext.open(project, ledger.begin_round(settings).round_id)
        for step in (select, request, collect, propagate):
            step.do(context)
        ledger.finish_round(1, None)
        asked = sorted((s.frame.frame_idx, s.reason) for s in ledger.selection(1))
        (path,) = ledger.delivered_paths(1).values()
    # Nothing is labelled at first, so every frame is as far as the video is long.
    assert asked == [(0, "widest gap: 12 frames to a label"), (11, "widest gap: 11 frames to a label")]
    delivered = dict(read_delivered(project.absolute(path)))
    assert delivered[1][0].provenance is Provenance.PROPAGATED
    assert delivered[1][0].rle == delivered[0][0].rle
    assert delivered[10][0].rle == delivered[11][0].rle

    out = tmp_path / "centres"
    export_project(project, ledger, open_last_frames(project, ledger), "centres", out, ExportOptions(images=False))
    head, first, *_ = (out / "toy.csv").read_text(encoding="utf-8").splitlines()
    assert (head, first) == ("frame,track,category,x,y", "0,1,object,15.5,31.5")

    arm = Arm.parse("widest_gap")
    bench = Bench((data,), None, arms=(arm,), sets=("single",), seeds=1, rounds=2, frames_per_video=4)
    (trial,) = bench.trials()
    world = World(trial.videos, FlowPropagator(FlowStore(tmp_path / "flow"), PropagationSettings()))
    assert [point.human_frames for point in run_arm(bench, trial, world, arm, 0)] == [2, 4]


@pytest.mark.usefixtures("plugin")
def test_a_component_of_uncertainty_counts_in_the_score():
    mask = SoftMask.of(np.ones((2, 2), bool))
    thing = PredictedObject(1, (1.0, 0.0), 1.0, 4, (0, 0, 2, 2), 0.0, 1.0, 0.0, 0.0, mask)
    scorer = FrameScorer(others=["sudden"])
    for frame_idx, objects in enumerate([(thing,), (), ()]):
        scorer.add(FramePrediction(frame_idx, objects, np.ones(1, np.float32)))
    components = scorer.components()
    assert components["sudden"].tolist() == [0, 1, 0]
    alone = dict.fromkeys(COMPONENTS, 0.0) | {"plugins": ["sudden"]}
    assert combine(components, UncertaintySettings.model_validate(alone)).tolist() == [0, 1, 0]


@pytest.mark.usefixtures("plugin")
def test_the_page_makes_masks_with_the_refiner_that_is_named(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    gestures = PageGestures(Project.at(tmp_path), ledger, lambda: "whole_boxes")
    mask = gestures.named().with_box(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.float32), Window(2, 1, 5, 3))
    assert mask.sum() == 6


@needs_chromium
@pytest.mark.usefixtures("plugin")
def test_the_page_says_why_in_the_words_of_the_strategy(tmp_path):
    data = write_clip(tmp_path / "data")
    project = Project.at(tmp_path / "work")
    ledger = Ledger(project.ledger_path)
    settings = Settings().changed(
        {"selection.strategy": "widest_gap", "selection.frames_per_round": 2, "selection.control_share": 0.0}
    )
    with ledger.held():
        assert not ingest_paths(ledger, [data]).failed
        context = RoundContext.open(project, ledger.begin_round(settings).round_id)
        for step in (select, request):
            step.do(context)
    with served(project) as (context, owner), browser() as running:
        ada = Person(running, f"{owner.url}/enter#{context.ledger.add_annotator('Ada')}")
        ada.task()
        assert "widest gap: 12 frames to a label" in ada.page.text_content("#why")


@pytest.mark.usefixtures("plugin")
def test_its_names_are_among_the_known_ones():
    assert "widest_gap" in STRATEGIES.plugins()
    assert "nearest" in PROPAGATORS
    assert "widest_gap" not in set(STRATEGIES)
