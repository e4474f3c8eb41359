"""Watch and learn, on made footage."""

import numpy as np
import pytest

from al_core.discovery.exemplars.box_overlap import overlaps
from al_core.discovery.exemplars.learning import Example, Watcher, Watching, share_right, watch
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.crowds.like_objects import boxes_of, hard_crowd

QUICK = Watching(rounds=1, frames=8)
DRAWN = 5


@pytest.fixture(scope="module")
def clip():
    return hard_crowd(1)


@pytest.fixture(scope="module")
def flow(clip, tmp_path_factory):
    return FlowStore(tmp_path_factory.mktemp("flow")).clip(clip, 256, "medium")


def examples(clip, count=3):
    tracks = [(t, m) for t, m in clip.truth[DRAWN].items() if m.any(axis=0)[[0, -1]].sum() == 0]
    return [Example(DRAWN, boxes_of([mask])[0], track) for track, mask in tracks[:count]]


def watcher(clip, flow, given, watching=QUICK, **kinds):
    return Watcher(clip, flow, [range(clip.n_frames)], given, np.random.default_rng(0), watching, **kinds)


@pytest.fixture(scope="module")
def detectors(clip, flow):
    return watcher(clip, flow, examples(clip)).learn()


@pytest.fixture(scope="module")
def found(clip, flow, detectors):
    return watch(watcher(clip, flow, examples(clip)), detectors)


def right(clip, seen):
    return overlaps(seen.box[None], boxes_of(list(clip.truth[seen.frame_idx].values()))).max() >= 0.5


def test_many_are_found_from_a_few_and_most_are_right(clip, found):
    sure = [one for one in found if one.confidence >= 0.5]
    assert len(sure) > 20
    assert np.mean([right(clip, one) for one in sure]) > 0.9


def test_an_object_keeps_its_number_that_of_a_person_where_one_drew_it(clip, found):
    for example in examples(clip):
        mine = [one for one in found if one.known and one.track == example.track]
        assert {DRAWN - 1, DRAWN + 1} <= {one.frame_idx for one in mine}
        for one in mine:
            at = boxes_of([clip.truth[one.frame_idx][example.track]])
            assert overlaps(one.box[None], at)[0, 0] > 0.4
    for frame_idx in range(clip.n_frames):
        numbers = [(one.track, one.known) for one in found if one.frame_idx == frame_idx]
        assert len(numbers) == len(set(numbers))


def test_what_people_drew_is_not_found_again(clip, found):
    drawn = np.stack([one.box for one in examples(clip)])
    here = [one.box for one in found if one.frame_idx == DRAWN]
    assert overlaps(np.stack([np.zeros(4), *here]), drawn).max() < 0.3


def test_one_box_is_enough_to_begin_where_nothing_else_has_that_outline(tmp_path):
    clip = hard_crowd(1, striped=0)
    one = watcher(clip, FlowStore(tmp_path).clip(clip, 256, "medium"), examples(clip, 1))
    seen = [right(clip, seen) for seen in watch(one, one.learn()) if seen.confidence >= 0.5]
    assert len(seen) > 10
    assert np.mean(seen) > 0.9


def test_a_learning_that_was_stopped_comes_to_the_same(clip, flow):
    twice, kept = Watching(rounds=2, frames=4, views=1), {}
    whole = watcher(clip, flow, examples(clip), twice).learn(on_round=kept.__setitem__)
    assert sorted(kept) == [1, 2]
    rest = watcher(clip, flow, examples(clip), twice).learn(kept[1], 1)
    assert all(np.array_equal(a.weights, b.weights) for a, b in zip(whole, rest, strict=True))


def test_a_complete_frame_holds_nothing_else_and_other_things_are_none(clip, flow, detectors):
    given = examples(clip)
    others = {DRAWN: given[1].box[None]}
    one = watcher(clip, flow, given[:1], complete=frozenset({DRAWN}), others=others)
    assert one.look(DRAWN, detectors).given.tolist() == [True]
    assert (
        overlaps(watcher(clip, flow, given[:1], others=others).look(DRAWN, detectors).boxes, others[DRAWN]).max() < 0.3
    )


def test_what_is_sure_in_a_complete_frame_and_was_not_drawn_there_makes_all_less_sure(clip, flow, detectors, found):
    one = watcher(clip, flow, examples(clip)[:1], complete=frozenset({DRAWN}))
    looked = {i: one.look(i, detectors) for i in range(clip.n_frames)}
    assert looked[DRAWN].given.tolist() == [True]
    share = share_right(one, detectors, looked, QUICK.reach)
    assert share in [1 / 2, 1 / 3, 1 / 4]
    partly = watcher(clip, flow, examples(clip)[:1])
    assert share_right(partly, detectors, looked, QUICK.reach) == 1
    assert max(seen.confidence for seen in watch(one, detectors)) <= share


def test_boxes_of_another_clip_teach_too_but_less_surely(tmp_path):
    clip, other = hard_crowd(5, striped=0), hard_crowd(3, striped=0)
    elsewhere = [(other.images[DRAWN], example.box) for example in examples(other)]
    one = watcher(clip, FlowStore(tmp_path).clip(clip, 256, "medium"), [], elsewhere=elsewhere)
    seen = [one for one in watch(one, one.learn()) if one.confidence >= 0.5]
    assert len(seen) > 20
    assert np.mean([right(clip, one) for one in seen]) > 0.6


def test_where_nothing_moves_nothing_is_agreed_on(clip, flow, tmp_path):
    still = type(clip)([clip.images[DRAWN]] * 8, [clip.truth[DRAWN]] * 8, sha256="5" * 64)
    one = watcher(still, FlowStore(tmp_path).clip(still, 256, "medium"), examples(clip))
    assert watch(one, one.learn()) == []


def test_a_long_clip_is_looked_at_in_bursts():
    class Long:
        n_frames, size = 1000, (64, 64)

        def read(self, frame_idx):
            return np.random.default_rng(frame_idx).integers(0, 255, (64, 64, 3)).astype(np.uint8)

    given = [Example(500, np.array([10.0, 10, 40, 40]), 1)]
    one = Watcher(Long(), None, [range(1000)], given, np.random.default_rng(0), Watching(frames=20))
    looked = one.learning_frames()
    assert len(looked) <= 30
    assert {494, 497, 500, 503, 506} <= set(looked)
    assert min(looked) < 200
    assert max(looked) > 800
