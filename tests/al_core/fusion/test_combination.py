"""Masks of several propagators become one."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from al_core.evaluation.calibration import Calibration
from al_core.fusion import combine, fuse, members, propagations
from al_core.masks.rle import decode, encode
from al_core.masks.soft import SoftMask, shrink
from al_core.propagation import Resources
from al_core.propagation.base import PropagatedFrame, PropagatedTrack
from al_core.records import FrameLabel, FrameRef, MaskLabel, Provenance
from al_core.settings import PropagationSettings
from tests.toys.footage.movers import MoverClip, iou, line, mover_clip
from tests.toys.fusion import SIZE, box


def source(*tracks: Mapping[int, tuple[np.ndarray, float]]):
    """A propagator that gives these (mask, confidence) by track, frame by frame."""
    frames = [
        PropagatedFrame(i, {t: PropagatedTrack(SoftMask.of(m), c) for t, (m, c) in found.items()})
        for i, found in enumerate(tracks)
    ]
    return lambda: iter(frames)


def only(frames: Iterator[PropagatedFrame]) -> PropagatedTrack:
    """Track 1 of the only frame."""
    (frame,) = frames
    return frame.tracks[1]


def test_one_source_is_given_as_it_is() -> None:
    alone = source({1: (box(1), 0.7)}, {})
    assert list(combine({"a": alone}, ())()) == list(alone())


def test_the_surer_of_two_masks_leads() -> None:
    found = only(combine({"a": source({1: (box(1), 0.9)}), "b": source({1: (box(6), 0.5)})}, ())())
    np.testing.assert_array_equal(found.mask.full() > 0.5, box(1))


def test_a_calibration_decides_who_is_surer() -> None:
    sources = {"a": source({1: (box(1), 0.9)}), "b": source({1: (box(6), 0.8)})}
    found = only(combine(sources, (), {"a": Calibration(1.0, -3.0)})())
    np.testing.assert_array_equal(found.mask.full() > 0.5, box(6))


def test_three_masks_vote_for_each_pixel() -> None:
    sources = {name: source({1: (box(x), 0.8)}) for name, x in (("a", 1), ("b", 2), ("c", 3))}
    np.testing.assert_array_equal(only(combine(sources, ())()).mask.full() > 0.5, box(2))


def test_the_surer_of_two_gives_most_of_the_confidence() -> None:
    found = only(combine({"a": source({1: (box(1), 0.9)}), "b": source({1: (box(2), 0.6)})}, ())())
    shares = np.array([0.9, 0.6]) ** 6 / (0.9**6 + 0.6**6)
    assert found.confidence == pytest.approx(shares @ [0.9, 0.6])
    assert found.confidence > 0.87


def test_a_source_without_the_object_speaks_weakly_against_it() -> None:
    sure = only(combine({"a": source({1: (box(1), 0.8)}), "b": source({})}, ())())
    np.testing.assert_array_equal(sure.mask.full() > 0.5, box(1))
    against = 0.4**6 / (0.4**6 + 0.8**6)
    assert sure.confidence == pytest.approx(0.8 * (1 - against))
    unsure = only(combine({"a": source({1: (box(1), 0.3)}), "b": source({})}, ())())
    assert not (unsure.mask.full() > 0.5).any()


def test_masks_of_different_sizes_meet_at_the_larger_one() -> None:
    small = shrink(box(4), (4, 6)).soft((4, 6))
    given = PropagatedFrame(0, {1: PropagatedTrack(small, 0.8)})
    found = only(combine({"a": lambda: iter([given]), "b": source({1: (box(4), 0.8)})}, ())())
    assert found.mask.size == SIZE
    assert iou(found.mask.full() > 0.5, box(4)) > 0.7


def test_labelled_frames_are_left_alone() -> None:
    human = {1: (box(1), 1.0)}
    frames = list(combine({"a": source(human, human), "b": source(human, human)}, {0}, {"a": Calibration(0.5, 0)})())
    assert frames[0].tracks[1].confidence == 1.0
    assert frames[1].tracks[1].confidence < 1.0


def test_sources_must_give_the_same_number_of_frames() -> None:
    with pytest.raises(ValueError, match="argument"):
        list(combine({"a": source({}, {}), "b": source({})}, ())())


class StandStill:
    """A propagator: the mask of the nearest label, where it is."""

    def __init__(self, confidence: float) -> None:
        self._confidence = confidence

    def propagate(self, frames: MoverClip, labels) -> Iterator[PropagatedFrame]:
        for i in range(frames.n_frames):
            nearest = min(labels, key=lambda mark: abs(mark - i))
            masks = {t: SoftMask.of(m) for t, m in labels[nearest].items()}
            sure = 1.0 if nearest == i else self._confidence
            yield PropagatedFrame(i, {t: PropagatedTrack(m, sure) for t, m in masks.items()})


def test_flow_at_two_sizes_and_a_poor_propagator_make_a_video(tmp_path: Path) -> None:
    """Two that follow the object outvote one that stands still, and one label in the middle stays as it is."""
    clip = mover_clip({1: line((40, 36), (2, 0))})
    labels = {6: clip.truth[6]}
    human = {6: FrameLabel(FrameRef(1, 6), (MaskLabel(1, 1, encode(clip.truth[6][1])),))}
    sources = {}
    for side in (128, 64):
        resources = Resources(PropagationSettings(flow_long_side=side), tmp_path)
        sources[f"flow at {side}"] = propagations(("flow",), resources, clip, labels)["flow"]
    sources["still"] = lambda: StandStill(0.6).propagate(clip, labels)
    delivered = dict(fuse(human, combine(sources, human), None, clip.size, PropagationSettings()))
    for i, (mask,) in delivered.items():
        assert iou(decode(mask.rle), clip.truth[i][1]) > 0.7
        assert mask.provenance is (Provenance.HUMAN if i == 6 else Provenance.PROPAGATED)
    assert decode(delivered[6][0].rle).tolist() == clip.truth[6][1].tolist()
    assert iou(clip.truth[6][1], clip.truth[0][1]) < 0.4


def test_beside_a_specialist_the_flow_does_not_count_twice() -> None:
    assert members(("flow", "affinity", "specialist")) == ("affinity", "specialist")
    assert members(("flow", "affinity")) == ("flow", "affinity")
