"""The choice between refiners on labels that were held out."""

import numpy as np
import pytest

from al_core.interactive.learned.learned_refiner import Method
from al_core.interactive.learned.refiner_choice import FEWEST_JUDGED, MOST_JUDGED, TRIALS, choose_refiners, is_held_out
from al_core.records import FrameRef
from tests.toys.footage.disk_scenes import scene


class Refiner:
    """Gives masks that depend on nothing but the truth: its lower part is missing, and more so now and then."""

    def __init__(self, scenes, missing):
        self.truths, self.missing, self.calls = scenes, missing, 0

    def _mask(self, image):
        truth = next(s.masks[0] for s in self.truths if np.array_equal(s.image, image))
        self.calls += 1
        mask = truth.copy()
        rows = np.flatnonzero(truth.any(axis=1))
        mask[rows[len(rows) - self.missing(self.calls) :]] = False
        return mask

    def with_clicks(self, image, *_):
        return self._mask(image)

    with_box = with_scribble = with_clicks


SCENES = [scene(i) for i in range(FEWEST_JUDGED)]


def choice(plain, network, scenes=SCENES):
    methods = {Method.PLAIN: Refiner(scenes, plain), Method.NETWORK: Refiner(scenes, network)}
    return choose_refiners(methods, scenes, 0)


@pytest.mark.parametrize(("plain", "network", "chosen"), [(8, 4, Method.NETWORK), (4, 8, Method.PLAIN)])
def test_the_better_one_is_chosen_for_each_gesture(plain, network, chosen):
    found = choice(lambda _: plain, lambda _: network)
    assert {gesture: c.method for gesture, c in found.items()} == dict.fromkeys(TRIALS, chosen)
    assert (found["box"].iou[Method.PLAIN] < found["box"].iou[Method.NETWORK]) == (plain > network)
    assert found["box"].objects == FEWEST_JUDGED


def test_a_gain_that_may_be_chance_changes_nothing():
    # Better by 8 rows once, and worse by one otherwise.
    found = choice(lambda call: 9 if call % 6 == 1 else 2, lambda call: 1 if call % 6 == 1 else 3)["box"]
    assert found.iou[Method.NETWORK] > found.iou[Method.PLAIN]
    assert found.method is Method.PLAIN


def test_few_objects_change_nothing():
    found = choice(lambda _: 8, lambda _: 0, SCENES[:-1])["clicks"]
    assert (found.method, found.iou, found.objects) == (Method.PLAIN, {}, FEWEST_JUDGED - 1)


def test_no_more_than_some_are_compared():
    scenes = [scene(i) for i in range(MOST_JUDGED + 4)]
    assert choice(lambda _: 2, lambda _: 2, scenes)["box"].objects == MOST_JUDGED


def test_a_fifth_of_the_frames_is_held_out_and_stays_so():
    frames = [FrameRef(video, i) for video in (1, 2) for i in range(500)]
    held = [is_held_out(frame) for frame in frames]
    assert 0.17 < np.mean(held) < 0.23
    assert held == [is_held_out(frame) for frame in frames]
