"""J, F and average precision: by hand on toys, against public implementations on real masks."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from vos_benchmark.evaluator import Evaluator

from al_core.errors import BadLabel
from al_core.evaluation.metrics import (
    JAndF,
    ScoredRegion,
    TruthRegion,
    envelope_area,
    j_and_f,
    mask_average_precision,
    region_iou,
    voc_average_precision,
)
from al_core.masks.rle import area, box, encode

SQUARE = np.zeros((4, 4), bool)
SQUARE[1:3, 1:3] = True
LEFT = np.zeros((4, 4), bool)
LEFT[1:3, 1:2] = True
EMPTY = np.zeros((4, 4), bool)
FULL = np.ones((4, 4), bool)

masks = arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)))
pairs = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape), arrays(bool, shape))
)


class TestJaccard:
    @pytest.mark.parametrize(
        ("pred", "truth", "expected"),
        [
            (SQUARE, SQUARE, 1.0),
            (LEFT, SQUARE, 0.5),
            (FULL, SQUARE, 0.25),
            (EMPTY, EMPTY, 1.0),
            (EMPTY, SQUARE, 0.0),
            (SQUARE, EMPTY, 0.0),
        ],
    )
    def test_by_hand(self, pred, truth, expected):
        assert j_and_f(pred, truth).j == expected

    def test_ignored_pixels_count_for_nobody(self):
        right_column = np.zeros((4, 4), bool)
        right_column[:, 2:] = True
        assert j_and_f(LEFT, SQUARE, ignore=right_column).j == 1.0
        assert j_and_f(SQUARE, EMPTY, ignore=FULL).j == 1.0

    def test_sizes_must_agree(self):
        with pytest.raises(BadLabel, match=r"one size, got \[\[4, 4\], \[4, 5\]\]"):
            j_and_f(SQUARE, np.zeros((4, 5), bool))

    @given(pairs)
    def test_formula_on_the_whole_frame(self, three):
        pred, truth, ignore = three
        union = ((pred | truth) & ~ignore).sum()
        expected = ((pred & truth) & ~ignore).sum() / union if union else 1.0
        assert j_and_f(pred, truth, ignore).j == pytest.approx(expected)


class TestBoundaryF:
    @pytest.mark.parametrize(
        ("pred", "truth", "expected"),
        [
            (SQUARE, SQUARE, 1.0),
            (EMPTY, EMPTY, 1.0),
            (EMPTY, SQUARE, 0.0),
            (SQUARE, EMPTY, 0.0),
            (FULL, FULL, 1.0),
        ],
    )
    def test_by_hand(self, pred, truth, expected):
        assert j_and_f(pred, truth).f == expected

    def test_a_mask_that_fills_the_frame_has_no_boundary(self):
        assert j_and_f(FULL, SQUARE).f == 0.0
        assert j_and_f(FULL, EMPTY).f == 1.0

    def test_shift_beyond_the_disk(self):
        # Vertical edges in a 1-row frame: after column 1 and after column 5; the disk's radius is 2 pixels.
        pred, truth = np.zeros((1, 10), bool), np.zeros((1, 10), bool)
        pred[0, :2] = True
        truth[0, :6] = True
        assert j_and_f(pred, truth, bound=2).f == 0.0
        assert j_and_f(pred, truth, bound=4).f == 1.0

    def test_precision_and_recall(self):
        # Two edges predicted (columns 1 and 7), one of them true: precision 1/2, recall 1.
        pred, truth = np.zeros((1, 10), bool), np.zeros((1, 10), bool)
        pred[0, 2:8] = True
        truth[0, 2:] = True
        assert j_and_f(pred, truth, bound=1).f == pytest.approx(2 * 0.5 / 1.5)

    @given(pairs)
    def test_equals_the_public_implementation(self, three):
        pred, truth, _ = three
        reference = Evaluator()
        reference.objects_in_gt.add(1)
        reference.feed_frame(pred.astype(np.uint8), truth.astype(np.uint8))
        assert j_and_f(pred, truth).j == pytest.approx(reference.object_iou[1][0])
        assert j_and_f(pred, truth).f == pytest.approx(reference.boundary_f[1][0])

    @given(pairs)
    def test_ignored_pixels_are_removed_from_both(self, three):
        pred, truth, ignore = three
        assert j_and_f(pred, truth, ignore).f == j_and_f(pred & ~ignore, truth & ~ignore).f

    @given(masks)
    def test_a_mask_agrees_with_itself(self, mask):
        assert j_and_f(mask, mask) == JAndF(1.0, 1.0)


def test_real_masks_against_the_public_implementation(shared_data: Path):
    rng = np.random.default_rng(0)
    files = sorted((shared_data / "video_masks/davis16_val/Annotations/480p/dog").glob("*.png"))[::12]
    reference = Evaluator()
    ours = []
    for file in files:
        truth = np.asarray(Image.open(file)) > 0
        shift = rng.integers(-9, 10, 2)
        pred = np.roll(truth, shift, (0, 1)) & (rng.random(truth.shape) > 0.02)
        reference.feed_frame(pred.astype(np.uint8), truth.astype(np.uint8))
        ours.append(j_and_f(pred, truth))
    j, f = reference.conclude()
    assert np.mean([m.j for m in ours]) * 100 == pytest.approx(j[1], abs=1e-9)
    assert np.mean([m.f for m in ours]) * 100 == pytest.approx(f[1], abs=1e-9)
    assert 20 < f[1] < 95


def rectangle(x0: int, y0: int, x1: int, y1: int, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def pycocotools_figures(predictions: list[ScoredRegion], truths: list[TruthRegion]) -> tuple[float, ...]:
    def common(r: ScoredRegion | TruthRegion) -> dict:
        return {"image_id": r.image, "category_id": r.category_id, "segmentation": r.region.to_coco()}

    def annotation(number: int, t: TruthRegion) -> dict:
        size = {"area": area(t.region), "bbox": box(t.region)}
        return {"id": number, "iscrowd": int(t.ignore)} | size | common(t)

    everything = (*predictions, *truths)
    truth = COCO()
    truth.dataset = {
        "images": [{"id": i, "height": 40, "width": 40} for i in sorted({r.image for r in everything})],
        "categories": [{"id": c} for c in sorted({r.category_id for r in everything})],
        "annotations": [annotation(n, t) for n, t in enumerate(truths, 1)],
    }
    truth.createIndex()
    found = truth.loadRes([{"score": p.score} | common(p) for p in predictions])
    evaluation = COCOeval(truth, found, "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return tuple(evaluation.stats[:2])


def random_scene(rng: np.random.Generator) -> tuple[list[ScoredRegion], list[TruthRegion]]:
    predictions, truths = [], []
    for image in range(6):
        for _ in range(4):
            x, y = rng.integers(0, 25, 2)
            w, h = rng.integers(6, 15, 2)
            category = int(rng.integers(1, 4))
            ignore = bool(rng.random() < 0.15)
            truths.append(TruthRegion(image, category, encode(rectangle(x, y, x + w, y + h)), ignore))
            for _ in range(int(rng.integers(0, 3))):
                dx, dy = rng.integers(-3, 4, 2)
                moved = encode(rectangle(max(x + dx, 0), max(y + dy, 0), x + w + dx, y + h + dy))
                predictions.append(ScoredRegion(image, category, float(rng.integers(1, 9)) / 10, moved))
    return predictions, truths


class TestMaskAveragePrecision:
    def test_one_found_of_two(self):
        truths = [
            TruthRegion(0, 1, encode(rectangle(0, 0, 10, 10))),
            TruthRegion(0, 1, encode(rectangle(20, 20, 30, 30))),
        ]
        figures = mask_average_precision([ScoredRegion(0, 1, 0.9, truths[0].region)], truths)
        # Precision 1 up to recall .5, which 51 of the 101 recall points reach.
        assert figures == pytest.approx((51 / 101,) * 2)

    def test_nothing_predicted(self):
        assert mask_average_precision([], [TruthRegion(0, 1, encode(SQUARE))]).ap == 0.0

    def test_without_truth_there_is_no_figure(self):
        assert math.isnan(mask_average_precision([ScoredRegion(0, 1, 0.9, encode(SQUARE))], []).ap)
        assert math.isnan(mask_average_precision([], [TruthRegion(0, 1, encode(SQUARE), ignore=True)]).ap50)

    def test_what_lies_in_an_ignore_region_is_not_wrong(self):
        seen = TruthRegion(0, 1, encode(rectangle(0, 0, 10, 10)))
        unsure = TruthRegion(0, 1, encode(rectangle(20, 20, 40, 40)), ignore=True)
        stray = ScoredRegion(0, 1, 0.9, encode(rectangle(22, 22, 30, 30)))
        hit = ScoredRegion(0, 1, 0.5, seen.region)
        assert mask_average_precision([stray, hit], [seen, unsure]).ap == 1.0
        assert mask_average_precision([stray, hit], [seen]).ap50 == pytest.approx(0.5)

    def test_max_detections(self):
        truths = [TruthRegion(0, 1, encode(rectangle(10 * i, 0, 10 * i + 8, 8))) for i in range(4)]
        predictions = [ScoredRegion(0, 1, 0.9, t.region) for t in truths]
        assert mask_average_precision(predictions, truths).ap == 1.0
        assert mask_average_precision(predictions, truths, max_detections=2).ap == pytest.approx(51 / 101)

    def test_boxes_are_refused(self):
        with pytest.raises(BadLabel, match="needs masks"):
            mask_average_precision([ScoredRegion(0, 1, 0.9, (0, 0, 1, 1))], [])

    @pytest.mark.parametrize("seed", range(5))
    def test_equals_pycocotools(self, seed):
        predictions, truths = random_scene(np.random.default_rng(seed))
        expected = pycocotools_figures(predictions, truths)
        assert mask_average_precision(predictions, truths) == pytest.approx(expected, abs=1e-9)
        assert 0.02 < expected[0] < 0.95


class TestVocAveragePrecision:
    def test_a_truth_is_matched_once(self):
        truth = [TruthRegion(0, 1, (0, 0, 10, 10)), TruthRegion(0, 1, (20, 0, 30, 10))]
        twice = [ScoredRegion(0, 1, 0.9, (0, 0, 10, 10)), ScoredRegion(0, 1, 0.8, (0, 0, 10, 9))]
        found = [*twice, ScoredRegion(0, 1, 0.7, (20, 0, 30, 10))]
        # Right, wrong, right: recall .5 at precision 1, recall 1 at precision 2/3.
        assert voc_average_precision(found, truth).mean == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)

    def test_the_envelope_never_rises(self):
        # Wrong, right, right of 2: precision 0, 1/2, 2/3; the envelope is 2/3 everywhere.
        assert envelope_area(np.array([False, True, True]), 2) == pytest.approx(2 / 3)
        assert envelope_area(np.array([], bool), 2) == 0.0

    def test_mean_over_categories_with_truth(self):
        truth = [TruthRegion(0, 1, (0, 0, 10, 10)), TruthRegion(1, 2, (0, 0, 10, 10))]
        found = [ScoredRegion(0, 1, 0.9, (0, 0, 10, 10)), ScoredRegion(0, 3, 0.9, (0, 0, 10, 10))]
        assert voc_average_precision(found, truth).per_category == {1: 1.0, 2: 0.0}
        assert voc_average_precision(found, truth).mean == 0.5

    def test_same_place_in_another_image_is_wrong(self):
        truth = [TruthRegion(0, 1, (0, 0, 10, 10))]
        assert voc_average_precision([ScoredRegion(1, 1, 0.9, (0, 0, 10, 10))], truth).mean == 0.0

    def test_an_iou_of_exactly_one_half_is_enough(self):
        truth = [TruthRegion(0, 1, (0, 0, 10, 10))]
        assert voc_average_precision([ScoredRegion(0, 1, 0.9, (0, 0, 10, 5))], truth).mean == 1.0
        assert voc_average_precision([ScoredRegion(0, 1, 0.9, (0, 0, 10, 4.9))], truth).mean == 0.0

    def test_masks_and_ignore(self):
        truth = [TruthRegion(0, 1, encode(SQUARE)), TruthRegion(1, 1, encode(SQUARE), ignore=True)]
        found = [ScoredRegion(1, 1, 0.9, encode(SQUARE)), ScoredRegion(0, 1, 0.5, encode(SQUARE))]
        assert voc_average_precision(found, truth).mean == 1.0

    def test_without_truth_there_is_no_figure(self):
        assert math.isnan(voc_average_precision([ScoredRegion(0, 1, 0.9, (0, 0, 1, 1))], []).mean)

    def test_masks_and_boxes_do_not_mix(self):
        with pytest.raises(BadLabel, match="got both"):
            region_iou([encode(SQUARE)], [(0, 0, 1, 1)])

    def test_a_box_without_area_overlaps_nothing(self):
        assert region_iou([(1, 1, 1, 1)], [(1, 1, 1, 1), (0, 0, 2, 2)]).tolist() == [[0.0, 0.0]]
