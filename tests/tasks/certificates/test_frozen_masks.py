"""Accepted masks go into every later delivery as they were, except where a person said something."""

from dataclasses import replace

from al_core.masks.rle import encode
from al_core.records import DeliveredMask, FrameLabel, FrameRef, MaskLabel, Provenance
from tasks.certificates.drawing_audits import draw_audit
from tasks.certificates.frozen_masks import FrozenMasks, with_frozen
from tasks.certificates.issuing import Wish, issue
from tests.toys.audits.audited_project import N_FRAMES, answer_all, confidence_of, masks_of, square


def mask(frame_idx, track, x=0, provenance=Provenance.PROPAGATED):
    return DeliveredMask(frame_idx, track, 1, provenance, 0.5, encode(square(frame_idx, x)))


def frozen_with(audited):
    project, ledger, _ = audited
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=200, frames=0))
    made = issue(project, ledger, Wish())
    return made, FrozenMasks.of(project, ledger, 1)


def test_what_a_certificate_accepts_is_read_as_it_was_delivered(audited):
    made, frozen = frozen_with(audited)
    found = frozen.of_video(1)
    expected = [i for i in range(1, N_FRAMES) if confidence_of(i) >= made.accepted[0].confidence]
    assert sorted(found) == [i for i in expected if (1, i, 1) not in made.excluded]
    delivered = {m.frame_idx: m for m in masks_of()}
    assert found[100] == [replace(delivered[100], provenance=Provenance.ACCEPTED)]
    assert frozen.ids == [made.certificate_id]


def test_later_rounds_know_what_was_there_when_they_began(audited):
    project, ledger, _ = audited
    frozen_with(audited)
    before = ledger.round(1).started_at
    assert FrozenMasks.of(project, ledger, 1, before).ids == []
    assert FrozenMasks.of(project, ledger, 0).ids == []


def test_an_accepted_mask_takes_the_place_of_the_same_object():
    kept = mask(2, 1, provenance=Provenance.ACCEPTED)
    other = mask(2, 3, 9)
    new = [(1, [mask(1, 1)]), (2, [mask(2, 1, 4), mask(2, 2, 1), other])]
    assert list(with_frozen(new, {2: [kept], 5: [replace(kept, frame_idx=5)]}, {})) == [
        (1, [mask(1, 1)]), (2, [kept, other]), (5, [replace(kept, frame_idx=5)])
    ]  # fmt: skip


def test_frames_between_come_in_order():
    kept = mask(2, 1, provenance=Provenance.ACCEPTED)
    found = with_frozen([(4, [mask(4, 1)])], {2: [kept]}, {})
    assert [index for index, _ in found] == [2, 4]


def test_a_persons_word_goes_first():
    kept = mask(2, 1, provenance=Provenance.ACCEPTED)
    human = mask(2, 1, 4, Provenance.HUMAN)
    whole = FrameLabel(FrameRef(1, 2), (MaskLabel(1, 1, human.rle),))
    assert list(with_frozen([(2, [human])], {2: [kept]}, {2: whole})) == [(2, [human])]
    empty = FrameLabel(FrameRef(1, 2), ())
    assert list(with_frozen([], {2: [kept]}, {2: empty})) == []
    partly = FrameLabel(FrameRef(1, 2), (), complete=False, absent=(1,))
    two = replace(kept, track_id=2)
    assert list(with_frozen([], {2: [kept, two]}, {2: partly})) == [(2, [two])]
