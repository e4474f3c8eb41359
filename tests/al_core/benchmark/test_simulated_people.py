"""People of campaigns in memory: what they are asked for, and what it costs."""

import numpy as np
import pytest

from al_core.benchmark.simulated_people import annotator_of, frame_label, kinds_named, offers_of
from al_core.benchmark.world import Label, World
from al_core.errors import UnknownName
from al_core.masks.rle import decode
from al_core.propagation.flow import FlowPropagator
from al_core.records import FrameRef, LabelKind
from al_core.selection.offers import LEAVES
from al_core.settings import AnnotatorSettings, PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.known import KnownClip
from tests.toys.footage.movers import line, mover_clip


@pytest.fixture
def world(tmp_path):
    clip = mover_clip({1: line((30, 30), (2, 0)), 2: line((90, 40), (-2, 0))}, radius=12, size=(72, 128))
    return World([KnownClip("toy", clip)], FlowPropagator(FlowStore(tmp_path), PropagationSettings()))


def test_offers_follow_the_prices_of_the_settings():
    (cheap,), (dear,) = (offers_of("mask", AnnotatorSettings(mask_seconds=s)) for s in (20.0, 80.0))
    assert (cheap.kind, cheap.seconds, dear.seconds) == (LabelKind.MASK, 20.0, 80.0)
    assert {offer.kind for offer in offers_of("all", AnnotatorSettings())} == set(kinds_named("all"))


def test_what_cannot_be_drawn_from_nothing_is_not_offered_for_it():
    for offer in offers_of("all", AnnotatorSettings()):
        assert offer.from_nothing == LEAVES[offer.kind].from_nothing


def test_kinds_are_joined_by_their_names():
    assert kinds_named("accept+mask") == (LabelKind.ACCEPT, LabelKind.MASK)
    assert len(kinds_named("all+click")) == 5
    with pytest.raises(UnknownName, match="kinds of label 'mast'.*Did you mean 'mask'"):
        kinds_named("accept+mast")


def test_correcting_costs_by_the_error_of_what_is_shown(world):
    person = annotator_of(world, "mask", AnnotatorSettings(mask_seconds=30.0, accept_seconds=1.0))
    near = {2: Label(world.clips[0].truth(2)), 4: Label(world.clips[0].truth(4))}
    far = {0: Label(world.clips[0].truth(0))}
    seconds = [person(0, 3, LabelKind.MASK, shown, np.random.default_rng(0))[2] for shown in ({}, far, near)]
    assert seconds[0] == 60.0
    assert 2 < seconds[2] < seconds[1] < 60


def test_a_no_labels_nothing(world):
    person = annotator_of(world, "accept+mask", AnnotatorSettings(judgement_error=0.0))
    shifted = {0: Label({t: np.roll(m, 12, axis=1) for t, m in world.clips[0].truth(0).items()}, "shifted")}
    label, kind, seconds = person(0, 3, LabelKind.ACCEPT, shifted, np.random.default_rng(0))
    assert (label, kind, seconds) == (None, LabelKind.REJECT, 4.0)


def test_exact_masks_are_the_truth_and_cost_their_price_for_each_object(world):
    person = annotator_of(world, "mask", AnnotatorSettings(mask_seconds=30.0))
    label, kind, seconds = person(0, 3, LabelKind.MASK, {}, np.random.default_rng(0))
    assert (kind, seconds) == (LabelKind.MASK, 60.0)
    assert all((label.masks[track] == mask).all() for track, mask in world.clips[0].truth(3).items())


def test_where_there_is_one_kind_it_is_given_whatever_is_asked_for(world):
    person = annotator_of(world, "polygon", AnnotatorSettings())
    label, kind, seconds = person(0, 3, LabelKind.MASK, {}, np.random.default_rng(0))
    assert kind is LabelKind.POLYGON
    assert 0 < seconds < 160
    assert label.masks.keys() == {1, 2}
    assert label.key != "exact"


def test_unknown_kinds_are_refused(world):
    with pytest.raises(UnknownName, match="kinds of label 'stroke'; known"):
        annotator_of(world, "stroke", AnnotatorSettings())


def test_masks_become_a_label_in_the_order_of_tracks():
    masks = {2: np.eye(3, dtype=bool), 1: np.ones((3, 3), bool)}
    label = frame_label(FrameRef(1, 0), masks)
    assert [m.track_id for m in label.masks] == [1, 2]
    assert (decode(label.masks[1].rle) == masks[2]).all()
