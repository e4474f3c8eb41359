"""What no longer counts: requests that a round stopped waiting for, and answers that were taken back.

Both stay stored.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from al_core.campaign.waiting import Until, Verdict, Waiting, judge
from al_core.ledger.labelling.labels import unapproved
from al_core.ledger.labelling.leases import end_lease, end_review
from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, now, now_after_answers, reads, writes
from al_core.records import FrameRef, LabelKind
from al_core.settings import ScheduleSettings


@dataclass(frozen=True, slots=True)
class StandingAnswer:
    """An answer that counts, with the number of its objects and when it came, UTC without zone."""

    answer_id: str
    request_id: str
    round_id: int
    frame: FrameRef
    kind: LabelKind
    annotator: str
    n_masks: int
    created_at: datetime


class WithdrawalOperations(Operations):
    """What a round still waits for, which answers count, and withdrawing either."""

    @reads
    def waiting(self, round_id: int) -> Waiting:
        """Count how far the answers to a round's requests are."""
        with self._connector.session() as connection:
            return _waiting(connection, round_id)

    @writes
    def settle(self, round_id: int, schedule: ScheduleSettings, grace_seconds: float) -> Verdict:
        """Withdraw the open requests that a round no longer waits for (see :func:`~al_core.campaign.waiting.judge`);
        returns what it waits for after that.

        They are no longer asked, and later rounds may choose their frames again. Doing it twice is doing it once.
        """
        waiting = self.waiting(round_id)
        verdict = judge(schedule, waiting, grace_seconds)
        if verdict.until is Until.ANSWERED or not waiting.open:
            return verdict
        with self._connector.transaction() as connection:
            # People may have answered since, or the round may only now have asked.
            verdict = judge(schedule, _waiting(connection, round_id), grace_seconds)
            if verdict.until is not Until.ANSWERED:
                _expire(connection, round_id, verdict.until is Until.PUT_DOWN, verdict.reason)
            return verdict

    @reads
    def standing_answers(
        self,
        round_id: int | None = None,
        since_round: int | None = None,
        annotator: str | None = None,
        frame: FrameRef | None = None,
    ) -> list[StandingAnswer]:
        """Return the answers that nobody took back, older revisions too, in the order of their arrival; every argument
        that is given narrows them down."""
        video_id, frame_idx = (frame.video_id, frame.frame_idx) if frame else (None, None)
        rows = self._rows(_STANDING, [round_id, since_round, annotator, video_id, frame_idx])
        return [StandingAnswer(a, q, r, FrameRef(v, f), LabelKind(k), *rest) for a, q, r, v, f, k, *rest in rows]

    @writes
    def withdraw(self, answer_ids: list[str], who: str, reason: str) -> int:
        """Take answers back, all or none; returns how many counted until now.

        Where no answer to a request is left, the request is open again while its round goes on; of a finished round,
        and where the label was imported, it is closed, and later rounds may choose its frame again. What finished
        rounds worked on and delivered stays as it was; the next round works without these answers.
        """
        with self._connector.transaction() as connection:
            taken = [answer_id for answer_id in answer_ids if _take(connection, answer_id, who, reason)]
            for (request_id,) in connection.execute(_REOPEN, [now()]).fetchall():
                end_review(connection, request_id)
            return len(taken)


def _waiting(connection: duckdb.DuckDBPyConnection, round_id: int) -> Waiting:
    as_of = now()
    ((answered, still_open, in_hand),) = connection.execute(_COUNTS, [round_id, as_of]).fetchall()
    asked = connection.execute(
        "SELECT finished_at FROM step WHERE round_id = ? AND name = 'request' AND status = 'finished'", [round_id]
    ).fetchone()
    held_back = unapproved(connection, round_id)
    since = None if asked is None else asked[0]
    return Waiting(answered - held_back, still_open, in_hand, since, as_of, held_back)


def _expire(connection: duckdb.DuckDBPyConnection, round_id: int, keep_in_hand: bool, reason: str) -> None:
    gone = connection.execute(_EXPIRE, [now(), round_id, keep_in_hand]).fetchall()
    for (request_id,) in gone:
        end_lease(connection, request_id)
        log(connection, "schedule", "expire", request_id, reason)


def _take(connection: duckdb.DuckDBPyConnection, answer_id: str, who: str, reason: str) -> bool:
    row = connection.execute(
        "INSERT INTO withdrawal SELECT answer_id, $who, $at FROM answer WHERE answer_id = $id "
        "ON CONFLICT DO NOTHING RETURNING answer_id",
        {"id": answer_id, "who": who, "at": now_after_answers(connection)},
    ).fetchone()
    if row is not None:
        log(connection, who, "withdraw", answer_id, reason)
    return row is not None


_IN_HAND = "request_id IN (SELECT request_id FROM lease WHERE token <> '' AND expires_at > {now})"

_COUNTS = f"""
SELECT count(*) FILTER (status = 'done'), count(*) FILTER (status = 'open'),
    count(*) FILTER (status = 'open' AND {_IN_HAND.format(now="$2")})
FROM label_request WHERE round_id = $1 AND purpose = 'label'
"""

_EXPIRE = f"""
UPDATE label_request SET status = 'expired', updated_at = $1
WHERE round_id = $2 AND status = 'open' AND purpose = 'label' AND NOT ($3 AND {_IN_HAND.format(now="$1")})
RETURNING request_id
"""

_STANDING = """
SELECT answer_id, request_id, a.round_id, a.video_id, a.frame_idx, a.kind, annotator,
    (SELECT count(*) FROM label l WHERE l.answer_id = a.answer_id AND track_id > 0), a.created_at
FROM answer a WHERE answer_id NOT IN (SELECT answer_id FROM withdrawal)
    AND ($1 IS NULL OR a.round_id = $1) AND ($2 IS NULL OR a.round_id >= $2) AND ($3 IS NULL OR annotator = $3)
    AND ($4 IS NULL OR (a.video_id = $4 AND a.frame_idx = $5))
ORDER BY a.created_at, answer_id
"""

_REOPEN = """
UPDATE label_request SET updated_at = $1, status = CASE WHEN (round_id = 0 AND purpose = 'label') OR purpose = 'tracked'
    OR round_id IN (SELECT round_id FROM round WHERE status <> 'running')
    OR video_id IN (SELECT video_id FROM exclusion WHERE included_at IS NULL) THEN 'withdrawn' ELSE 'open' END
WHERE status = 'done' AND request_id NOT IN (SELECT request_id FROM answer_current) RETURNING request_id
"""
