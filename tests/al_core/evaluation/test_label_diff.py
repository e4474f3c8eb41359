"""What differs between two label sets, on masks of 4 x 4 pixels."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.evaluation.label_diff import compare, likeness
from al_core.masks.rle import encode
from al_core.records import DeliveredMask, Identities, MaskLabel, Provenance

HUMAN, TEACHER = Provenance.HUMAN, Provenance.TEACHER


def mask(frame_idx, rows, track_id=1, provenance=HUMAN, category_id=1):
    """A mask that fills the first rows."""
    filled = np.zeros((4, 4), bool)
    filled[:rows] = True
    return DeliveredMask(frame_idx, track_id, category_id, provenance, 1.0, encode(filled))


def video(*masks):
    """Masks as a version gives them: by frame."""
    frames = sorted({m.frame_idx for m in masks})
    return [(i, [m for m in masks if m.frame_idx == i]) for i in frames]


def test_a_version_equals_itself():
    same = video(mask(0, 2), mask(3, 1))
    found = compare(same, same)
    assert (found.n_masks, found.mean_iou, found.changes) == (2, 1.0, ())


def test_each_kind_of_change():
    before = video(mask(0, 2), mask(1, 2), mask(2, 2), mask(3, 2))
    after = video(mask(0, 2), mask(1, 4), mask(3, 2, provenance=TEACHER), mask(5, 1))
    found = compare(before, after)
    assert [(c.frame_idx, c.what, c.iou) for c in found.changes] == [
        (2, "removed", 0.0), (5, "added", 0.0), (1, "reshaped", 0.5), (3, "renamed", 1.0),
    ]  # fmt: skip
    assert found.mean_iou == pytest.approx((1 + 0.5 + 0 + 1 + 0) / 5)
    assert found.counts == {"added": 1, "removed": 1, "reshaped": 1, "renamed": 1, "attributes": 0}


def test_a_mask_of_which_something_else_is_said():
    before, after = (replace(mask(0, 2), attributes=said) for said in ((), ("occluded",)))
    (change,) = compare(video(before), video(after)).changes
    assert (change.what, change.iou) == ("attributes", 1.0)


def test_tracks_are_told_apart_and_a_new_category_is_a_change():
    before = video(mask(0, 2, track_id=1), mask(0, 2, track_id=2))
    after = video(mask(0, 2, track_id=1), mask(0, 2, track_id=2, category_id=7))
    (change,) = compare(before, after).changes
    assert (change.track_id, change.what) == (2, "renamed")


def test_masks_without_lasting_identities_are_paired_by_what_they_cover():
    before = video(mask(0, 4, track_id=1), mask(0, 1, track_id=2))
    after = video(mask(0, 1, track_id=1), mask(0, 4, track_id=2))
    assert len(compare(before, after).changes) == 2
    assert compare(before, after, Identities.PER_FRAME).changes == ()
    (added,) = compare(before[:0], video(mask(0, 1)), Identities.PER_FRAME).changes
    assert added.what == "added"


def test_nothing_to_compare():
    assert compare([], []).mean_iou is None
    assert compare([], video(mask(0, 1))).mean_iou == 0.0


def bar(start, end, track_id=1):
    """An object that fills columns of a 1x10 frame."""
    mask = np.zeros((1, 10), bool)
    mask[0, start:end] = True
    return MaskLabel(track_id, 1, encode(mask))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([bar(0, 4)], [bar(0, 4)], 1.0),
        ([bar(0, 4)], [bar(2, 6)], 1 / 3),
        ([bar(0, 4)], [], 0.0),
        ([], [], 1.0),
        ([bar(0, 4), bar(6, 9, 2)], [bar(6, 9, 1), bar(0, 4, 2)], 1.0),
        ([bar(0, 4), bar(6, 9, 2)], [bar(0, 4)], 0.5),
    ],
    ids=["same", "a third", "only one sees it", "both see nothing", "numbered differently", "one more"],
)
def test_likeness(first, second, expected):
    assert likeness(first, second) == pytest.approx(expected)


def test_ignore_regions_are_left_out():
    region = MaskLabel(0, 0, bar(0, 9).rle)
    assert likeness([bar(0, 4), region], [bar(0, 4)]) == 1.0
