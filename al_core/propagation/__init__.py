"""Propagators by name. A propagator carries human masks to the frames that nobody labelled."""

from collections.abc import Callable
from pathlib import Path

from al_core.errors import UnknownName
from al_core.propagation.base import Propagator
from al_core.settings import PropagationSettings


def _flow(settings: PropagationSettings, cache: Path) -> Propagator:
    from al_core.propagation.flow import FlowPropagator
    from al_core.stores.flow import FlowStore

    return FlowPropagator(FlowStore(cache / "flow"), settings)


PROPAGATORS: dict[str, Callable[[PropagationSettings, Path], Propagator]] = {"flow": _flow}
"""Maker of each propagator, given the settings and a folder for what may be computed again."""


def build(settings: PropagationSettings, cache: Path) -> Propagator:
    """The propagator that the settings name.

    Args:
        cache: folder for what may be computed again; it may be shared and deleted at any time.

    Raises:
        UnknownName: there is none of that name.
    """
    if settings.method not in PROPAGATORS:
        raise UnknownName("propagation method", settings.method, PROPAGATORS)
    return PROPAGATORS[settings.method](settings, cache)
