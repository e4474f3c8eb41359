"""Who has which request in hand: rows of leases and drafts, read and written within a transaction."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import duckdb

from al_core.errors import StaleLease, UnknownName
from al_core.ledger.file.remembered import rows_of
from al_core.ledger.labelling.labels import LEARNT, newest_revision
from al_core.ledger.labelling.people import Annotator, Role
from al_core.ledger.operations import now, request_of
from al_core.records import LabelRequest, MaskLabel


class Purpose(StrEnum):
    """What a question is for. Rounds wait for labels and learn from labels only. Answers on frames that are held out
    measure quality, and so do those of an audit, which are about masks that a round delivered. A tracked frame was
    asked for by the person who corrected it; it is a label that no round waits for. The others are compared with
    another answer and never take its place. A re-label, and a frame that is held out, are shown without masks.
    """

    LABEL = "label"
    TRACKED = "tracked"
    HOLDOUT = "holdout"
    AUDIT = "audit"
    AGREEMENT = "agreement"
    KNOWN_TRUTH = "known_truth"
    RELABEL = "relabel"


@dataclass(frozen=True, slots=True)
class Question:
    """A request, and what its answer is for.

    Attributes:
        original: for a check, the request whose answer this one is compared with, otherwise the request itself. Who is
            checked is shown the same as was shown then.
    """

    request: LabelRequest
    purpose: Purpose
    original: LabelRequest


@dataclass(frozen=True, slots=True)
class Draft:
    """A drawing that is not finished, as it was saved last, and its active seconds so far."""

    masks: tuple[MaskLabel, ...]
    seconds: float
    saved_at: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """A question in somebody's hands.

    Attributes:
        control: whether the frame was drawn at random.
        lease: its token.
        base_revision: how often the request was answered before, answers that were taken back included.
        draft: what this person drew of it so far.
        reopened: whether it is answered, and its holder may change the answer.
        returned: whether a reviewer returned this person's answer to it.
    """

    question: Question
    control: bool
    lease: str
    seconds_left: float
    base_revision: int
    draft: Draft | None
    reopened: bool = False
    returned: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """One request in one person's hands."""

    request_id: str
    token: str
    until: datetime


_AGAIN, _REVIEW = "again-", "review-"
"""How the tokens of leases of answered requests begin, in the hands of who answered and of who reviews."""

CLOCK_SLACK = timedelta(minutes=1)
"""Clocks are put right by less than this all the time."""


def held_by(connection: duckdb.DuckDBPyConnection, annotator: str) -> Lease | None:
    """Return what a person has in hand, also after its lease expired, unless somebody else took it, its round was
    abandoned, its video excluded, or it is answered."""
    # Mostly there is nothing; the whole question takes three times as long.
    if connection.execute(_HAS_ANY, [annotator]).fetchone() is None:
        return None
    row = connection.execute(_HELD, [annotator, now()]).fetchone()
    return None if row is None else Lease(*row)


def next_for(
    connection: duckdb.DuckDBPyConnection,
    person: Annotator,
    until: datetime,
    same_video: int = 0,
    video_id: int | None = None,
) -> Question | None:
    """Choose the request that a person with nothing in hand gets.

    Args:
        same_video: a request in the person's video may be taken before so many of better rank.
        video_id: the person's video; None for that of the last answer.
        until: when its lease will end. One that lasts much longer was given while the clock was ahead, and counts as
            over: else a frame could be kept from everybody for as long as the clock was put back.
    """
    names = {"me": person.name, "now": now(), "latest": until + CLOCK_SLACK}
    back = _come_back(connection, person.name)
    known = names | back
    free = _Free(connection)
    best = free.first(_FREE_FOR_LEAD if person.role is Role.LEAD else _FREE_LABEL, known)
    if best is not None and same_video and best[0] not in back["back"]:
        others = {"to_others": back["to_others"]}
        best = _in_same_video(free, names | others, best, same_video, video_id) or best
    if connection.execute("SELECT 1 FROM label_request WHERE purpose <> 'label' AND status = 'open'").fetchone():
        check = free.first(_FREE_CHECK, names)
        if check is not None and (best is None or _place(check) < _place(best)):
            best = check
        audit = free.first(_FREE_AUDIT, names)
        if audit is not None and (best is None or _audit_is_due(connection, audit, best)):
            best = audit
        if best is None:
            best = free.first(_FREE_HOLDOUT, known)
    return None if best is None else _question(connection, best)


class _Free:
    """Finds free requests; what no row of this ledger can change is left out of what is asked, as are answers that were
    returned where there are none, which then takes about half of the time."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._used = [_has_rows(connection, table) for table in _SPARED]

    def first(self, query: str, names: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """Return the first row that a query finds."""
        for used, parts in zip(self._used, _SPARED.values(), strict=True):
            for part, plain in () if used else parts:
                query = query.replace(part, plain)
        if not names.get("back") and not names.get("to_others"):
            query = query.replace(_BACK_FIRST, "").replace(_BACK_TO_OTHERS, "false")
        known = {name: value for name, value in names.items() if f"${name}" in query}
        return self.connection.execute(query, known).fetchone()


def _has_rows(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(rows_of(connection, f"SELECT EXISTS (FROM {table})")[0][0])


def _in_same_video(
    free: _Free,
    names: dict[str, Any],
    best: tuple[Any, ...],
    within: int,
    video_id: int | None,
) -> tuple[Any, ...] | None:
    """Return the best free request in a person's video that is at most so many ranks after the best of all, in the same
    round and with the same priority; None where the best one comes first whatever its video is."""
    connection = free.connection
    if video_id is None:
        video_id = connection.execute(_LAST_VIDEO, [names["me"]]).fetchall()[0][0]
    if video_id in (None, best[2]) or connection.execute(_COMES_FIRST, [best[0], names["me"]]).fetchone():
        return None
    limits = {"video": video_id, "first": best[2], "round": best[1], "rank": best[4] + within}
    return free.first(_FREE_IN_VIDEO, names | limits)


def _come_back(connection: duckdb.DuckDBPyConnection, annotator: str) -> dict[str, list[str]]:
    """Return the requests whose answer was returned: those to this person, and those that are kept for others."""
    # The view costs more than all else that is asked here, and mostly nothing was returned.
    if not rows_of(connection, "SELECT 1 FROM review WHERE verdict = 'returned' LIMIT 1"):
        return {"back": [], "to_others": []}
    rows = connection.execute(_COME_BACK, {"me": annotator, "now": now()}).fetchall()
    return {"back": [row[0] for row in rows if row[1]], "to_others": [row[0] for row in rows if row[2]]}


def looks_held(connection: duckdb.DuckDBPyConnection, annotator: str) -> list[Lease]:
    """Return the open requests for a yes or no that a person has in hand, in the order of the queue: those of a round,
    or the masks that an audit asks about, as the one that was handed out last."""
    return [Lease(*row) for row in connection.execute(_LOOKS_HELD, [annotator]).fetchall()]


def next_look(connection: duckdb.DuckDBPyConnection, annotator: str, until: datetime, like: str) -> str | None:
    """Choose one more request for a yes or no that nobody has in hand.

    Args:
        until: as of :func:`next_for`.
        like: a request; what is asked for is of a round as this one, or asks the same of a mask for an audit.
    """
    names = {"me": annotator, "now": now(), "latest": until + CLOCK_SLACK, "like": like}
    others = {"to_others": _come_back(connection, annotator)["to_others"]}
    row = _Free(connection).first(_FREE_LOOK, names | others)
    return None if row is None else str(row[0])


def lease_to(connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str, until: datetime) -> Lease:
    """Put a request into somebody's hands, whoever had it before."""
    return _leased(connection, request_id, annotator, until, secrets.token_urlsafe(16))


def lease_again(connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str, until: datetime) -> Lease:
    """Put an answered request into the hands of who answered it."""
    return _leased(connection, request_id, annotator, until, _AGAIN + secrets.token_urlsafe(16))


def lease_review(connection: duckdb.DuckDBPyConnection, request_id: str, reviewer: str, until: datetime) -> Lease:
    """Put an answered request into the hands of somebody who reviews the answer."""
    return _leased(connection, request_id, reviewer, until, _REVIEW + secrets.token_urlsafe(16))


def reviewed_by(connection: duckdb.DuckDBPyConnection, reviewer: str) -> Lease | None:
    """Return the request whose answer a person has in hand for a review, also after its lease expired, unless somebody
    else took it or it needs none any more."""
    rows = connection.execute(_REVIEWED, [reviewer]).fetchall()
    for row in rows:
        if connection.execute("SELECT 1 FROM review_due WHERE request_id = ?", [row[0]]).fetchone():
            return Lease(*row)
    return None


def under_review(connection: duckdb.DuckDBPyConnection, request_id: str) -> str | None:
    """Return who reviews the answer to a request now, or None."""
    query = f"SELECT annotator FROM lease WHERE request_id = ? AND token LIKE '{_REVIEW}%' AND expires_at > ?"
    row = connection.execute(query, [request_id, now()]).fetchone()
    return None if row is None else row[0]


def is_review(token: str) -> bool:
    """Tell whether a token is that of a lease to review."""
    return token.startswith(_REVIEW)


def _leased(
    connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str, until: datetime, token: str
) -> Lease:
    # Rows are replaced, never deleted: DuckDB may refuse a key that was deleted while a reader still saw it. Its own
    # upsert takes twice as long as both of these.
    row = [annotator, token, until, request_id]
    changed = "UPDATE lease SET annotator = ?, token = ?, expires_at = ? WHERE request_id = ?"
    if not connection.execute(changed, row).fetchall()[0][0]:
        connection.execute("INSERT INTO lease(annotator, token, expires_at, request_id) VALUES (?, ?, ?, ?)", row)
    return Lease(request_id, token, until)


def prolong_lease(connection: duckdb.DuckDBPyConnection, request_id: str, until: datetime) -> None:
    """Let whoever has a request in hand keep it until then."""
    connection.execute("UPDATE lease SET expires_at = ? WHERE request_id = ?", [until, request_id])


def end_lease(connection: duckdb.DuckDBPyConnection, request_id: str) -> None:
    """Take a request out of everybody's hands."""
    connection.execute("UPDATE lease SET token = '', expires_at = ? WHERE request_id = ?", [now(), request_id])


def end_review(connection: duckdb.DuckDBPyConnection, request_id: str) -> None:
    """Take the answer to a request out of the hands of who reviews it."""
    if under_review(connection, request_id) is not None:
        end_lease(connection, request_id)


def drop_leases(connection: duckdb.DuckDBPyConnection, annotator: str) -> None:
    """Take every frame out of a person's hands; not the answer that is reviewed."""
    query = f"UPDATE lease SET token = '', expires_at = ? WHERE annotator = ? AND token NOT LIKE '{_REVIEW}%'"
    connection.execute(query, [now(), annotator])


def check_lease(
    connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str, token: str, again: bool = False
) -> tuple[int, int]:
    """Return (round, newest revision) of a request that a person has in hand.

    Args:
        again: an answered request that its holder opened again, or reviews, will do too.

    Raises:
        UnknownName: there is no such request.
        StaleLease: it is no longer this person's; the message says what became of it.
    """
    row = connection.execute(
        "SELECT status, annotator, token, expires_at > $now, round_id "
        "FROM label_request LEFT JOIN lease USING (request_id) WHERE request_id = $id",
        {"id": request_id, "now": now()},
    ).fetchone()
    if row is None:
        raise UnknownName("request", request_id, ())
    status, holder, current, alive, round_id = row
    # Whoever had a frame in hand when its round was abandoned, or its video excluded, may finish it.
    held = bool(token) and (holder, current) == (annotator, token)
    answered = again and status == "done" and token.startswith((_AGAIN, _REVIEW))
    asked = status in ("open", "abandoned", "excluded") and not is_review(token)
    if held and (answered or asked):
        return round_id, newest_revision(connection, request_id)
    if is_review(token):
        raise StaleLease(
            "this answer is no longer in your hands: it was reviewed or taken back, or you paused too long"
        )
    if status == "done":
        query = "SELECT annotator FROM answer_current WHERE request_id = ?"
        (answered_by,) = connection.execute(query, [request_id]).fetchall()[0]
        raise StaleLease(f"{answered_by} answered this frame in the meantime", answered_by)
    if status == "abandoned":
        raise StaleLease(f"this frame is not asked for any more: round {round_id} was abandoned")
    if status == "excluded":
        raise StaleLease("this frame is not asked for any more: its video was excluded")
    if status in ("dropped", "expired", "replaced", "withdrawn"):
        raise StaleLease("this frame is not asked for any more")
    if holder != annotator and current and alive:
        raise StaleLease(f"{holder} has this frame in hand now: it was yours until you paused for too long", holder)
    raise StaleLease("this frame is no longer yours: you had it in hand for too long without a sign of life")


def save_draft(
    connection: duckdb.DuckDBPyConnection, request_id: str, annotator: str, masks: Sequence[MaskLabel], seconds: float
) -> None:
    """Keep an unfinished drawing; it is void once the request has another answer."""
    coded = json.dumps([mask.to_json() for mask in masks])
    connection.execute(
        "INSERT INTO draft VALUES ($id, $who, $base, $seconds, $masks, $now) ON CONFLICT DO UPDATE SET "
        "base_revision = $base, seconds = $seconds, masks = $masks, saved_at = $now",
        {
            "id": request_id, "who": annotator, "base": newest_revision(connection, request_id), "seconds": seconds,
            "masks": coded, "now": now(),
        },
    )  # fmt: skip


def question_of(connection: duckdb.DuckDBPyConnection, request_id: str) -> Question:
    """Return a request, and what its answer is for.

    Raises:
        UnknownName: there is no such request.
    """
    row = connection.execute(_QUESTION, [request_id]).fetchone()
    if row is None:
        raise UnknownName("request", request_id, ())
    return _question(connection, row)


def task_with(
    connection: duckdb.DuckDBPyConnection, lease: Lease, annotator: str, question: Question | None = None
) -> Task:
    """Return a leased request with all that its holder needs to know."""
    question = question or question_of(connection, lease.request_id)
    frame = question.request.frame
    of_round = "SELECT video_id, frame_idx FROM selection WHERE round_id = ? AND control"
    controls = rows_of(connection, of_round, [question.request.round_id])
    revision = newest_revision(connection, lease.request_id)
    drawn = "SELECT masks, seconds, saved_at FROM draft WHERE request_id = ? AND annotator = ? AND base_revision = ?"
    of_mine = [lease.request_id, annotator, revision]
    draft = connection.execute(drawn, of_mine).fetchone() if _has_rows(connection, "draft") else None
    return Task(
        question,
        (frame.video_id, frame.frame_idx) in controls,
        lease.token,
        (lease.until - now()).total_seconds(),
        revision,
        None if draft is None else _draft(*draft),
        lease.token.startswith(_AGAIN),
        revision > 0 and connection.execute(_RETURNED, [lease.request_id, annotator]).fetchone() is not None,
    )


def _draft(masks: str, seconds: float, saved_at: datetime) -> Draft:
    return Draft(tuple(map(MaskLabel.from_json, json.loads(masks))), seconds, saved_at)


def _audit_is_due(connection: duckdb.DuckDBPyConnection, audit: tuple[Any, ...], best: tuple[Any, ...]) -> bool:
    """Tell whether a question of an audit comes before another one: audits keep pace with the labels of a round, so
    that both are spread over the time that people work."""
    (rounds,) = connection.execute(_PACE, {"audited": _place(audit)[0], "asked": _place(best)[0]}).fetchall()
    audits_done, audits, labels_done, labels = rounds
    return bool(audits_done * max(labels, 1) <= labels_done * audits)


def _place(row: tuple[Any, ...]) -> tuple[int, int]:
    """Return round and rank of a row of a question."""
    return row[1], row[4]


def _question(connection: duckdb.DuckDBPyConnection, row: tuple[Any, ...]) -> Question:
    *columns, purpose, original_id = row
    request = request_of(*columns)
    original = request
    if original_id is not None:
        ((*columns, _, _),) = connection.execute(_QUESTION, [original_id]).fetchall()
        original = request_of(*columns)
    return Question(request, Purpose(purpose), original)


_HELD = """
SELECT request_id, token, expires_at FROM lease JOIN label_request USING (request_id)
WHERE annotator = $1 AND token <> '' AND token NOT LIKE 'review-%'
    AND (status = 'open' OR (status IN ('abandoned', 'excluded') AND expires_at > $2)
    OR (status = 'done' AND token LIKE 'again-%' AND expires_at > $2))
ORDER BY expires_at DESC, request_id LIMIT 1
"""

_HAS_ANY = "SELECT 1 FROM lease WHERE annotator = ? AND token <> '' LIMIT 1"

_RETURNED = """
SELECT 1 FROM review v JOIN answer a USING (answer_id) WHERE v.request_id = ? AND annotator = ? AND verdict = 'returned'
    AND revision = (SELECT max(revision) FROM answer b WHERE b.request_id = v.request_id)
"""

_REVIEWED = """
SELECT request_id, token, expires_at FROM lease
WHERE annotator = $1 AND token LIKE 'review-%' ORDER BY expires_at DESC, request_id
"""

_COLUMNS = "request_id, round_id, video_id, frame_idx, rank, reason, kind, purpose, original_id"

_QUESTION = f"SELECT {_COLUMNS} FROM label_request WHERE request_id = ?"

_PRIORITY = "coalesce((SELECT priority FROM video_priority p WHERE p.video_id = {video}), 0)"
_RANKED = _PRIORITY.format(video="label_request.video_id") + " DESC,"

_FREE = """
SELECT {columns} FROM label_request
WHERE status = 'open' AND request_id NOT IN (SELECT request_id FROM lease WHERE token <> '' AND expires_at > $now
    AND expires_at <= $latest) AND {where}
ORDER BY {order} round_id,
    {ranked}
    rank, request_id LIMIT 1
""".replace("{ranked}", _RANKED)
# A video whose people all lost their access is everybody's again.
_MINE = """(video_id NOT IN
    (SELECT video_id FROM video_assignee JOIN annotator a ON a.name = annotator WHERE NOT revoked)
    OR video_id IN (SELECT video_id FROM video_assignee WHERE annotator = $me))"""
_ASIDE = "request_id IN (SELECT request_id FROM set_aside WHERE how = 'flag' OR annotator = $me)"
_DRAWN_FIRST = "request_id NOT IN (SELECT request_id FROM draft WHERE annotator = $me),"
_BACK_FIRST = "NOT list_contains($back, request_id),"
_BACK_TO_OTHERS = "list_contains($to_others, request_id)"

# By table: what stands in the place of a part of a query while the table is empty.
_SPARED = {
    "video_assignee": ((_MINE, "true"),),
    "set_aside": ((_ASIDE, "false"),),
    "video_priority": ((_RANKED, ""), *((_PRIORITY.format(video=video), "0") for video in ("$video", "$first"))),
    "draft": ((_DRAWN_FIRST, ""),),
}

# Who gave an answer that was returned has a day for it.
_COME_BACK = """
SELECT v.request_id, v.annotator = $me, v.annotator <> $me AND reviewed_at > $now - INTERVAL 24 HOUR
    AND v.annotator IN (SELECT name FROM annotator WHERE NOT revoked)
    AND (v.request_id, v.annotator) NOT IN (SELECT (request_id, annotator) FROM set_aside)
FROM returned v
"""

_FREE_LABEL = _FREE.format(
    columns=_COLUMNS,
    where=f"{LEARNT} AND NOT {_ASIDE} AND {_MINE} AND NOT {_BACK_TO_OTHERS}",
    order=_BACK_FIRST + _DRAWN_FIRST,
)

_FREE_IN_VIDEO = _FREE.format(
    columns=_COLUMNS,
    where=f"purpose = 'label' AND NOT {_ASIDE} AND {_MINE} AND NOT {_BACK_TO_OTHERS} AND video_id = $video "
    "AND round_id = $round "
    f"AND rank <= $rank AND {_PRIORITY.format(video='$video')} = {_PRIORITY.format(video='$first')}",
    order="",
)

_LAST_VIDEO = "SELECT max_by(video_id, created_at) FROM answer WHERE annotator = ?"

_COMES_FIRST = """
SELECT 1 FROM set_aside WHERE request_id = $1 AND how = 'flag'
UNION ALL SELECT 1 FROM draft WHERE request_id = $1 AND annotator = $2
"""

# A frame that is looked through for an audit needs the whole picture.
_IS_LOOK = """kind = 'accept' AND (purpose = 'label' OR (purpose = 'audit' AND label_request.request_id IN
    (SELECT request_id FROM audit_request WHERE track_id > 0)))"""

_FREE_LOOK = _FREE.format(
    columns=_COLUMNS,
    where=f"{_IS_LOOK} AND NOT {_ASIDE} AND {_MINE} AND NOT {_BACK_TO_OTHERS} "
    "AND purpose = (SELECT purpose FROM label_request WHERE request_id = $like) "
    "AND (original_id IS NULL OR original_id IN (SELECT request_id FROM answer_current)) "
    "AND (purpose = 'label' OR (SELECT iou FROM audit_request a WHERE a.request_id = label_request.request_id) "
    "= (SELECT iou FROM audit_request WHERE request_id = $like))",
    order="",
)

_LOOKS_HELD = f"""
WITH mine AS (SELECT label_request.*, token, expires_at FROM lease JOIN label_request USING (request_id)
    WHERE annotator = $1 AND token <> '' AND token NOT LIKE 'review-%' AND status = 'open')
SELECT request_id, token, expires_at FROM mine AS label_request
WHERE {_IS_LOOK} AND purpose = (SELECT purpose FROM mine ORDER BY expires_at DESC, request_id LIMIT 1)
ORDER BY round_id, rank, request_id
"""

_FREE_FOR_LEAD = _FREE.format(
    columns=_COLUMNS,
    where=f"{LEARNT} AND ({_MINE} OR request_id IN (SELECT request_id FROM set_aside WHERE how = 'flag')) "
    f"AND NOT {_BACK_TO_OTHERS}",
    order="request_id IN (SELECT request_id FROM set_aside WHERE how = 'skip' AND annotator = $me), "
    f"request_id NOT IN (SELECT request_id FROM set_aside WHERE how = 'flag'), {_BACK_FIRST} {_DRAWN_FIRST}",
)

# Rounds wait for labels and for nothing else, so these come first.
_FREE_HOLDOUT = _FREE.format(
    columns=_COLUMNS,
    where=f"purpose = 'holdout' AND NOT {_ASIDE} AND {_MINE} AND NOT {_BACK_TO_OTHERS}",
    order=_BACK_FIRST + _DRAWN_FIRST,
)

# A check asks somebody else than gave the answer that it is compared with; it lapses with its round.
_FREE_CHECK = _FREE.format(
    columns=_COLUMNS,
    where=f"purpose NOT IN ('label', 'audit') AND NOT {_ASIDE} AND {_MINE} "
    "AND round_id >= (SELECT coalesce(max(round_id), 0) FROM round) "
    "AND original_id IN (SELECT request_id FROM answer_current) "
    "AND original_id NOT IN (SELECT coalesce(r.original_id, request_id) FROM answer JOIN label_request r "
    "USING (request_id) WHERE annotator = $me)",
    order="",
)

# A frame that is drawn blind is drawn before anybody judges a mask in it.
_FREE_AUDIT = _FREE.format(
    columns=_COLUMNS,
    where=f"purpose = 'audit' AND NOT {_ASIDE} AND {_MINE} "
    "AND (original_id IS NULL OR original_id IN (SELECT request_id FROM answer_current))",
    order=_DRAWN_FIRST,
)

_PACE = """
SELECT count(*) FILTER (purpose = 'audit' AND status = 'done'), count(*) FILTER (purpose = 'audit'),
    count(*) FILTER (purpose = 'label' AND status = 'done'), count(*) FILTER (purpose = 'label')
FROM label_request WHERE status IN ('open', 'done')
    AND ((purpose = 'audit' AND round_id = $audited) OR (purpose = 'label' AND round_id = $asked))
"""
