"""Propagators by name. A propagator carries human masks to the frames that nobody labelled."""

from collections.abc import Callable

from al_core.errors import UnknownName
from al_core.propagation.base import Propagator, Resources


def _flow(resources: Resources) -> Propagator:
    from al_core.propagation.flow import FlowPropagator
    from al_core.stores.flow import FlowStore

    return FlowPropagator(FlowStore(resources.cache / "flow"), resources.settings)


PROPAGATORS: dict[str, Callable[[Resources], Propagator]] = {"flow": _flow}
"""Maker of each propagator; what a maker needs is imported when it is called."""


def build(name: str, resources: Resources) -> Propagator:
    """A propagator by its name.

    Raises:
        UnknownName: there is none of that name.
    """
    if name not in PROPAGATORS:
        raise UnknownName("propagation method", name, PROPAGATORS)
    return PROPAGATORS[name](resources)


__all__ = ["PROPAGATORS", "Propagator", "Resources", "build"]
