"""Nothing is carried over a cut, whatever the propagator."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.footage.clips import ClipFrames
from al_core.masks.soft import SoftMask
from al_core.propagation import PROPAGATORS, Resources, build
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack
from al_core.propagation.shotwise import ShotFrames, ShotwisePropagator
from al_core.records import Shots
from al_core.settings import PropagationSettings
from al_core.stores.predictions import FramePrediction
from tests.toys.footage.movers import MoverClip, line, mover_clip

CUT = Shots((5, 8))


@pytest.fixture(scope="module")
def clip() -> MoverClip:
    return mover_clip({1: line((30, 36), (4, 0))}, 14, (96, 160))


class Everywhere:
    """A propagator that carries the masks of all labels to every frame, and notes what it was given."""

    def __init__(self, resources: Resources, given: list[tuple[ClipFrames, list[int], list[int]]]) -> None:
        self._resources = resources
        self._given = given

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        read = self._resources.predictions
        self._given.append((frames, sorted(labels), [] if read is None else [p.frame_idx for p in read()]))
        tracks = {t: PropagatedTrack(SoftMask.of(m), 0.5) for i in labels for t, m in labels[i].items()}
        return (PropagatedFrame(i, tracks) for i in range(frames.n_frames))


def test_each_shot_is_a_clip_of_its_own(clip: MoverClip, tmp_path: Path) -> None:
    given: list[tuple[ClipFrames, list[int], list[int]]] = []
    predictions = [FramePrediction(i, (), np.ones(1, np.float32)) for i in range(0, 12, 2)]
    resources = Resources(PropagationSettings(), tmp_path, lambda: iter(predictions), shots=CUT)
    propagator = ShotwisePropagator(lambda r: Everywhere(r, given), resources)
    mask = clip.truth[2][1]
    found = list(propagator.propagate(clip, {2: {1: mask}, 9: {2: mask}}))
    assert [f.frame_idx for f in found] == list(range(12))
    assert [sorted(f.tracks) for f in found] == [[1]] * 5 + [[]] * 3 + [[2]] * 4
    assert [(f.n_frames, marks, seen) for f, marks, seen in given] == [(5, [2], [0, 2, 4]), (4, [1], [0, 2])]


def test_the_frames_that_are_wanted_are_those_of_the_shot(clip: MoverClip, tmp_path: Path) -> None:
    seen: list[frozenset[int] | None] = []

    def make(resources: Resources) -> Everywhere:
        seen.append(resources.wanted)
        return Everywhere(resources, [])

    resources = Resources(PropagationSettings(), tmp_path, shots=CUT)
    for wanted in (None, frozenset({3, 6, 10})):
        list(ShotwisePropagator(make, replace(resources, wanted=wanted)).propagate(clip, {2: {}, 9: {}}))
    assert seen == [None, None, frozenset({3}), frozenset({2})]


def test_the_frames_of_a_shot_are_counted_from_0(clip: MoverClip) -> None:
    shot, other = ShotFrames(clip, range(5, 8)), ShotFrames(clip, range(5, 9))
    assert (shot.n_frames, shot.size) == (3, clip.size)
    assert np.array_equal(shot.read(1), clip.read(6))
    assert len({shot.sha256, other.sha256, clip.sha256}) == 3


def test_flow_carries_within_a_shot_only(clip: MoverClip, tmp_path: Path) -> None:
    resources = Resources(PropagationSettings(), tmp_path)
    labels = {1: {1: clip.truth[1][1]}}
    whole = list(build("flow", resources).propagate(clip, labels))
    parted = list(build("flow", replace(resources, shots=CUT)).propagate(clip, labels))
    assert all(1 in f.tracks for f in whole)
    assert [sorted(f.tracks) for f in parted] == [[1]] * 5 + [[]] * 7


def test_a_video_without_cuts_has_the_propagator_itself(tmp_path: Path) -> None:
    still = Resources(PropagationSettings(), tmp_path, shots=Shots((), ((2, 4),)))
    assert type(build("flow", still)) is type(PROPAGATORS["flow"](still))


def test_labels_that_do_not_fit_are_told_by_the_frames_of_the_video(clip: MoverClip, tmp_path: Path) -> None:
    resources = Resources(PropagationSettings(), tmp_path, shots=CUT)
    with pytest.raises(BadLabel, match=r"labels for frames \[12\], the clip has frames 0 to 11"):
        list(build("flow", resources).propagate(clip, {12: {}}))
