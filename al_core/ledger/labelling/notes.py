"""What people write about a frame: a note beside an answer, why it was returned, what the lead replies."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import duckdb

from al_core.errors import BadLabel, UnknownName
from al_core.ledger.file.remembered import rows_of
from al_core.ledger.operations import Operations, now, reads, writes
from al_core.records import FrameRef

LONGEST_NOTE = 1000


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about a frame, at a time in UTC without zone."""

    who: str
    text: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Thread:
    """The notes on one request, in the order of time."""

    request_id: str
    frame: FrameRef
    notes: tuple[Note, ...]


class NoteOperations(Operations):
    """Notes are added and never changed."""

    @writes
    def write_note(self, request_id: str, who: str, text: str, note_id: str = "") -> bool:
        """Add a note to a request; returns False where the one of this id is there already.

        Raises:
            UnknownName: there is no such request.
            BadLabel: the note is empty or too long.
        """
        with self._connector.transaction() as connection:
            if connection.execute("SELECT 1 FROM label_request WHERE request_id = ?", [request_id]).fetchone() is None:
                raise UnknownName("request", request_id, ())
            return put_note(connection, request_id, who, text, note_id)

    @reads
    def notes_on(self, request_id: str) -> list[Note]:
        """Return the notes on a request, in the order of time."""
        with self._connector.session() as connection:
            # Most requests have none.
            if (request_id,) not in rows_of(connection, "SELECT DISTINCT request_id FROM note"):
                return []
            query = "SELECT who, text, written_at FROM note WHERE request_id = ? ORDER BY written_at, rowid"
            return [Note(*row) for row in rows_of(connection, query, [request_id])]

    @reads
    def threads(self, person: str | None = None, most: int = 50) -> list[Thread]:
        """Return the requests with notes, those with the newest note first.

        Args:
            person: only those which this person answered or wrote about.
            most: so many at most.
        """
        rows = self._rows(_THREADS, [person, most])
        return [
            Thread(request_id, FrameRef(video, frame), tuple(Note(*row[4:]) for row in group))
            for (_, request_id, video, frame), group in groupby(rows, key=lambda row: row[:4])
        ]


def put_note(connection: duckdb.DuckDBPyConnection, request_id: str, who: str, text: str, note_id: str = "") -> bool:
    """Add a note within a transaction; returns False where the one of this id is there already.

    Raises:
        BadLabel: the note is empty or too long.
    """
    if not text.strip() or len(text) > LONGEST_NOTE:
        raise BadLabel(f"a note has 1 to {LONGEST_NOTE} characters, got {len(text)}")
    row = [note_id or str(uuid.uuid4()), request_id, who, text.strip(), now()]
    query = "INSERT INTO note VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1"
    return connection.execute(query, row).fetchone() is not None


_THREADS = """
WITH newest AS (SELECT request_id, max(written_at) AS at_last FROM note
    WHERE $1 IS NULL OR request_id IN (SELECT request_id FROM answer WHERE annotator = $1)
        OR request_id IN (SELECT request_id FROM note WHERE who = $1)
    GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $2)
SELECT at_last, request_id, video_id, frame_idx, who, text, written_at
FROM newest JOIN note n USING (request_id) JOIN label_request USING (request_id)
ORDER BY at_last DESC, request_id, written_at, n.rowid
"""
