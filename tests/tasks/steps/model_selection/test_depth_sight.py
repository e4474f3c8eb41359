"""Frames are chosen by depth where the strategy goes by it and the project has learnt it."""

from types import SimpleNamespace

import numpy as np
import pytest

from al_core.depth import depth_selection
from al_core.project import Project
from al_core.selection.pool import Frames
from al_core.settings import Settings
from tasks.steps.model_selection.depth_sight import depth_inputs, depth_sight
from tests.toys.ledgers import context_of, ledger_with_clip
from tests.toys.models.depth_networks import keep_depth

BY_DEPTH = Settings().changed({"selection.strategy": "farthest_with_error", "student.device": "cpu"})


@pytest.fixture
def context(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 32, 48, 3), np.uint8)
    frames = SimpleNamespace(read=lambda frame: images[frame.frame_idx])
    ledger = ledger_with_clip(tmp_path)
    return lambda settings=BY_DEPTH: context_of(Project.at(tmp_path), ledger, 1, settings, frames=frames)


def test_without_depth_nothing_is_known_and_nothing_depends_on_it(context):
    assert (depth_sight(context()), depth_inputs(context())) == (None, {})


def test_other_strategies_do_not_go_by_it(context):
    keep_depth(context().project, BY_DEPTH.student)
    assert (depth_sight(context(Settings())), depth_inputs(context(Settings()))) == (None, {})


def test_features_and_errors_of_frames(context, monkeypatch):
    monkeypatch.setattr(depth_selection, "STEPS", 1)
    keep_depth(context().project, BY_DEPTH.student)
    assert depth_inputs(context()) == {"depth": "a" * 64}
    sight = depth_sight(context())
    frames, labelled = Frames.of([1, 1, 1], [2, 5, 9]), Frames.of([1], [0])
    assert sight.features(frames).shape[0] == 3
    errors = sight.errors(frames, labelled)
    assert errors.shape == (3,)
    assert (errors > 0).all()
