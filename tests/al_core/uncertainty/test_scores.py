from collections.abc import Sequence
from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.errors import BadSettings
from al_core.masks.soft import SoftMask
from al_core.records import COMPONENTS, Shots
from al_core.settings import UncertaintySettings
from al_core.stores.predictions import FramePrediction, PredictedObject
from al_core.uncertainty.scores import (
    OTHER_COMPONENTS,
    Expected,
    FrameScorer,
    combine,
    expected_objects,
    inconsistency,
)

LEFT = np.array([[1, 1, 0, 0]] * 4, bool)
MIDDLE = np.array([[0, 1, 1, 0]] * 4, bool)
RIGHT = np.array([[0, 0, 1, 1]] * 4, bool)


def thing(mask: np.ndarray = LEFT, **values: float) -> PredictedObject:
    """An object without any doubt, but for ``values``."""
    sure = PredictedObject(1, (1.0, 0.0, 0.0), 1.0, 4, (0, 0, 2, 4), 0.0, 1.0, 0.0, 0.0, SoftMask.of(mask))
    return replace(sure, **values)


def clip(*frames: list[PredictedObject]) -> list[FramePrediction]:
    feature = np.ones(1, np.float32)
    return [FramePrediction(i, tuple(objects), feature) for i, objects in enumerate(frames)]


def frame_components(frames: Sequence[FramePrediction], expected: Expected | None = None) -> dict[str, np.ndarray]:
    """The components of each frame of a clip."""
    scorer = FrameScorer(expected)
    for frame in frames:
        scorer.add(frame)
    return scorer.components()


def test_a_certain_clip_has_no_uncertainty() -> None:
    found = frame_components(clip([thing()], [thing()], [thing()]))
    assert tuple(found) == COMPONENTS
    for values in found.values():
        assert values.dtype == np.float32
        assert values.tolist() == [0, 0, 0]


def test_components_by_eye() -> None:
    doubtful = thing(
        class_entropy=log(3) / 2,
        mutual_information=log(3) / 4,
        box_spread=0.1,
        mask_iou=0.8,
        existence_disagreement=0.75,
    )
    found = {name: float(v[0]) for name, v in frame_components(clip([doubtful, thing(RIGHT)])).items()}
    assert found == pytest.approx(
        {
            "class_entropy": 0.25,
            "mutual_information": 0.125,
            "box_spread": 0.05,
            "mask_disagreement": 0.1,
            "existence_disagreement": 0.375,
            "temporal_inconsistency": 0,
        },
        abs=1e-6,
    )


def test_shapes_of_objects_that_hardly_exist_count_less() -> None:
    ghost = thing(RIGHT, existence=0.25, mask_iou=0.5, box_spread=0.4)
    found = frame_components(clip([thing(), ghost]))
    assert found["mask_disagreement"][0] == pytest.approx(0.5 * 0.25 / 1.25)
    assert found["box_spread"][0] == pytest.approx(0.4 * 0.25 / 1.25)


def test_an_object_that_vanishes_for_a_frame() -> None:
    found = frame_components(clip([thing()], [], [thing()], [thing()]))["temporal_inconsistency"]
    assert found.tolist() == [1, 1, 0.5, 0]


def test_frames_in_which_nothing_is_seen_or_expected_are_certain() -> None:
    for expected in (None, expected_objects({1: 0}), expected_objects({})):
        found = frame_components(clip([], [], []), expected)
        assert all(values.tolist() == [0, 0, 0] for values in found.values())


def test_frames_that_miss_what_people_saw_nearby_are_uncertain() -> None:
    found = frame_components(clip([thing()], [], [], [], []), expected_objects({0: 1, 4: 0}))
    # Frames 1 and 2 are nearest to the label with one object (ties go to the earlier), frames 3 and 4 to the other.
    assert found["class_entropy"].tolist() == [0, 1, 1, 0, 0]
    assert found["existence_disagreement"].tolist() == [0, 1, 1, 0, 0]
    assert found["temporal_inconsistency"].tolist() == [1, 1, 1, 0, 0]
    assert found["mask_disagreement"].tolist() == [0, 0, 0, 0, 0]


def test_one_of_two_expected_objects_is_seen() -> None:
    found = frame_components(clip([thing()], [thing()]), expected_objects({0: 2}))
    for name in ("class_entropy", "existence_disagreement", "temporal_inconsistency"):
        assert found[name].tolist() == [0.5, 0.5]


def test_more_objects_than_expected_do_not_fit_either() -> None:
    found = frame_components(clip([thing(), thing(RIGHT, existence=0.5)]), expected_objects({0: 1}))
    assert found["temporal_inconsistency"].tolist() == pytest.approx([1 / 3])
    assert found["class_entropy"].tolist() == [0]


def test_what_is_expected_in_a_video_without_labels() -> None:
    assert [expected_objects({}, elsewhere=3)(i) for i in (0, 99)] == [3, 3]


def test_a_lone_frame_has_no_neighbours_and_no_frames_have_no_components() -> None:
    assert frame_components(clip([thing()]))["temporal_inconsistency"].tolist() == [0]
    assert all(values.shape == (0,) for values in frame_components([]).values())


def test_inconsistency_by_eye() -> None:
    assert inconsistency([thing(LEFT)], [thing(LEFT)]) == 0
    assert inconsistency([thing(LEFT)], [thing(MIDDLE)]) == pytest.approx(1 - 4 / 12)
    assert inconsistency([thing(LEFT)], [thing(RIGHT)]) == 1
    assert inconsistency([thing(LEFT), thing(RIGHT)], [thing(RIGHT), thing(LEFT)]) == 0
    assert inconsistency([thing(LEFT), thing(RIGHT)], [thing(LEFT)]) == pytest.approx(0.5)
    assert inconsistency([thing(LEFT), thing(RIGHT, existence=0.1)], [thing(LEFT)]) == pytest.approx(0.1 / 1.1)
    assert inconsistency([], [thing(LEFT)]) == inconsistency([thing(LEFT)], []) == 1
    assert inconsistency([], []) == 0


def test_a_probability_below_one_half_is_no_part_of_a_mask() -> None:
    faint = thing()
    faint = replace(faint, soft_mask=SoftMask.of(LEFT + 0.4 * RIGHT))
    assert inconsistency([faint], [thing(LEFT)]) == 0


@given(st.lists(st.lists(st.tuples(st.sampled_from([LEFT, MIDDLE, RIGHT]), st.floats(0, 1)), max_size=3), max_size=5))
def test_frames_scored_one_by_one_are_scored_alike_and_in_range(found: list) -> None:
    frames = clip(*[[thing(mask, existence=e, mask_iou=e, box_spread=2 * e) for mask, e in f] for f in found])
    scorer = FrameScorer()
    for n, frame in enumerate(frames, start=1):
        scorer.add(frame)
        so_far, at_once = scorer.components(), frame_components(frames[:n])
        assert all(np.array_equal(so_far[name], at_once[name]) for name in COMPONENTS)
        assert all((v >= 0).all() and (v <= 1).all() for v in so_far.values())


def parts(**values: float) -> dict[str, np.ndarray]:
    return {name: np.array([values.get(name, 0.0)], np.float32) for name in COMPONENTS}


def test_the_score_is_the_weighted_mean() -> None:
    weights = UncertaintySettings(
        class_entropy=3, mutual_information=1, box_spread=0, mask_disagreement=0, existence_disagreement=0,
        temporal_inconsistency=0,
    )  # fmt: skip
    score = combine(parts(class_entropy=0.4, mutual_information=0.2, temporal_inconsistency=1), weights)
    assert score.dtype == np.float32
    assert score.tolist() == pytest.approx([0.35])
    assert combine(parts(**dict.fromkeys(COMPONENTS, 1.0)), UncertaintySettings()).tolist() == [1]


def test_weights_that_are_all_zero_are_refused() -> None:
    nothing = UncertaintySettings(**dict.fromkeys(COMPONENTS, 0.0))
    with pytest.raises(BadSettings, match="at least one weight above 0"):
        combine(parts(), nothing)


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), None])
def test_a_component_of_others_that_gives_no_share_is_told(value, monkeypatch) -> None:
    monkeypatch.setitem(OTHER_COMPONENTS._imported, "mine", lambda frame, before: value)
    with pytest.raises(BadSettings, match=r"'mine' a number in \[0, 1\] for each frame, got .* for frame 0"):
        FrameScorer(others=["mine"]).add(clip([thing()])[0])


def test_a_component_of_others_sees_the_frame_before_in_its_shot(monkeypatch) -> None:
    monkeypatch.setitem(OTHER_COMPONENTS._imported, "mine", lambda frame, before: float(before is not None))
    scorer = FrameScorer(shots=Shots((2,)), others=["mine"])
    for frame in clip([thing()], [thing()], [thing()], [thing()]):
        scorer.add(frame)
    assert scorer.components()["mine"].tolist() == [0, 1, 0, 1]


def test_frames_on_two_sides_of_a_cut_are_not_compared() -> None:
    frames = clip([thing()], [thing()], [thing(RIGHT)], [thing(MIDDLE)])
    scorer = FrameScorer(shots=Shots((2,)))
    for frame in frames:
        scorer.add(frame)
    found = scorer.components()["temporal_inconsistency"]
    assert found == pytest.approx([0, 0, 2 / 3, 2 / 3], abs=1e-6)
    assert frame_components(frames)["temporal_inconsistency"] == pytest.approx([0, 0.5, 5 / 6, 2 / 3], abs=1e-6)


def test_a_shot_of_one_frame_has_nothing_to_be_compared_with() -> None:
    scorer = FrameScorer(shots=Shots((1, 2)))
    for frame in clip([thing()], [thing(RIGHT)], []):
        scorer.add(frame)
    assert scorer.components()["temporal_inconsistency"].tolist() == [0, 0, 0]


def test_labels_of_another_shot_tell_nothing_of_how_many_objects_to_expect() -> None:
    expected = expected_objects({3: 2, 8: 5}, elsewhere=1, shots=Shots((4, 10)))
    assert [expected(i) for i in (0, 3, 4, 9, 10)] == [2, 2, 5, 5, 1]
