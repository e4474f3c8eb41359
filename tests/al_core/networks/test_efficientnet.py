"""EfficientNet-Lite0 as it was trained on ImageNet."""

import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint
from al_core.networks import efficientnet, imagenet_weights
from al_core.networks.efficientnet import CHANNELS, EfficientNet, seen_in_cells


@pytest.fixture(scope="module")
def network():
    return EfficientNet()


def test_each_map_has_half_the_resolution_of_the_one_before(network):
    seen = network(torch.rand(2, 3, 64, 96))
    assert [tuple(features.shape) for features in seen] == [
        (2, channels, 64 // stride, 96 // stride) for channels, stride in zip(CHANNELS, (2, 4, 8, 16), strict=True)
    ]


@pytest.mark.parametrize(("level", "cell"), [(0, 2), (1, 4), (2, 8)])
def test_two_levels_are_seen_together_in_cells_up_to_the_rim(network, level, cell):
    picture = np.random.default_rng(level).integers(0, 255, (45, 83, 3), np.uint8)
    seen = seen_in_cells(network, picture, level)
    assert seen.shape == (sum(CHANNELS[level : level + 2]), -(-45 // cell), -(-83 // cell))
    whole = np.pad(picture, ((0, 3), (0, 13), (0, 0)), mode="edge")
    fine = network(torch.from_numpy(whole.astype(np.float32) / 255).permute(2, 0, 1)[None])[level]
    assert torch.equal(seen[: CHANNELS[level]], fine[0, :, : seen.shape[1], : seen.shape[2]])


def test_what_is_moved_is_seen_elsewhere(network):
    """A frame moved by a cell is seen the same a cell further, but for the border, which counts up to 11 cells away."""
    picture = torch.zeros(1, 3, 512, 512)
    picture[..., 240:272, 224:272] = torch.rand(3, 32, 48, generator=torch.Generator().manual_seed(0))
    here, moved = network(picture), network(picture.roll((16, 16), (2, 3)))
    for features, again, cells in zip(here, moved, (8, 4, 2, 1), strict=True):
        middle = slice(12 * cells, -13 * cells)
        torch.testing.assert_close(
            features.roll((cells, cells), (2, 3))[..., middle, middle], again[..., middle, middle]
        )


def test_what_it_was_trained_on_tells_edges_from_plain_ground(network):
    """Plain ground is seen alike everywhere, but for the border, which counts up to 11 cells away; an edge is not."""
    plain, edge = torch.full((1, 3, 512, 512), 0.5), torch.full((1, 3, 512, 512), 0.5)
    edge[..., 256:] = 0.9
    inside = slice(12, -12)
    flat, stepped = (network(picture)[-1][0, :, inside, inside] for picture in (plain, edge))
    assert flat.std(dim=(1, 2)).mean() < 0.01 * stepped.std(dim=(1, 2)).mean()


def test_it_never_learns(network):
    network.train()
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(features.requires_grad for features in network(torch.rand(1, 3, 16, 16)))
    assert not network.training


def test_weights_that_are_not_there_or_damaged_are_told(monkeypatch, tmp_path):
    monkeypatch.setattr(imagenet_weights, "FILE", "no_such_file.pth")
    with pytest.raises(BadCheckpoint, match="it is not installed"):
        imagenet_weights.weights_file()
    monkeypatch.setattr(imagenet_weights, "PACKAGE", "no_such_package")
    with pytest.raises(
        BadCheckpoint, match=r"it is not installed; install fewframes anew, or do without: propagation\.backbone"
    ):
        EfficientNet()
    damaged = tmp_path / "damaged.pth"
    damaged.write_bytes(b"no weights")
    monkeypatch.setattr(efficientnet, "weights_file", lambda: damaged)
    with pytest.raises(BadCheckpoint, match=r"damaged\.pth, which cannot be read"):
        EfficientNet()
