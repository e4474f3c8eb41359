"""The queue of requests: who has which frame in hand, and what became of it.

A frame is leased to one person at a time. A lease ends with an answer, when it is given back, or when it is not renewed
in time; its token tells whether it is still the same lease, so that an answer that comes too late is refused and never
stored over another. Answers are never changed or deleted: taking one back is a row of its own.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import duckdb

from al_core.errors import BadLabel, StaleLease, UnknownName
from al_core.ledger.labels import store_answer
from al_core.ledger.operations import Operations, now
from al_core.ledger.people import Role, log, person_of
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel
from al_core.rle import Rle


class Purpose(StrEnum):
    """What a question is for. Rounds wait for labels only; the other answers are compared with another one and never
    take its place."""

    LABEL = "label"
    AGREEMENT = "agreement"
    KNOWN_TRUTH = "known_truth"


@dataclass(frozen=True, slots=True)
class Draft:
    """A drawing that is not finished, as it was saved last.

    Attributes:
        seconds: active time so far.
    """

    masks: tuple[MaskLabel, ...]
    seconds: float
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """A request in somebody's hands.

    Attributes:
        purpose: what the answer is for.
        original_id: the request that shows the same: for a check, the one whose answer it is compared with,
            otherwise the request itself.
        control: whether the frame was drawn at random.
        lease: token of the lease.
        seconds_left: until the lease ends.
        base_revision: how often the request was answered before, answers that were taken back included.
        draft: what this person drew of it so far.
    """

    request: LabelRequest
    purpose: Purpose
    original_id: str
    control: bool
    lease: str
    seconds_left: float
    base_revision: int
    draft: Draft | None


@dataclass(frozen=True, slots=True)
class Submitted:
    """An answer that is stored.

    Attributes:
        revision: of the request, from 1.
        left: requests of the round that have no answer yet.
    """

    answer_id: str
    revision: int
    round_id: int
    left: int


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How far the queue is.

    Attributes:
        open: requests without an answer.
        done: answered requests of the newest round.
        mine: frames that one person answered, in all rounds.
        flagged: open requests that wait for the lead.
    """

    open: int
    done: int
    mine: int
    flagged: int


class QueueOperations(Operations):
    """Frames go out to people one by one, and come back once."""

    def claim(self, annotator: str, seconds: float) -> Task | None:
        """The next request for a person, leased for some seconds; None when there is none.

        A person holds one frame at a time: whoever has one gets the same again, also after its lease ran out, unless
        somebody else took it. Otherwise a frame with a draft of
        this person comes first, then the order of the rounds and ranks. What the person skipped, and what was flagged,
        is left for others; a lead gets flagged frames first and what he skipped himself last.

        Raises:
            UnknownName: nobody of that name has access.
        """
        with self._connector.transaction() as connection:
            person = person_of(connection, annotator)
            at = now()
            row = connection.execute(
                _NEXT, {"me": annotator, "now": at, "lead": person.role is Role.LEAD}
            ).fetchone()
            if row is None:
                return None
            request_id, mine = row
            token = mine or secrets.token_urlsafe(16)
            _lease(connection, request_id, annotator, token, at + timedelta(seconds=seconds))
            if not mine:
                log(connection, annotator, "claim", request_id)
            return _task(connection, request_id, annotator)

    def task_of(self, annotator: str) -> Task | None:
        """What a person has in hand; None when that is nothing."""
        with self._connector.session() as connection:
            row = connection.execute(
                "SELECT request_id FROM lease JOIN label_request USING (request_id) "
                "WHERE annotator = ? AND token <> '' AND expires_at > ? AND status = 'open' ORDER BY 1 LIMIT 1",
                [annotator, now()],
            ).fetchone()
            return None if row is None else _task(connection, row[0], annotator)

    def renew(self, request_id: str, annotator: str, lease: str, seconds: float) -> None:
        """Let a lease last some seconds from now on. One that ran out can be renewed while nobody else took the frame.

        Raises:
            UnknownName: there is no such request.
            StaleLease: it is no longer this person's.
        """
        with self._connector.transaction() as connection:
            _check_lease(connection, request_id, annotator, lease)
            until = now() + timedelta(seconds=seconds)
            connection.execute("UPDATE lease SET expires_at = ? WHERE request_id = ?", [until, request_id])

    def release(self, request_id: str, annotator: str, lease: str) -> None:
        """Give a frame back; a draft of it stays.

        Raises:
            UnknownName: there is no such request.
            StaleLease: it is no longer this person's.
        """
        with self._connector.transaction() as connection:
            _check_lease(connection, request_id, annotator, lease)
            _end_lease(connection, request_id)
            log(connection, annotator, "release", request_id)

    def save_draft(
        self, request_id: str, annotator: str, lease: str, masks: Sequence[MaskLabel], seconds: float
    ) -> None:
        """Keep an unfinished drawing in the place of an earlier one.

        Raises:
            UnknownName: there is no such request.
            StaleLease: the frame is no longer this person's.
        """
        with self._connector.transaction() as connection:
            _check_lease(connection, request_id, annotator, lease)
            _save_draft(connection, request_id, annotator, masks, seconds)

    def submit(self, answer: Answer, lease: str, base_revision: int) -> Submitted:
        """Store an answer and end its lease, both or neither. An answer that is there already is acknowledged again.

        Raises:
            UnknownName: there is no such request.
            StaleLease: the frame is no longer this person's, or was answered since; nothing is stored.
            BadLabel: the answer does not fit the request, or its id belongs to another answer.
        """
        with self._connector.transaction() as connection:
            known = connection.execute(
                "SELECT request_id, annotator, revision, round_id FROM answer WHERE answer_id = ?", [answer.answer_id]
            ).fetchone()
            if known is not None:
                if known[:2] != (answer.request_id, answer.annotator):
                    raise BadLabel(f"the id {answer.answer_id!r} belongs to another answer; make a new one")
                return Submitted(answer.answer_id, *known[2:], _left(connection, known[3]))
            _check_lease(connection, answer.request_id, answer.annotator, lease)
            found = _revision(connection, answer.request_id)
            if found != base_revision:
                raise StaleLease(f"{answer.request_id} was answered since (revision {found}, yours {base_revision})")
            revision = store_answer(connection, answer)
            _end_lease(connection, answer.request_id)
            detail = f"{answer.kind.value}, {len(answer.label.masks)} masks, {answer.seconds:.1f} s"
            log(connection, answer.annotator, "submit", answer.request_id, detail)
            round_id = _round_of(connection, answer.request_id)
            return Submitted(answer.answer_id, revision, round_id, _left(connection, round_id))

    def undo(self, answer_id: str, annotator: str, within: float, seconds: float) -> Task:
        """Take an answer back: the request is open again and leased to the same person, the drawing is its draft.

        The answer stays stored; it no longer counts. What else the person had in hand goes back to the queue.

        Args:
            within: seconds in which an answer may be taken back.
            seconds: how long the new lease lasts.

        Raises:
            UnknownName: there is no such answer of this person.
            StaleLease: it is too late, it was taken back before, or there is a newer one.
        """
        with self._connector.transaction() as connection:
            request_id, spent = _undoable(connection, answer_id, annotator, within)
            at = now()
            connection.execute("INSERT INTO withdrawal VALUES (?, ?, ?)", [answer_id, annotator, at])
            connection.execute(
                "UPDATE label_request SET status = 'open', updated_at = ? WHERE request_id = ?", [at, request_id]
            )
            connection.execute("UPDATE lease SET token = '', expires_at = ? WHERE annotator = ?", [at, annotator])
            until = at + timedelta(seconds=seconds)
            _lease(connection, request_id, annotator, secrets.token_urlsafe(16), until)
            _save_draft(connection, request_id, annotator, _masks_of(connection, answer_id), spent)
            log(connection, annotator, "undo", request_id, answer_id)
            return _task(connection, request_id, annotator)

    def skip(self, request_id: str, annotator: str, lease: str, reason: str) -> None:
        """Leave a frame to others; when everybody did, it is flagged for the lead.

        Raises:
            UnknownName: there is no such request.
            StaleLease: the frame is no longer this person's.
        """
        with self._connector.transaction() as connection:
            _check_lease(connection, request_id, annotator, lease)
            _set_aside(connection, request_id, annotator, "skip", reason)
            (others,) = connection.execute(
                "SELECT count(*) FROM annotator WHERE NOT revoked AND name NOT IN "
                "(SELECT annotator FROM set_aside WHERE request_id = ? AND how = 'skip')",
                [request_id],
            ).fetchall()[0]
            if not others:
                _set_aside(connection, request_id, "", "flag", "everybody skipped it")

    def flag(self, request_id: str, annotator: str, lease: str, reason: str) -> None:
        """Leave a frame to the lead.

        Raises:
            UnknownName: there is no such request.
            StaleLease: the frame is no longer this person's.
        """
        with self._connector.transaction() as connection:
            _check_lease(connection, request_id, annotator, lease)
            _set_aside(connection, request_id, annotator, "flag", reason)

    def drop(self, request_id: str, annotator: str, lease: str, reason: str) -> Submitted:
        """Ask nobody any more: the round goes on without this frame.

        Raises:
            UnknownName: there is no such request.
            StaleLease: the frame is no longer this person's.
        """
        with self._connector.transaction() as connection:
            _check_lease(connection, request_id, annotator, lease)
            _set_aside(connection, request_id, annotator, "drop", reason)
            connection.execute(
                "UPDATE label_request SET status = 'dropped', updated_at = ? WHERE request_id = ?", [now(), request_id]
            )
            round_id = _round_of(connection, request_id)
            return Submitted("", _revision(connection, request_id), round_id, _left(connection, round_id))

    def queue_counts(self, annotator: str) -> QueueCounts:
        """How far the queue is, and how much of it one person did."""
        with self._connector.session() as connection:
            (row,) = connection.execute(_COUNTS, [annotator]).fetchall()
        return QueueCounts(*row)

    def set_aside(self, request_id: str) -> list[tuple[str, str, str]]:
        """(person, "skip", "flag" or "drop", reason) of everybody who put a frame aside, in order of time; the person
        is empty where all skipped it."""
        with self._connector.session() as connection:
            return connection.execute(
                "SELECT annotator, how, reason FROM set_aside WHERE request_id = ? ORDER BY happened_at, rowid",
                [request_id],
            ).fetchall()

    def put_checks(self, checks: Sequence[LabelRequest], purpose: Purpose, originals: Sequence[str]) -> int:
        """Store questions that check people, unless they are there; returns how many were new.

        Each goes to somebody else than gave the answer it is compared with, once there is one, and lapses when the
        next round asks.

        Args:
            originals: for each, the request whose answer it is compared with.
        """
        with self._connector.transaction() as connection:
            new = 0
            for check, original in zip(checks, originals, strict=True):
                row = [check.request_id, check.round_id, check.frame.video_id, check.frame.frame_idx, check.rank]
                row += [check.reason, now(), now(), check.kind.value, purpose.value, original]
                stored = connection.execute(
                    "INSERT INTO label_request(request_id, round_id, video_id, frame_idx, rank, reason, status, "
                    "created_at, updated_at, kind, purpose, original_id) "
                    "VALUES (?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING request_id",
                    row,
                ).fetchone()
                new += stored is not None
            return new


def _lease(
    connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str, token: str, until: datetime
) -> None:
    # Rows are replaced, never deleted: DuckDB may refuse a key that was deleted while a reader still saw it.
    connection.execute(
        "INSERT INTO lease VALUES ($id, $name, $token, $until) "
        "ON CONFLICT DO UPDATE SET annotator = $name, token = $token, expires_at = $until",
        {"id": request_id, "name": annotator, "token": token, "until": until},
    )


def _end_lease(connection: duckdb.DuckDBPyConnection, request_id: str) -> None:
    connection.execute("UPDATE lease SET token = '', expires_at = ? WHERE request_id = ?", [now(), request_id])


def _check_lease(connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str, token: str) -> None:
    row = connection.execute(
        "SELECT status, l.annotator, l.token, expires_at > $now, a.annotator FROM label_request r "
        "LEFT JOIN lease l USING (request_id) LEFT JOIN answer_current a USING (request_id) WHERE r.request_id = $id",
        {"id": request_id, "now": now()},
    ).fetchone()
    if row is None:
        raise UnknownName("request", request_id, ())
    status, holder, current, alive, answered_by = row
    if status == "open" and token and (holder, current) == (annotator, token):
        return
    if status == "done":
        raise StaleLease(f"{request_id} was answered by {answered_by} in the meantime", answered_by)
    if status == "dropped":
        raise StaleLease(f"{request_id} is not asked any more")
    if holder != annotator and current and alive:
        raise StaleLease(f"{request_id} went to {holder}, because your lease ran out", holder)
    raise StaleLease(f"{request_id} is no longer yours: the lease ended")


def _undoable(
    connection: duckdb.DuckDBPyConnection, answer_id: str, annotator: str, within: float
) -> tuple[str, float]:
    """(request, seconds spent) of an answer that may be taken back."""
    row = connection.execute(
        "SELECT a.request_id, a.seconds, a.created_at, c.answer_id FROM answer a "
        "LEFT JOIN answer_current c USING (request_id) WHERE a.answer_id = ? AND a.annotator = ?",
        [answer_id, annotator],
    ).fetchone()
    if row is None:
        raise UnknownName("answer", answer_id, ())
    request_id, spent, created_at, current = row
    if current != answer_id:
        raise StaleLease(f"the answer {answer_id} to {request_id} was taken back or replaced already")
    if now() - created_at > timedelta(seconds=within):
        raise StaleLease(f"an answer can be taken back for {within:g} s; that time is over for {request_id}")
    return request_id, spent


def _revision(connection: duckdb.DuckDBPyConnection, request_id: str) -> int:
    query = "SELECT coalesce(max(revision), 0) FROM answer WHERE request_id = ?"
    return int(connection.execute(query, [request_id]).fetchall()[0][0])


def _round_of(connection: duckdb.DuckDBPyConnection, request_id: str) -> int:
    query = "SELECT round_id FROM label_request WHERE request_id = ?"
    return int(connection.execute(query, [request_id]).fetchall()[0][0])


def _left(connection: duckdb.DuckDBPyConnection, round_id: int) -> int:
    query = "SELECT count(*) FROM label_request WHERE round_id = ? AND status = 'open' AND purpose = 'label'"
    return int(connection.execute(query, [round_id]).fetchall()[0][0])


def _set_aside(connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str, how: str, reason: str) -> None:
    connection.execute(
        "INSERT INTO set_aside VALUES ($id, $who, $how, $reason, $now) "
        "ON CONFLICT DO UPDATE SET reason = $reason, happened_at = $now",
        {"id": request_id, "who": annotator, "how": how, "reason": reason, "now": now()},
    )
    _end_lease(connection, request_id)
    log(connection, annotator, how, request_id, reason)


def _save_draft(
    connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str, masks: Sequence[MaskLabel], seconds: float
) -> None:
    coded = json.dumps([[m.track_id, m.category_id, m.rle.height, m.rle.width, m.rle.counts] for m in masks])
    connection.execute(
        "INSERT INTO draft VALUES ($id, $who, $base, $seconds, $masks, $now) ON CONFLICT DO UPDATE SET "
        "base_revision = $base, seconds = $seconds, masks = $masks, saved_at = $now",
        {
            "id": request_id, "who": annotator, "base": _revision(connection, request_id), "seconds": seconds,
            "masks": coded, "now": now(),
        },
    )  # fmt: skip


def _masks_of(connection: duckdb.DuckDBPyConnection, answer_id: str) -> list[MaskLabel]:
    rows = connection.execute(
        "SELECT track_id, category_id, height, width, rle_counts FROM label JOIN video USING (video_id) "
        "WHERE answer_id = ? ORDER BY 1, label.rowid",
        [answer_id],
    ).fetchall()
    return [MaskLabel(track, category, Rle(h, w, counts.decode("ascii"))) for track, category, h, w, counts in rows]


def _task(connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str) -> Task:
    (row,) = connection.execute(_TASK, {"id": request_id, "me": annotator}).fetchall()
    round_id, video_id, frame_idx, rank, reason, kind, purpose, original_id, control, token, until, *rest = row
    base_revision, masks, spent, saved_at = rest
    request = LabelRequest(request_id, round_id, FrameRef(video_id, frame_idx), rank, reason, LabelKind(kind))
    return Task(
        request,
        Purpose(purpose),
        original_id or request_id,
        bool(control),
        token,
        (until - now()).total_seconds(),
        base_revision,
        None if masks is None else Draft(_decoded(masks), spent, saved_at),
    )


def _decoded(masks: str) -> tuple[MaskLabel, ...]:
    return tuple(MaskLabel(track, category, Rle(h, w, counts)) for track, category, h, w, counts in json.loads(masks))


# A check asks somebody else than gave the answer that it is compared with; it lapses with its round.
_NEXT = """
WITH skipped AS (SELECT request_id FROM set_aside WHERE how = 'skip' AND annotator = $me),
flagged AS (SELECT DISTINCT request_id FROM set_aside WHERE how = 'flag'),
drawn AS (
    SELECT request_id FROM draft d WHERE annotator = $me AND base_revision =
        (SELECT coalesce(max(revision), 0) FROM answer a WHERE a.request_id = d.request_id))
SELECT r.request_id, CASE WHEN l.annotator = $me AND token <> '' THEN token END AS mine
FROM label_request r
LEFT JOIN lease l USING (request_id) LEFT JOIN skipped s USING (request_id) LEFT JOIN flagged f USING (request_id)
LEFT JOIN drawn d USING (request_id)
WHERE status = 'open'
    AND (l.request_id IS NULL OR token = '' OR l.annotator = $me OR expires_at <= $now)
    AND ($lead OR (s.request_id IS NULL AND f.request_id IS NULL))
    AND (purpose = 'label' OR (
        r.round_id = (SELECT max(round_id) FROM label_request)
        AND EXISTS (SELECT 1 FROM answer_current a WHERE a.request_id = r.original_id)
        AND NOT EXISTS (SELECT 1 FROM answer a WHERE a.request_id = r.original_id AND a.annotator = $me)))
ORDER BY mine IS NULL, s.request_id IS NOT NULL, f.request_id IS NULL, d.request_id IS NULL,
    r.round_id, rank, purpose <> 'label', r.request_id
LIMIT 1
"""

_TASK = """
SELECT r.round_id, r.video_id, r.frame_idx, r.rank, r.reason, r.kind, purpose, original_id, coalesce(s.control, false),
    token, expires_at, coalesce(v.newest, 0), d.masks, d.seconds, d.saved_at
FROM label_request r JOIN lease l USING (request_id)
LEFT JOIN selection s ON s.round_id = r.round_id AND s.video_id = r.video_id AND s.frame_idx = r.frame_idx
LEFT JOIN (SELECT request_id, max(revision) AS newest FROM answer WHERE request_id = $id GROUP BY 1) v
    USING (request_id)
LEFT JOIN draft d ON d.request_id = r.request_id AND d.annotator = $me AND d.base_revision = coalesce(v.newest, 0)
WHERE r.request_id = $id
"""

_COUNTS = """
SELECT count(*) FILTER (status = 'open' AND purpose = 'label'),
    count(*) FILTER (status = 'done' AND purpose = 'label'
        AND round_id = (SELECT max(round_id) FROM label_request WHERE purpose = 'label')),
    (SELECT count(*) FROM answer_current WHERE annotator = ?),
    count(*) FILTER (status = 'open' AND request_id IN (SELECT request_id FROM set_aside WHERE how = 'flag'))
FROM label_request
"""
