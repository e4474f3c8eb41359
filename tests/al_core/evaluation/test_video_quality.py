"""Quality figures of one video, by hand on 4x4 masks."""

import numpy as np
import pytest

from al_core.evaluation.metrics import j_and_f
from al_core.evaluation.video_quality import evaluate_video
from al_core.masks.rle import encode
from al_core.records import DeliveredMask, FrameLabel, FrameRef, Identities, MaskLabel, Provenance

PERSISTENT, PER_FRAME = Identities.PERSISTENT, Identities.PER_FRAME
HUMAN, PROPAGATED, TEACHER = Provenance.HUMAN, Provenance.PROPAGATED, Provenance.TEACHER


def block(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((4, 4), bool)
    mask[rows, columns] = True
    return mask


TOP, TOP_LEFT = block(slice(0, 2), slice(0, 4)), block(slice(0, 2), slice(0, 2))
BOTTOM = block(slice(2, 4), slice(0, 4))


def label(frame_idx: int, *masks: tuple[int, np.ndarray], category: int = 1) -> FrameLabel:
    found = tuple(MaskLabel(t, category if t else 0, encode(m)) for t, m in masks)
    return FrameLabel(FrameRef(1, frame_idx), found)


def given_mask(frame_idx: int, track: int, mask: np.ndarray, provenance=PROPAGATED, confidence=0.9) -> DeliveredMask:
    return DeliveredMask(frame_idx, track, 1, provenance, confidence, encode(mask))


def value(rows, metric: str, track: int | None = None, provenance: str = "all") -> tuple[float, int]:
    (found,) = [(v, n) for t, p, m, v, n in rows if (t, p, m) == (track, provenance, metric)]
    return found


class TestPersistent:
    def test_human_frames_are_not_measured(self):
        truth = {0: label(0, (1, TOP)), 1: label(1, (1, TOP))}
        delivered = {0: [given_mask(0, 1, TOP, HUMAN)], 1: [given_mask(1, 1, TOP_LEFT)]}
        rows = evaluate_video(delivered, truth, {0}, PERSISTENT)
        assert value(rows, "j") == (0.5, 1)
        assert value(rows, "f") == (j_and_f(TOP_LEFT, TOP).f, 1)
        assert value(rows, "jf")[0] == pytest.approx((0.5 + j_and_f(TOP_LEFT, TOP).f) / 2)
        assert "human" not in {row[1] for row in rows}

    def test_nothing_to_measure(self):
        assert evaluate_video({}, {0: label(0, (1, TOP))}, {0}, PERSISTENT) == []
        assert evaluate_video({0: [given_mask(0, 1, TOP)]}, {}, set(), PERSISTENT) == []

    def test_identity_switches_are_counted(self):
        truth = {i: label(i, (1, TOP), (2, BOTTOM)) for i in range(4)}
        swapped = {i: [given_mask(i, 1, BOTTOM), given_mask(i, 2, TOP)] for i in (2, 3)}
        delivered = {i: [given_mask(i, 1, TOP, HUMAN), given_mask(i, 2, BOTTOM, HUMAN)] for i in (0, 1)} | swapped
        assert value(evaluate_video(delivered, truth, {0}, PERSISTENT), "switches") == (2.0, 3)
        assert value(evaluate_video(delivered, truth, {0, 1}, PERSISTENT), "switches") == (0.0, 2)

    def test_absent_objects(self):
        # Labelled by a person; then in view and missed; out of view: rightly nothing, then wrongly something.
        truth = {0: label(0, (1, TOP)), 1: label(1, (1, TOP)), 2: label(2), 3: label(3)}
        delivered = {0: [given_mask(0, 1, TOP, HUMAN)], 3: [given_mask(3, 1, TOP)]}
        rows = evaluate_video(delivered, truth, {0}, PERSISTENT)
        assert value(rows, "j", track=1) == (pytest.approx(1 / 3), 3)
        assert value(rows, "f", track=1) == (pytest.approx(1 / 3), 3)

    def test_every_object_weighs_the_same_and_provenance_is_kept_apart(self):
        truth = {i: label(i, (1, TOP), (2, BOTTOM)) for i in (0, 1)}
        delivered = {
            0: [given_mask(0, 1, TOP_LEFT), given_mask(0, 2, BOTTOM)],
            1: [given_mask(1, 1, TOP, TEACHER)],
        }
        rows = evaluate_video(delivered, truth, set(), PERSISTENT)
        assert value(rows, "j", track=1) == (0.75, 2)
        assert value(rows, "j", track=2) == (0.5, 2)
        assert value(rows, "j") == (0.625, 2)
        assert value(rows, "j", provenance="propagated") == (0.75, 1)
        assert value(rows, "j", provenance="teacher") == (1.0, 1)
        assert value(rows, "j", track=1, provenance="propagated") == (0.5, 1)

    def test_tracks_nobody_named_are_paired_by_overlap(self):
        truth = {0: label(0, (1, TOP), (2, BOTTOM)), 1: label(1, (1, TOP), (2, BOTTOM))}
        delivered = {i: [given_mask(i, 1, BOTTOM, TEACHER), given_mask(i, 7, TOP, TEACHER)] for i in (0, 1)}
        assert value(evaluate_video(delivered, truth, set(), PERSISTENT), "j") == (1.0, 2)

    def test_a_named_track_keeps_its_number(self):
        truth = {i: label(i, (1, TOP), (2, BOTTOM)) for i in (0, 1)}
        swapped = {
            0: [given_mask(0, 1, TOP, HUMAN)],
            1: [given_mask(1, 1, BOTTOM), given_mask(1, 9, BOTTOM, TEACHER)],
        }
        rows = evaluate_video(swapped, truth, {0}, PERSISTENT)
        assert value(rows, "j", track=1) == (0.0, 1)
        assert value(rows, "j", track=2) == (1.0, 1)

    def test_a_spurious_track_lowers_the_average_precision_only(self):
        truth = {0: label(0, (1, TOP))}
        right, stray = given_mask(0, 1, TOP, confidence=0.5), given_mask(0, 2, BOTTOM, confidence=0.9)
        alone = evaluate_video({0: [right]}, truth, set(), PERSISTENT)
        both = evaluate_video({0: [right, stray]}, truth, set(), PERSISTENT)
        assert value(both, "j") == value(alone, "j") == (1.0, 1)
        assert (value(alone, "ap50"), value(both, "ap50")) == ((1.0, 1), (0.5, 1))
        assert (value(alone, "voc_ap50"), value(both, "voc_ap50")) == ((1.0, 1), (0.5, 1))

    def test_ignored_pixels(self):
        truth = {0: label(0, (1, TOP_LEFT), (0, block(slice(0, 2), slice(2, 4))))}
        rows = evaluate_video({0: [given_mask(0, 1, TOP)]}, truth, set(), PERSISTENT)
        assert value(rows, "jf") == (1.0, 1)

    def test_a_video_in_which_nothing_is_there(self):
        truth = {0: label(0), 1: label(1)}
        rows = evaluate_video({1: [given_mask(1, 1, TOP)]}, truth, set(), PERSISTENT)
        assert value(rows, "j") == (0.5, 2)
        assert {row[2] for row in rows} == {"j", "f", "jf"}


class TestPerFrame:
    def test_numbers_mean_nothing(self):
        truth = {0: label(0, (1, TOP), (2, BOTTOM)), 1: label(1, (2, TOP), (1, BOTTOM))}
        delivered = {i: [given_mask(i, 5, TOP), given_mask(i, 6, BOTTOM)] for i in (0, 1)}
        rows = evaluate_video(delivered, truth, set(), PER_FRAME)
        assert value(rows, "jf") == (1.0, 2)
        assert value(rows, "ap") == (1.0, 2)
        assert {row[0] for row in rows} == {None}

    def test_missed_objects_and_empty_frames(self):
        truth = {0: label(0, (1, TOP), (2, BOTTOM)), 1: label(1), 2: label(2)}
        delivered = {0: [given_mask(0, 1, TOP, TEACHER)], 2: [given_mask(2, 1, TOP)]}
        rows = evaluate_video(delivered, truth, set(), PER_FRAME)
        assert value(rows, "j") == (pytest.approx((0.5 + 1 + 0) / 3), 3)
        assert value(rows, "j", provenance="teacher") == (1.0, 1)
        assert "propagated" not in {row[1] for row in rows}
