"""What all groups of ledger operations share."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import duckdb
from numpy.typing import NDArray

from al_core.ledger.arrow import pa
from al_core.ledger.file.connection import Connector
from al_core.ledger.file.ledger_clock import time_of_session
from al_core.ledger.file.remembered import rows_of
from al_core.masks.rle import Rle
from al_core.records import FrameRef, LabelKind, LabelRequest, MaskLabel

_Operation = TypeVar("_Operation", bound=Callable[..., Any])
_READS = "_changes_nothing"


def reads(operation: _Operation) -> _Operation:
    """Mark an operation that changes nothing, so that it may be sent again when no answer came."""
    vars(operation)[_READS] = True
    return operation


def writes(operation: _Operation) -> _Operation:
    """Mark an operation that changes the ledger or writes files: it is sent once, as is one without a mark."""
    vars(operation)[_READS] = False
    return operation


def only_reads(operation: Callable[..., Any]) -> bool | None:
    """Tell whether an operation was marked with :func:`reads`; None for one without any mark."""
    return vars(operation).get(_READS)


class Operations:
    """A group of typed operations over one ledger file."""

    _connector: Connector

    def _rows(self, query: str, arguments: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query in a session of its own. Its arguments are made before, so they must not be what
        depends on the session, such as :func:`now`."""
        with self._connector.session() as connection:
            return rows_of(connection, query, list(arguments))

    def _columns(self, query: str, arguments: Sequence[Any] = ()) -> dict[str, NDArray[Any]]:
        with self._connector.session() as connection:
            return connection.execute(query, list(arguments)).fetchnumpy()


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: "pa.Table") -> None:
    """Append rows; columns are matched by name."""
    connection.register("incoming", rows)
    try:
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    finally:
        connection.unregister("incoming")


def link(connection: duckdb.DuckDBPyConnection, table: str, round_id: int, earlier: int, videos: Sequence[int]) -> None:
    """Replace what a table says of some videos in a round by what it says of them in an earlier one."""
    chosen = "video_id IN (SELECT unnest(?::INTEGER[]))"
    connection.execute(f"DELETE FROM {table} WHERE round_id = ? AND {chosen}", [round_id, list(videos)])
    connection.execute(
        f"INSERT INTO {table} SELECT * REPLACE (?::INTEGER AS round_id) FROM {table} WHERE round_id = ? AND {chosen} "
        "ORDER BY rowid",
        [round_id, earlier, list(videos)],
    )


def mask_of(
    track_id: int, category_id: int, height: int, width: int, counts: bytes, attributes: Sequence[str] | None = None
) -> MaskLabel:
    """Return the mask of a row of a table of masks, joined with its video."""
    rle = Rle(height, width, counts.decode("ascii"))
    return MaskLabel(track_id, category_id, rle, attributes=tuple(attributes or ()))


def request_of(
    request_id: str, round_id: int, video_id: int, frame_idx: int, rank: int, reason: str, kind: str
) -> LabelRequest:
    """Return the request of a row of ``label_request``."""
    return LabelRequest(request_id, round_id, FrameRef(video_id, frame_idx), rank, reason, LabelKind(kind))


def now() -> datetime:
    """Return the time as the ledger keeps it, UTC without zone, by the clock of the ledger whose session is open."""
    return time_of_session()


def now_after_answers(connection: duckdb.DuckDBPyConnection) -> datetime:
    """Return the time now, or just after the newest answer, withdrawal or review where the clock was put back since.

    A round works on what was known at the time when its answers were complete, so what comes in later must also be
    later by the ledger's times.
    """
    columns = ("created_at", "answer"), ("withdrawn_at", "withdrawal"), ("reviewed_at", "review")
    found = [rows_of(connection, f"SELECT max({column}) FROM {table}")[0][0] for column, table in columns]
    return max((now(), *(newest + timedelta(microseconds=1) for newest in found if newest is not None)))


def round_of(moment: str) -> str:
    """Return SQL for the round in which what came at a moment counts: the first that had not ended, or NULL."""
    return f"(SELECT min(t.round_id) FROM round t WHERE t.finished_at IS NULL OR t.finished_at >= {moment})"
