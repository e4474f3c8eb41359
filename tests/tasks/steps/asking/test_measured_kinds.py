"""What this project's answers show of kinds of label."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.campaign.pricing import correction_seconds
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import (
    Answer,
    DeliveredMask,
    FrameLabel,
    FrameRef,
    LabelKind,
    LabelRequest,
    MaskLabel,
    Provenance,
    Selected,
)
from al_core.selection.offers import LEAVES, RIGHT
from al_core.settings import AnnotatorSettings, Settings
from al_core.stores.delivered import write_delivered
from tasks.steps.asking.measured_kinds import LEAST_ANSWERS, MeasuredKinds
from tests.toys.ledgers import clip, ledger_with_clip, times_us

N = 60
SETTINGS = AnnotatorSettings()


def rows(n):
    """The first rows of a frame of 4x4 pixels."""
    mask = np.zeros((4, 4), bool)
    mask[:n] = True
    return encode(mask)


@pytest.fixture
def place(tmp_path):
    """A project whose first round delivered two rows of the four of an object, with a confidence of .5."""
    ledger = ledger_with_clip(tmp_path, with_truth=False)
    ledger.add_video(clip("long", N), times_us(N), [])
    project = Project.at(tmp_path)
    ledger.begin_round(Settings())
    path = project.round_dir(1) / "delivered" / "00002.parquet"
    path.parent.mkdir(parents=True)
    masks = [DeliveredMask(i, 1, 1, Provenance.PROPAGATED, 0.5, rows(2)) for i in range(N)]
    ledger.put_delivered(1, 2, project.relative(path), N, write_delivered(path, masks))
    ledger.finish_round(1, None)
    ledger.begin_round(Settings())
    with ledger.held():
        yield project, ledger


def give(ledger, frame_idx, asked, kind, rle=None, seconds=10.0, round_id=2):
    """Somebody answers a frame of the long clip."""
    request = LabelRequest.of(round_id, Selected(FrameRef(2, frame_idx), 0, 0.0, "", asked))
    ledger.put_requests([request])
    masks = () if rle is None else (MaskLabel(1, 1, rle),)
    label = FrameLabel(request.frame, masks, complete=kind is not LabelKind.REJECT)
    ledger.put_answer(Answer(f"{round_id}-{frame_idx}", request.request_id, label, kind, seconds, "ann"))


def measured(place):
    return MeasuredKinds(*place, SETTINGS)


def test_without_answers_the_shipped_figures_count(place):
    found = measured(place)
    assert (found.leaves, found.right) == (dict(LEAVES), RIGHT)
    assert found.prices.per_object[LabelKind.MASK] == SETTINGS.mask_seconds


def test_what_a_kind_leaves_is_told_by_whole_masks_of_the_same_frames(place):
    _, ledger = place
    # Shown was half of the object, answered three quarters of it.
    for i in range(LEAST_ANSWERS):
        give(ledger, i, LabelKind.CLICK, LabelKind.CLICK, rows(3))
    assert measured(place).leaves[LabelKind.CLICK] == LEAVES[LabelKind.CLICK]
    for i in range(LEAST_ANSWERS):
        give(ledger, i, LabelKind.MASK, LabelKind.MASK, rows(4), round_id=3)
    found = measured(place).leaves
    usual = LEAVES[LabelKind.CLICK]
    # All errors before are the same: the share that is kept stays, what is added follows.
    assert found[LabelKind.CLICK] == replace(usual, adds=pytest.approx(max(0.25 - usual.keeps * 0.5, 0), abs=1e-9))
    assert found[LabelKind.BOX] == LEAVES[LabelKind.BOX]


def test_whole_masks_cost_what_people_take_for_what_is_to_do(place):
    _, ledger = place
    price = correction_seconds(SETTINGS, 0.5)
    for i in range(5):
        give(ledger, i, LabelKind.MASK, LabelKind.MASK, rows(4), seconds=price / 4)
    assert measured(place).prices.per_object[LabelKind.MASK] == pytest.approx(80 * (5 * 0.25 + 2 * 0.25**0.5) / 7)


@pytest.mark.parametrize(("yes", "low", "high"), [(0, -0.2, 0.45), (LEAST_ANSWERS, 0.49, 0.6)])
def test_how_often_masks_are_found_right_moves_the_bound(place, yes, low, high):
    _, ledger = place
    for i in range(LEAST_ANSWERS):
        accepted = i < yes
        kind = LabelKind.ACCEPT if accepted else LabelKind.REJECT
        give(ledger, i, LabelKind.ACCEPT, kind, rows(2) if accepted else None)
    middle, scale = measured(place).right
    assert low <= middle <= high
    assert scale == RIGHT[1]
