"""Where an object may be: parts with learnt colours, and predictions."""

import io

import numpy as np

from al_core.masks.soft import SoftMask
from al_core.propagation.tracks.proposals import Palette, predicted
from al_core.propagation.walks import Spool
from al_core.stores.predictions import FramePrediction, PredictedObject
from tests.toys.footage.movers import iou, line, mover_clip

CLIP = mover_clip({1: line((30, 30), (2, 0)), 2: line((90, 40), (-2, 0))})


def learnt(tracks: list[int]) -> Palette:
    palette = Palette(tracks)
    palette.learn(CLIP.read(0), {t: SoftMask.of(m) for t, m in CLIP.truth[0].items() if t in tracks})
    return palette


def test_parts_cover_the_objects_of_another_frame() -> None:
    parts = learnt([1, 2]).parts(CLIP.read(8))
    for truth in CLIP.truth[8].values():
        best = max(parts, key=lambda part: iou(part[0].full() > 0.5, truth))
        assert iou(best[0].full() > 0.5, truth) > 0.8
        assert best[1] > 0.9


def test_what_was_not_labelled_is_no_part() -> None:
    parts = learnt([1]).parts(CLIP.read(8))
    assert parts
    assert all(not (mask.full() > 0.5)[CLIP.truth[8][2]].any() for mask, _ in parts)


def test_without_an_object_there_is_no_part() -> None:
    assert Palette([1]).parts(CLIP.read(0)) == []


def seen(frame_idx: int, mask: np.ndarray) -> FramePrediction:
    found = PredictedObject(1, (0.8, 0.2), 0.8, 4, (0, 0, 1, 1), 0.0, 1.0, 0.0, 0.0, SoftMask.of(mask))
    return FramePrediction(frame_idx, (found,), np.ones(1, np.float32))


def test_predictions_are_proposals_at_any_size_and_faint_ones_are_not() -> None:
    truth = CLIP.truth[0][1]
    ((mask, existence),) = predicted(seen(0, truth), (36, 64))
    assert (mask.size, existence) == ((36, 64), 0.8)
    assert iou(np.kron(mask.full() > 0.5, np.ones((2, 2), bool)), truth) > 0.9
    assert predicted(seen(0, truth * 0.3), CLIP.size) == []


def test_a_shelf_gives_back_what_was_put_there() -> None:
    file = io.BytesIO()
    first, second = Spool(file), Spool(file)
    for value in (1, "two"):
        first.put([value])
        second.put({value: np.arange(3)})
    assert (first.get(1), first.get(0)) == (["two"], [1])
    np.testing.assert_array_equal(second.get(0)[1], np.arange(3))
