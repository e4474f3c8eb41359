"""Campaigns in memory, on a clip of twelve frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from al_core.benchmark.simulated_people import annotator_of, kinds_named, offers_of
from al_core.benchmark.world import Label, World, exact_masks, make_pool, run_campaign, together
from al_core.errors import UnknownName
from al_core.propagation.flow import FlowPropagator
from al_core.records import FrameRef, LabelKind
from al_core.selection import STRATEGIES
from al_core.settings import AnnotatorSettings, PropagationSettings, SelectionSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.known import KnownClip
from tests.toys.footage.movers import line, mover_clip

PRICES = AnnotatorSettings()


@pytest.fixture
def world(tmp_path: Path) -> World:
    slow = mover_clip({1: line((30, 30), (1, 0))}, radius=12, size=(64, 128))
    fast = mover_clip({1: line((20, 20), (7, 1)), 2: line((100, 44), (-6, 0))}, radius=10, size=(64, 128))
    clips = [KnownClip("slow", slow), KnownClip("fast", fast)]
    return World(clips, FlowPropagator(FlowStore(tmp_path), PropagationSettings()))


def exact(world: World, video: int, *frames: int) -> dict[int, Label]:
    return {i: Label(world.clips[video].truth(i)) for i in frames}


def campaign(world: World, strategy: str, kinds: str = "mask", **more):
    settings = SelectionSettings(strategy=strategy, frames_per_round=2, min_gap=1, control_share=0.0)
    rng = np.random.default_rng(0)
    return list(
        run_campaign(
            world,
            strategy,
            settings,
            3,
            annotator_of(world, kinds, PRICES),
            rng,
            offers_of(kinds, PRICES),
            kinds_named(kinds),
            **more,
        )
    )


def test_every_frame_has_an_outcome_and_labelled_ones_are_right(world: World) -> None:
    outcomes = world.outcomes(0, exact(world, 0, 2, 9))
    assert len(outcomes) == 12
    assert (outcomes[2].jf, outcomes[9].jf) == (1.0, 1.0)
    assert min(o.jf for o in outcomes) > 0.8


def test_without_labels_nothing_is_delivered(world: World) -> None:
    assert [o.jf for o in world.outcomes(0, {})] == [0.0] * 12


def test_a_stretch_between_two_labels_is_worked_out_once(world: World, monkeypatch) -> None:
    world.outcomes(0, exact(world, 0, 2, 9))
    carried = []
    original = World.carried
    monkeypatch.setattr(World, "carried", lambda *a: carried.append(a[3:]) or original(*a))
    world.outcomes(0, exact(world, 0, 2, 5, 9))
    assert carried == [(2, 5), (5, 9)]


def test_another_mask_in_a_labelled_frame_is_another_label(world: World) -> None:
    shifted = {1: np.roll(world.clips[0].truth(2)[1], 9, axis=1)}
    right, wrong = exact(world, 0, 2), {2: Label(shifted, "shifted")}
    assert world.error(0, right) < world.error(0, wrong)
    assert world.outcomes(0, wrong)[2].jf < 1


def test_a_label_costs_by_the_objects_that_are_shown_together_and_not_by_those_to_come(world: World) -> None:
    first = {2: Label({1: world.clips[1].truth(2)[1]})}
    assert objects_told(world, first) == 1.0
    assert 1 < objects_told(world, exact(world, 1, 2)) <= 2
    assert together([0, 1, 1, 4, 0]) == 2.0
    assert together([0, 0]) == 1.0


def objects_told(world: World, labels: dict[int, Label]) -> float:
    known: dict[int, dict[int, Label]] = {0: {}, 1: labels}
    outlooks = make_pool(world, known, {v: world.outcomes(v, mine) for v, mine in known.items()}).outlooks
    assert outlooks is not None
    return outlooks(1).objects


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_labels_what_it_was_told_to(world: World, strategy: str) -> None:
    points = campaign(world, strategy)
    assert [p.human_frames for p in points] == [2, 4, 6]
    assert [len(p.asked) for p in points] == [2, 2, 2]
    assert sum(len(frames) for frames in points[-1].labelled.values()) == 6
    spent = sum(80.0 * len(world.clips[a.frame.video_id].truth(a.frame.frame_idx)) for p in points for a in p.asked)
    assert points[0].human_seconds <= points[-1].human_seconds <= spent
    # Nothing is shown in the first round; later, masks are corrected.
    first = sum(80.0 * len(world.clips[a.frame.video_id].truth(a.frame.frame_idx)) for a in points[0].asked)
    assert points[0].human_seconds == first


def test_campaigns_repeat(world: World) -> None:
    assert [p.asked for p in campaign(world, "random")] == [p.asked for p in campaign(world, "random")]


def test_a_campaign_ends_when_its_seconds_are_spent(world: World) -> None:
    assert len(campaign(world, "uniform", most_seconds=1.0)) == 1


def test_the_true_gain_is_what_the_label_brings(world: World) -> None:
    labels = {0: exact(world, 0, 2), 1: {}}
    outcomes = {v: world.outcomes(v, labels[v]) for v in labels}
    pool = make_pool(world, labels, outcomes)
    gain = pool.true_gain(FrameRef(0, 9), ())
    assert gain == pytest.approx(world.error(0, exact(world, 0, 2)) - world.error(0, exact(world, 0, 2, 9)))
    assert pool.true_gain(FrameRef(0, 9), [FrameRef(0, 8)]) < gain


@pytest.mark.parametrize("kinds", ["accept+mask", "all", "box", "click", "polygon", "scribble", "tag+mask"])
def test_cheap_kinds_cost_less_than_masks_and_improve_the_video(world: World, kinds: str) -> None:
    strategy = "value" if kinds == "all" else "uniform"
    points, masks = campaign(world, strategy, kinds), campaign(world, "uniform")
    assert points[-1].human_seconds < masks[-1].human_seconds
    assert np.mean([o.jf for o in points[-1].outcomes[0]]) > 0.5
    assert {a.kind for p in points for a in p.asked} <= {*LabelKind}


def test_unknown_kinds_are_told(world: World) -> None:
    with pytest.raises(UnknownName, match="kinds of label 'stroke'"):
        annotator_of(world, "stroke", PRICES)
    with pytest.raises(UnknownName):
        offers_of("stroke", PRICES)


def test_an_empty_frame_is_absent_and_cheap(world: World) -> None:
    gone = replace(world.clips[0].clip, truth=[{}] * 12)
    empty = World([KnownClip("gone", gone)], world._propagator)
    label, kind, seconds = exact_masks(empty, PRICES)(0, 3, LabelKind.MASK, {}, np.random.default_rng(0))
    assert (dict(label.masks), kind, seconds) == ({}, LabelKind.ABSENT, 3.0)
