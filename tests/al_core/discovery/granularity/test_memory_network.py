"""The student's network."""

import pytest
import torch

from al_core.discovery.granularity.memory_network import KEY, MEMORY, VALUE, new_network


@pytest.fixture(scope="module")
def network():
    return new_network(0).eval()


def told(network, lab, memory):
    with torch.no_grad():
        return network.logits(network.seen(lab), network.remembered(network.seen(memory)[1]))


def test_every_pixel_gets_a_logit(network):
    rng = torch.Generator().manual_seed(0)
    lab, memory = (torch.rand(n, 3, 32, 64, generator=rng) for n in (2, MEMORY))
    assert told(network, lab, memory).shape == (2, 32, 64)
    keys, values = network.remembered(network.seen(memory)[1])
    assert keys.shape == (MEMORY * 4 * 8, KEY)
    assert values.shape == (MEMORY * 4 * 8, VALUE)


def test_a_picture_is_seen_the_same_whatever_stands_beside_it_in_the_batch(network):
    rng = torch.Generator().manual_seed(1)
    lab, memory = (torch.rand(n, 3, 32, 64, generator=rng) for n in (3, MEMORY))
    torch.testing.assert_close(told(network, lab, memory)[1:2], told(network, lab[1:2], memory))


def test_what_the_memory_holds_counts(network):
    rng = torch.Generator().manual_seed(2)
    lab, memory, other = (torch.rand(n, 3, 32, 64, generator=rng) for n in (1, MEMORY, MEMORY))
    assert not torch.allclose(told(network, lab, memory), told(network, lab, other * 0))


def test_weights_follow_from_the_seed():
    one, same, other = (new_network(seed).encoder.out.weight for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
