"""Walks from both sides that meet between two human frames."""

import tempfile
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from al_core.propagation import walks
from al_core.propagation.walks import Found, Spool, blended, confidence, walked

LABEL = {1: np.array([[1, 0]], bool)}
SIZE = (1, 2)


def falling(done: list[tuple[int, range, int]]) -> Callable[[Sequence[int]], walks.Run]:
    """Walks that find each object everywhere, with 10/255 less in each frame further on."""

    def walk(tracks: Sequence[int]) -> walks.Run:
        def run(source: int, order: range, opposite: int) -> Iterator[Found]:
            done.append((source, order, opposite))
            for i in order:
                yield Found(np.full((len(tracks), *SIZE), 255 - 10 * abs(i - source), np.uint8))

        return run

    return walk


def test_each_gap_is_walked_from_the_labels_at_its_ends() -> None:
    done: list[tuple[int, range, int]] = []
    frames = list(walked(7, {1: LABEL, 4: LABEL}, SIZE, falling(done)))
    assert [f.frame_idx for f in frames] == list(range(7))
    assert done == [
        (1, range(0, -1, -1), -1),
        (4, range(3, 1, -1), 1),
        (1, range(2, 4), 4),
        (4, range(5, 7), 7),
    ]
    assert frames[1].tracks[1].mask.full().tolist() == [[1, 0]]


def test_the_nearer_label_counts_more() -> None:
    frames = list(walked(6, {1: LABEL, 4: LABEL}, SIZE, falling([])))
    # Frame 2: one step from label 1 (weight 1), two from label 4 (weight 1/2).
    assert frames[2].tracks[1].mask.values.tolist() == [[round((245 * 2 + 235) / 3)] * 2]


@pytest.mark.parametrize("waiting", [1, 32_000_000])
def test_what_waits_in_a_file_comes_back_in_order(waiting: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "WAITING_BYTES", waiting)
    frames = list(walked(6, {5: LABEL}, SIZE, falling([])))
    assert [int(f.tracks[1].mask.values.max()) for f in frames] == [205, 215, 225, 235, 245, 255]


def test_nobody_walks_where_no_object_is_looked_for_or_no_frame_lies_between() -> None:
    done: list[tuple[int, range, int]] = []
    frames = list(walked(4, {0: {}, 2: {}, 3: LABEL}, SIZE, falling(done)))
    assert [sorted(f.tracks) for f in frames] == [[], [], [], [1]]
    assert done == []


def test_an_object_that_no_walk_finds_is_left_out() -> None:
    nothing = np.zeros((2, *SIZE), np.uint8)
    nothing[1] = 200
    assert sorted(blended([7, 9], [(Found(nothing), 1)], SIZE)) == [9]


def test_who_may_not_be_there_is_trusted_less() -> None:
    sure = np.full((1, *SIZE), 255, np.uint8)
    sides = [(Found(sure, np.array([0.8], np.float32)), 1), (Found(sure, np.array([0.5], np.float32)), 2)]
    found = blended([7], sides, SIZE)[7]
    # The nearer walk counts twice: .8 * 2/3 + .5 * 1/3.
    assert found.confidence == pytest.approx(0.7)
    assert found.mask.values.tolist() == [[255, 255]]


def test_confidence_is_what_the_mask_promises_and_how_far_the_walks_agree() -> None:
    sure, half = np.array([[1, 0]], np.float32), np.array([[1, 1]], np.float32)
    assert confidence(sure, [sure]) == 1
    assert confidence(sure, [sure, sure]) == 1
    # The walks share one of two pixels, and the mask itself is certain.
    assert confidence(sure, [sure, half]) == pytest.approx((1 + 1 / 2) / 2)
    # One pixel of .8 inside and one of .4 outside: .8 over 1 + .4.
    assert confidence(np.array([[0.8, 0.4]], np.float32), [sure]) == pytest.approx(0.8 / 1.4)


def test_a_spool_gives_values_back_in_any_order() -> None:
    with tempfile.TemporaryFile() as file:
        spool = Spool(file)
        for value in ("first", {"second": 2}, [3]):
            spool.put(value)
        assert [spool.get(i) for i in (2, 0, 1)] == [[3], "first", {"second": 2}]
        spool.put("last")
        assert spool.get(3) == "last"
