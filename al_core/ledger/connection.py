"""Brief connections to the ledger file: DuckDB lets one process at a time in, so nobody stays longer than needed."""

import os
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from al_core.errors import LedgerConflict, LedgerCorrupt
from al_core.ledger.schema import migrate

_CONFIG: dict[str, str | int | float | list[str]] = {
    "storage_compatibility_version": "v1.5.0",
    "memory_limit": "2GB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class Connector:
    """Opens the ledger file for as short as possible, waits for others, and migrates it once.

    Args:
        path: the ledger file; it is made when it is not there.
        patience: seconds to wait for another process before giving up.
    """

    def __init__(self, path: Path, patience: float = 60.0) -> None:
        self.path = path
        self.patience = patience
        self._lock = threading.RLock()
        self._open: duckdb.DuckDBPyConnection | None = None
        self._pid = os.getpid()
        self._migrated = False

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection; nested sessions of one thread share it, other threads wait.

        Raises:
            LedgerConflict: another process kept the file for longer than ``patience`` seconds.
            LedgerCorrupt: the file is not a ledger.
        """
        if os.getpid() != self._pid:
            raise LedgerConflict("a ledger handle does not survive fork: open the ledger anew in the child process")
        with self._lock:
            if self._open is not None:
                yield self._open
                return
            self._open = self._connect()
            try:
                yield self._open
            finally:
                self._open.close()
                self._open = None

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A session whose writes are all kept or, on any error, all dropped. Transactions do not nest."""
        with self.session() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _connect(self) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                connection = duckdb.connect(str(self.path), config=dict(_CONFIG))
                break
            except duckdb.IOException as error:
                if "lock" not in str(error):
                    raise LedgerCorrupt(f"{self.path}: cannot be opened as a ledger ({error})") from None
                if time.monotonic() > deadline:
                    raise LedgerConflict(_who_owns(self.path, str(error), self.patience)) from None
                time.sleep(random.uniform(0.01, 0.05))
            except (duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException) as error:
                raise LedgerCorrupt(f"{self.path}: cannot be opened as a ledger ({error})") from None
        if not self._migrated:
            try:
                migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._migrated = True
        return connection


def _who_owns(path: Path, message: str, patience: float) -> str:
    owner = re.search(r"held in (.*?) \(PID (\d+)\)", message)
    who = f"process {owner[2]} ({owner[1]})" if owner else "another process"
    return f"{path} is in use by {who}; waited {patience:g} s. Stop it, or try again when it is done."
