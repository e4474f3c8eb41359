"""What all ways to discover have in common."""

import numpy as np
import pytest

from al_core.discovery import DISCOVERERS
from al_core.discovery.discoverer import Discoverer, DiscoveryClip, Means
from al_core.discovery.given import NOTHING_GIVEN, Given, GivenFrame, Hint
from al_core.errors import NotReady
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, LabelKind, MaskLabel
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import line, mover_clip


class Boxed(Discoverer):
    """Starts from boxes."""

    name = "boxed"
    needs = (Hint.BOXES,)

    def find(self, clip, given, rng, on_frame=None):
        """Find nothing."""
        yield from ((index, ()) for index in range(clip.frames.n_frames))


@pytest.fixture
def means(tmp_path):
    return Means(FlowStore(tmp_path / "flow"), tmp_path / "learnt")


@pytest.mark.parametrize("name", DISCOVERERS)
def test_settings_know_each_by_its_own_name(name):
    assert DISCOVERERS[name].name == name


def test_labels_that_are_wanted_and_lack_are_told_in_one_line(means):
    with pytest.raises(NotReady, match="'boxed' starts from boxes that people gave") as caught:
        Boxed(means).check(NOTHING_GIVEN, [])
    assert "\n" not in str(caught.value)


def test_one_label_of_the_kind_is_enough(means):
    box = MaskLabel(1, 1, encode(np.ones((4, 4), bool)), LabelKind.BOX)
    Boxed(means).check(Given({1: [GivenFrame(FrameLabel(FrameRef(1, 0), (box,)), (), (4, 4))]}), [])


def test_what_moves_is_found_before_anybody_labels(means):
    moving = DISCOVERERS["motion"](means)
    moving.check(NOTHING_GIVEN, [])
    rng = np.random.default_rng(0)
    clip = DiscoveryClip(1, "moving", mover_clip({1: line((20, 36), (5, 0), 6)}))
    assert moving.learn([clip], NOTHING_GIVEN, rng) == 0
    found = dict(moving.find(clip, NOTHING_GIVEN, rng))
    assert list(found) == list(range(6))
    assert [(one.track_id, one.category_id, one.known) for one in found[3]] == [(1, 0, False)]
