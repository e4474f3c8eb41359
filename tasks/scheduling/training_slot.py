"""One training at a time on each GPU where the server says so: several projects may share a machine."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from tasks.scheduling.deployments import training_limit
from tasks.scheduling.prefect_api import PrefectApi

_log = logging.getLogger(__name__)

# The shortest lease that Prefect allows: for this long the slot of a killed training is kept from others.
_LEASE_SECONDS = 60


@contextmanager
def training_slot(gpus: Sequence[str] = ()) -> Iterator[None]:
    """Wait for a slot of the limit of each GPU that a training takes, or of this machine's, until the block ends.

    Where there is no such limit, or the server does not answer, nothing is waited for: a server that is gone never
    ends a training.
    """
    held = ExitStack()
    try:
        if limits := _limits(gpus):
            from prefect.concurrency.sync import concurrency

            held.enter_context(concurrency(limits, lease_duration=_LEASE_SECONDS, raise_on_lease_renewal_failure=False))
    except Exception as error:
        _log.warning("the number of trainings at a time is not limited: %s", error)
    try:
        yield
    finally:
        with suppress(Exception):
            held.close()


def _limits(gpus: Sequence[str]) -> list[str]:
    """Return the limits of the server that runs report to; it raises ToolUnreachable where it does not answer."""
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if not url:
        return []
    with PrefectApi(url) as api:
        # Who deployed with an earlier version has a limit for the whole machine only.
        ways = [[training_limit(gpu) for gpu in gpus], [training_limit()]]
        return next((names for names in ways if names and all(map(api.has_limit, names))), [])
