"""The log files of a project: what libraries log and warn of goes there, and not to people's terminals."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

RUN_LOG = "run.log"
"""File in the project that everything goes to which runs rounds."""

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class PatientLog(RotatingFileHandler):
    """A log that leaves out what it cannot write, on a full disk or in a read-only folder: work goes on."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing where the file cannot be written."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """Close the file, without the last lines where they cannot be written."""
        with suppress(OSError):
            super().close()


@contextmanager
def logging_to(path: Path) -> Iterator[None]:
    """Send what is logged, and what Python warns of, to a file and nowhere else, until the block ends.

    Args:
        path: of the file, which is added to; it is made with the first line.
    """
    handler = PatientLog(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter(_FORMAT))
    # It would write down whom we tell of rounds, and such an address may be a secret.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    root = logging.getLogger()
    handlers, level, raises = list(root.handlers), root.level, logging.raiseExceptions
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    # Prefect prints to the terminal that its server is away, unless errors of logging itself are to be passed over.
    logging.raiseExceptions = False
    try:
        yield
    finally:
        logging.raiseExceptions = raises
        logging.captureWarnings(False)
        root.setLevel(level)
        root.handlers = handlers
        handler.close()
