"""Weights of small networks: drawn from a seed, read from files, kept while a training goes on."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from al_core.errors import BadCheckpoint
from al_core.stores.disk_cache import DiskCache

Network = TypeVar("Network", bound=nn.Module)


def seeded(make: Callable[[], Network], seed: int) -> Network:
    """Make a network with random weights that follow from the seed; the global state of torch stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def channels_last(network: Network) -> Network:
    """Lay out the weights so that the values of a pixel lie side by side: a third less time for a step on a CPU."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def in_half_precision() -> torch.autocast:
    """Compute in bfloat16 from here on where the processor has it: half of the time; elsewhere it would be slower."""
    quick = bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast("cpu", torch.bfloat16, enabled=quick)


def to_bytes(content: nn.Module | dict[str, Any]) -> bytes:
    """Return the weights of a network, or a dictionary of tensors and plain values, as a file of torch."""
    buffer = io.BytesIO()
    torch.save(content.state_dict() if isinstance(content, nn.Module) else content, buffer)
    return buffer.getvalue()


def load_state(path: Path, network: nn.Module, what: str, advice: str) -> None:
    """Fill a network with weights from a file that :func:`to_bytes` made.

    Args:
        what: whose weights are expected, for messages, e.g. "an encoder".
        advice: what to do when the file cannot be used.

    Raises:
        BadCheckpoint: there is no such file, it cannot be read, or its weights are another network's.
    """
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise BadCheckpoint(f"{path}: expected the weights of {what}, there is no such file; {advice}") from None
    except Exception as error:  # zip, pickle and torch raise their own kinds for a damaged file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise BadCheckpoint(
            f"{path}: expected the weights of {what}, got a file that does not fit ({reason}); {advice}"
        ) from None


def kept_or_trained(disk: DiskCache, key: str, network: Network, train: Callable[["Checkpoint"], None]) -> Network:
    """Return a network for use, with weights of the cache, or trained now; a training that was killed is continued."""
    done = load_kept(disk, f"{key}.pt")
    if done is not None:
        network.load_state_dict(done)
        return network.eval()
    unfinished = Checkpoint(disk, f"{key}.part")
    train(unfinished)
    disk.put(f"{key}.pt", to_bytes(network))
    unfinished.drop()
    return network.eval()


def load_kept(disk: DiskCache, key: str) -> dict[str, Any] | None:
    """Read a file of torch from a cache; None where it is not there or damaged."""
    path = disk.use(key)
    if path is None:
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:
        return None
    return state if isinstance(state, dict) else None


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a training stands, in a cache; one that is gone or damaged means from the start."""

    disk: DiskCache
    key: str

    def save(self, network: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Keep everything that the next step needs."""
        state = {"step": step, "network": network.state_dict(), "optimizer": optimizer.state_dict()}
        self.disk.put(self.key, to_bytes(state))

    def restore(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> int:
        """Bring network and optimizer back, and return the next step; 0 where nothing is kept."""
        state = load_kept(self.disk, self.key) or {}
        if not {"step", "network", "optimizer"} <= state.keys():
            return 0
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])

    def drop(self) -> None:
        """Remove it: the training is over."""
        self.disk.path(self.key).unlink(missing_ok=True)
