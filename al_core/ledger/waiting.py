"""How far the answers to a round's requests are, and withdrawing those that nobody waits for any more."""

from al_core.ledger.leases import end_lease
from al_core.ledger.operations import Operations, now
from al_core.ledger.people import log
from al_core.waiting import Waiting


class WaitingOperations(Operations):
    """Rounds that wait for people, and rounds that go on with what there is."""

    def waiting(self, round_id: int) -> Waiting:
        """How far the answers to a round's requests are."""
        with self._connector.session() as connection:
            as_of = now()
            ((answered, still_open, in_hand),) = connection.execute(_COUNTS, [round_id, as_of]).fetchall()
            asked = connection.execute(
                "SELECT finished_at FROM step WHERE round_id = ? AND name = 'request' AND status = 'finished'",
                [round_id],
            ).fetchone()
        return Waiting(answered, still_open, in_hand, None if asked is None else asked[0], as_of)

    def expire_requests(self, round_id: int, keep_in_hand: bool, reason: str) -> int:
        """Withdraw the open requests of a round, because it goes on without them; returns how many these are.

        They are no longer asked, and later rounds may choose their frames again.

        Args:
            keep_in_hand: leave those that somebody has in hand.
            reason: for the log of who did what.
        """
        with self._connector.transaction() as connection:
            gone = connection.execute(_EXPIRE, [now(), round_id, keep_in_hand]).fetchall()
            for (request_id,) in gone:
                end_lease(connection, request_id)
                log(connection, "schedule", "expire", request_id, reason)
            return len(gone)


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
