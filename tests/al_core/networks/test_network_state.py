"""Weights of small networks: from a seed, from files, and while they train."""

from pathlib import Path

import pytest
import torch
from torch import nn

from al_core.errors import BadCheckpoint
from al_core.networks.network_state import Checkpoint, in_half_precision, load_kept, load_state, seeded, to_bytes
from al_core.stores.disk_cache import DiskCache


def network() -> nn.Linear:
    return nn.Linear(3, 2)


def test_weights_follow_from_the_seed_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = seeded(network, 1), seeded(network, 1), seeded(network, 2)
    assert torch.equal(first.weight, again.weight)
    assert not torch.equal(first.weight, other.weight)
    assert torch.equal(torch.rand(1), expected)


def test_precision_is_halved_where_the_processor_is_faster_then(monkeypatch) -> None:
    for quick, kind in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr("torch.cpu.get_capabilities", lambda quick=quick: {"avx512_bf16": quick})
        with in_half_precision():
            assert network()(torch.ones(1, 3)).dtype == kind
    assert network()(torch.ones(1, 3)).dtype == torch.float32


def test_weights_come_back_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(to_bytes(seeded(network, 1)))
    loaded = seeded(network, 2)
    load_state(path, loaded, "a toy", "make one")
    assert torch.equal(loaded.weight, seeded(network, 1).weight)


def test_a_file_that_cannot_be_used_is_named_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with pytest.raises(BadCheckpoint, match=r"weights\.pt: expected the weights of a toy, there is no such.*make one"):
        load_state(path, network(), "a toy", "make one")
    path.write_bytes(b"")
    with pytest.raises(BadCheckpoint, match=r"of a toy, got a file that does not fit .*; make one"):
        load_state(path, network(), "a toy", "make one")
    path.write_bytes(to_bytes(nn.Linear(9, 9)))
    with pytest.raises(BadCheckpoint, match="does not fit"):
        load_state(path, network(), "a toy", "make one")


def test_what_is_kept_and_damaged_counts_as_gone(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, 10**9)
    assert load_kept(disk, "a.pt") is None
    disk.put("a.pt", to_bytes({"step": 3}))
    assert load_kept(disk, "a.pt") == {"step": 3}
    disk.put("a.pt", b"no file of torch")
    assert load_kept(disk, "a.pt") is None


def test_a_training_goes_on_with_weights_and_optimizer(tmp_path: Path) -> None:
    kept = Checkpoint(DiskCache(tmp_path, 10**9), "half")
    first = seeded(network, 1)
    optimizer = torch.optim.Adam(first.parameters(), 0.5)
    assert kept.restore(first, optimizer) == 0
    first(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    kept.save(first, optimizer, 4)
    second = seeded(network, 2)
    fresh = torch.optim.Adam(second.parameters(), 0.1)
    assert kept.restore(second, fresh) == 4
    assert torch.equal(first.weight, second.weight)
    assert fresh.state_dict()["param_groups"][0]["lr"] == 0.5
    kept.drop()
    assert kept.restore(second, fresh) == 0


def test_a_checkpoint_without_all_its_parts_means_from_the_start(tmp_path: Path) -> None:
    disk = DiskCache(tmp_path, 10**9)
    disk.put("half", to_bytes({"step": 4, "encoder": {}}))
    toy = network()
    assert Checkpoint(disk, "half").restore(toy, torch.optim.Adam(toy.parameters())) == 0
