"""A clip in windows of frames between its labelled ones."""

import numpy as np
import pytest

from al_core.propagation import windows
from al_core.propagation.windows import FrameEstimate, entropy_of, estimates, expected_overlap, known_masks, propagated
from tests.toys.footage.movers import MoverClip

LEFT = np.array([[1, 0]], bool)


@pytest.mark.parametrize("marks", [[0], [20], [7], [0, 20], [3, 17], []])
def test_windows_give_each_unknown_frame_once_and_hold_few(marks: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "LENGTH", 4)
    monkeypatch.setattr(windows, "KEPT", 3)
    widest = []

    def solve(span: range, known: dict) -> list[FrameEstimate]:
        assert all(i in span for i in known)
        widest.append(len(span))
        return [FrameEstimate(np.full((1, 1, 1), i, np.float32), float(i)) for i in span]

    known = {i: np.zeros((1, 1, 1), np.float32) for i in marks}
    found = list(estimates(21, known, solve)) if marks else []
    assert [i for i, _ in found] == ([i for i in range(21) if i not in marks] if marks else [])
    assert all(e.entropy == i for i, e in found)
    assert max(widest, default=0) <= 6


def test_a_gap_that_fits_is_solved_at_once_between_both_labels() -> None:
    asked = []

    def solve(span: range, known: dict) -> list[FrameEstimate]:
        asked.append((span, sorted(known)))
        return [FrameEstimate(np.zeros((1, 1, 1), np.float32), 0.0) for _ in span]

    known = {i: np.zeros((1, 1, 1), np.float32) for i in (2, 5)}
    list(estimates(8, known, solve))
    assert asked == [(range(0, 3), [2]), (range(2, 6), [2, 5]), (range(5, 8), [5])]


def test_the_next_window_starts_from_what_the_last_one_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "LENGTH", 3)
    monkeypatch.setattr(windows, "KEPT", 2)
    starts = {}

    def solve(span: range, known: dict) -> list[FrameEstimate]:
        starts.update({i: float(values.max()) for i, values in known.items()})
        return [FrameEstimate(np.full((1, 1, 1), 0.7, np.float32), 0.0) for _ in span]

    list(estimates(7, {0: np.ones((1, 1, 1), np.float32)}, solve))
    assert starts == {0: 1.0, 2: 1.0, 4: 1.0}


def test_masks_below_one_half_are_left_out_and_trust_falls_with_distance() -> None:
    def solve(span: range, known: dict) -> list[FrameEstimate]:
        values = np.array([[[1, 0]], [[0, 0.4]]], np.float32)
        return [FrameEstimate(values, 0.0) for _ in span]

    clip = MoverClip([np.zeros((1, 2, 3), np.uint8)] * 4, [{}] * 4)
    labels = {0: {1: LEFT, 2: ~LEFT}}
    frames = list(propagated(clip, labels, (1, 2), solve, trust=0.5))
    assert [sorted(f.tracks) for f in frames] == [[1, 2], [1], [1], [1]]
    assert [f.tracks[1].confidence for f in frames] == [1, 0.5, 0.25, 0.125]


def test_labels_are_stacked_in_order_of_tracks() -> None:
    found = known_masks({0: {7: LEFT}, 3: {2: LEFT, 7: ~LEFT}}, (1, 2))
    assert found[0].tolist() == [[[0, 0]], [[1, 0]]]
    assert found[3].tolist() == [[[1, 0]], [[0, 1]]]
    assert known_masks({0: {}}, (1, 2))[0].shape == (0, 1, 2)


def test_expected_overlap_by_eye() -> None:
    assert expected_overlap(np.array([[0.8, 0.4]], np.float32)) == pytest.approx(0.8 / 1.4)
    assert expected_overlap(np.array([[1, 0]], np.float32)) == 1
    assert expected_overlap(np.zeros((1, 2), np.float32)) == 0


def test_entropy_counts_the_background_too() -> None:
    assert entropy_of(np.array([1.0, 0.0], np.float32)) == pytest.approx(0, abs=1e-4)
    assert entropy_of(np.array([0.5], np.float32)) == pytest.approx(np.log(2), abs=1e-4)
    assert entropy_of(np.array([[1 / 3, 1 / 3]], np.float32)).tolist() == pytest.approx([np.log(3)], abs=1e-4)
