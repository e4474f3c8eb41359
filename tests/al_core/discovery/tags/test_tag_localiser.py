"""The way to discover that starts from tags."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from al_core.discovery.discoverer import DiscoveryClip, Means
from al_core.discovery.given import NOTHING_GIVEN, Given, GivenFrame
from al_core.discovery.tags import tag_localiser
from al_core.discovery.tags.tag_localiser import TagLocaliser, said_in
from al_core.errors import NotReady
from al_core.masks.rle import encode
from al_core.propagation.affinity.encoder import new_encoder
from al_core.records import CategoryTag, FrameLabel, FrameRef, MaskLabel
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.marked_shapes import MARKS, PictureClip, marked_picture

CATEGORIES = {3: "red", 5: "blue"}
KINDS = [(), (0,), (1,), (0, 1)] * 2


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(7)
    return [marked_picture(rng, kinds, (48, 72)) for kinds in KINDS]


@pytest.fixture(scope="module")
def clip(pictures):
    return DiscoveryClip(1, "shapes", PictureClip([one.image for one in pictures]))


def tags_of(frames):
    return [CategoryTag(1, i, i, number, place in KINDS[i]) for i in frames for place, number in enumerate(CATEGORIES)]


@pytest.fixture
def means(tmp_path, monkeypatch):
    monkeypatch.setattr(tag_localiser, "STEPS", 12)
    torch.save(new_encoder(2).state_dict(), tmp_path / "encoder.pt")
    return Means(FlowStore(tmp_path / "flow"), tmp_path / "learnt", backbone=tmp_path / "encoder.pt")


def test_tagged_frames_get_masks_of_what_is_said_to_be_there_and_of_nothing_else(means, clip):
    given, way, rng = Given({}, CATEGORIES, tags={1: tags_of(range(8))}), TagLocaliser(means), np.random.default_rng(0)
    way.learn([clip], given, rng)
    found = dict(way.find(clip, given, rng))
    assert list(found) == list(range(8))
    for index, seen in found.items():
        numbers = {list(CATEGORIES)[kind] for kind in KINDS[index] if kind < len(MARKS)}
        assert {one.category_id for one in seen} <= numbers
    assert any(found.values())
    assert all(one.mask.size == (48, 72) and 0 < one.confidence <= 1 for seen in found.values() for one in seen)


def test_what_was_learnt_is_kept(means, clip):
    given, way, told = Given({}, CATEGORIES, tags={1: tags_of(range(8))}), TagLocaliser(means), []
    rng = np.random.default_rng(0)
    assert way.learn([clip], given, rng, told.append) == 12
    assert [progress.done for progress in told] == list(range(1, 13))
    way.learn([clip], given, rng, told.append)
    assert len(told) == 12


def test_nothing_is_looked_for_before_it_learnt(means, clip):
    with pytest.raises(ValueError, match="learnt from before"):
        next(
            TagLocaliser(means).find(clip, Given({}, CATEGORIES, tags={1: tags_of(range(8))}), np.random.default_rng(0))
        )


def test_what_is_drawn_counts_before_tags(clip):
    mask = MaskLabel(1, 3, encode(np.ones((48, 72), bool)))
    whole = GivenFrame(FrameLabel(FrameRef(1, 2), (mask,)), (), (48, 72))
    part = GivenFrame(FrameLabel(FrameRef(1, 3), (mask,), complete=False), (), (48, 72))
    given = Given({1: [whole, part]}, CATEGORIES, tags={1: [CategoryTag(1, 1, 3, 3, False)]})
    assert said_in(given, clip) == {1: {3: False}, 2: {3: True, 5: False}, 3: {3: True}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (NOTHING_GIVEN, "'tags' starts from tags that people gave, and there are none yet"),
        (Given({}, CATEGORIES, tags={1: [CategoryTag(1, 0, 4, 3, True)]}), "no category has both"),
    ],
)
def test_tags_that_teach_nothing_are_refused_in_one_line(means, clip, given, message):
    with pytest.raises(NotReady, match=message) as caught:
        TagLocaliser(means).check(given, [clip])
    assert "\n" not in str(caught.value)


def test_without_a_file_it_takes_the_backbone_that_is_installed(means, clip):
    way, rng = TagLocaliser(replace(means, backbone=None)), np.random.default_rng(0)
    given = Given({}, CATEGORIES, tags={1: tags_of(range(8))})
    way.check(given, [clip])
    way.learn([clip], given, rng)
    assert any(dict(way.find(clip, given, rng)).values())
    assert way.kept(given) != TagLocaliser(means).kept(given)
