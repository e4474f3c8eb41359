"""Connections to the ledger file. DuckDB lets one process at a time in.

Usually nobody stays longer than needed: a connection is open for one operation. A process that owns the ledger keeps
one connection instead; its threads then read side by side and take turns to write. A file that cannot be written is
attached for reading only. What becomes of one that another version made is told in
:mod:`al_core.ledger.file.upgrade`.
"""

import logging
import os
import random
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import duckdb

from al_core.errors import FewframesError, LedgerBusy, LedgerConflict
from al_core.ledger.file.displaced import check_in_place, let_go
from al_core.ledger.file.ledger_clock import Clock, by, system_time
from al_core.ledger.file.links import separate
from al_core.ledger.file.owner import is_hidden, noted_owner, owner_path
from al_core.ledger.file.pandas_search import spare_searches
from al_core.ledger.file.remembered import OwnersCursor, Remembered
from al_core.ledger.file.schema import NEWEST, Schema, migrate, schema_of
from al_core.ledger.file.soundness import (
    check_identity,
    check_place,
    check_room,
    check_whole,
    check_writable,
    explained,
    has_room,
    is_read_only,
    mend_log,
    note_identity,
)
from al_core.ledger.file.upgrade import ATTACHED, in_memory, newer, state_of, upgrade

_log = logging.getLogger(__name__)

spare_searches()

_CONFIG: dict[str, str | int | float | list[str]] = {
    "storage_compatibility_version": "v1.5.0",
    "memory_limit": "2GB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Threads that help cost more than they bring where there is little to read: a third more of the processor for each
    # statement, and a wait for each of them where processors are short.
    "threads": 1,
}
_IDLE_SECONDS, _LONGEST_SECONDS = 0.3, 1.0
"""What lingers is closed after so long without an operation, and at the end of one that ends so long after it was
opened, so that others get their turn."""
_ALL_THREADS_FROM = 2**26
"""Bytes of a ledger from which on all processors read it."""


_LINGERING: "weakref.WeakSet[Connector]" = weakref.WeakSet()


def _close_all() -> None:
    for connector in list(_LINGERING):
        connector._close_idle()


# A child would write through what it inherits.
os.register_at_fork(before=_close_all)


class Connector:
    """Opens the ledger file and waits for others; with the arguments of ``Ledger``.

    Who writes first brings a file of an earlier version to the newest schema.
    """

    def __init__(
        self, path: Path, patience: float = 60.0, on_wait: Callable[[], None] | None = None, clock: Clock = system_time
    ) -> None:
        self.path = path
        self.patience = patience
        self._on_wait = on_wait or (lambda: None)
        self._clock = clock
        self._lock = threading.RLock()
        self._open: duckdb.DuckDBPyConnection | None = None
        self._owned: duckdb.DuckDBPyConnection | None = None
        self._copy: duckdb.DuckDBPyConnection | None = None
        self._copied = (0, 0, 0)
        self._later: Schema | None = None
        self._writing = threading.RLock()
        self._of_thread = threading.local()
        self._pid = os.getpid()
        self._looked = False
        self._lost = False
        self._inode = 0
        self._remembered = Remembered()
        self._lingers = False
        self._idle: duckdb.DuckDBPyConnection | None = None
        self._opened_at = 0.0
        self._timer = threading.Timer(0, self._close_idle)

    @contextmanager
    def session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection for reading; nested sessions of one thread share it.

        Other threads wait, unless this process owns the file: then each has its own, and sees what was committed.

        Raises:
            LedgerBusy: another process kept the file for longer than ``patience`` seconds.
            LedgerCorrupt: the file is not a ledger, is damaged, or is another project's.
            NewerLedger: a later version made it, and this one does not understand what is asked for.
            NoSpace: the disk is full.
        """
        with self._session(writing=False) as connection:
            yield connection

    @property
    def is_at_hand(self) -> bool:
        """Tell whether this process owns the file, and nothing is the matter with it: then nobody waits to read."""
        return self._owned is not None and not self._lost

    @contextmanager
    def _session(self, writing: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        if os.getpid() != self._pid:
            raise LedgerConflict("a ledger handle does not survive fork: open the ledger anew in the child process")
        if self._lost:
            self._open_anew()
        try:
            opened = self._cursor(self._owned) if self._owned is not None else self._brief(writing)
            with by(self._clock), opened as connection:
                yield connection
        except duckdb.Error as error:
            if self._later is not None and isinstance(error, duckdb.CatalogException | duckdb.BinderException):
                raise newer(self.path, self._later) from error
            self._lost = self._lost or (self._owned is not None and isinstance(error, duckdb.FatalException))
            raise explained(error, self.path) or error from error

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a session whose writes are all kept or, on any error, all dropped. Transactions do not nest.

        Raises:
            NewerLedger: a later version made the file.
            ReadOnly: the file cannot be written.
        """
        check_writable(self.path)
        check_room(self.path)
        with self._session(writing=True) as connection, ExitStack() as turn:
            if self._owned is not None:
                turn.enter_context(self._writing)
                check_in_place(self.path, self._inode)
            if isinstance(connection, OwnersCursor):
                turn.enter_context(connection)
            connection.execute("BEGIN")
            try:
                yield connection
            except BaseException:
                # A database that gave up cannot do even that, and has nothing to take back.
                with suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Keep the file open until the block ends; meanwhile no other process can open it.

        Raises:
            LedgerBusy: another process kept the file for longer than ``patience`` seconds.
            NewerLedger: a later version made the file.
            ReadOnly: the file cannot be written.
        """
        check_writable(self.path)
        with self._lock:
            self._close_idle()
            connection = self._connect(writing=True)
        try:
            self._inode = self.path.stat().st_ino
            # After a kill, DuckDB 1.5 may lose replayed rows of an index unless a checkpoint follows the open.
            self._checkpoint(connection)
            self._remembered.forget(None)
            self._owned = connection
            yield
        finally:
            with self._writing:
                connection = self._owned or connection
                try:
                    let_go(connection, self.path, self._inode)
                finally:
                    connection.close()
                    self._owned, self._lost = None, False

    def _open_anew(self) -> None:
        """Open an owned file again after the database gave up, as it does for good when a checkpoint finds no room."""
        with self._writing:
            if not self._lost or self._owned is None:
                return
            self._owned.close()
            deadline = time.monotonic() + self.patience
            while self._lost:
                try:
                    self._owned = self._connect(writing=True)
                    self._remembered.forget(None)
                    self._lost, self._inode = False, self.path.stat().st_ino
                except FewframesError:
                    # The old database lives on until the last thread has left it.
                    if time.monotonic() > deadline or not has_room(self.path):
                        raise
                    time.sleep(0.02)

    @contextmanager
    def _brief(self, writing: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            if self._open is not None:
                if writing and (self._copy is not None or self._later is not None):
                    # Who reads outside goes on with the file from here on, and keeps what it has of the copy.
                    self._open = self._connect(writing)
                yield self._open
                return
            self._open = self._taken_up() or self._connect(writing)
            try:
                yield self._open
            except BaseException:
                self._lingers_on(False)
                raise
            self._lingers_on(self._lingers)

    @contextmanager
    def lingering(self) -> Iterator[None]:
        """Keep the file open for a moment after each operation of the block, for one that follows closely: to open and
        close it takes longer than most operations. Others get it in between."""
        _LINGERING.add(self)
        self._lingers = True
        try:
            yield
        finally:
            self._lingers = False
            _LINGERING.discard(self)
            self._close_idle()

    def _taken_up(self) -> duckdb.DuckDBPyConnection | None:
        """Return what lingers, unless the file is another one by now; else note that one is opened."""
        self._timer.cancel()
        idle, self._idle = self._idle, None
        if idle is not None and self.path.is_file() and self.path.stat().st_ino == self._inode:
            return idle
        if idle is not None:
            idle.close()
        self._opened_at = time.monotonic()
        return None

    def _lingers_on(self, wanted: bool) -> None:
        """Put what was open aside for the next operation, or close it."""
        connection, self._open = self._open, None
        assert connection is not None
        of_now = self._copy is None and self._later is None and not is_read_only(self.path)
        if not wanted or not of_now or time.monotonic() - self._opened_at > _LONGEST_SECONDS:
            connection.close()
            return
        self._idle, self._inode = connection, self.path.stat().st_ino
        self._timer = threading.Timer(_IDLE_SECONDS, self._close_idle)
        self._timer.daemon = True
        self._timer.start()

    def _close_idle(self) -> None:
        with self._lock:
            self._timer.cancel()
            idle, self._idle = self._idle, None
            # What was committed is in its log, also where there is no room left to put it into the file.
            with suppress(duckdb.Error):
                if idle is not None:
                    idle.close()

    @contextmanager
    def _cursor(self, owned: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
        current = getattr(self._of_thread, "cursor", None)
        if current is not None:
            yield current
            return
        self._of_thread.cursor = OwnersCursor(owned.cursor(), self._remembered)
        try:
            yield self._of_thread.cursor
        finally:
            self._of_thread.cursor.close()
            self._of_thread.cursor = None

    def _connect(self, writing: bool) -> duckdb.DuckDBPyConnection:
        check_place(self.path)
        if self._copy is not None and not writing and self._copied == state_of(self.path):
            return self._copy.cursor()
        read_only = is_read_only(self.path)
        if not read_only:
            separate(self.path)
        connection = self._opened(read_only)
        try:
            check_identity(connection, self.path)
            found = schema_of(connection)
            if not self._looked:
                check_whole(connection, self.path)
            if found.version > NEWEST:
                self._read_later(found, writing)
            elif found.version == NEWEST:
                self._copy, self._later = None, None
            elif found.version == 0 and not read_only:
                migrate(connection)
            elif writing:
                upgrade(connection, self.path, found)
                self._copy = None
            else:
                connection = self._read_copy(connection, read_only)
            if not read_only and self._copy is None and not self._looked:
                note_identity(connection, self.path)
        except BaseException as error:
            # What is not ours or is damaged stays as it is.
            with suppress(duckdb.Error):
                connection.execute("PRAGMA disable_checkpoint_on_shutdown")
            connection.close()
            if isinstance(error, duckdb.Error):
                raise explained(error, self.path) or error from error
            raise
        self._looked = True
        return connection

    def _read_later(self, found: Schema, writing: bool) -> None:
        """Note that a later version made the file, and say so once.

        Raises:
            NewerLedger: it is to be written.
        """
        told, self._later = self._later, found
        error = newer(self.path, found)
        if writing:
            raise error
        if told is None:
            _log.warning("%s", error)

    def _read_copy(self, connection: duckdb.DuckDBPyConnection, read_only: bool) -> duckdb.DuckDBPyConnection:
        """Read a file of an earlier version from a copy in memory, until somebody writes to the file."""
        if not read_only:
            connection.close()
            connection = self._opened(read_only=True)
        self._copied = state_of(self.path)
        self._copy = in_memory(connection)
        return self._copy.cursor()

    def _opened(self, read_only: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self.patience
        while True:
            try:
                connection = _attached(self.path) if read_only else _connected(str(self.path))
                if self.path.stat().st_size >= _ALL_THREADS_FROM:
                    connection.execute("RESET threads")
                return connection
            except duckdb.Error as error:
                if "Could not set lock" in str(error):
                    if time.monotonic() > deadline:
                        raise LedgerBusy(_who_owns(self.path, str(error), self.patience)) from None
                    self._on_wait()
                    time.sleep(random.uniform(0.01, 0.05))
                elif not read_only and mend_log(self.path, error):
                    _log.warning("%s: dropped zeros at the end of its log, as a power cut leaves them", self.path)
                else:
                    raise explained(error, self.path) or error from error

    def _checkpoint(self, connection: duckdb.DuckDBPyConnection) -> None:
        try:
            connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            raise explained(error, self.path) or error from error


def _connected(database: str) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(database, config=dict(_CONFIG))


def _attached(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a file for reading only. Other files may be attached for writing beside it, as copies are."""
    connection = _connected(":memory:")
    try:
        quoted = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{quoted}' AS {ATTACHED} (READ_ONLY)")
        connection.execute(f"USE {ATTACHED}")
    except BaseException:
        connection.close()
        raise
    return connection


def _who_owns(path: Path, message: str, patience: float) -> str:
    found, noted = re.search(r"held in (.*?) \(PID (\d+)\)", message), noted_owner(path)
    who = f"process {found[2]} ({found[1]})" if found else "another process"
    if noted is not None and not noted.by.is_nearby():
        who += f": {noted.by.who}, another machine or container, noted that it serves {noted.by.path} at {noted.url}"
    elif noted is not None and found and noted.pid == int(found[2]):
        who += f", which serves it at {noted.url}"
    elif is_hidden(path):
        who += f", which another user serves ({owner_path(path)} is for that user only)"
    return f"{path} is in use by {who}; waited {patience:g} s. Stop it, or try again when it is done."
