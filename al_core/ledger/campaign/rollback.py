"""Taking answers back: a round's, a person's, or those for one frame. They stay stored, and no longer count."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, after_all, now, reads, writes
from al_core.records import FrameRef, LabelKind


@dataclass(frozen=True, slots=True)
class StandingAnswer:
    """An answer that counts.

    Attributes:
        n_masks: objects in it.
        created_at: UTC without zone.
    """

    answer_id: str
    request_id: str
    round_id: int
    frame: FrameRef
    kind: LabelKind
    annotator: str
    n_masks: int
    created_at: datetime


class RollbackOperations(Operations):
    """Answers that count, and taking them back."""

    @reads
    def standing_answers(
        self,
        round_id: int | None = None,
        since_round: int | None = None,
        annotator: str | None = None,
        frame: FrameRef | None = None,
    ) -> list[StandingAnswer]:
        """Answers that nobody took back, older revisions too, by the order in which they came; every argument that is
        given narrows them down."""
        video_id, frame_idx = (frame.video_id, frame.frame_idx) if frame else (None, None)
        with self._connector.session() as connection:
            rows = connection.execute(_STANDING, [round_id, since_round, annotator, video_id, frame_idx]).fetchall()
        return [StandingAnswer(a, q, r, FrameRef(v, f), LabelKind(k), *rest) for a, q, r, v, f, k, *rest in rows]

    @writes
    def withdraw(self, answer_ids: list[str], who: str, reason: str) -> int:
        """Take answers back, all or none; returns how many counted until now.

        Where no answer to a request is left, the request is open again while its round goes on; of a finished round
        it is closed, and later rounds may choose its frame again. What finished rounds worked on and delivered stays
        as it was; the next round works without these answers.
        """
        with self._connector.transaction() as connection:
            taken = [answer_id for answer_id in answer_ids if _take(connection, answer_id, who, reason)]
            connection.execute(_REOPEN, [now()])
            return len(taken)


def _take(connection: duckdb.DuckDBPyConnection, answer_id: str, who: str, reason: str) -> bool:
    row = connection.execute(
        "INSERT INTO withdrawal SELECT answer_id, $who, $at FROM answer WHERE answer_id = $id "
        "ON CONFLICT DO NOTHING RETURNING answer_id",
        {"id": answer_id, "who": who, "at": after_all(connection)},
    ).fetchone()
    if row is not None:
        log(connection, who, "withdraw", answer_id, reason)
    return row is not None


_STANDING = """
SELECT answer_id, request_id, a.round_id, a.video_id, a.frame_idx, a.kind, annotator,
    (SELECT count(*) FROM label l WHERE l.answer_id = a.answer_id AND track_id > 0), a.created_at
FROM answer a WHERE answer_id NOT IN (SELECT answer_id FROM withdrawal)
    AND ($1 IS NULL OR a.round_id = $1) AND ($2 IS NULL OR a.round_id >= $2) AND ($3 IS NULL OR annotator = $3)
    AND ($4 IS NULL OR (a.video_id = $4 AND a.frame_idx = $5))
ORDER BY a.created_at, answer_id
"""

_REOPEN = """
UPDATE label_request SET updated_at = $1, status = CASE WHEN round_id IN
    (SELECT round_id FROM round WHERE status = 'finished') THEN 'withdrawn' ELSE 'open' END
WHERE status = 'done' AND request_id NOT IN (SELECT request_id FROM answer_current)
"""
