"""The queue of requests: who has which frame in hand, and what became of it.

A frame is leased to one person at a time. A lease ends with an answer, when it is given back, or when it is not renewed
in time; its token tells whether it is still the same lease, so that an answer that comes too late is refused and never
stored over another. Answers are never changed or deleted: taking one back is a row of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import duckdb

from al_core.errors import BadLabel, StaleLease, UnknownName
from al_core.ledger.campaign.steering import PAUSED
from al_core.ledger.file.remembered import rows_of
from al_core.ledger.labelling.labels import LABELS_FRAME, masks_of_answer, requests_left, store_answer
from al_core.ledger.labelling.leases import (
    Draft,
    Purpose,
    Question,
    Task,
    check_lease,
    drop_leases,
    end_lease,
    held_by,
    is_review,
    lease_to,
    looks_held,
    next_for,
    next_look,
    prolong_lease,
    question_of,
    save_draft,
    task_with,
    under_review,
)
from al_core.ledger.labelling.notes import put_note
from al_core.ledger.labelling.people import Role, log, person_of
from al_core.ledger.labelling.reviews import note_correction
from al_core.ledger.operations import Operations, now, now_after_answers, reads, writes
from al_core.records import Answer, FrameRef, MaskLabel

__all__ = ["Draft", "Purpose", "Question", "QueueCounts", "QueueOperations", "QueueState", "Submitted", "Task"]


@dataclass(frozen=True, slots=True)
class Submitted:
    """An answer that is stored as a revision of its request (from 1), and how many requests of the round still wait
    for one, or, once all have one, for an approval."""

    answer_id: str
    revision: int
    round_id: int
    left: int


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How far the queue is.

    Attributes:
        open: requests without an answer.
        done: answered requests of the newest round, of the next one where it is asked ahead, of audits of what was
            delivered before it, and of held-out frames that were answered since it began.
        mine: frames that one person answered, in all rounds.
    """

    open: int
    done: int
    mine: int


@dataclass(frozen=True, slots=True)
class QueueState:
    """What became of the requests of all rounds; questions that only check people are not counted.

    Attributes:
        open: without an answer; ``in_hand`` of them are leased now, ``flagged`` wait for the lead.
        oldest: when the oldest open request was made, UTC without zone; None without open ones.
        dropped, expired: nobody is asked any more, because a lead said so, or because the round continued without.
    """

    open: int
    in_hand: int
    flagged: int
    done: int
    dropped: int
    expired: int
    oldest: datetime | None


class QueueOperations(Operations):
    """Frames go out to people one by one, and come back once.

    Operations on a request raise UnknownName where there is none of that name, those that take a lease also StaleLease
    where the frame is no longer this person's.
    """

    @writes
    def claim(self, annotator: str, seconds: float, same_video: int = 0) -> Task | None:
        """Lease the next request to a person for some seconds; None when there is none, or the project is paused.

        A person holds one frame at a time: whoever has one gets the same again, also after its lease expired, unless
        somebody else took it. Otherwise frames with a draft of this person come first, then rounds in order, in each
        the videos of the highest priority first, and ranks. Frames of a video that is assigned go to its people only.
        What the person skipped, and what was flagged, is left for others; a lead gets flagged frames first, and last
        those that the lead skipped. A viewer gets none.

        Args:
            same_video: a frame of the video that the person labelled last comes before so many of better rank.

        Raises:
            UnknownName: nobody of that name has access.
        """
        # Writers take turns, so what can be read before or after is not read within the transaction.
        with self._connector.session() as connection:
            person = person_of(connection, annotator)
            if person.role is Role.VIEWER:
                return None
            question = None
            with self._connector.transaction():
                # Once it is our turn: others may have been given leases while we waited for it.
                until = now() + timedelta(seconds=seconds)
                lease = held_by(connection, annotator)
                if lease is not None:
                    lease = replace(lease, until=until)
                    prolong_lease(connection, lease.request_id, until)
                else:
                    paused = rows_of(connection, PAUSED)
                    question = None if paused else next_for(connection, person, until, same_video)
                    if question is None:
                        return None
                    lease = lease_to(connection, question.request.request_id, annotator, until)
            return task_with(connection, lease, annotator, question)

    @writes
    def claim_looks(self, annotator: str, seconds: float, most: int) -> list[Task]:
        """Lease frames that are asked for a yes or no to somebody who has one of them in hand, to look at all at once.

        Args:
            seconds: for which they are leased.
            most: of them at once, those in hand included.

        Returns:
            Those in hand and others as :meth:`claim` would give them out, in the order of the queue; none where no such
            frame is in hand. With a mask to judge for an audit, others of audits.

        Raises:
            UnknownName: nobody of that name has access.
        """
        with self._connector.session() as connection:
            person = person_of(connection, annotator)
            with self._connector.transaction():
                until = now() + timedelta(seconds=seconds)
                held = [replace(lease, until=until) for lease in looks_held(connection, person.name)]
                for lease in held:
                    prolong_lease(connection, lease.request_id, until)
                while 0 < len(held) < most and not rows_of(connection, PAUSED):
                    request_id = next_look(connection, person.name, until, held[0].request_id)
                    if request_id is None:
                        break
                    held.append(lease_to(connection, request_id, person.name, until))
            return [task_with(connection, lease, person.name) for lease in held[:most]]

    @reads
    def task_of(self, annotator: str) -> Task | None:
        """Return what a person has in hand; None when that is nothing."""
        with self._connector.session() as connection:
            held = held_by(connection, annotator)
            return None if held is None else task_with(connection, held, annotator)

    @reads
    def upcoming(self, annotator: str, seconds: float, same_video: int = 0) -> FrameRef | None:
        """Return the frame that a person would get next, beside what is in hand; None when that is none.

        Args:
            seconds: how long leases last.
            same_video: as for :meth:`claim`; the person's video is that of the frame in hand.

        Raises:
            UnknownName: nobody of that name has access.
        """
        with self._connector.session() as connection:
            person, until = person_of(connection, annotator), now() + timedelta(seconds=seconds)
            if person.role is Role.VIEWER:
                return None
            held = held_by(connection, annotator)
            video = None if held is None else question_of(connection, held.request_id).request.frame.video_id
            question = next_for(connection, person, until, same_video, video)
            return None if question is None else question.request.frame

    @reads
    def question(self, request_id: str) -> Question:
        """Return a request, and what its answer is for."""
        with self._connector.session() as connection:
            return question_of(connection, request_id)

    @writes
    def renew(self, request_id: str, annotator: str, lease: str, seconds: float) -> bool:
        """Let a lease last some seconds from now on. One that expired can be renewed while nobody else took the frame.

        Returns:
            Whether the round still waits for the answer; False when the round was abandoned or the video excluded
            meanwhile.

        Raises:
            UnknownName: there is no such request.
            StaleLease: it is no longer this person's.
        """
        with self._connector.transaction() as connection:
            check_lease(connection, request_id, annotator, lease, again=True)
            prolong_lease(connection, request_id, now() + timedelta(seconds=seconds))
            query = "SELECT status FROM label_request WHERE request_id = ?"
            return connection.execute(query, [request_id]).fetchone() not in (("abandoned",), ("excluded",))

    @writes
    def release(self, request_id: str, annotator: str, lease: str) -> None:
        """Give a frame back; a draft of it stays."""
        with self._connector.transaction() as connection:
            check_lease(connection, request_id, annotator, lease, again=True)
            end_lease(connection, request_id)
            log(connection, annotator, "release", request_id)

    @writes
    def save_draft(
        self, request_id: str, annotator: str, lease: str, masks: Sequence[MaskLabel], seconds: float
    ) -> None:
        """Keep an unfinished drawing in the place of an earlier one."""
        with self._connector.transaction() as connection:
            check_lease(connection, request_id, annotator, lease, again=True)
            save_draft(connection, request_id, annotator, masks, seconds)

    @writes
    def submit(self, answer: Answer, lease: str, base_revision: int, note: str = "") -> Submitted:
        """Store an answer and end its lease, both or neither. An answer that is there already is acknowledged again.

        Where the lease is that of a review, the answer is the reviewer's correction of the one that was there.

        Args:
            note: to the lead, or whoever reviews; empty for none.

        Raises:
            UnknownName: there is no such request.
            StaleLease: the frame is no longer this person's, or was answered since; nothing is stored.
            BadLabel: the answer does not fit the request, or its id belongs to another answer.
        """
        with self._connector.session() as connection:
            with self._connector.transaction():
                known = connection.execute(
                    "SELECT request_id, annotator, revision, round_id FROM answer WHERE answer_id = ?",
                    [answer.answer_id],
                ).fetchone()
                if known is None:
                    round_id, revision = _store(connection, answer, lease, base_revision)
                    if note:
                        put_note(connection, answer.request_id, answer.annotator, note)
                elif known[:2] != (answer.request_id, answer.annotator):
                    raise BadLabel(f"the id {answer.answer_id!r} belongs to another answer; make a new one")
                else:
                    _, _, revision, round_id = known
            return Submitted(answer.answer_id, revision, round_id, requests_left(connection, round_id))

    @writes
    def undo(self, answer_id: str, annotator: str, within: float, seconds: float) -> Task:
        """Take an answer back: the request is open again and leased to the same person, and the drawing is its draft,
        where the answer was complete.

        The answer stays stored; it no longer counts. What else the person had in hand goes back to the queue. Doing so
        twice in a row is doing it once.

        Args:
            within: seconds in which an answer may be taken back.
            seconds: how long the new lease lasts.

        Raises:
            UnknownName: there is no such answer of this person.
            StaleLease: it is too late, the answer was taken back or replaced before, its round was abandoned, or it
                is a correction or under review.
        """
        with self._connector.transaction() as connection:
            request_id, spent, whole = _undoable(connection, answer_id, annotator, within)
            held = held_by(connection, annotator)
            if held is not None and held.request_id == request_id:
                return task_with(connection, held, annotator)
            at, withdrawn_at = now(), now_after_answers(connection)
            connection.execute("INSERT INTO withdrawal VALUES (?, ?, ?)", [answer_id, annotator, withdrawn_at])
            connection.execute(
                "UPDATE label_request SET status = CASE WHEN video_id IN (SELECT video_id FROM exclusion WHERE "
                "included_at IS NULL) THEN 'excluded' ELSE 'open' END, updated_at = ? WHERE request_id = ?",
                [at, request_id],
            )
            drop_leases(connection, annotator)
            lease = lease_to(connection, request_id, annotator, at + timedelta(seconds=seconds))
            if whole:
                save_draft(connection, request_id, annotator, masks_of_answer(connection, answer_id), spent)
            log(connection, annotator, "undo", request_id, answer_id)
            return task_with(connection, lease, annotator)

    @writes
    def skip(self, request_id: str, annotator: str, lease: str, reason: str) -> None:
        """Leave a frame to others; when everybody did, it is flagged for the lead."""
        with self._connector.transaction() as connection:
            check_lease(connection, request_id, annotator, lease)
            _set_aside(connection, request_id, annotator, "skip", reason)
            (others,) = connection.execute(_OTHERS, {"id": request_id}).fetchall()[0]
            if not others:
                _set_aside(connection, request_id, "", "flag", "everybody skipped it")

    @writes
    def flag(self, request_id: str, annotator: str, lease: str, reason: str) -> None:
        """Leave a frame to the lead."""
        with self._connector.transaction() as connection:
            check_lease(connection, request_id, annotator, lease)
            _set_aside(connection, request_id, annotator, "flag", reason)

    @writes
    def drop(self, request_id: str, annotator: str, lease: str, reason: str) -> Submitted:
        """Ask nobody any more: the round goes on without this frame."""
        with self._connector.transaction() as connection:
            round_id, revision = check_lease(connection, request_id, annotator, lease)
            _set_aside(connection, request_id, annotator, "drop", reason)
            connection.execute(
                "UPDATE label_request SET status = 'dropped', updated_at = ? WHERE request_id = ?", [now(), request_id]
            )
            return Submitted("", revision, round_id, requests_left(connection, round_id))

    @reads
    def queue_counts(self, annotator: str) -> QueueCounts:
        """Count open and answered requests, and those that one person answered."""
        with self._connector.session() as connection:
            ((waiting, done),) = rows_of(connection, _COUNTS, rows_of(connection, _NEWEST)[0])
            answered = "SELECT count(*) FROM answer WHERE annotator = ?"
            # Mostly nothing was taken back, and one question about both takes longer than two.
            if rows_of(connection, "SELECT 1 FROM withdrawal LIMIT 1"):
                answered += " AND answer_id NOT IN (SELECT answer_id FROM withdrawal)"
            return QueueCounts(waiting, done, rows_of(connection, answered, [annotator])[0][0])

    @reads
    def queue_state(self) -> QueueState:
        """Count what became of all requests."""
        with self._connector.session() as connection:
            ((*state,),) = connection.execute(_STATE, [now()]).fetchall()
        return QueueState(*state)

    @reads
    def flagged(self) -> int:
        """Count the open requests that wait for the lead."""
        return self._rows(
            "SELECT count(*) FROM label_request WHERE status = 'open' AND request_id IN "
            "(SELECT request_id FROM set_aside WHERE how = 'flag')"
        )[0][0]

    @reads
    def set_aside(self, request_id: str) -> list[tuple[str, str, str]]:
        """Return (person, "skip", "flag" or "drop", reason) of everybody who put a frame aside, in order of time; the
        person is empty where all skipped it."""
        return self._rows(
            "SELECT annotator, how, reason FROM set_aside WHERE request_id = ? ORDER BY happened_at, rowid",
            [request_id],
        )

    @reads
    def set_aside_counts(self) -> dict[str, int]:
        """Count the frames that each person skipped or flagged."""
        query = "SELECT annotator, count(*) FROM set_aside WHERE how <> 'drop' AND annotator <> '' GROUP BY 1"
        return dict(self._rows(query))


def _store(connection: duckdb.DuckDBPyConnection, answer: Answer, lease: str, base_revision: int) -> tuple[int, int]:
    """Store an answer that was not there before and end its lease; returns (round, revision)."""
    round_id, found = check_lease(connection, answer.request_id, answer.annotator, lease, again=True)
    if found != base_revision:
        raise StaleLease(f"{answer.request_id} was answered since (revision {found}, yours {base_revision})")
    revision = store_answer(connection, answer, found)
    if is_review(lease):
        note_correction(connection, answer.request_id, answer.answer_id, answer.annotator)
    end_lease(connection, answer.request_id)
    return round_id, revision


_NEWEST = "SELECT coalesce(max(round_id), 0), coalesce(max(started_at), 'epoch') FROM round"

_COUNTS = """
SELECT count(*) FILTER (status = 'open'),
    count(*) FILTER (status = 'done' AND CASE WHEN purpose = 'holdout' THEN reason <> 'imported' AND updated_at >= $2
        ELSE round_id >= $1 - (purpose = 'audit')::INTEGER END)
FROM label_request WHERE purpose IN ('label', 'holdout', 'audit')
"""

# Those to whom the video is assigned, or everybody.
_OTHERS = """
WITH theirs AS (
    SELECT a.name FROM video_assignee JOIN label_request USING (video_id) JOIN annotator a ON a.name = annotator
    WHERE request_id = $id AND NOT revoked)
SELECT count(*) FROM annotator WHERE NOT revoked
    AND name NOT IN (SELECT annotator FROM set_aside WHERE request_id = $id AND how = 'skip')
    AND (name IN (FROM theirs) OR NOT EXISTS (FROM theirs))
"""

_STATE = """
SELECT count(*) FILTER (status = 'open'),
    count(*) FILTER (status = 'open' AND request_id IN
        (SELECT request_id FROM lease WHERE token <> '' AND expires_at > $1)),
    count(*) FILTER (status = 'open' AND request_id IN (SELECT request_id FROM set_aside WHERE how = 'flag')),
    count(*) FILTER (status = 'done'), count(*) FILTER (status = 'dropped'),
    count(*) FILTER (status = 'expired'),
    min(created_at) FILTER (status = 'open')
FROM label_request WHERE purpose = 'label'
"""


def _undoable(
    connection: duckdb.DuckDBPyConnection, answer_id: str, annotator: str, within: float
) -> tuple[str, float, bool]:
    """Return (request, seconds spent, whether it is complete) of an answer that may be taken back, or was a moment
    ago."""
    row = connection.execute(
        f"SELECT a.request_id, a.seconds, {LABELS_FRAME}, a.created_at, c.answer_id FROM answer a "
        "LEFT JOIN answer_current c USING (request_id) WHERE a.answer_id = ? AND a.annotator = ? "
        "AND a.request_id NOT IN (SELECT request_id FROM label_request WHERE purpose = 'tracked')",
        [answer_id, annotator],
    ).fetchone()
    if row is None:
        raise UnknownName("answer", answer_id, ())
    request_id, spent, whole, created_at, current = row
    held = held_by(connection, annotator)
    if current is None and held is not None and held.request_id == request_id:
        return request_id, spent, whole
    query = (
        "SELECT 1 FROM round JOIN label_request USING (round_id) WHERE request_id = ? AND round.status = 'abandoned'"
    )
    if connection.execute(query, [request_id]).fetchone():
        raise StaleLease(f"the round of {request_id} was abandoned since; the answer stays as it is")
    if current != answer_id:
        raise StaleLease(f"the answer {answer_id} to {request_id} was taken back or replaced already")
    if connection.execute("SELECT 1 FROM review WHERE correction = ?", [answer_id]).fetchone():
        raise StaleLease(f"a correction is not taken back: the answer to {request_id} stays as it is")
    if (reviewer := under_review(connection, request_id)) is not None:
        raise StaleLease(f"{reviewer} is reviewing the answer to {request_id} now", reviewer)
    if now() - created_at > timedelta(seconds=within):
        raise StaleLease(f"an answer can be taken back for {within:g} s; that time is over for {request_id}")
    return request_id, spent, whole


def _set_aside(connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str, how: str, reason: str) -> None:
    connection.execute(
        "INSERT INTO set_aside VALUES ($id, $who, $how, $reason, $now) "
        "ON CONFLICT DO UPDATE SET reason = $reason, happened_at = $now",
        {"id": request_id, "who": annotator, "how": how, "reason": reason, "now": now()},
    )
    end_lease(connection, request_id)
    log(connection, annotator, how, request_id, reason)
