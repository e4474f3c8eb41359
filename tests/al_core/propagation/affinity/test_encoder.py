"""The encoder of frames and its file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint
from al_core.networks.network_state import to_bytes
from al_core.propagation.affinity.encoder import FEATURES, load_encoder, new_encoder, to_lab


def test_lab_of_grey_has_no_colour_and_rises_with_lightness() -> None:
    black, white = (to_lab(np.full((8, 8, 3), value, np.uint8))[:, 4, 4] for value in (0, 255))
    torch.testing.assert_close(black, torch.tensor([-1.0, 0, 0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(white, torch.tensor([1.0, 0, 0]), atol=1e-3, rtol=0)


def test_a_frame_of_any_size_has_one_feature_for_each_started_cell() -> None:
    image = np.zeros((18, 31, 3), np.uint8)
    assert new_encoder(0)(to_lab(image)[None]).shape == (1, FEATURES, 5, 8)


def test_weights_follow_from_the_seed_and_leave_torch_as_it_was() -> None:
    before = torch.random.get_rng_state()
    assert to_bytes(new_encoder(1)) == to_bytes(new_encoder(1))
    assert to_bytes(new_encoder(1)) != to_bytes(new_encoder(2))
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_file_gives_the_encoder_back(tmp_path: Path) -> None:
    path = tmp_path / "encoder.pt"
    path.write_bytes(to_bytes(new_encoder(3)))
    assert to_bytes(load_encoder(path)) == to_bytes(new_encoder(3))


def test_a_file_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"gone\.pt.*no such file"):
        load_encoder(tmp_path / "gone.pt")
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(b"not weights")
    with pytest.raises(BadCheckpoint, match=r"damaged\.pt.*does not fit"):
        load_encoder(damaged)
    other = tmp_path / "other.pt"
    torch.save({"weight": torch.zeros(2)}, other)
    with pytest.raises(BadCheckpoint, match=r"other\.pt.*does not fit"):
        load_encoder(other)
