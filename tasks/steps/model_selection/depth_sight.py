"""What the network of depth of a project says of frames that may be labelled."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from al_core.records import FrameRef
from al_core.selection.pool import DepthSight, Frames
from al_core.stores.pretrained import Pretrained, PretrainedNetworks
from tasks.steps.context import RoundContext

if TYPE_CHECKING:
    from al_core.depth.depth_network import DepthNetwork

BY_DEPTH = "farthest_with_error"
"""The strategy that goes by depth where a project has learnt it."""


def depth_inputs(context: RoundContext) -> dict[str, Any]:
    """Return what a choice of frames depends on that goes by depth; nothing where it does not."""
    one = _network_of(context)
    return {} if one is None else {"depth": one.sha256}


def depth_sight(context: RoundContext) -> DepthSight | None:
    """Return what depth says of frames; None where the strategy does not go by it, or the project has learnt none.

    Nothing is read until the strategy asks.
    """
    one = _network_of(context)
    if one is None:
        return None
    seen = _Seen(context, one)
    return DepthSight(seen.features, seen.errors)


def _network_of(context: RoundContext) -> Pretrained | None:
    if context.settings.selection.strategy != BY_DEPTH:
        return None
    return PretrainedNetworks(context.project.pretrained).serving("depth", context.began)


class _Seen:
    def __init__(self, context: RoundContext, one: Pretrained) -> None:
        self._context, self._one = context, one

    def features(self, frames: Frames) -> NDArray[np.float32]:
        """Return how frames look to the network, float32 [n, d]."""
        from al_core.depth.depth_selection import depth_features

        return depth_features(self._network, [self._read(frames.ref(i)) for i in range(len(frames))])

    def errors(self, frames: Frames, labelled: Frames) -> NDArray[np.float64]:
        """Return how wrong a network that learns depth from labelled frames is about others, float64 [n]."""
        from al_core.depth.depth_selection import depth_errors

        refs = [group.ref(i) for group in (frames, labelled) for i in range(len(group))]
        known = range(len(frames), len(refs))
        return depth_errors(
            lambda i: self._read(refs[i]),
            lambda i: self._network.nearness(self._read(refs[i])),
            len(frames),
            known,
            self._context.settings.seed,
        )

    @cached_property
    def _network(self) -> "DepthNetwork":
        from al_core.depth.depth_network import load_depth_network

        path = PretrainedNetworks(self._context.project.pretrained).path(self._one)
        return load_depth_network(path, self._context.settings.student)

    def _read(self, frame: FrameRef) -> NDArray[np.uint8]:
        return self._context.frames.read(frame)
