"""Reviews of answers: who approved, returned or corrected what, and what waits for it.

A reviewer has one answer in hand, by a lease of its request, so that no two review the same and its author does not
change it meanwhile. What was returned counts as taken back, and is asked again, its author first. With
``annotator.review = "before"`` an answer may be used once it is approved; what was corrected is another answer, the
reviewer's own, and needs no approval.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import duckdb

from al_core.errors import BadLabel, StaleLease, UnknownName
from al_core.ledger.labelling.labels import (
    LABELS_FRAME,
    masks_of_answer,
    newest_revision,
    requests_left,
    store_answer,
)
from al_core.ledger.labelling.leases import (
    CLOCK_SLACK,
    Task,
    check_lease,
    end_lease,
    lease_review,
    prolong_lease,
    reviewed_by,
    save_draft,
    task_with,
)
from al_core.ledger.labelling.notes import put_note
from al_core.ledger.labelling.people import Role, log, person_of
from al_core.ledger.operations import Operations, now, now_after_answers, reads, writes
from al_core.records import Answer, FrameRef, LabelKind, MaskLabel


class ReviewVerdict(StrEnum):
    """What a reviewer said of an answer."""

    APPROVED = "approved"
    RETURNED = "returned"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class Review:
    """One review.

    Attributes:
        author: who gave the answer.
        correction: the answer that the reviewer gave instead, of one that was corrected.
        seconds: of approving or returning; those of a correction are its own answer's.
    """

    review_id: str
    request_id: str
    answer_id: str
    author: str
    reviewer: str
    verdict: ReviewVerdict
    correction: str | None
    seconds: float
    reviewed_at: datetime


@dataclass(frozen=True, slots=True)
class DueReview:
    """An answer that waits for a review.

    Attributes:
        likeness: the least that it agrees with another answer to the frame, or with the masks that were shown, in
            [0, 1]; None where it was compared with nothing.
        needed: whether it is not used before it is approved.
    """

    answer_id: str
    request_id: str
    frame: FrameRef
    author: str
    answered_at: datetime
    likeness: float | None
    needed: bool


@dataclass(frozen=True, slots=True)
class ReviewTask:
    """An answer in a reviewer's hands: a task to look at ``masks``, which are what its author drew."""

    task: Task
    answer_id: str
    author: str
    kind: LabelKind
    masks: tuple[MaskLabel, ...]
    likeness: float | None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review that is stored, and how many answers or approvals the round still waits for."""

    review_id: str
    round_id: int
    left: int


class ReviewOperations(Operations):
    """Answers go to reviewers one by one.

    Operations that take a lease raise StaleLease where the answer is not in this person's hands any more, was taken
    back, or has another one in its place; nothing is stored then.
    """

    @writes
    def claim_review(self, reviewer: str, seconds: float, least_agreed_first: bool = True) -> ReviewTask | None:
        """Lease the next answer of somebody else to a reviewer for some seconds; None when there is none.

        Whoever has one in hand gets the same again, unless somebody else took it.

        Args:
            least_agreed_first: those first that agree least with what they were compared with, then those that were
                compared with nothing; otherwise, and among equals, by the time of the answer.

        Raises:
            UnknownName: nobody of that name has access.
        """
        with self._connector.session() as connection:
            person = person_of(connection, reviewer)
            if not person.role.covers(Role.REVIEWER):
                return None
            with self._connector.transaction():
                until = now() + timedelta(seconds=seconds)
                lease = reviewed_by(connection, reviewer)
                if lease is not None:
                    lease = replace(lease, until=until)
                    prolong_lease(connection, lease.request_id, until)
                else:
                    names = {"me": reviewer, "now": now(), "latest": until + CLOCK_SLACK, "agreed": least_agreed_first}
                    row = connection.execute(_NEXT, names).fetchone()
                    if row is None:
                        return None
                    lease = lease_review(connection, row[0], reviewer, until)
            return _review_task(connection, task_with(connection, lease, reviewer))

    @writes
    def approve(
        self, review_id: str, request_id: str, reviewer: str, lease: str | None, base_revision: int, seconds: float
    ) -> Reviewed:
        """Say that an answer is right. A review that is there already is acknowledged again.

        Args:
            lease: None for somebody who has not got it from the queue; it must be in nobody's hands then.
            base_revision: revision of the answer that was looked at.

        Raises:
            UnknownName: there is no such request, or nobody of that name has access.
            BadLabel: it is this person's own answer, or who reviews may not.
        """
        with self._connector.transaction() as connection:
            known = _known(connection, review_id)
            if known is not None:
                return known
            answer_id, _, round_id = _reviewable(connection, request_id, reviewer, lease, base_revision)
            _store(connection, review_id, request_id, answer_id, reviewer, ReviewVerdict.APPROVED, seconds)
            end_lease(connection, request_id)
            log(connection, reviewer, "approve", request_id, answer_id)
            return Reviewed(review_id, round_id, requests_left(connection, round_id))

    @writes
    def undo_approval(self, review_id: str, reviewer: str, within: float, seconds: float) -> ReviewTask:
        """Take an approval back: the answer waits for a review again, and is leased to the same person.

        Args:
            within: seconds in which an approval may be taken back.
            seconds: how long the new lease lasts.

        Raises:
            UnknownName: there is no such approval of this person.
            StaleLease: it is too late, the answer is another one by now, somebody else has it in hand, or a round that
                used nothing before it was approved went on with it.
        """
        with self._connector.transaction() as connection:
            row = connection.execute(_APPROVED, [review_id, reviewer]).fetchone()
            if row is None:
                raise UnknownName("approval", review_id, ())
            request_id, answer_id, current, reviewed_at, round_id, mode = row
            if now() - reviewed_at > timedelta(seconds=within):
                raise StaleLease(f"an approval can be taken back for {within:g} s; that time is over for {request_id}")
            if current != answer_id:
                raise StaleLease(f"the answer to {request_id} was taken back or replaced in the meantime")
            if (holder := _holder(connection, request_id)) is not None:
                raise StaleLease(f"{holder} has this frame in hand now", holder)
            if mode == "before" and not requests_left(connection, round_id):
                raise StaleLease(f"round {round_id} goes on with this answer: send it back instead, with a note")
            connection.execute("DELETE FROM review WHERE review_id = ?", [review_id])
            log(connection, reviewer, "undo approval", request_id, answer_id)
            if (held := reviewed_by(connection, reviewer)) is not None:
                end_lease(connection, held.request_id)
            lease = lease_review(connection, request_id, reviewer, now() + timedelta(seconds=seconds))
            return _review_task(connection, task_with(connection, lease, reviewer))

    @writes
    def return_answer(
        self,
        review_id: str,
        request_id: str,
        reviewer: str,
        lease: str | None,
        base_revision: int,
        seconds: float,
        note: str,
    ) -> Reviewed:
        """Ask the author of an answer again, with a note; the answer no longer counts, and is the author's draft, where
        it says all that is in the frame. A review that is there already is acknowledged again.

        Of an abandoned round, or a video that was excluded, nobody is asked again.

        Args:
            lease: as for :meth:`approve`.
            base_revision: revision of the answer that was looked at.

        Raises:
            UnknownName: there is no such request, or nobody of that name has access.
            BadLabel: it is this person's own answer, who reviews may not, or the note is empty or too long.
        """
        with self._connector.transaction() as connection:
            known = _known(connection, review_id)
            if known is not None:
                return known
            answer_id, author, round_id = _reviewable(connection, request_id, reviewer, lease, base_revision)
            put_note(connection, request_id, reviewer, note, review_id)
            ((spent, whole),) = connection.execute(
                f"SELECT seconds, {LABELS_FRAME} FROM answer a WHERE answer_id = ?", [answer_id]
            ).fetchall()
            at = now_after_answers(connection)
            connection.execute("INSERT INTO withdrawal VALUES (?, ?, ?)", [answer_id, reviewer, at])
            _store(connection, review_id, request_id, answer_id, reviewer, ReviewVerdict.RETURNED, seconds)
            connection.execute(_ASK_AGAIN, [now(), request_id])
            end_lease(connection, request_id)
            if whole:
                save_draft(connection, request_id, author, masks_of_answer(connection, answer_id), spent or 0.0)
            log(connection, reviewer, "return", request_id, note)
            return Reviewed(review_id, round_id, requests_left(connection, round_id))

    @writes
    def put_likeness(self, pairs: Sequence[tuple[str, str, float]]) -> None:
        """Note how much answers agree with something, by (answer, other answer or "" for the masks that were shown,
        likeness in [0, 1]); an earlier figure of a pair is replaced."""
        with self._connector.transaction() as connection:
            for answer_id, other_id, likeness in pairs:
                connection.execute(
                    "INSERT INTO agreement VALUES ($a, $b, $j, $now) "
                    "ON CONFLICT DO UPDATE SET likeness = $j, compared_at = $now",
                    {"a": answer_id, "b": other_id, "j": likeness, "now": now()},
                )

    @writes
    def adopt(self, answer: Answer, instead_of: str) -> bool:
        """Let an answer that somebody gave to a check count as that to the request, as another revision.

        Args:
            answer: of the request, with an id of its own and without seconds, which are counted already.
            instead_of: the answer to the request that counts now.

        Returns:
            Whether it counts now: not where the request has another answer meanwhile, or somebody has it in hand.
        """
        with self._connector.transaction() as connection:
            standing = connection.execute(
                "SELECT request_id FROM answer_current JOIN label_request USING (request_id) "
                "WHERE answer_id = ? AND status = 'done'",
                [instead_of],
            ).fetchone()
            if standing != (answer.request_id,) or _holder(connection, answer.request_id) is not None:
                return False
            store_answer(connection, answer, newest_revision(connection, answer.request_id))
            log(connection, answer.annotator, "adopt", answer.request_id, f"instead of {instead_of}")
            return True

    @reads
    def uncompared(self) -> list[str]:
        """Return the requests that two people answered whose answers were not compared."""
        return [request_id for (request_id,) in self._rows(_UNCOMPARED)]

    @reads
    def likeness_of_pairs(self) -> dict[tuple[str, str], float]:
        """Return how much answers agree, by answer and what it was compared with, as :meth:`put_likeness` noted it."""
        rows = self._rows("SELECT answer_id, other_id, likeness FROM agreement ORDER BY ALL")
        return {(one, other): likeness for one, other, likeness in rows}

    @reads
    def due_reviews(self) -> list[DueReview]:
        """Return the answers that wait for a review, those first that agree least with something."""
        rows = self._rows(_DUE)
        return [DueReview(a, q, FrameRef(v, f), *rest) for a, q, v, f, *rest in rows]

    @reads
    def reviews(self, request_id: str | None = None) -> list[Review]:
        """Return all reviews, perhaps only of one request, in the order of time."""
        rows = self._rows(
            "SELECT review_id, v.request_id, v.answer_id, annotator, reviewer, verdict, correction, v.seconds, "
            "reviewed_at FROM review v JOIN answer USING (answer_id) WHERE $1 IS NULL OR v.request_id = $1 "
            "ORDER BY reviewed_at, review_id",
            [request_id],
        )
        return [
            Review(review_id, request_id, answer_id, author, reviewer, ReviewVerdict(verdict), *rest)
            for review_id, request_id, answer_id, author, reviewer, verdict, *rest in rows
        ]

    @reads
    def standing_revision(self, request_id: str) -> tuple[str, int]:
        """Return the answer to a request that counts, and how often the request was answered.

        Raises:
            UnknownName: there is none.
        """
        with self._connector.session() as connection:
            query = "SELECT answer_id FROM answer_current WHERE request_id = ?"
            row = connection.execute(query, [request_id]).fetchone()
            if row is None:
                raise UnknownName("answered request", request_id, ())
            return row[0], newest_revision(connection, request_id)


def note_correction(connection: duckdb.DuckDBPyConnection, request_id: str, correction: str, reviewer: str) -> None:
    """Note that a reviewer's answer, just stored, is the correction of the one before."""
    ((answer_id,),) = connection.execute(
        "SELECT answer_id FROM answer WHERE request_id = ? AND answer_id <> ? AND answer_id NOT IN "
        "(SELECT answer_id FROM withdrawal) ORDER BY revision DESC LIMIT 1",
        [request_id, correction],
    ).fetchall()
    _store(connection, correction, request_id, answer_id, reviewer, ReviewVerdict.CORRECTED, 0.0, correction)
    log(connection, reviewer, "correct", request_id, answer_id)


def _review_task(connection: duckdb.DuckDBPyConnection, task: Task) -> ReviewTask:
    request_id = task.question.request.request_id
    ((answer_id, author, kind, likeness),) = connection.execute(
        "SELECT answer_id, annotator, kind, (SELECT min(likeness) FROM agreement g WHERE g.answer_id = a.answer_id) "
        "FROM answer_current a WHERE request_id = ?",
        [request_id],
    ).fetchall()
    return ReviewTask(task, answer_id, author, LabelKind(kind), tuple(masks_of_answer(connection, answer_id)), likeness)


def _known(connection: duckdb.DuckDBPyConnection, review_id: str) -> Reviewed | None:
    row = connection.execute(
        "SELECT round_id FROM review JOIN label_request USING (request_id) WHERE review_id = ?", [review_id]
    ).fetchone()
    return None if row is None else Reviewed(review_id, row[0], requests_left(connection, row[0]))


def _reviewable(
    connection: duckdb.DuckDBPyConnection, request_id: str, reviewer: str, lease: str | None, base_revision: int
) -> tuple[str, str, int]:
    """Return (answer, author, round) of what a person may review now."""
    if not person_of(connection, reviewer).role.covers(Role.REVIEWER):
        raise BadLabel(f"{reviewer} may not review: fewframes annotator add {reviewer} --role reviewer")
    if lease is not None:
        check_lease(connection, request_id, reviewer, lease, again=True)
    elif (holder := _holder(connection, request_id)) is not None:
        raise StaleLease(f"{holder} has this frame in hand now", holder)
    row = connection.execute(
        "SELECT a.answer_id, a.annotator, r.round_id, r.status FROM label_request r "
        "LEFT JOIN answer_current a USING (request_id) WHERE request_id = ?",
        [request_id],
    ).fetchone()
    if row is None:
        raise UnknownName("request", request_id, ())
    answer_id, author, round_id, status = row
    if status != "done" or newest_revision(connection, request_id) != base_revision:
        raise StaleLease(f"the answer to {request_id} was taken back or replaced in the meantime")
    if author == reviewer:
        raise BadLabel(f"nobody reviews an own answer: that to {request_id} is by {author}")
    return answer_id, author, round_id


def _holder(connection: duckdb.DuckDBPyConnection, request_id: str) -> str | None:
    query = "SELECT annotator FROM lease WHERE request_id = ? AND token <> '' AND expires_at > ?"
    row = connection.execute(query, [request_id, now()]).fetchone()
    return None if row is None else row[0]


def _store(
    connection: duckdb.DuckDBPyConnection,
    review_id: str,
    request_id: str,
    answer_id: str,
    reviewer: str,
    verdict: ReviewVerdict,
    seconds: float,
    correction: str | None = None,
) -> None:
    at = now_after_answers(connection)
    connection.execute(
        "INSERT INTO review VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [review_id, request_id, answer_id, reviewer, verdict.value, correction, seconds, at],
    )


_APPROVED = """
SELECT request_id, v.answer_id, a.answer_id, reviewed_at, r.round_id, mode FROM review v
    JOIN label_request r USING (request_id) LEFT JOIN answer_current a USING (request_id)
    LEFT JOIN review_rule ON review_rule.round_id = r.round_id
WHERE review_id = ? AND reviewer = ? AND verdict = 'approved'
"""

_NEXT = """
SELECT request_id FROM review_due WHERE annotator <> $me AND request_id NOT IN
    (SELECT request_id FROM lease WHERE token <> '' AND expires_at > $now AND expires_at <= $latest)
ORDER BY CASE WHEN $agreed THEN likeness END NULLS LAST, created_at, request_id LIMIT 1
"""

_DUE = """
SELECT d.answer_id, d.request_id, video_id, frame_idx, annotator, d.created_at, likeness,
    d.answer_id NOT IN (SELECT answer_id FROM answer_usable)
FROM review_due d JOIN label_request USING (request_id)
ORDER BY likeness NULLS LAST, d.created_at, d.answer_id
"""

_UNCOMPARED = """
SELECT DISTINCT q.original_id FROM label_request q JOIN answer_current a USING (request_id)
    JOIN answer_current o ON o.request_id = q.original_id
WHERE purpose = 'agreement' AND a.annotator <> o.annotator
    AND (o.answer_id, a.answer_id) NOT IN (SELECT (answer_id, other_id) FROM agreement) ORDER BY 1
"""

_ASK_AGAIN = """
UPDATE label_request SET updated_at = $1, status = CASE
    WHEN round_id IN (SELECT round_id FROM round WHERE status = 'abandoned')
        OR video_id IN (SELECT video_id FROM exclusion WHERE included_at IS NULL) THEN 'withdrawn' ELSE 'open' END
WHERE request_id = $2
"""
