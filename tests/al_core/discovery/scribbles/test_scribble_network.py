"""Discovery from strokes, on a clip with a bright disk that moves."""

import numpy as np
import pytest

from al_core.discovery.discoverer import DiscoveryClip, Means
from al_core.discovery.given import NOTHING_GIVEN, Given, GivenFrame
from al_core.discovery.scribbles import scribble_network
from al_core.discovery.scribbles.adversarial_training import Schedule
from al_core.discovery.scribbles.scribble_network import ScribbleNetwork, lesson_of, scaled
from al_core.errors import BadLabel, NotReady
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, Gesture, LabelKind, MaskLabel
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import iou, line, mover_clip

N_FRAMES = 4


@pytest.fixture(scope="module")
def clip():
    return DiscoveryClip(1, "moving", mover_clip({1: line((16, 24), (6, 0), N_FRAMES)}, radius=10, size=(48, 64)))


@pytest.fixture
def network(tmp_path):
    return ScribbleNetwork(Means(FlowStore(tmp_path / "flow"), tmp_path / "learnt"))


def given_for(clip, *strokes, complete=True, kind=LabelKind.SCRIBBLE, shapes=()):
    """Return an answer about frame 0: the disk, number 6 of category 2, and strokes as (adds, points)."""
    mask = MaskLabel(6, 2, encode(clip.frames.truth[0][1]), kind)
    gestures = tuple(Gesture("scribble", 6, adds, points) for adds, points in strokes)
    label = FrameLabel(FrameRef(1, 0), (mask,), complete)
    return Given({1: [GivenFrame(label, gestures, clip.frames.size)]}, {1: "car", 2: "disk"}, shapes)


THROUGH = (True, ((12, 20), (20, 28)))


def test_it_finds_what_was_stroked_in_frames_that_nobody_labelled(network, clip, monkeypatch):
    monkeypatch.setattr(scribble_network, "Schedule", lambda: Schedule(steps=60))
    given = given_for(clip, THROUGH)
    network.check(given, [clip])
    told = []
    assert network.learn([clip], given, np.random.default_rng(0), lambda progress: told.append(progress.done)) == 60
    found = dict(network.find(clip, given, np.random.default_rng(1)))
    assert list(found) == list(range(N_FRAMES))
    for index, objects in found.items():
        best = max(objects, key=lambda one: iou(one.mask.full() > 0.5, clip.frames.truth[index][1]))
        assert iou(best.mask.full() > 0.5, clip.frames.truth[index][1]) > 0.6
        assert (best.track_id, best.category_id, best.known) == (6, 2, True)
    again = ScribbleNetwork(network.means)
    again.learn([clip], given, np.random.default_rng(0), lambda progress: pytest.fail("it had learnt that"))
    kept = dict(again.find(clip, given, np.random.default_rng(1)))
    assert [len(objects) for objects in kept.values()] == [len(objects) for objects in found.values()]


def test_masks_of_other_pictures_show_shapes_and_those_drawn_here_teach_as_strokes_do(clip):
    other = encode(np.ones((512, 1024), bool))
    lesson = lesson_of([clip], given_for(clip, THROUGH, shapes=(other,)))
    assert [shape.shape for shape in lesson.shapes] == [(128, 256)]
    drawn = lesson_of([clip], given_for(clip, kind=LabelKind.MASK))
    assert drawn.shapes == []
    assert (drawn.scribbled[0].classes == clip.frames.truth[0][1]).all()
    assert (len(drawn.pictures), len(drawn.scribbled)) == (N_FRAMES, 1)


def test_a_mask_is_scaled_as_its_picture_would_be():
    mask = np.zeros((512, 256), bool)
    mask[100:200, 50:100] = True
    found = scaled(encode(mask))
    assert np.argwhere(found).min(axis=0).tolist() == [50, 25]
    assert found.sum() == 50 * 25


@pytest.mark.parametrize(
    ("strokes", "complete", "error", "words"),
    [
        ([], True, NotReady, "no answer has one"),
        ([(True, ((-9, -9), (-4, -2)))], True, BadLabel, "lie outside their frames"),
        ([THROUGH], False, NotReady, "must know what is background"),
    ],
    ids=["no stroke", "outside", "no background"],
)
def test_strokes_that_teach_nothing_are_refused(network, clip, strokes, complete, error, words):
    with pytest.raises(error, match=words):
        network.check(given_for(clip, *strokes, complete=complete), [clip])


def test_nothing_given_is_refused(network, clip):
    with pytest.raises(NotReady, match="starts from scribbles that people gave"):
        network.check(NOTHING_GIVEN, [clip])
