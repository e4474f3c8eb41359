"""A classifier of tagged frames: what it learns, and where its maps say that something is."""

import numpy as np
import pytest
import torch

from al_core.discovery.tags.dilated_classifier import TaggedFrame, new_classifier, train

SIZE = (9, 12)


def frame(rng, place=None):
    """Noise, in which the first channel shows where the category is."""
    seen = torch.from_numpy(rng.normal(0, 0.3, (4, *SIZE)).astype(np.float32))
    if place is not None:
        seen[0, place[0] : place[0] + 3, place[1] : place[1] + 3] += 3
    return seen


@pytest.fixture(scope="module")
def learnt():
    rng = np.random.default_rng(1)
    frames = [TaggedFrame(frame(rng, (2, 3)), np.float32([1, np.nan])) for _ in range(8)]
    frames += [TaggedFrame(frame(rng), np.float32([0, np.nan])) for _ in range(8)]
    network = new_classifier(4, 2, 0, (1, 2))
    train(network, frames, 0, 60)
    return network


def test_it_tells_what_is_in_a_frame(learnt):
    rng = np.random.default_rng(2)
    there, gone = learnt.chances(frame(rng, (4, 6)))[0], learnt.chances(frame(rng))[0]
    assert there > 0.5 > gone


def test_its_map_is_highest_where_the_category_is(learnt):
    maps = learnt.maps(frame(np.random.default_rng(2), (4, 6)))
    row, column = np.unravel_index(maps[0].argmax(), SIZE)
    assert maps.shape == (2, *SIZE)
    assert 3 <= row <= 7
    assert 5 <= column <= 9


def test_the_plain_map_counts_as_much_as_the_mean_of_the_others():
    network = new_classifier(4, 1, 0, (1, 3, 6)).eval()
    seen = frame(np.random.default_rng(0), (2, 2))
    each = network(seen[None])[:, 0, 0].detach().relu().numpy()
    each = each / np.maximum(each.max(axis=(1, 2), keepdims=True), 1e-6)
    assert np.allclose(network.maps(seen)[0], each[0] + each[1:].mean(axis=0), atol=1e-5)
    alone = new_classifier(4, 1, 0, (1,)).eval()
    assert alone.maps(seen).max() <= 1 + 1e-6


def test_the_same_seed_learns_the_same():
    rng = np.random.default_rng(3)
    frames = [TaggedFrame(frame(rng, (2, 3)), np.float32([1])), TaggedFrame(frame(rng), np.float32([0]))]
    first, second = (new_classifier(4, 1, 5, (1,)) for _ in range(2))
    train(first, frames, 5, 3)
    train(second, frames, 5, 3)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_frames_of_different_sizes_are_not_mixed():
    rng = np.random.default_rng(4)
    frames = [TaggedFrame(frame(rng), np.float32([0])), TaggedFrame(frame(rng)[:, :5], np.float32([1]))]
    train(new_classifier(4, 1, 0, (1,)), frames, 0, 6)
