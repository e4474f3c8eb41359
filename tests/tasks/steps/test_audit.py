"""Auditing one video of a project."""

from dataclasses import astuple

import numpy as np
import pytest

from al_core.evaluation.video_quality import VideoFigure
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import DeliveredMask, LabelRequest, Provenance
from al_core.stores.delivered import write_delivered
from tasks.steps.audit import audit_video
from tests.toys.contexts import context_of
from tests.toys.ledgers import SQUARE, chosen, ledger_with_clip, mask_answer, square

HALF = SQUARE & (np.arange(4) < 2)


@pytest.fixture
def project(tmp_path):
    return Project.at(tmp_path)


def deliver(project, ledger):
    """A human frame, eleven propagated masks that cover one half of the object."""
    path = project.round_dir(1) / "delivered" / "clip.parquet"
    human = DeliveredMask(0, 1, 1, Provenance.HUMAN, 1.0, square())
    others = [DeliveredMask(i, 1, 1, Provenance.PROPAGATED, 0.5, encode(HALF)) for i in range(1, 12)]
    ledger.put_delivered(1, 1, project.relative(path), 12, write_delivered(path, [human, *others]))


def test_frames_of_people_are_left_out(project):
    ledger = ledger_with_clip(project.root)
    request = LabelRequest.of(1, chosen(0))
    ledger.put_requests([request])
    ledger.put_answer(mask_answer(request))
    deliver(project, ledger)
    (video,) = ledger.videos()
    rows = audit_video(context_of(project, ledger), video)
    assert (None, "all", "j", 0.5, 11) in rows
    assert (1, "propagated", "j", 0.5, 11) in rows
    assert sorted(map(str, rows)) == sorted(str(VideoFigure(*astuple(row)[2:])) for row in ledger.quality(1))
    audit_video(context_of(project, ledger), video)
    assert len(ledger.quality(1)) == len(rows)


def test_without_truth_or_masks_there_is_nothing_to_measure(project):
    ledger = ledger_with_clip(project.root, with_truth=False)
    (video,) = ledger.videos()
    assert audit_video(context_of(project, ledger), video) == []
    deliver(project, ledger)
    assert audit_video(context_of(project, ledger), video) == []
    assert ledger.quality() == []
