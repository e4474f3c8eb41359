"""What propagators are worth, told by labels that were left out."""

from pathlib import Path

import pytest

from al_core.fusion.combination import propagations
from al_core.fusion.held_out import COMBINED, held_out, judged, tried
from al_core.propagation import Resources
from al_core.records import Shots
from al_core.settings import PropagationSettings
from tests.toys.footage.movers import line, mover_clip


def test_every_label_is_predicted_from_the_others_once(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 36), (2, 0))})
    labels = {i: clip.truth[i] for i in (1, 4, 7, 10)}
    rows = held_out(("flow",), Resources(PropagationSettings(), tmp_path), clip, labels)
    assert sorted((row.source, row.frame_idx) for row in rows) == [
        (name, i) for name in ("flow", COMBINED) for i in labels
    ]
    assert all(row.overlap > 0.75 for row in rows), rows


def test_what_people_say_is_not_there_has_no_overlap(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 36), (3, 0))})
    labels = {2: clip.truth[2], 5: {}}
    (flow, combined) = held_out(("flow",), Resources(PropagationSettings(), tmp_path), clip, labels)
    assert (flow.frame_idx, flow.overlap) == (5, 0.0)
    assert combined.confidence == flow.confidence


def test_a_trial_may_leave_out_one_half_only(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 36), (2, 0))})
    labels = {i: clip.truth[i] for i in (1, 4, 7, 10)}
    clock = iter([10.0, 12.5])
    trial = tried("flow", Resources(PropagationSettings(), tmp_path), clip, labels, 1, lambda: next(clock))
    assert (list(trial.found), trial.seconds) == ([4, 10], 2.5)
    rows = list(judged(trial, {4: {}, 10: clip.truth[10] | {9: clip.truth[10][1]}}))
    assert [(row.frame_idx, row.track, row.overlap > 0.7) for row in rows] == [
        (4, 1, False),
        (10, 1, True),
        (10, 9, False),
    ]
    assert rows[-1].confidence == 0


def test_a_propagator_is_told_that_it_is_a_trial_and_nobody_looks_at_frames_without_a_label(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 36), (2, 0))})
    labels = {i: clip.truth[i] for i in (1, 4, 7, 10)}
    wanted = []

    def run(methods, resources, frames, kept):
        wanted.append((sorted(kept), resources.wanted, resources.trial))
        return propagations(methods, resources, frames, kept)

    trial = tried("flow", Resources(PropagationSettings(), tmp_path), clip, labels, run=run)
    assert sorted(trial.found) == [1, 4, 7, 10]
    assert wanted == [([4, 10], frozenset({1, 7}), True), ([1, 7], frozenset({4, 10}), True)]


def test_the_only_label_of_a_shot_is_not_judged(tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 36), (2, 0))})
    cut = Resources(PropagationSettings(), tmp_path, shots=Shots((6,)))
    assert list(tried("flow", cut, clip, {i: clip.truth[i] for i in (1, 4, 9)}).found) == [1, 4]
    assert tried("flow", cut, clip, {i: clip.truth[i] for i in (4, 9)}).found == {}


@pytest.mark.parametrize("marks", [(), (3,)])
def test_fewer_than_two_labels_tell_nothing(marks: tuple[int, ...], tmp_path: Path) -> None:
    clip = mover_clip({1: line((30, 36), (3, 0))})
    labels = {i: clip.truth[i] for i in marks}
    assert held_out(("flow",), Resources(PropagationSettings(), tmp_path), clip, labels) == []
