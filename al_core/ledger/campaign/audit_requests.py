"""The requests of audits, and the estimates that follow from their answers.

A request of an audit has a purpose of its own and the number of the round whose delivery it is about. No round waits
for it, and nothing is learned from its answer. When the next delivery is drawn from, those that nobody answered end,
but for those that ask the same of it: they are carried over, answered or not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from al_core.ledger.arrow import pa
from al_core.ledger.operations import Operations, insert, now, reads, writes
from al_core.records import FrameRef, LabelRequest


@dataclass(frozen=True, slots=True)
class AuditQuestion:
    """What a request of an audit is about.

    Attributes:
        draw: number of the sample that it belongs to, among those of the round.
        track_id: the mask in question; 0 for what is missing in the frame, and for all that is drawn from nothing.
        grade: "judged", or "measured" for a frame that is drawn from nothing.
        iou: from which a mask is good enough.
    """

    round_id: int
    draw: int
    frame: FrameRef
    track_id: int
    grade: str
    iou: float


@dataclass(frozen=True, slots=True)
class CarriedRequest:
    """A request of an earlier audit that stands for one of a later round's.

    Attributes:
        name: that the later round's request would have had.
        round_id: of the later round.
        request_id: of the earlier request.
        video_id: that both are about.
    """

    name: str
    round_id: int
    request_id: str
    video_id: int


EstimateRow = tuple[str, str, str, float, float, float, int, float, int, int]
"""(scope, metric, grade, value, low, high, n, effective n, population, unanswered)."""


class AuditRequestOperations(Operations):
    """Who is asked about a sample, how far that is, and what comes out."""

    @writes
    def put_audit_requests(
        self,
        requests: Sequence[tuple[LabelRequest, AuditQuestion]],
        after: Mapping[str, str],
        carried: Sequence[CarriedRequest] = (),
    ) -> int:
        """Ask for a sample; open requests that nobody has in hand end: those about earlier deliveries, unless they are
        carried over, and those of the same kind of earlier draws from this one, on which nothing can be decided any
        more. Asking twice is asking once.

        Args:
            after: request -> the request that must be answered before it.
            carried: what need not be asked again.

        Returns:
            How many requests are new.
        """
        with self._connector.transaction() as connection:
            for one in carried:
                row = [one.name, one.round_id, one.request_id, one.video_id]
                connection.execute("INSERT INTO audit_carried VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row)
            for round_id in {r.round_id for r, _ in requests} | {one.round_id for one in carried}:
                connection.execute(_END_EARLIER, {"round": round_id, "now": now()})
            new_kinds = [about for request, about in requests if request.request_id not in after]
            for kind in {(a.round_id, a.draw, a.grade, a.track_id == 0) for a in new_kinds}:
                names = ("round", "draw", "grade", "whole")
                connection.execute(_END_SAME_KIND, {**dict(zip(names, kind, strict=True)), "now": now()})
            known = {name for (name,) in connection.execute("SELECT request_id FROM audit_request").fetchall()}
            fresh = [(r, asked) for r, asked in requests if r.request_id not in known]
            if fresh:
                # Many at once: a statement for each would take seconds.
                insert(connection, "label_request", _request_rows([r for r, _ in fresh], after))
                insert(connection, "audit_request", _about_rows(fresh))
            return len(fresh)

    @reads
    def carried_requests(self, round_id: int) -> list[CarriedRequest]:
        """Return the requests of earlier audits that ask what a round's audit would ask, by name."""
        query = "SELECT name, round_id, request_id, video_id FROM audit_carried WHERE round_id = ? ORDER BY name"
        return [CarriedRequest(*row) for row in self._rows(query, [round_id])]

    @reads
    def audit_question(self, request_id: str) -> AuditQuestion | None:
        """Return what a request of an audit is about; None for other requests."""
        rows = self._rows(
            "SELECT a.round_id, draw, video_id, frame_idx, track_id, grade, iou FROM audit_request a "
            "JOIN label_request USING (request_id) WHERE request_id = ?",
            [request_id],
        )
        return next((AuditQuestion(r, d, FrameRef(v, f), *rest) for r, d, v, f, *rest in rows), None)

    @reads
    def audit_state(self) -> list[tuple[int, int, int, datetime | None]]:
        """Return (round, requests, answered, when the newest answer came or was taken back) of each audit, in order;
        requests that were carried over are among those of each round."""
        return self._rows(_STATE)

    @writes
    def put_estimates(self, round_id: int, rows: Sequence[EstimateRow], as_of: datetime) -> None:
        """Replace the estimates of a round's delivery.

        Args:
            as_of: when the newest answer came that they rest on, UTC without zone.
        """
        with self._connector.transaction() as connection:
            connection.execute("DELETE FROM audit_estimate WHERE round_id = ?", [round_id])
            for row in rows:
                places = ", ".join("?" * (len(row) + 2))
                connection.execute(f"INSERT INTO audit_estimate VALUES ({places})", [round_id, *row, as_of])

    @reads
    def estimates(self) -> list[tuple[int, datetime, EstimateRow]]:
        """Return (round, as of when, estimate) of all rounds, by round, in the order of their storing."""
        rows = self._rows("SELECT * FROM audit_estimate ORDER BY round_id, rowid")
        return [(round_id, as_of, tuple(row)) for round_id, *row, as_of in rows]


def _request_rows(requests: Sequence[LabelRequest], after: Mapping[str, str]) -> "pa.Table":
    moment = now()
    rows = [
        {
            "request_id": r.request_id, "round_id": r.round_id, "video_id": r.frame.video_id,
            "frame_idx": r.frame.frame_idx, "rank": r.rank, "reason": r.reason, "status": "open",
            "created_at": moment, "updated_at": moment, "kind": r.kind.value, "purpose": "audit",
            "original_id": after.get(r.request_id),
        }
        for r in requests
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


def _about_rows(requests: Sequence[tuple[LabelRequest, AuditQuestion]]) -> "pa.Table":
    rows = [
        {
            "request_id": r.request_id, "round_id": asked.round_id, "draw": asked.draw, "track_id": asked.track_id,
            "grade": asked.grade, "iou": asked.iou,
        }
        for r, asked in requests
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


_END_EARLIER = """
UPDATE label_request SET status = 'replaced', updated_at = $now WHERE purpose = 'audit' AND status = 'open'
    AND round_id < $round
    AND request_id NOT IN (SELECT request_id FROM lease WHERE token <> '' AND expires_at > $now)
    AND request_id NOT IN (SELECT request_id FROM audit_carried WHERE round_id >= $round)
"""

# Judgements that wait for a drawing measure the judge, whatever is decided on.
_END_SAME_KIND = """
UPDATE label_request SET status = 'replaced', updated_at = $now WHERE purpose = 'audit' AND status = 'open'
    AND original_id IS NULL AND request_id IN (SELECT request_id FROM audit_request a
        WHERE a.round_id = $round AND a.draw < $draw AND a.grade = $grade AND (a.track_id = 0) = $whole)
    AND request_id NOT IN (SELECT request_id FROM lease WHERE token <> '' AND expires_at > $now)
"""

_STATE = """
WITH mine AS (SELECT round_id, request_id FROM label_request WHERE purpose = 'audit'
    UNION SELECT round_id, request_id FROM audit_carried)
SELECT mine.round_id, count(DISTINCT request_id), count(DISTINCT request_id) FILTER (status = 'done'),
    max(greatest(a.created_at, coalesce(withdrawn_at, a.created_at)))
FROM mine JOIN label_request r USING (request_id) LEFT JOIN answer a USING (request_id)
    LEFT JOIN withdrawal USING (answer_id)
WHERE status <> 'abandoned' GROUP BY 1 ORDER BY 1
"""
