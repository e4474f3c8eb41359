"""The simulated annotator: what it draws, what it costs, and that it draws the same again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from al_core.errors import BadLabel
from al_core.metrics import jaccard
from al_core.oracle import SimulatedAnnotator, displaced, label_seconds, request_rng
from al_core.records import FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel
from al_core.rle import decode, encode
from al_core.settings import AnnotatorSettings

FRAME = FrameRef(1, 7)
REQUEST = LabelRequest("r0001-v00001-f0000007", 1, FRAME, 0, "because")


def disk(x: float, y: float, radius: float, size: int = 64) -> np.ndarray:
    rows, columns = np.ogrid[:size, :size]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def label(*masks: np.ndarray, ignore: tuple[np.ndarray, ...] = ()) -> FrameLabel:
    objects = [MaskLabel(track, 1, encode(m)) for track, m in enumerate(masks, 1)]
    return FrameLabel(FRAME, (*objects, *(MaskLabel(0, 0, encode(m)) for m in ignore)))


def answer(truth: FrameLabel | None, proposal: FrameLabel | None = None, **settings):
    annotator = SimulatedAnnotator(lambda frame: truth, AnnotatorSettings(**settings))
    return annotator.answer(REQUEST, request_rng(3, REQUEST.request_id), proposal)


class TestSeconds:
    def test_defaults(self):
        settings = AnnotatorSettings()
        assert label_seconds(settings, LabelKind.MASK, 2) == 160
        assert label_seconds(settings, LabelKind.BOX, 3) == 21
        assert label_seconds(settings, LabelKind.CLICK, 4) == 7
        assert label_seconds(settings, LabelKind.ABSENT) == 3
        assert label_seconds(settings, LabelKind.ACCEPT, 2) == 4


class TestAnswer:
    def test_the_truth(self):
        truth = label(disk(20, 20, 9), disk(45, 45, 9))
        got = answer(truth)
        assert got.label == truth
        assert (got.kind, got.seconds, got.annotator) == (LabelKind.MASK, 160.0, "simulated")
        assert got.answer_id == "r0001-v00001-f0000007-simulated"

    def test_nothing_here(self):
        got = answer(label())
        assert (got.kind, got.seconds, got.label.masks) == (LabelKind.ABSENT, 3.0, ())

    def test_ignore_regions_come_along_for_nothing(self):
        truth = label(disk(20, 20, 9), ignore=(disk(50, 50, 5), disk(50, 10, 5)))
        got = answer(truth, noise_pixels=2)
        assert [m.rle for m in got.label.masks if m.ignore] == [m.rle for m in truth.masks if m.ignore]
        assert got.seconds == 80.0

    def test_without_truth(self):
        with pytest.raises(BadLabel, match="r0001-v00001-f0000007: the simulated annotator knows no truth"):
            answer(None)

    def test_a_good_proposal_is_accepted_as_it_is(self):
        proposed = disk(20, 20, 20.2)
        got = answer(label(disk(20, 20, 20)), label(proposed))
        assert (decode(got.label.objects[0].rle) == proposed).all()
        assert (got.kind, got.seconds) == (LabelKind.ACCEPT, 2.0)

    def test_a_proposal_is_judged_object_by_object(self):
        # The first is good (its number is not), the second is too small, the third is nothing.
        truth = label(disk(15, 15, 10), disk(45, 45, 10))
        shown = label(disk(45, 45, 5), disk(15, 15, 10), disk(50, 8, 4))
        got = answer(truth, shown)
        assert got.label == truth
        assert (got.kind, got.seconds) == (LabelKind.MASK, 80 + 2 + 2 * 2.5)

    def test_the_same_request_gets_the_same_noise(self):
        truth = label(disk(30, 30, 15))
        assert answer(truth, noise_pixels=2) == answer(truth, noise_pixels=2)
        other = SimulatedAnnotator(lambda frame: truth, AnnotatorSettings(noise_pixels=2))
        assert other.answer(REQUEST, request_rng(4, REQUEST.request_id)) != answer(truth, noise_pixels=2)
        assert other.answer(REQUEST, request_rng(3, "another")) != answer(truth, noise_pixels=2)


class TestNoise:
    def test_none(self):
        masks = [disk(30, 30, 12)]
        assert displaced(masks, 0.0, np.random.default_rng(0)) is not masks
        assert (displaced(masks, 0.0, np.random.default_rng(0))[0] == masks[0]).all()

    def test_the_outline_moves_by_about_that_much(self):
        truth = disk(100, 100, 60, size=200)
        perimeter = 2 * np.pi * 60
        moved = [
            np.count_nonzero(displaced([truth], 3.0, np.random.default_rng(s))[0] ^ truth) / perimeter
            for s in range(20)
        ]
        # A normal displacement of standard deviation 3 is 2.4 on average.
        assert 1.8 < np.mean(moved) < 3.0

    def test_small_objects_stay_themselves(self):
        truth = disk(20, 20, 4)
        drawn = [displaced([truth], 20.0, np.random.default_rng(s))[0] for s in range(20)]
        assert min(jaccard(d, truth) for d in drawn) > 0.4

    def test_the_outline_is_smooth(self):
        truth = disk(100, 100, 60, size=200)
        drawn = displaced([truth], 3.0, np.random.default_rng(0))[0]
        edges = np.count_nonzero(drawn[:, 1:] ^ drawn[:, :-1])
        assert edges <= 1.2 * np.count_nonzero(truth[:, 1:] ^ truth[:, :-1])

    def test_a_mask_that_fills_the_frame(self):
        full = np.ones((8, 8), bool)
        assert displaced([full], 2.0, np.random.default_rng(0))[0].all()

    @given(st.integers(0, 10**6), st.floats(0.5, 8), st.integers(1, 20))
    @hypothesis_settings(deadline=None)
    def test_neighbours_do_not_overlap_and_nothing_vanishes(self, seed, noise, radius):
        masks = [disk(20, 20, radius), disk(21 + 2 * radius, 20, radius)]
        assert not (masks[0] & masks[1]).any()
        first, second = displaced(masks, noise, np.random.default_rng(seed))
        assert not (first & second).any()
        assert first.any()
        assert second.any()

    def test_what_overlapped_may_overlap(self):
        masks = [disk(20, 20, 12), disk(26, 20, 12)]
        first, second = displaced(masks, 1.0, np.random.default_rng(0))
        assert np.count_nonzero(first & second) > 0.7 * np.count_nonzero(masks[0] & masks[1])
