"""Numbers that hold in one frame become numbers that hold in all."""

from pathlib import Path

import pytest

from al_core.masks.rle import encode
from al_core.propagation.base import Propagator
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.identity import link_identities
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, line, mover_clip


@pytest.fixture
def propagator(tmp_path: Path) -> Propagator:
    return FlowPropagator(FlowStore(tmp_path), PropagationSettings())


def crossing() -> MoverClip:
    return mover_clip({1: line((20, 24), (6, 0)), 2: line((100, 50), (-6, 0))}, radius=10)


def label(clip: MoverClip, frame_idx: int, numbers: dict[int, int], category: int = 1) -> FrameLabel:
    """A label of a frame in which track t is called ``numbers[t]``."""
    masks = (MaskLabel(n, category, encode(clip.truth[frame_idx][t])) for t, n in numbers.items())
    return FrameLabel(FrameRef(1, frame_idx), tuple(masks))


def numbers(linked: list[FrameLabel]) -> list[list[int]]:
    return [[m.track_id for m in frame.masks] for frame in linked]


def test_one_object_keeps_its_number_whatever_it_is_called(propagator: Propagator) -> None:
    clip = crossing()
    labels = [label(clip, 0, {1: 1, 2: 2}), label(clip, 5, {1: 9, 2: 4}), label(clip, 11, {2: 1, 1: 2})]
    assert numbers(link_identities(clip, labels, propagator)) == [[1, 2], [1, 2], [2, 1]]


def test_masks_and_ignore_regions_stay_as_they_are(propagator: Propagator) -> None:
    clip = crossing()
    region = MaskLabel(0, 0, encode(~clip.truth[5][1]))
    later = label(clip, 5, {1: 9})
    labels = [label(clip, 0, {1: 3}), FrameLabel(later.frame, (*later.masks, region))]
    linked = link_identities(clip, labels, propagator)
    assert numbers(linked) == [[1], [1, 0]]
    assert [[m.rle for m in f.masks] for f in linked] == [[m.rle for m in f.masks] for f in labels]


def test_an_object_that_comes_later_is_a_new_one(propagator: Propagator) -> None:
    clip = crossing()
    labels = [label(clip, 0, {1: 1}), label(clip, 5, {2: 1, 1: 2})]
    assert numbers(link_identities(clip, labels, propagator)) == [[1], [2, 1]]


def test_another_category_is_another_object(propagator: Propagator) -> None:
    clip = crossing()
    labels = [label(clip, 0, {1: 1}), label(clip, 5, {1: 1}, category=2)]
    assert numbers(link_identities(clip, labels, propagator)) == [[1], [2]]


def test_empty_frames_and_no_frames(propagator: Propagator) -> None:
    clip = crossing()
    labels = [label(clip, 4, {}), label(clip, 8, {1: 7})]
    assert numbers(link_identities(clip, labels, propagator)) == [[], [1]]
    assert link_identities(clip, [], propagator) == []


def test_only_frames_between_labels_are_read(propagator: Propagator) -> None:
    clip = mover_clip({1: line((20, 36), (0.5, 0), 100)})
    link_identities(clip, [label(clip, 70, {1: 1}), label(clip, 75, {1: 1})], propagator)
    assert min(clip.reads) >= 64
    assert max(clip.reads) <= 80
