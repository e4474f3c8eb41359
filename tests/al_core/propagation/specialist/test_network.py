"""The network of the specialist."""

from pathlib import Path

import pytest

from al_core.errors import BadCheckpoint
from al_core.networks.network_state import to_bytes
from al_core.propagation.specialist.network import load_weights, new_network


def test_weights_come_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "parent.pt"
    path.write_bytes(to_bytes(new_network(3, on_backbone=True)))
    assert to_bytes(load_weights(path)) == to_bytes(new_network(3, on_backbone=True))
    assert to_bytes(new_network(3, on_backbone=True)) != to_bytes(new_network(4, on_backbone=True))
    with pytest.raises(BadCheckpoint, match="specialist's parent.*pretrain --parent"):
        load_weights(tmp_path / "absent.pt")
