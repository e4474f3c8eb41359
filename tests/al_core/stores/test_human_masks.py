"""What people said of a frame, alone and beside the masks of the machine."""

import numpy as np

from al_core.masks.rle import decode, encode
from al_core.records import DeliveredMask, FrameLabel, FrameRef, MaskLabel, Provenance
from al_core.stores.human_masks import human_masks, with_human
from tests.toys.fusion import box

FRAME = FrameRef(1, 4)


def delivered(track, mask):
    """A mask of the machine."""
    return DeliveredMask(4, track, 1, Provenance.PROPAGATED, 0.7, encode(mask))


def test_human_masks_come_by_track_with_their_ignore_regions():
    label = FrameLabel(FRAME, (MaskLabel(2, 1, encode(box(7))), MaskLabel(0, 0, encode(box(0)))))
    masks = human_masks(label)
    assert [(m.frame_idx, m.track_id, m.confidence) for m in masks] == [(4, 0, 1.0), (4, 2, 1.0)]
    assert {m.provenance for m in masks} == {Provenance.HUMAN}


def test_a_complete_label_leaves_nothing_of_the_machine():
    assert with_human([delivered(1, box(0))], FrameLabel(FRAME, ())) == []


def test_of_other_objects_the_machine_keeps_what_people_did_not_draw():
    label = FrameLabel(FRAME, (MaskLabel(1, 1, encode(box(0))),), complete=False, absent=(3,))
    machine = [delivered(1, box(5)), delivered(2, box(2)), delivered(3, box(8)), delivered(4, box(0))]
    found = {m.track_id: m for m in with_human(machine, label)}
    assert {t: m.provenance for t, m in found.items()} == {1: Provenance.HUMAN, 2: Provenance.PROPAGATED}
    np.testing.assert_array_equal(decode(found[2].rle), box(2) & ~box(0))
    assert (found[1].rle, found[2].confidence) == (encode(box(0)), 0.7)
