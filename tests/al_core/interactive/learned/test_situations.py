"""Situations that a refiner learns from."""

import numpy as np
import pytest

from al_core.interactive import Click
from al_core.interactive.learned.prompts import Prompt
from al_core.interactive.learned.situations import FEWEST_PIXELS, LabelledObjects, Situation, situation, spoilt
from al_core.interactive.learned.views import View
from tests.toys.footage.disk_scenes import scene
from tests.toys.masks import disk


def drawn(seeds):
    return [situation(scene(0), np.random.default_rng(seed)) for seed in seeds]


def kind_of(prompt):
    """The one kind of gesture of a prompt."""
    (kind,) = [n for n, v in (("click", prompt.clicks), ("strokes", prompt.strokes), ("box", prompt.box)) if v]
    return kind


def test_specks_are_not_learnt_from():
    mask = np.zeros((64, 64), bool)
    mask[0, : FEWEST_PIXELS - 1] = True
    frame = LabelledObjects(scene(0).image, [mask, disk(30, 30, 10)])
    assert [m.sum() for m in frame.large] == [disk(30, 30, 10).sum()]


def test_the_same_draw_is_the_same_situation():
    one, other = drawn([3, 3])
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.present, other.present)
    assert one.prompt == other.prompt


def test_the_object_moves_with_its_picture():
    for one in drawn(range(8)):
        red = one.image[..., 0].astype(int) - one.image[..., 2]
        assert red[one.truth].mean() > red[~one.truth].mean() + 50


def test_every_kind_of_beginning_is_drawn():
    found = [(bool(s.present.any()), kind_of(s.prompt)) for s in drawn(range(60))]
    assert {kind for known, kind in found if not known} == {"click", "strokes", "box"}
    assert {kind for known, kind in found if known} == {"click", "strokes"}


def test_clicks_lie_in_what_is_wrong():
    truth = disk(30, 30, 12)
    begun = Situation(scene(0).image, truth, disk(40, 30, 12))
    for seed in range(10):
        (click,) = begun.clicked(np.random.default_rng(seed)).prompt.clicks
        assert click.positive == truth[click.y, click.x] != begun.present[click.y, click.x]
    right = Situation(scene(0).image, truth, truth, Prompt((Click(1, 1, False),)))
    assert right.clicked(np.random.default_rng(0)) is right


def test_from_nothing_the_whole_frame_is_seen_and_later_often_a_close_up():
    truth, rng = disk(30, 30, 8), np.random.default_rng(0)
    nothing = Situation(scene(0).image, truth, np.zeros_like(truth)).clicked(rng)
    assert all(nothing.view(rng, 32) == View.whole((64, 64), 32) for _ in range(5))
    known = Situation(scene(0).image, truth, truth)
    assert {known.view(rng, 32) == View.whole((64, 64), 32) for _ in range(30)} == {True, False}


@pytest.mark.parametrize("seed", range(6))
def test_a_spoilt_mask_is_wrong_but_not_lost(seed):
    truth = disk(32, 32, 14)
    wrong = spoilt(truth, np.random.default_rng(seed))
    overlap = (wrong & truth).sum() / (wrong | truth).sum()
    assert 0.2 < overlap < 1
