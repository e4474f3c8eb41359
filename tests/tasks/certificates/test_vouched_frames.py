"""What certificates vouch for is not asked again, and the selection relies on it."""

import numpy as np
import pytest

from al_core.records import FrameRef, Provenance
from al_core.selection import Frames
from al_core.settings import Settings
from tasks.certificates.drawing_audits import draw_audit
from tasks.certificates.issuing import Wish, issue
from tasks.certificates.vouched_frames import VouchedFrames
from tasks.steps.context import RoundContext
from tasks.steps.expected_error import outlooks_of
from tasks.steps.select import open_pool, pool_from_ledger, select_inputs
from tests.toys.audits.audited_project import HUMAN_FRAME, answer_all


@pytest.fixture
def certified(audited):
    """(context of the next round, certificate)."""
    project, ledger, _ = audited
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=200, blind=0, frames=0))
    made = issue(project, ledger, Wish())
    ledger.begin_round(Settings())
    return RoundContext(project, ledger, 2), made


def candidates_of(pool):
    return set(zip(pool.candidates.video_id.tolist(), pool.candidates.frame_idx.tolist(), strict=True))


def test_frames_of_which_every_mask_is_accepted_are_no_candidates(certified, audited):
    context, made = certified
    found = {(video, frame) for video, frame, _ in VouchedFrames(context, context.frozen_at_first).accepted()}
    assert len(found) == made.accepted_masks
    assert (1, HUMAN_FRAME) not in found
    pool = open_pool(context)
    assert not candidates_of(pool) & found
    assert pool.n_vouched == len(found)
    # What is neither labelled nor accepted may be asked for: the masks that the audit found bad.
    assert made.excluded
    vouched = Frames.of(*zip(*sorted(found), strict=True))
    left = candidates_of(pool_from_ledger(context.ledger, 2, vouched=vouched))
    assert len(left) == 240 - len(found)
    assert {(video, frame) for video, frame, _ in made.excluded} <= left
    assert select_inputs(context)["accepted"] == [made.certificate_id]


def test_the_selection_expects_no_more_error_of_them_than_the_bound(certified):
    context, made = certified
    vouched = VouchedFrames(context, context.frozen_at_first)
    assert vouched.bound == made.error == 0.05
    frames = [frame for video, frame, _ in vouched.accepted() if video == 1]
    error = outlooks_of(context)(1).error
    assert error[frames].max() <= made.error + 1e-9
    bad = [frame for video, frame, _ in made.excluded if video == 1]
    assert error[bad].min() > 0.4


def test_without_a_certificate_nothing_changes(audited):
    project, ledger, _ = audited
    ledger.begin_round(Settings())
    context = RoundContext(project, ledger, 2)
    vouched = VouchedFrames(context, context.frozen_at_first)
    assert (list(vouched.accepted()), vouched.any, vouched.bound, vouched.examples(5)) == ([], False, 0.0, [])
    assert "accepted" not in select_inputs(context)
    assert len(vouched.delivered(1)) == 121


def test_examples_for_a_student_are_spread_over_all(certified):
    context, _ = certified
    examples = VouchedFrames(context, context.frozen).examples(6)
    assert len(examples) == 6
    assert {frame.video_id for frame, _ in examples} == {1, 2}
    frame, (mask,) = examples[0]
    assert isinstance(frame, FrameRef)
    delivered = VouchedFrames(context, context.frozen).delivered(frame.video_id)[frame.frame_idx]
    assert [(m.track_id, m.rle, m.provenance) for m in delivered] == [(1, mask.rle, Provenance.ACCEPTED)]
    assert frame not in [f for f, _ in VouchedFrames(context, context.frozen).examples(10_000, {frame})]
    everything = VouchedFrames(context, context.frozen).examples(10_000)
    assert len(everything) == len(list(VouchedFrames(context, context.frozen).accepted()))
    assert np.diff([f.frame_idx for f, _ in everything if f.video_id == 1]).min() > 0
