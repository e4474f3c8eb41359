"""Connections to the ledger file. DuckDB lets one process at a time in.

Usually nobody stays longer than needed: a connection is open for one operation. A process that owns the ledger keeps
one connection instead; its threads then read side by side and take turns to write.
"""

import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from al_core.errors import LedgerBusy, LedgerConflict, LedgerCorrupt
from al_core.ledger.owner import read_owner
from al_core.ledger.schema import migrate

_CONFIG: dict[str, str | int | float | list[str]] = {
    "storage_compatibility_version": "v1.5.0",
    "memory_limit": "2GB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


class Connector:
    """Opens the ledger file, waits for others, and migrates it once.

    Args:
        path: the ledger file; it is made when it is not there.
        patience: seconds to wait for another process before giving up.
        on_wait: called between two attempts; what it raises ends the wait.
    """

    def __init__(self, path: Path, patience: float = 60.0, on_wait: Callable[[], None] | None = None) -> None:
        self.path = path
        self.patience = patience
        self._on_wait = on_wait or (lambda: None)
        self._lock = threading.RLock()
        self._open: duckdb.DuckDBPyConnection | None = None
        self._owned: duckdb.DuckDBPyConnection | None = None
        self._writing = threading.RLock()
        self._of_thread = threading.local()
        self._pid = os.getpid()
        self._migrated = False

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection; nested sessions of one thread share it.

        Other threads wait, unless this process owns the file: then each has its own, and sees what was committed.

        Raises:
            LedgerBusy: another process kept the file for longer than ``patience`` seconds.
            LedgerCorrupt: the file is not a ledger.
        """
        if os.getpid() != self._pid:
            raise LedgerConflict("a ledger handle does not survive fork: open the ledger anew in the child process")
        with self._cursor(self._owned) if self._owned is not None else self._brief() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A session whose writes are all kept or, on any error, all dropped. Transactions do not nest."""
        with self.session() as connection, ExitStack() as turn:
            if self._owned is not None:
                turn.enter_context(self._writing)
            connection.execute("BEGIN")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Keep the file open until the block ends; meanwhile no other process can open it.

        Raises:
            LedgerBusy: another process kept the file for longer than ``patience`` seconds.
        """
        with self._lock:
            connection = self._connect()
        try:
            # After a kill, DuckDB 1.5 may lose replayed rows of an index unless a checkpoint follows the open.
            connection.execute("CHECKPOINT")
            self._owned = connection
            yield
        finally:
            with self._writing:
                self._owned = None
                connection.close()

    @contextmanager
    def _brief(self) -> Iterator[duckdb.DuckDBPyConnection]:
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
    def _cursor(self, owned: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        current = getattr(self._of_thread, "cursor", None)
        if current is not None:
            yield current
            return
        self._of_thread.cursor = owned.cursor()
        try:
            yield self._of_thread.cursor
        finally:
            self._of_thread.cursor.close()
            self._of_thread.cursor = None

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
                    raise LedgerBusy(_who_owns(self.path, str(error), self.patience)) from None
                self._on_wait()
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
    found = re.search(r"held in (.*?) \(PID (\d+)\)", message)
    who = f"process {found[2]} ({found[1]})" if found else "another process"
    owner = read_owner(path)
    if owner is not None and found and owner.pid == int(found[2]):
        who += f", which serves it at {owner.url}"
    return f"{path} is in use by {who}; waited {patience:g} s. Stop it, or try again when it is done."
