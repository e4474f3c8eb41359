"""The way to discover that starts from boxes."""

import numpy as np
import pytest

from al_core.discovery.discoverer import DiscoveryClip, Means
from al_core.discovery.exemplars import watch_and_learn
from al_core.discovery.exemplars.appearance import Shape
from al_core.discovery.exemplars.detectors import Detector
from al_core.discovery.exemplars.learning import LEAST, Watching
from al_core.discovery.exemplars.watch_and_learn import WatchAndLearn, read_detectors, write_detectors
from al_core.discovery.given import NOTHING_GIVEN, Given, GivenFrame
from al_core.errors import BadLabel, NotReady
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, Gesture, LabelKind, MaskLabel
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.crowds.like_objects import boxes_of, hard_crowd
from tests.toys.footage.movers import iou

DRAWN = 5


@pytest.fixture(scope="module")
def clip():
    return hard_crowd(1)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(watch_and_learn, "WATCHING", Watching(rounds=1, frames=8))


@pytest.fixture
def way(tmp_path):
    return WatchAndLearn(Means(FlowStore(tmp_path / "flow"), tmp_path / "learnt"))


def given(clip, video_id=1, count=3, category=2, kind=LabelKind.BOX):
    """Some boxes of a frame that is not complete."""
    tracks = [(t, m) for t, m in clip.truth[DRAWN].items() if not m[:, [0, -1]].any()][:count]
    masks = tuple(MaskLabel(t, category, encode(m), kind) for t, m in tracks)
    corners = {t: boxes_of([m])[0].tolist() for t, m in tracks}
    gestures = [Gesture("box", t, points=((x0, y0), (x1, y1))) for t, (x0, y0, x1, y1) in corners.items()]
    label = FrameLabel(FrameRef(video_id, DRAWN), masks, complete=False)
    return GivenFrame(label, tuple(gestures), clip.size)


def shown(clip, video_id=1):
    return DiscoveryClip(video_id, "street", clip)


def run(way, clips, people, which=0):
    rng = np.random.default_rng(0)
    way.check(people, clips)
    way.learn(clips, people, rng)
    return dict(way.find(clips[which], people, rng))


def test_many_masks_come_of_a_few_boxes(way, clip):
    people = Given({1: [given(clip)]}, {1: "bus", 2: "car"})
    found = run(way, [shown(clip)], people)
    assert list(found) == list(range(clip.n_frames))
    assert min(one.confidence for seen in found.values() for one in seen) >= LEAST
    sure = [(i, one) for i, seen in found.items() for one in seen if one.confidence >= 0.5]
    best = [max(iou(one.mask.full() > 0.5, m) for m in clip.truth[i].values()) for i, one in sure]
    assert len(sure) > 20
    assert np.median(best) > 0.7
    assert {one.category_id for _, one in sure} == {2}
    drawn = {mask.track_id for mask in people.of(1)[0].label.objects}
    assert drawn <= {one.track_id for _, one in sure if one.known}
    assert [one.confidence for one in found[3]] == sorted((one.confidence for one in found[3]), reverse=True)


def test_a_video_without_boxes_learns_from_those_of_another(way):
    clip, other = hard_crowd(3, striped=0), hard_crowd(5, striped=0)
    people = Given({1: [given(clip)]}, {2: "car"})
    found = run(way, [shown(clip), shown(other, 2)], people, 1)
    right = [
        max(iou(one.mask.full() > 0.5, m) for m in other.truth[i].values()) > 0.5
        for i, seen in found.items()
        for one in seen
        if one.confidence >= 0.5
    ]
    assert len(right) > 20
    assert np.mean(right) > 0.6


def test_stopped_while_it_learnt_it_goes_on_there(way, clip, monkeypatch):
    people, clips = Given({1: [given(clip)]}, {2: "car"}), [shown(clip)]
    whole = run(way, clips, people)

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(watch_and_learn, "watch", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(way, clips, people)
    assert [path.name for path in way.means.cache.glob("*-00001-2.npz")]
    monkeypatch.setattr(watch_and_learn.Watcher, "first", stopped)
    again = run(way, clips, people)
    boxes = {i: [(one.track_id, one.confidence) for one in seen] for i, seen in whole.items()}
    assert boxes == {i: [(one.track_id, one.confidence) for one in seen] for i, seen in again.items()}


def test_detectors_are_kept_as_they_are(tmp_path):
    place, shape = tmp_path / "a" / "b.npz", Shape(4, 5)
    detector = Detector(shape, np.arange(shape.length, dtype=float), -0.25, (0.5, 1.0))
    assert read_detectors(place) == (0, [])
    write_detectors(place, 2, [detector])
    rounds, (kept,) = read_detectors(place)
    assert (rounds, kept.shape, kept.bias, kept.scales) == (2, shape, -0.25, (0.5, 1.0))
    assert np.array_equal(kept.weights, detector.weights)


def refused(way, people, clips, error):
    with pytest.raises(error) as caught:
        way.check(people, clips)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_boxes_it_is_refused(way, clip):
    assert "starts from boxes that people gave" in refused(way, NOTHING_GIVEN, [shown(clip)], NotReady)
    masks = Given({1: [GivenFrame(given(clip, kind=LabelKind.MASK).label, (), clip.size)]})
    assert "starts from boxes" in refused(way, masks, [shown(clip)], NotReady)


def test_boxes_outside_the_frame_and_boxes_too_small_are_refused(way, clip):
    one = given(clip, count=1)
    track = one.label.objects[0].track_id
    for corners in (((300.0, 200.0), (340.0, 240.0)), ((20.0, 20.0), (24.0, 23.0))):
        drawn = GivenFrame(one.label, (Gesture("box", track, points=corners),), clip.size)
        said = refused(way, Given({1: [drawn]}), [shown(clip)], BadLabel)
        assert "at least 6x6 pixels" in said
        assert "frame 5 of street" in said


def test_pictures_cannot_be_followed(way, clip):
    single = type(clip)(clip.images[:1], clip.truth[:1])
    first = given(clip)
    label = FrameLabel(FrameRef(1, 0), first.label.masks, complete=False)
    people = Given({1: [GivenFrame(label, first.gestures, clip.size)]})
    assert "every video has one frame" in refused(way, people, [shown(single)], NotReady)
    people = Given({1: [given(clip)]}, {2: "car"})
    assert run(way, [shown(clip), shown(single, 2)], people, 1) == {0: ()}
