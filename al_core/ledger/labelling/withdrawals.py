"""How far the answers to a round's requests are, and withdrawing those that nobody waits for any more."""

import duckdb

from al_core.campaign.waiting import Until, Verdict, Waiting, judge
from al_core.ledger.labelling.leases import end_lease
from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, now, reads, writes
from al_core.settings import ScheduleSettings


class WaitingOperations(Operations):
    """Rounds that wait for people, and rounds that go on with what there is."""

    @reads
    def waiting(self, round_id: int) -> Waiting:
        """How far the answers to a round's requests are."""
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


def _waiting(connection: duckdb.DuckDBPyConnection, round_id: int) -> Waiting:
    as_of = now()
    ((answered, still_open, in_hand),) = connection.execute(_COUNTS, [round_id, as_of]).fetchall()
    asked = connection.execute(
        "SELECT finished_at FROM step WHERE round_id = ? AND name = 'request' AND status = 'finished'", [round_id]
    ).fetchone()
    return Waiting(answered, still_open, in_hand, None if asked is None else asked[0], as_of)


def _expire(connection: duckdb.DuckDBPyConnection, round_id: int, keep_in_hand: bool, reason: str) -> None:
    gone = connection.execute(_EXPIRE, [now(), round_id, keep_in_hand]).fetchall()
    for (request_id,) in gone:
        end_lease(connection, request_id)
        log(connection, "schedule", "expire", request_id, reason)


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
