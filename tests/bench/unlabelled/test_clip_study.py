"""What is believed of clips follows from what would be delivered, and figures are of frames without labels."""

import numpy as np
import pytest

from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import Settings
from al_core.stores.predictions import FramePrediction
from tests.bench.unlabelled.clip_study import ClipStudy, LabelledClip
from tests.toys.footage.synthetic import synthetic_clip


def seeing_nothing(frames):
    """Teachers that see no object in any frame."""
    return [FramePrediction(i, (), np.ones(1, np.float32)) for i in range(len(frames))]


@pytest.fixture
def study(tmp_path):
    """One clip of six frames, two of them labelled."""
    clip = synthetic_clip(3, n_frames=6, size=(64, 112), radius=13)
    truth = {
        i: FrameLabel(FrameRef(1, i), tuple(MaskLabel(track, 1, encode(mask)) for track, mask in masks.items()))
        for i, masks in enumerate(clip.truth)
    }
    settings = Settings().changed({"student.unlabelled_confidence": 0.5, "propagation.methods": ["flow"]})
    return ClipStudy("one", {"clip": LabelledClip(clip, truth, [1, 4])}, settings, tmp_path)


def test_frames_without_labels_are_believed_to_show_what_is_carried_there(study):
    believed = study.believed(seeing_nothing)
    assert {sample.frame.frame_idx for sample in believed} <= {0, 2, 3, 5}
    assert any(sample.masks for sample in believed)
    assert all(0 <= sample.weight <= 1 for sample in believed)
    assert [sample.frame for sample in study.samples] == [FrameRef(1, 1), FrameRef(1, 4)]


def test_teachers_and_delivery_are_measured_apart(study):
    figures = study.figures(seeing_nothing)
    assert figures["J of teachers' masks"] == {"clip": 0.0}
    assert figures["J&F delivered"]["clip"] > 0.5
    assert study.errors("clip", seeing_nothing) == {0: 1.0, 2: 1.0, 3: 1.0, 5: 1.0}
