"""The logs of a server: ``serve.log`` says how it is doing, ``requests.log`` what was asked and answered.

They stand apart, so that no trouble of the server pushes out who got what answer; and what comes in a flood is written
once a second, with how much of it was left out.
"""

import logging
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cachetools import LRUCache

from tasks.processes.project_log import PatientLog

REQUESTS = "fewframes.requests"
"""Name of the logger of what was asked and answered; its records have the attribute ``status``."""

_BYTES, _OLDER = 5 * 2**20, 2
_MOST_KINDS = 1000
_REFUSALS_A_SECOND = 20


class FloodGate(logging.Filter):
    """Lets so many records of a kind pass in a second, and says with the next one how many it held back.

    Args:
        kind: of a record; None lets it pass.
        most: records of a kind in a second.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        kind: Callable[[logging.LogRecord], Hashable],
        most: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._kind = kind
        self._most = most
        self._clock = clock
        self._seen: LRUCache[Hashable, tuple[float, int]] = LRUCache(_MOST_KINDS)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record passes. The handler's lock is not held here; a count may be off by one."""
        kind = self._kind(record)
        if kind is None:
            return True
        since, count = self._seen.get(kind, (float("-inf"), 0))
        now = self._clock()
        if now - since >= 1.0:
            self._seen[kind] = now, 1
            if count > self._most:
                record.msg, record.args = f"{record.getMessage()} (and {count - self._most:,} like it before)", ()
            return True
        self._seen[kind] = since, count + 1
        return count < self._most


def place_of_trouble(record: logging.LogRecord) -> Hashable:
    """Return the line of code that warns; None for what is no warning."""
    return None if record.levelno < logging.WARNING else (record.name, record.pathname, record.lineno)


def refusal(record: logging.LogRecord) -> Hashable:
    """Return the status of a request that was refused or failed; None for one that was answered."""
    status: int = vars(record)["status"]
    return status if status >= 400 else None


@contextmanager
def server_logs(folder: Path) -> Iterator[None]:
    """Write the logs of a server in its project's folder until the block ends."""
    # It would write down whom we tell of rounds, and such an address may be a secret.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with ExitStack() as stack:
        own = _handler(folder / "serve.log", FloodGate(place_of_trouble))
        own.addFilter(lambda record: record.name != REQUESTS)
        stack.enter_context(_writing(logging.getLogger(), own))
        asked = _handler(folder / "requests.log", FloodGate(refusal, _REFUSALS_A_SECOND))
        stack.enter_context(_writing(logging.getLogger(REQUESTS), asked))
        yield


def _handler(path: Path, gate: FloodGate) -> logging.Handler:
    handler = PatientLog(path, maxBytes=_BYTES, backupCount=_OLDER, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(gate)
    return handler


@contextmanager
def _writing(logger: logging.Logger, handler: logging.Handler) -> Iterator[None]:
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
