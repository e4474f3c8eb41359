"""Masks of gestures by a network."""

import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint, BadLabel
from al_core.evaluation.metrics import j_and_f
from al_core.interactive import Click, Stroke, refine_with_clicks
from al_core.interactive.learned.learned_refiner import (
    ChosenRefiner,
    LearnedRefiner,
    Method,
    MixedRefiner,
    chosen_refiner,
    refiners,
)
from al_core.interactive.learned.refiner_training import TrainingLimits, new_refiner_network, train_refiner
from al_core.interactive.refiner import PlainRefiner
from al_core.masks.soft import Window
from al_core.networks.network_state import to_bytes
from tests.toys.footage.disk_scenes import scene

SIDE = 48
OTHER = scene(100)
IMAGE, TRUTH = OTHER.image, OTHER.masks[0]
NOTHING = np.zeros(TRUTH.shape, np.float32)
Y, X = (int(v.mean()) for v in np.nonzero(TRUTH))


@pytest.fixture(scope="module")
def network():
    """A network that has seen disks like this one, for a few steps."""
    network = new_refiner_network(0)
    train_refiner(network, [scene(i) for i in range(8)], TrainingLimits(1e6, 30, SIDE), 0)
    return network


@pytest.fixture(params=[False, True], ids=["network", "colours"])
def refiner(network, request):
    return LearnedRefiner(network, request.param, SIDE)


def overlap(mask):
    return j_and_f(mask, TRUTH).j


def test_a_click_finds_an_object_like_those_learnt(refiner):
    found = refiner.with_clicks(IMAGE, NOTHING, [Click(X, Y, True)])
    assert overlap(found) > 0.6


def test_every_click_is_on_its_side(refiner):
    clicks = [Click(X, Y, True), Click(X + 3, Y, False), Click(1, 1, True)]
    found = refiner.with_clicks(IMAGE, NOTHING, clicks)
    assert [bool(found[c.y, c.x]) for c in clicks] == [True, False, True]


def test_a_correction_touches_nothing_else(refiner):
    shown = TRUTH.copy()
    shown[:, :X] = False
    shown[:3, -3:] = True
    found = refiner.with_clicks(IMAGE, shown.astype(np.float32), [Click(X - 6, Y, True)])
    assert (found >= shown).all()
    assert found[Y, X - 6]


def test_without_a_click_on_the_object_nothing_is_found(refiner):
    assert not refiner.with_clicks(IMAGE, NOTHING, [Click(1, 1, False)]).any()
    assert not refiner.with_clicks(IMAGE, NOTHING, []).any()
    background = Stroke(np.array([[1, 1], [5, 1]]), False)
    assert not refiner.with_scribble(IMAGE, NOTHING, [background]).any()


def test_where_the_network_sees_nothing_colours_decide():
    blind = new_refiner_network(0).eval()
    with torch.no_grad():
        blind.outline[-1].bias.fill_(-100)
    clicks = [Click(X, Y, True)]
    found = LearnedRefiner(blind, False, SIDE).with_clicks(IMAGE, NOTHING, clicks)
    assert np.array_equal(found, refine_with_clicks(IMAGE, NOTHING, clicks))


def test_strokes_are_on_their_side(refiner):
    stroke = Stroke(np.array([[X - 4 + i, Y] for i in range(9)]), True)
    found = refiner.with_scribble(IMAGE, NOTHING, [stroke])
    assert found[Y, X - 4 : X + 5].all()
    assert overlap(found) > 0.5


def test_nothing_outside_a_box_is_set(refiner):
    box = Window(X - 14, Y - 14, X + 15, Y + 15)
    found = refiner.with_box(IMAGE, NOTHING, box)
    outside = np.ones(TRUTH.shape, bool)
    outside[box.clipped(TRUTH.shape).slices] = False
    assert not (found & outside).any()
    assert overlap(found) > 0.6


def test_what_does_not_lie_in_the_frame_is_refused(refiner):
    with pytest.raises(BadLabel, match="clicks"):
        refiner.with_clicks(IMAGE, NOTHING, [Click(64, 0, True)])
    with pytest.raises(BadLabel, match="strokes"):
        refiner.with_scribble(IMAGE, NOTHING, [Stroke(np.array([[0, 64]]), True)])
    with pytest.raises(BadLabel, match="a box"):
        refiner.with_box(IMAGE, NOTHING, Window(70, 70, 80, 80))
    with pytest.raises(BadLabel, match="one size"):
        refiner.with_clicks(IMAGE, NOTHING[1:], [])


def test_it_stops_when_nobody_waits(refiner):
    class Newer(Exception):
        pass

    def stop():
        raise Newer

    with pytest.raises(Newer):
        refiner.with_clicks(IMAGE, NOTHING, [Click(X, Y, True)], stop)
    with pytest.raises(Newer):
        refiner.with_box(IMAGE, NOTHING, Window(1, 1, 20, 20), stop)


def test_together_they_propose_masks_of_clicks(network):
    mixed = MixedRefiner([LearnedRefiner(network, colours, SIDE) for colours in (False, True)])
    clicks = [Click(X, Y, True), Click(1, 1, False)]
    found = mixed.with_clicks(IMAGE, NOTHING, clicks)
    assert overlap(found) > 0.6
    assert [bool(found[c.y, c.x]) for c in clicks] == [True, False]


def test_together_they_vote_on_boxes_and_strokes():
    rows = np.indices(TRUTH.shape)[0]

    class Up:
        def __init__(self, to):
            self.mask = rows < to

        def with_box(self, *_):
            return self.mask

        with_clicks = with_scribble = with_box

    stroke, box = Stroke(np.array([[X, Y], [X + 1, Y]]), True), Window(X - 14, Y - 14, X + 15, Y + 15)
    boxed = PlainRefiner().with_box(IMAGE, NOTHING, box)
    drawn = PlainRefiner().with_scribble(IMAGE, NOTHING, [stroke])
    mixed = MixedRefiner([Up(Y), Up(0)])
    assert np.array_equal(mixed.with_box(IMAGE, NOTHING, box), boxed & (rows < Y))
    assert np.array_equal(mixed.with_scribble(IMAGE, NOTHING, [stroke]), drawn & (rows < Y))
    assert np.array_equal(MixedRefiner([Up(0), Up(0)]).with_box(IMAGE, NOTHING, box), boxed)


def test_gestures_go_to_the_refiner_that_was_chosen_for_them():
    class Told:
        def __init__(self, name):
            self.name = name

        def with_clicks(self, *_):
            return self.name

        with_box = with_scribble = with_clicks

    names = ("first", "clicks", "first on a mask", "corrections", "box")
    chosen = ChosenRefiner(*map(Told, names))
    shown, one = TRUTH.astype(np.float32), [Click(X, Y, True)]
    assert [chosen.with_clicks(IMAGE, p, one) for p in (NOTHING, shown)] == ["first", "first on a mask"]
    assert [chosen.with_clicks(IMAGE, p, one * 2) for p in (NOTHING, shown)] == ["clicks", "corrections"]
    assert [chosen.with_scribble(IMAGE, p, []) for p in (NOTHING, shown)] == ["clicks", "corrections"]
    assert chosen.with_box(IMAGE, shown, Window(0, 0, 1, 1)) == "box"


def test_the_chosen_one_is_read_from_a_file(tmp_path):
    path = tmp_path / "refiner.pt"
    path.write_bytes(to_bytes(new_refiner_network(0)))
    found = chosen_refiner(path, {"clicks": "network_colours", "box": "of a later version"})
    assert isinstance(found.clicks, LearnedRefiner)
    assert isinstance(found.first_click, LearnedRefiner)
    assert isinstance(found.corrections, PlainRefiner)
    assert isinstance(found.first_correction, PlainRefiner)
    assert isinstance(found.box, PlainRefiner)
    found = chosen_refiner(path, {"first_click": "mixed", "clicks": "plain"})
    assert isinstance(found.first_click, MixedRefiner)
    assert isinstance(found.clicks, PlainRefiner)
    with pytest.raises(BadCheckpoint):
        chosen_refiner(tmp_path / "absent.pt", {})


def test_there_is_a_refiner_for_every_method():
    assert set(refiners(new_refiner_network(0))) == set(Method)
