"""What the process that owns a ledger was told by it, and holds in memory until a table that it came from is written.

Only an owner may do so, since nobody else can write. The ledger alone tells all of it again after a restart.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

_MOST_ANSWERS, _MOST_ROWS = 1024, 256
"""So many answers are held, of so many rows at most."""

_LONGEST_TEXT = 10_000
"""Characters of statements that are held as DuckDB reads them; a text that was made for once may have millions."""

_WRITTEN = re.compile(r'\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+"?(\w+)"?(\.?)', re.IGNORECASE)
_READS = ("SELECT", "WITH", "FROM", "BEGIN", "COMMIT", "ROLLBACK", "CHECKPOINT")
_WRITES = ("INSERT", "UPDATE", "DELETE")
_PARAMETER = re.compile(r"\$\w+|\?")


@dataclass(frozen=True, slots=True)
class _Read:
    """Statements as they were read.

    Attributes:
        sent: what DuckDB gets: the one statement, which it need not read again, or the text.
        written: the tables that they write; None for what may be anything.
    """

    sent: duckdb.Statement | str
    written: frozenset[str] | None


class Remembered:
    """Answers of one owned ledger. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[str, frozenset[str] | None] = {}
        self._answers: dict[Any, tuple[tuple[int, int], list[Any]]] = {}
        self._read: dict[str, _Read] = {}
        self._writes: dict[str, int] = {}
        self._sweeps = 0

    def forget(self, tables: frozenset[str] | None) -> None:
        """Forget what came from some tables; from all of them where it is not known which were written (None)."""
        with self._lock:
            if tables is None:
                self._sweeps += 1
                self._answers.clear()
                self._tables.clear()
            for table in tables or ():
                self._writes[table] = self._writes.get(table, 0) + 1

    def tables_of(self, connection: duckdb.DuckDBPyConnection, query: str) -> frozenset[str] | None:
        """Return the tables that a query reads, those below its views too; None where DuckDB cannot say."""
        with self._lock:
            if query in self._tables:
                return self._tables[query]
        found: frozenset[str] | None = None
        # In a transaction of its own, since a statement that fails ends that of the connection.
        with connection.cursor() as beside, suppress(duckdb.Error):
            found = frozenset(name.lower() for name in beside.get_table_names(_PARAMETER.sub("NULL", query)))
        with self._lock:
            self._tables[query] = found
        return found

    def read(self, connection: duckdb.DuckDBPyConnection, query: str) -> _Read:
        """Return statements as they were read once: a sixth of what a small one takes is to read it."""
        with self._lock:
            found = self._read.get(query)
        if found is None:
            statements: Sequence[duckdb.Statement] = ()
            if len(query) <= _LONGEST_TEXT:
                # What cannot be read says so when it is executed.
                with suppress(duckdb.Error):
                    statements = connection.extract_statements(query)
            found = _Read(statements[0] if len(statements) == 1 else query, _written_by(query))
            if len(statements) == 1:
                with self._lock:
                    if len(self._read) >= _MOST_ANSWERS:
                        self._read.clear()
                    self._read[query] = found
        return found

    def state(self, tables: frozenset[str]) -> tuple[int, int]:
        """Return a number that is another one after any of the tables was written."""
        with self._lock:
            return self._sweeps, sum(self._writes.get(table, 0) for table in tables)

    def find(self, asked: Any, state: tuple[int, int]) -> list[Any] | None:
        """Return the rows that were told in this state of their tables."""
        with self._lock:
            held = self._answers.get(asked)
        return list(held[1]) if held is not None and held[0] == state else None

    def keep(self, asked: Any, state: tuple[int, int], rows: list[Any]) -> None:
        """Hold rows that were asked for after their tables were found in this state."""
        if len(rows) > _MOST_ROWS:
            return
        with self._lock:
            if len(self._answers) >= _MOST_ANSWERS:
                self._answers.clear()
            self._answers[asked] = state, list(rows)


class OwnersCursor:
    """A cursor of an owner: it is one of DuckDB's, notes what is written through it, and may answer from memory.

    What a transaction wrote counts for others when it is over, and is asked of DuckDB until then.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, remembered: Remembered) -> None:
        self._cursor = cursor
        self._remembered = remembered
        self._written: set[str] | None = set()
        self._within = False

    def execute(self, query: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        """Execute statements as DuckDB's connections do."""
        read = self._remembered.read(self._cursor, query)
        if read.written is None:
            self._written = None
        elif read.written and self._written is not None:
            self._written |= read.written
        try:
            return self._cursor.execute(read.sent, parameters)
        finally:
            if not self._within:
                self._settle()

    def register(self, name: str, rows: Any) -> None:
        """Give rows a name that statements may read."""
        self._cursor.register(name, rows)

    def unregister(self, name: str) -> None:
        """Take such a name back."""
        self._cursor.unregister(name)

    def close(self) -> None:
        """Close it."""
        self._cursor.close()

    def __enter__(self) -> "OwnersCursor":
        """Begin what counts for others at its end, whatever that is."""
        self._within = True
        return self

    def __exit__(self, *_: object) -> None:
        self._within = False
        self._settle()

    def _settle(self) -> None:
        if self._written is None or self._written:
            self._remembered.forget(None if self._written is None else frozenset(self._written))
            self._written = set()

    def rows(self, query: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
        """Return the rows of a query, from memory where they cannot have changed."""
        values = tuple(sorted(parameters.items())) if isinstance(parameters, Mapping) else tuple(parameters)
        tables = self._remembered.tables_of(self._cursor, query)
        if tables is None or self._written is None or tables & self._written or not _recurs(values):
            return self._sent(query, parameters)
        # Before it is asked: what is written meanwhile must not be taken for known.
        state = self._remembered.state(tables)
        found = self._remembered.find((query, values), state)
        if found is None:
            found = self._sent(query, parameters)
            self._remembered.keep((query, values), state, found)
        return found

    def _sent(self, query: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
        return self._cursor.execute(self._remembered.read(self._cursor, query).sent, parameters).fetchall()


def rows_of(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> list[Any]:
    """Return the rows of a query; where this process owns the ledger, without asking again while nothing changed.

    It is for what is asked often and changes seldom. Rows must not be changed.
    """
    if isinstance(connection, OwnersCursor):
        return connection.rows(query, parameters)
    return connection.execute(query, parameters).fetchall()


def _written_by(query: str) -> frozenset[str] | None:
    """Return the tables that statements write; None for what may be anything."""
    first, found = query.lstrip()[:10].upper(), _WRITTEN.findall(query)
    if any(dot for _, dot in found) or not (first.startswith(_READS) or (found and first.startswith(_WRITES))):
        return None
    return frozenset(table.lower() for table, _ in found)


def _recurs(values: tuple[Any, ...]) -> bool:
    """Tell whether the same may be asked again: not what goes by the clock, nor what cannot be looked up."""
    try:
        hash(values)
    except TypeError:
        return False
    return not any(isinstance(value, datetime) for value in values)
