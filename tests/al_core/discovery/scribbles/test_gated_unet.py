"""The decoder looks where objects are believed to be, at three scales."""

import torch

from al_core.discovery.scribbles.gated_unet import GatedUNet
from al_core.networks.network_state import seeded


def test_every_level_says_where_objects_are():
    network = seeded(lambda: GatedUNet(3), 0).eval()
    seen = network.seen(torch.zeros(2, 3, 32, 48))
    assert seen.logits.shape == (2, 3, 32, 48)
    assert [tuple(one.shape) for one in seen.attention] == [(2, 1, 4, 6), (2, 1, 8, 12), (2, 1, 16, 24)]
    assert torch.allclose(seen.objects, seen.logits.softmax(dim=1)[:, 1:].sum(dim=1, keepdim=True))


def test_what_is_surely_background_passes_nothing_on():
    network = seeded(lambda: GatedUNet(2), 0).eval()
    with torch.no_grad():
        for gate in network.gates:
            gate.weight.zero_()
            gate.bias.copy_(torch.tensor([50.0, 0.0]))
        same = torch.zeros(1, 3, 32, 32)
        first = network.seen(same)
        # What lies below the last gate is never seen then.
        network.down[1].apply(lambda part: [one.zero_() for one in part.parameters(recurse=False)])
        assert torch.equal(network.seen(same).logits, first.logits)
