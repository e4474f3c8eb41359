"""The simulated annotator: what it draws, what it costs, and that it draws the same again."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.campaign.pricing import correction_seconds
from al_core.errors import BadLabel
from al_core.evaluation.metrics import j_and_f
from al_core.masks.rle import decode, encode, iou
from al_core.oracle import SimulatedAnnotator, request_rng
from al_core.records import FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel
from al_core.settings import AnnotatorSettings
from tests.toys.masks import disk

FRAME = FrameRef(1, 7)
REQUEST = LabelRequest("r0001-v00001-f0000007", 1, FRAME, 0, "because")


def label(*masks: np.ndarray, ignore: tuple[np.ndarray, ...] = ()) -> FrameLabel:
    objects = [MaskLabel(track, 1, encode(m)) for track, m in enumerate(masks, 1)]
    return FrameLabel(FRAME, (*objects, *(MaskLabel(0, 0, encode(m)) for m in ignore)))


def answer(truth: FrameLabel | None, proposal: FrameLabel | None = None, kind=LabelKind.MASK, image=None, **settings):
    annotator = SimulatedAnnotator(lambda frame: truth, AnnotatorSettings(**settings))
    request = replace(REQUEST, kind=kind)
    return annotator.answer(request, request_rng(3, REQUEST.request_id), proposal, image)


def painted(*masks: np.ndarray) -> np.ndarray:
    """Each object in a colour of its own on grey, RGB uint8 [h, w, 3]."""
    image = np.full((*masks[0].shape, 3), 128, np.uint8)
    for mask, colour in zip(masks, [(200, 40, 40), (40, 60, 200), (60, 180, 60)], strict=False):
        image[mask] = colour
    return image


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
        # One is looked at, one is corrected, one is taken away.
        wrong = 1 - float(iou([shown.masks[0].rle], [truth.masks[1].rle])[0, 0])
        assert got.kind is LabelKind.MASK
        assert got.seconds == 2 + correction_seconds(AnnotatorSettings(), wrong) + 2.5

    def test_the_same_request_gets_the_same_noise(self):
        truth = label(disk(30, 30, 15))
        assert answer(truth, noise_pixels=2) == answer(truth, noise_pixels=2)
        other = SimulatedAnnotator(lambda frame: truth, AnnotatorSettings(noise_pixels=2))
        assert other.answer(REQUEST, request_rng(4, REQUEST.request_id)) != answer(truth, noise_pixels=2)
        assert other.answer(REQUEST, request_rng(3, "another")) != answer(truth, noise_pixels=2)


class TestLooking:
    def test_a_good_frame_is_accepted_as_it_is(self):
        shown = label(disk(20, 20, 20.2))
        got = answer(label(disk(20, 20, 20)), shown, LabelKind.ACCEPT)
        assert (got.kind, got.seconds, got.label) == (LabelKind.ACCEPT, 2.0, shown)

    @pytest.mark.parametrize(
        ("shown", "seconds"),
        [
            (label(disk(20, 20, 9)), 2.0),  # one of the two is missing
            (label(disk(20, 20, 9), disk(45, 45, 4)), 4.0),  # one is too small
            (label(disk(20, 20, 9), disk(45, 45, 9), disk(50, 8, 4)), 6.0),  # one is nothing
            (None, 2.0),
        ],
    )
    def test_anything_wrong_rejects_the_frame(self, shown, seconds):
        got = answer(label(disk(20, 20, 9), disk(45, 45, 9)), shown, LabelKind.ACCEPT)
        assert (got.kind, got.seconds, got.label.masks) == (LabelKind.REJECT, seconds, ())

    def test_nothing_here_is_seen_by_looking(self):
        assert answer(label(), label(disk(20, 20, 9)), LabelKind.ACCEPT).kind is LabelKind.ABSENT

    def test_judgement_may_be_wrong(self):
        truth, shown = label(disk(20, 20, 20)), label(disk(20, 20, 18.5))  # IoU .86
        annotator = SimulatedAnnotator(lambda frame: truth, AnnotatorSettings(judgement_error=0.1))
        request = replace(REQUEST, kind=LabelKind.ACCEPT)
        kinds = [annotator.answer(request, np.random.default_rng(i), shown).kind for i in range(40)]
        assert 5 < kinds.count(LabelKind.ACCEPT) < 30
        assert answer(truth, shown, LabelKind.ACCEPT, judgement_error=0).kind is LabelKind.REJECT


class TestCorrecting:
    """Two disks; the first is proposed as it is, the second with a bite or not at all."""

    TRUTH = (disk(15, 15, 10), disk(42, 42, 16))
    BITTEN = TRUTH[1] & ~disk(52, 42, 10)
    IMAGE = painted(*TRUTH)

    def got(self, kind, *shown, **settings):
        return answer(label(*self.TRUTH), label(*shown), kind, self.IMAGE, **settings)

    @pytest.mark.parametrize(
        ("kind", "price"),
        [(LabelKind.CLICK, 1 + 1.5), (LabelKind.BOX, 7.0), (LabelKind.SCRIBBLE, 11.0), (LabelKind.POLYGON, 25.0)],
    )
    def test_only_what_is_wrong_is_corrected(self, kind, price):
        got = self.got(kind, self.TRUTH[0], self.BITTEN, box_noise_pixels=1)
        first, second = (decode(m.rle) for m in got.label.objects)
        assert (first == self.TRUTH[0]).all()
        assert j_and_f(second, self.TRUTH[1]).j > 0.9 > j_and_f(self.BITTEN, self.TRUTH[1]).j
        assert (got.kind, got.seconds) == (kind, 2 * 2.0 + price)

    @pytest.mark.parametrize("kind", [LabelKind.CLICK, LabelKind.SCRIBBLE, LabelKind.BOX])
    def test_a_new_object_gets_a_box(self, kind):
        got = self.got(kind, self.TRUTH[0], box_noise_pixels=1)
        assert (got.kind, got.seconds) == (LabelKind.BOX, 2.0 + 7.0)
        assert j_and_f(decode(got.label.objects[1].rle), self.TRUTH[1]).j > 0.9

    def test_what_is_nothing_is_clicked_away(self):
        got = self.got(LabelKind.CLICK, *self.TRUTH, disk(56, 8, 4))
        assert got.label == label(*self.TRUTH)
        assert (got.kind, got.seconds) == (LabelKind.ACCEPT, 3 * 2.0 + 2.5)

    def test_three_clicks_at_most(self):
        # A flat picture says nothing, so that clicks mend little; only the click itself is sure.
        flat = np.full((64, 64, 3), 128, np.uint8)
        scattered = disk(42, 42, 16) & (np.indices((64, 64)).sum(axis=0) % 8 < 4)
        got = answer(label(disk(42, 42, 16)), label(scattered), LabelKind.CLICK, flat, judgement_error=0)
        assert got.seconds <= 2 + 1 + 3 * 1.5

    def test_the_answer_depends_on_seed_and_request_alone(self):
        assert self.got(LabelKind.BOX, self.TRUTH[0]) == self.got(LabelKind.BOX, self.TRUTH[0])

    def test_neighbours_do_not_overlap(self):
        truth = disk(20, 30, 11), disk(44, 30, 11)
        flat = np.full((64, 64, 3), 128, np.uint8)
        got = answer(label(*truth), None, LabelKind.BOX, flat, box_noise_pixels=3)
        first, second = (decode(m.rle) for m in got.label.objects)
        assert not (first & second).any()

    def test_without_an_image(self):
        with pytest.raises(BadLabel, match="a click becomes a mask by looking at the image"):
            answer(label(disk(20, 20, 9)), None, LabelKind.CLICK)
