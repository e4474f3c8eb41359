"""One training at a time where the server says so: several projects may share a machine, and a GPU."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from tasks.deployments import training_limit

_log = logging.getLogger(__name__)

# The shortest that Prefect allows: so long the slot of a killed training is kept from others.
_LEASE_SECONDS = 60


@contextmanager
def training_slot() -> Iterator[None]:
    """Wait for a slot of this machine's limit of trainings, and keep it until the block ends.

    Where there is no such limit, or the server does not answer, nothing is waited for: a server that is gone never
    ends a training.
    """
    from prefect.concurrency.sync import concurrency

    held = ExitStack()
    try:
        held.enter_context(
            concurrency(
                training_limit(),
                lease_duration=_LEASE_SECONDS,
                suppress_warnings=True,
                raise_on_lease_renewal_failure=False,
            )
        )
    except Exception as error:
        _log.warning("trainings are not counted: %s", error)
    try:
        yield
    finally:
        with suppress(Exception):
            held.close()
