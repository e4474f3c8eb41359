"""Boxes that people drew become masks where others were drawn, with their numbers and categories."""

import numpy as np
import pytest

from al_core.discovery.boxed import box_shapes
from al_core.discovery.boxed.box_labels import kinds_of
from al_core.discovery.boxed.box_shapes import BoxShapes
from al_core.discovery.boxed.box_ways import BoxWay, WayChoice
from al_core.discovery.discoverer import DiscoveryClip, Means
from al_core.discovery.given import Given, GivenFrame
from al_core.errors import BadLabel, NotReady
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, Gesture, LabelKind, MaskLabel
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import iou, line, mover_clip

SIZE, N_FRAMES = (64, 96), 5
DISK, CAR = 4, 7


@pytest.fixture
def footage():
    return mover_clip({1: line((20, 20), (4, 0), N_FRAMES), 2: line((70, 46), (-4, 0), N_FRAMES)}, 12, SIZE)


@pytest.fixture
def clips(footage):
    return [DiscoveryClip(1, "moving", footage)]


def given_of(clip, kinds=(LabelKind.MASK, LabelKind.BOX), gestures=()):
    """Frame 0, in which one object was drawn and one boxed."""
    masks = tuple(
        MaskLabel(number, category, encode(clip.truth[0][track]), kind)
        for track, number, category, kind in zip((1, 2), (11, 12), (DISK, CAR), kinds, strict=True)
        if kind is not None
    )
    frame = GivenFrame(FrameLabel(FrameRef(1, 0), masks), tuple(gestures), SIZE)
    return Given({1: [frame]}, {DISK: "disk", CAR: "car"})


@pytest.fixture
def method(tmp_path, monkeypatch):
    monkeypatch.setattr(box_shapes, "STEPS", 3)
    return BoxShapes(Means(FlowStore(tmp_path / "flow"), tmp_path / "boxes"))


def test_a_box_becomes_a_mask_with_number_and_category_and_is_carried_on(method, clips, footage):
    given = given_of(footage)
    method.check(given, clips)
    assert method.learn(clips, given, np.random.default_rng(0)) == 0
    assert method.told(given).startswith("masks by colours: with masks of 3 objects")
    found = dict(method.find(clips[0], given, np.random.default_rng(0)))
    assert sorted(found) == list(range(N_FRAMES))
    assert {(o.track_id, o.category_id, o.known) for objects in found.values() for o in objects} == {(12, CAR, True)}
    (first,), (last,) = found[0], found[N_FRAMES - 1]
    assert iou(first.mask.full() > 0.5, footage.truth[0][2]) > 0.8
    assert iou(last.mask.full() > 0.5, footage.truth[N_FRAMES - 1][2]) > 0.6
    assert first.mask.size == SIZE
    assert first.confidence == pytest.approx(1 - 0.213)


def test_the_network_that_won_is_learnt_and_kept_for_the_same_labels(method, clips, footage, monkeypatch):
    won = WayChoice(BoxWay.HEAD, {BoxWay.HEAD: 0.75}, 6)
    monkeypatch.setattr(box_shapes, "choose_way", lambda known, train: won)
    given = given_of(footage)
    assert method.learn(clips, given, np.random.default_rng(0)) == 9
    assert method.learn(clips, given, np.random.default_rng(0)) == 0
    assert method.told(given) == won.describe()
    (first,) = dict(method.find(clips[0], given, np.random.default_rng(0)))[0]
    assert first.confidence == pytest.approx(0.75)
    again = given_of(footage, gestures=[Gesture("box", 12, points=((60.0, 30.0), (90.0, 60.0)))])
    assert method.told(again) == ""
    assert method.learn(clips, again, np.random.default_rng(0)) == 9


def test_masks_are_found_once_a_way_was_chosen(method, clips, footage):
    with pytest.raises(ValueError, match="call learn first"):
        next(method.find(clips[0], given_of(footage), np.random.default_rng(0)))


def test_a_video_without_boxes_has_nothing(method, footage):
    given = given_of(footage)
    clips = [DiscoveryClip(1, "moving", footage), DiscoveryClip(2, "other", footage)]
    method.learn(clips, given, np.random.default_rng(0))
    assert all(objects == () for _, objects in method.find(clips[1], given, np.random.default_rng(0)))


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        ((LabelKind.BOX, LabelKind.BOX), "masks that people gave, and there are none"),
        ((LabelKind.MASK, LabelKind.MASK), "boxes that people gave, and there are none"),
        ((None, None), "masks and boxes that people gave"),
    ],
)
def test_without_a_mask_or_a_box_it_is_refused(method, clips, footage, kinds, told):
    with pytest.raises(NotReady, match=told):
        method.check(given_of(footage, kinds), clips)


def test_a_box_that_was_corrected_to_a_mask_is_no_box(method, clips, footage):
    boxed = Gesture("box", 12, points=((60.0, 30.0), (90.0, 60.0)))
    given = given_of(footage, (LabelKind.MASK, LabelKind.CLICK), [boxed])
    with pytest.raises(NotReady, match="has a mask; draw boxes of others"):
        method.check(given, clips)


@pytest.mark.parametrize("corners", [((100.0, 10.0), (120.0, 30.0)), ((10.0, 10.0), (10.0, 30.0))])
def test_a_box_outside_and_an_empty_one_are_told(method, clips, footage, corners):
    given = given_of(footage, gestures=[Gesture("box", 12, points=corners)])
    with pytest.raises(BadLabel, match="moving, frame 0, object 12: a box holds at least one pixel"):
        method.check(given, clips)


def test_categories_are_counted_from_0(footage):
    assert kinds_of(given_of(footage)) == {DISK: 0, CAR: 1}
