"""Which propagator follows which object."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from al_core.evaluation.calibration import Calibration
from al_core.evaluation.evidence import Evidence, exactness
from al_core.fusion.choice import CHEAPEST, CLEARLY_WORSE, Choice, Outcome, choose, seconds_of, told
from al_core.fusion.gains import Case
from al_core.fusion.pairing import Propagated
from al_core.propagation import Resources
from al_core.propagation.base import PropagatedFrame, PropagatedTrack
from al_core.records import LabelKind, Shots
from al_core.settings import PropagationSettings
from tests.toys.footage.movers import MoverClip, line, mover_clip
from tests.toys.fusion import box, carried

UNTRAINED = PropagationSettings(
    methods=("auto",), encoder_steps=0, specialist_steps=2, seconds_per_frame=1000.0, backbone="none"
)
"""Disks are told by their colours, which networks of pictures know nothing of."""
MEAN = UNTRAINED.model_copy(update={"seconds_per_frame": 0.0})


@pytest.fixture(scope="module")
def fast() -> MoverClip:
    """A disk that moves by more than half of its width in each frame: flow loses it."""
    return mover_clip({1: line((20, 36), (17, 0))}, radius=14, size=(64, 224))


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    return Resources(UNTRAINED, tmp_path_factory.mktemp("cache"))


def labels(clip: MoverClip, *marks: int) -> dict[int, Mapping[int, np.ndarray]]:
    return {i: clip.truth[i] for i in marks}


def expecting(resources: Resources, clip: MoverClip, found: Mapping[int, Mapping[int, np.ndarray]]) -> list[Case]:
    """Videos just like this one, on which affinity gains and a specialist loses."""
    looks = choose(replace(resources, settings=MEAN), clip, found).looks
    assert looks is not None
    return [Case("another", looks, {"affinity": 0.5, "specialist": -0.5})] * 100


def test_the_one_that_finds_more_of_the_labels_left_out_is_chosen(fast: MoverClip, resources: Resources) -> None:
    marked = labels(fast, 1, 4, 7, 10)
    choice = choose(resources, fast, marked, expecting(resources, fast, marked))
    flow, affinity = choice.outcomes
    assert (flow.name, affinity.name) == (CHEAPEST, "affinity")
    assert affinity.j > flow.j + 0.05
    assert (flow.n, affinity.n) == (4, 4)
    assert choice.by_track == {1: "affinity"}
    assert {(row.source, row.frame_idx) for row in choice.rows} == {("affinity", i) for i in (1, 4, 7, 10)}


def test_nothing_dear_is_tried_where_every_frame_is_labelled(fast: MoverClip, resources: Resources) -> None:
    marked = labels(fast, *range(fast.n_frames))
    choice = choose(resources, fast, marked, expecting(resources, fast, marked))
    assert [outcome.name for outcome in choice.outcomes] == [CHEAPEST]


def test_what_does_no_better_on_the_labels_is_not_chosen_whatever_was_expected(resources: Resources) -> None:
    still = mover_clip({1: line((30, 32), (0, 0), 6)}, radius=14, size=(64, 96))
    marked = labels(still, 1, 2, 3, 4)
    choice = choose(resources, still, marked, expecting(resources, still, marked))
    assert choice.by_track == {1: CHEAPEST}


def test_labels_that_were_accepted_do_not_judge(resources: Resources) -> None:
    """By drawn labels the cheapest is as good; accepted ones leave it to what was expected."""
    still = mover_clip({1: line((30, 32), (0, 0), 6)}, radius=14, size=(64, 96))
    marked = labels(still, 1, 2, 3, 4)
    accepted = Evidence({(i, 1): LabelKind.ACCEPT for i in marked})
    choice = choose(resources, still, marked, expecting(resources, still, marked), accepted)
    assert choice.by_track == {1: "affinity"}
    assert {row.exact for row in choice.rows} == {exactness(LabelKind.ACCEPT)}


def test_nothing_dear_is_tried_where_it_does_not_pay(fast: MoverClip, resources: Resources) -> None:
    choice = choose(replace(resources, settings=MEAN), fast, labels(fast, 1, 4, 7, 10))
    assert [outcome.name for outcome in choice.outcomes] == [CHEAPEST]
    assert choice.by_track == {1: CHEAPEST}


def test_one_label_is_never_left_out_and_what_is_expected_decides(fast: MoverClip, resources: Resources) -> None:
    marked = labels(fast, 5)
    expected = choose(resources, fast, marked, expecting(resources, fast, marked))
    assert (expected.by_track, expected.outcomes) == ({1: "affinity"}, ())
    none = choose(replace(resources, settings=MEAN), fast, marked)
    assert none.by_track == {1: CHEAPEST}
    assert none.as_case("fast") is None


def test_where_nothing_came_to_any_label_what_is_expected_decides(fast: MoverClip, resources: Resources) -> None:
    """Flow carries nothing; the other one draws things where nothing is."""
    hidden = labels(fast, 1, 10) | {4: {}, 7: {}}
    corner = np.zeros(fast.size, bool)
    corner[:8, :8] = True
    drawn: dict[str, dict[int, PropagatedTrack]] = {"flow": {}, "specialist": {1: carried(corner)}}

    def frames(tracks: dict[int, PropagatedTrack]) -> Iterator[PropagatedFrame]:
        return (PropagatedFrame(i, tracks) for i in range(fast.n_frames))

    def run(names: Sequence[str], *_: object) -> dict[str, Propagated]:
        return {name: partial(frames, drawn[name]) for name in names}

    choice = choose(resources, fast, hidden, (), run=run)
    assert [(outcome.name, outcome.j) for outcome in choice.outcomes] == [("flow", 0.0), ("specialist", 0.0)]
    assert choice.by_track == {1: "specialist"}
    assert choice.as_case("hidden") is None


def test_labels_of_different_shots_cannot_judge(fast: MoverClip, resources: Resources) -> None:
    marked = labels(fast, 2, 9)
    cut = replace(resources, shots=Shots((6,)))
    choice = choose(cut, fast, marked, expecting(resources, fast, marked))
    assert (choice.by_track, choice.outcomes) == ({1: "affinity"}, ())


def test_what_was_tried_tells_other_videos_what_to_expect(fast: MoverClip, resources: Resources) -> None:
    marked = labels(fast, 1, 4, 7, 10)
    choice = choose(resources, fast, marked, expecting(resources, fast, marked))
    case = choice.as_case("fast")
    assert case is not None
    assert case.looks == choice.looks
    assert case.gains["affinity"] == pytest.approx(choice.outcomes[1].j - choice.outcomes[0].j)


def test_a_clip_without_objects_needs_no_choice(fast: MoverClip, resources: Resources) -> None:
    choice = choose(resources, fast, {3: {}, 8: {}})
    assert choice.by_track == {}
    assert choice.names == (CHEAPEST,)


def test_each_object_is_carried_by_its_own_propagator_and_human_frames_stay() -> None:
    choice = Choice({1: "flow", 2: "affinity"})
    sources = {
        "affinity": [{1: carried(box(5), 0.3), 2: carried(box(6), 0.4)}, {1: carried(box(5))}, {2: carried(box(4), 1)}],
        "flow": [{1: carried(box(0), 0.8), 2: carried(box(1), 0.9)}, {2: carried(box(2))}, {2: carried(box(4), 1)}],
    }
    given = {name: frames_of(found) for name, found in sources.items()}
    first, second, human = choice.of(given, {2}, {"flow": Calibration(1.0, 1.0)})()
    assert (first.tracks[1].mask.x, first.tracks[2].mask.x) == (0, 6)
    assert first.tracks[1].confidence > 0.9
    assert first.tracks[2].confidence == 0.4
    assert second.tracks == {}
    assert human.tracks[2].confidence == 1


def test_others_count_beside_the_chosen_one_as_far_as_they_are_trusted() -> None:
    found = {
        "affinity": [{1: carried(box(4), 0.8)}, {}],
        "flow": [{1: carried(box(0), 0.8)}, {1: carried(box(2), 0.7)}],
    }
    sources = {name: frames_of(frames) for name, frames in found.items()}
    doubted, trusted = (
        Choice({1: "affinity"}, trust={1: {"flow": flow, "affinity": affinity}}).of(sources, ())()
        for flow, affinity in ((0.6, 0.9), (0.9, 0.6))
    )
    assert next(doubted).tracks[1].mask.full()[4, 6] > 0.8
    assert next(trusted).tracks[1].mask.full()[4, 2] > 0.8
    assert Choice({1: "affinity"}, trust={1: {"flow": 0.6, "affinity": 0.9}}).names == ("affinity", "flow")


def test_what_is_clearly_worse_on_the_labels_does_not_count(fast: MoverClip, resources: Resources) -> None:
    marked = labels(fast, 1, 4, 7, 10)
    choice = choose(resources, fast, marked, expecting(resources, fast, marked))
    flow, affinity = choice.outcomes
    assert flow.j < CLEARLY_WORSE * affinity.j
    assert choice.trust == {}
    still = mover_clip({1: line((30, 32), (2, 0), 12)}, radius=14, size=(64, 96))
    marked = labels(still, 1, 4, 7, 10)
    trust = choose(resources, still, marked, expecting(resources, still, marked)).trust[1]
    assert {"flow", "affinity"} <= trust.keys()
    assert all(overlap > CLEARLY_WORSE * max(trust.values()) for overlap in trust.values())


def test_an_object_that_nothing_was_chosen_for_is_carried_all_the_same() -> None:
    sources = {name: frames_of([{7: carried(box(x))}]) for name, x in {"affinity": 4, "flow": 0}.items()}
    assert next(Choice({1: "affinity"}).of(sources, ())()).tracks[7].mask.x == 0
    assert next(Choice({1: "affinity"}).of({"affinity": sources["affinity"]}, ())()).tracks[7].mask.x == 4


def frames_of(found):
    return lambda: iter([PropagatedFrame(i, tracks) for i, tracks in enumerate(found)])


def test_a_choice_is_told_in_one_line() -> None:
    outcomes = (Outcome("flow", 0.85, 4, 1.2), Outcome("specialist", 0.9137, 4, 40.4))
    assert Choice({1: "flow", 2: "specialist", 5: "specialist"}, outcomes).describe() == (
        "carried by flow (object 1) and specialist (objects 2, 5); "
        "J of labels left out: flow 0.850 in 1 s, specialist 0.914 in 40 s"
    )
    assert told({"flow": list(range(20))}, []) == "carried by flow"
    assert Choice({}).describe() == "nothing to carry"


def test_seconds_are_told_beforehand_from_the_settings_alone() -> None:
    usual = PropagationSettings()
    assert (
        seconds_of("flow", usual, 100) < seconds_of("affinity", usual, 100) < seconds_of("specialist", usual, 100) * 2
    )
    short = usual.model_copy(update={"specialist_steps": 30})
    assert seconds_of("specialist", short, 100) < seconds_of("specialist", usual, 100)
    assert seconds_of("affinity", usual.model_copy(update={"encoder": "file"}), 0) == 0
