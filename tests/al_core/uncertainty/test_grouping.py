"""Detections of made-up members on 4x4 frames, whose means and entropies can be checked by eye."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.settings import TeacherSettings
from al_core.stores.predictions import PredictedObject
from al_core.uncertainty.augment import VIEWS
from al_core.uncertainty.grouping import Output, mask_boxes, merge_outputs

SIZE = (4, 4)
CATEGORIES = [7, 9]
SQUARE = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
TALL = np.array([[0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
CORNER = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]], bool)
LEFT = np.array([[1, 1, 0, 0]] * 4, bool)
RIGHT = LEFT[:, ::-1]


def box_of(mask: np.ndarray) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return [0, 0, 0, 0]
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def says(*found: tuple[np.ndarray, int, float], view: str = "identity", size: tuple[int, int] = SIZE) -> Output:
    """What an output sees: (mask, class index, score), by falling score."""
    masks = np.array([mask for mask, _, _ in found]).reshape(-1, *VIEWS[view].seen_size(SIZE))
    boxes = np.array([box_of(mask) for mask in masks], float).reshape(-1, 4)
    labels = np.array([label for _, label, _ in found], int)
    return Output(VIEWS[view], np.array([score for *_, score in found]), labels, boxes, masks)


def merged(*outputs: Output, max_objects: int = 10, size: tuple[int, int] = SIZE) -> tuple[PredictedObject, ...]:
    settings = TeacherSettings(score_threshold=0.3, match_iou=0.5)
    return merge_outputs(outputs, CATEGORIES, SIZE, size, settings, max_objects)


def test_teachers_who_agree_leave_no_doubt() -> None:
    (found,) = merged(says((SQUARE, 1, 1.0)), says((SQUARE, 1, 1.0)))
    assert found.category_id == 9
    assert found.class_probabilities == (0, 1, 0)
    assert (found.existence, found.members) == (1, 2)
    assert found.box == (1, 1, 3, 3)
    assert (found.box_spread, found.mask_iou) == (0, 1)
    assert (found.class_entropy, found.mutual_information, found.existence_disagreement) == (0, 0, 0)
    assert np.array_equal(found.soft_mask.full(), SQUARE)


def test_teachers_who_share_a_doubt_have_entropy_but_no_mutual_information() -> None:
    (found,) = merged(says((SQUARE, 0, 0.5)), says((SQUARE, 0, 0.5)))
    assert found.class_probabilities == (0.5, 0, 0.5)
    assert found.class_entropy == pytest.approx(log(2))
    assert found.mutual_information == pytest.approx(0)
    assert found.existence == 0.5


def test_teachers_who_are_sure_of_different_classes_have_both() -> None:
    (found,) = merged(says((SQUARE, 0, 1.0)), says((SQUARE, 1, 1.0)))
    assert found.class_probabilities == (0.5, 0.5, 0)
    assert found.class_entropy == pytest.approx(log(2))
    assert found.mutual_information == pytest.approx(log(2))
    assert (found.existence, found.existence_disagreement) == (1, 0)


def test_an_object_that_two_of_four_miss() -> None:
    (found,) = merged(says((SQUARE, 0, 1.0)), says(), says((SQUARE, 0, 1.0)), says())
    assert found.class_probabilities == (0.5, 0, 0.5)
    assert (found.existence, found.members, found.existence_disagreement) == (0.5, 2, 1)
    assert found.mutual_information == pytest.approx(log(2))
    assert np.array_equal(found.soft_mask.full(), SQUARE)


def test_the_mean_mask_and_box_of_teachers_who_draw_differently() -> None:
    (found,) = merged(says((SQUARE, 0, 0.5)), says((TALL, 0, 0.5)))
    assert np.allclose(found.soft_mask.full()[:, 1], [0.5, 1, 1, 0], atol=1 / 255)
    assert found.mask_iou == pytest.approx(4 / 6)
    assert found.box == (1, 0.5, 3, 3)
    # One of four coordinates is 0 and 1: standard deviation 0.5; the root mean square over four is 0.25.
    assert found.box_spread == pytest.approx(0.25 / np.hypot(2, 2.5))


def test_the_mean_mask_follows_the_surer_teacher() -> None:
    (found,) = merged(says((SQUARE, 0, 0.9)), says((TALL, 0, 0.3)))
    assert found.soft_mask.full()[0, 1] == pytest.approx(0.25, abs=1 / 255)


def test_one_teacher_sees_an_object_under_two_classes() -> None:
    (found,) = merged(says((SQUARE, 0, 0.6), (SQUARE, 1, 0.2)))
    assert found.class_probabilities == pytest.approx((0.6, 0.2, 0.2))
    (found,) = merged(says((SQUARE, 0, 0.9), (SQUARE, 1, 0.9)))
    assert found.class_probabilities == pytest.approx((0.5, 0.5, 0))
    assert found.members == 1


def test_objects_apart_stay_apart_the_most_certain_first() -> None:
    outputs = [says((SQUARE, 0, 0.9), (CORNER, 1, 0.4)), says((SQUARE, 0, 0.9))]
    assert [(o.category_id, o.members) for o in merged(*outputs)] == [(7, 2), (9, 1)]
    assert [o.category_id for o in merged(*outputs, max_objects=1)] == [7]


def test_weak_sightings_count_in_the_mean_but_make_no_object() -> None:
    assert merged(says((SQUARE, 0, 0.2)), says((SQUARE, 0, 0.25))) == ()
    (found,) = merged(says((SQUARE, 0, 0.8)), says((SQUARE, 0, 0.2)))
    assert found.existence == pytest.approx(0.5)
    assert (found.members, found.existence_disagreement) == (1, 1)


def test_masks_that_overlap_too_little_are_two_objects() -> None:
    assert len(merged(says((SQUARE, 0, 0.9)), says((LEFT, 0, 0.9)))) == 2


def test_detections_without_a_pixel_are_no_objects() -> None:
    assert merged(says((np.zeros(SIZE, bool), 0, 0.9)), says()) == ()
    assert merged(says(), says()) == ()


def test_boxes_of_masks() -> None:
    masks = np.array([TALL, CORNER, RIGHT, np.zeros(SIZE, bool)])
    assert mask_boxes(masks).tolist() == [[1, 0, 3, 3], [0, 3, 1, 4], [2, 0, 4, 4], [0, 0, 0, 0]]
    assert mask_boxes(masks[:0]).shape == (0, 4)


def test_a_mirrored_view_is_mirrored_back() -> None:
    (found,) = merged(says((LEFT, 0, 1.0)), says((RIGHT, 0, 1.0), view="flip"))
    assert (found.members, found.mask_iou, found.box_spread) == (2, 1, 0)
    assert found.box == (0, 0, 2, 4)
    assert np.array_equal(found.soft_mask.full(), LEFT)


def test_views_of_other_sizes_match() -> None:
    small = np.array([[1, 1, 0], [1, 1, 0], [1, 1, 0]], bool)
    (found,) = merged(says((LEFT, 0, 1.0)), says((small, 0, 1.0), view="scale_small"))
    assert found.members == 2
    assert found.mask_iou == pytest.approx(8 / 12)
    assert found.box == pytest.approx((0, 0, 7 / 3, 4))


def test_masks_of_probabilities_are_averaged_too() -> None:
    soft = np.where(SQUARE, 200, 20).astype(np.uint8)
    output = says((SQUARE, 0, 1.0))
    (found,) = merged(Output(output.view, output.scores, output.labels, output.boxes, soft[None]))
    assert np.allclose(found.soft_mask.full() * 255, soft)


def test_masks_are_enlarged_to_the_working_size() -> None:
    (found,) = merged(says((LEFT, 0, 1.0)), size=(8, 8))
    assert found.box == (0, 0, 4, 8)
    full = found.soft_mask.full()
    # The edge lies between columns 3 and 4, where the mask fades; at the frame's own edge it does not.
    assert np.array_equal(full > 0.5, np.array([[1] * 4 + [0] * 4] * 8, bool))
    assert full[:, 0].tolist() == [1] * 8
    assert full[:, 5:].max() == 0


@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(
            st.lists(
                st.tuples(
                    st.sampled_from([SQUARE, TALL, LEFT, RIGHT, CORNER]),
                    st.integers(0, 1),
                    st.floats(0.05, 1),
                ),
                max_size=4,
            ),
            min_size=n,
            max_size=n,
        )
    )
)
def test_what_holds_for_every_object(said: list) -> None:
    outputs = [says(*sorted(found, key=lambda f: -f[2])) for found in said]
    objects = merged(*outputs)
    for found in objects:
        assert sum(found.class_probabilities) == pytest.approx(1)
        assert min(found.class_probabilities) >= 0
        assert 0 <= found.existence <= 1 + 1e-9
        assert 1 <= found.members <= len(outputs)
        assert 0 <= found.mutual_information <= found.class_entropy + 1e-9 <= log(3) + 2e-9
        assert 0 <= found.mask_iou <= 1
        assert found.box_spread >= 0
        assert found.soft_mask.values.max() >= 128
    assert [o.existence for o in objects] == sorted((o.existence for o in objects), reverse=True)
    assert bool(objects) == any(score >= 0.3 for found in said for *_, score in found)
