"""Backbones from files of others, and the encoder of a project."""

import numpy as np
import pytest
import torch
from mmdet.models.backbones import ResNet

from al_core.discovery.tags.backbone import MOST_CELLS, FromFile, Installed, MobileNet, OwnEncoder, load_backbone
from al_core.errors import BadCheckpoint
from al_core.networks.network_state import seeded
from al_core.propagation.affinity.encoder import new_encoder

IMAGE = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "weights.pth"


def renamed(weights):
    """The tensors under the names of another library, in the same order, with a classifier after them."""
    kept = [value for name, value in weights.items() if not name.endswith("num_batches_tracked")]
    named = {f"features.{number}.weight": value for number, value in enumerate(kept)}
    return named | {"classifier.1.weight": torch.zeros(1000, 1280)}


def test_mobilenet_is_known_by_its_tensors_however_they_are_called(file):
    network = seeded(MobileNet, 3)
    torch.save({"state_dict": renamed(network.state_dict())}, file)
    found = load_backbone(file)
    seen = found.see(IMAGE)
    assert (found.channels, seen.shape) == (96, (96, 8, 12))
    assert torch.equal(seen, FromFile(network, 96).see(IMAGE))


def test_a_resnet_is_seen_at_eight_pixels_a_cell(file):
    torch.save({f"module.{name}": value for name, value in ResNet(18).state_dict().items()}, file)
    found = load_backbone(file)
    assert (found.channels, found.see(IMAGE).shape) == (256, (256, 8, 12))


def test_an_encoder_of_a_project_tells_colours_too(file):
    torch.save(new_encoder(1).state_dict(), file)
    found = load_backbone(file)
    seen = found.see(np.full((40, 80, 3), 255, np.uint8))
    assert (found.channels, seen.shape) == (35, (35, 10, 20))
    assert torch.allclose(seen[-3:], torch.tensor([1.0, 0, 0])[:, None, None], atol=1e-2)


def test_the_installed_one_sees_eight_pixels_a_cell_whatever_the_size_of_the_frame():
    found = Installed()
    seen = found.see(IMAGE)
    assert (found.channels, seen.shape) == (152, (152, 8, 12))
    # A frame that ends with the last whole cell is seen as one that goes on in the same colours.
    whole = np.pad(IMAGE, ((0, 4), (0, 6), (0, 0)), mode="edge")
    assert torch.equal(seen, found.see(whole))


def test_large_frames_are_seen_in_few_cells():
    seen = OwnEncoder(new_encoder(1)).see(np.zeros((400, 900, 3), np.uint8))
    assert max(seen.shape[1:]) <= MOST_CELLS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"text", "it cannot be read"),
        ({"a": torch.zeros(3)}, "got those of another network"),
        ([1, 2], "got those of another network"),
        ({"layer3.0.conv1.weight": torch.zeros(3)}, "got those of another network"),
    ],
)
def test_what_is_no_backbone_is_refused_in_one_line(file, content, message):
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    with pytest.raises(BadCheckpoint, match=message) as caught:
        load_backbone(file)
    assert "fewframes pretrain --encoder" in str(caught.value)
    assert "\n" not in str(caught.value)
