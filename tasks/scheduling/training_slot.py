"""One training at a time where the server says so: several projects may share a machine, and a GPU."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from tasks.scheduling.deployments import training_limit
from tasks.scheduling.prefect_api import PrefectApi

_log = logging.getLogger(__name__)

# The shortest lease that Prefect allows: for this long the slot of a killed training is kept from others.
_LEASE_SECONDS = 60


@contextmanager
def training_slot() -> Iterator[None]:
    """Wait for a slot of this machine's limit of trainings, and keep it until the block ends.

    Where there is no such limit, or the server does not answer, nothing is waited for: a server that is gone never
    ends a training.
    """
    held = ExitStack()
    try:
        if _is_limited():
            from prefect.concurrency.sync import concurrency

            held.enter_context(
                concurrency(training_limit(), lease_duration=_LEASE_SECONDS, raise_on_lease_renewal_failure=False)
            )
    except Exception as error:
        _log.warning("the number of trainings at a time is not limited: %s", error)
    try:
        yield
    finally:
        with suppress(Exception):
            held.close()


def _is_limited() -> bool:
    """Tell whether the server that runs report to has the limit; it raises ToolUnreachable where it does not answer."""
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if not url:
        return False
    with PrefectApi(url) as api:
        return api.has_limit(training_limit())
