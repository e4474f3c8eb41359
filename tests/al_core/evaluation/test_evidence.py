"""How a label was made tells how far it is to be trusted."""

import numpy as np
import pytest

from al_core.evaluation.evidence import LEFT, UNKNOWN, Evidence, exactness, weight_of
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, LabelKind, MaskLabel

RLE = encode(np.ones((4, 4), bool))


def test_what_was_drawn_is_exact_and_what_a_look_or_a_gesture_left_is_not():
    assert exactness(LabelKind.MASK) == exactness(None) == 1.0
    assert exactness(LabelKind.ACCEPT) == pytest.approx(0.957)
    assert all(exactness(kind) < exactness(LabelKind.ACCEPT) for kind in LEFT if kind is not LabelKind.ACCEPT)


def test_a_frame_counts_as_its_masks_do():
    drawn, clicked = MaskLabel(1, 1, RLE, LabelKind.MASK), MaskLabel(2, 1, RLE, LabelKind.CLICK)
    ignored = MaskLabel(0, 0, RLE, LabelKind.BOX)
    assert weight_of((drawn, clicked, ignored)) == pytest.approx(1 - LEFT[LabelKind.CLICK] / 2)
    assert weight_of((ignored,)) == weight_of(()) == 1.0


def test_accepted_masks_do_not_judge_who_may_have_made_them():
    masks = tuple(MaskLabel(t, 1, RLE, kind) for t, kind in enumerate((LabelKind.ACCEPT, LabelKind.BOX, None), start=1))
    evidence = Evidence.of([FrameLabel(FrameRef(1, 7), masks)])
    assert [evidence.judges(7, track) for track in (1, 2, 3)] == [0.0, exactness(LabelKind.BOX), 1.0]
    assert evidence.exact(7, 1) == exactness(LabelKind.ACCEPT)
    assert UNKNOWN.judges(7, 1) == UNKNOWN.exact(7, 1) == 1.0


def test_how_a_mask_was_made_is_no_part_of_what_it_says():
    assert MaskLabel(1, 1, RLE, LabelKind.BOX) == MaskLabel(1, 1, RLE)
    assert MaskLabel(1, 1, RLE, LabelKind.BOX).to_json() == MaskLabel(1, 1, RLE).to_json()
