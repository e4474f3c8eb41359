"""Selections, requests and the answers of people."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

import duckdb
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.ledger.campaign.categories import standing, stands_for
from al_core.ledger.campaign.loop_state import refuse_abandoned
from al_core.ledger.file.remembered import rows_of
from al_core.ledger.operations import Operations, mask_of, now, now_after_answers, reads, request_of, round_of, writes
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel, Selected

LEARNT = "purpose IN ('label', 'tracked')"
"""Tells of a request whether the loop learns from its answer."""

LABELS_FRAME = "a.complete AND a.kind <> 'reject'"
"""Tells of an answer ``a`` whether it says all that is in its frame."""

_COUNTS = f"{LABELS_FRAME} AND {LEARNT} AND answer_id IN (SELECT answer_id FROM answer_usable)"
"""Tells of an answer ``a`` to a request whether its frame counts as labelled by a human."""

# Of each request its newest answer that says anything; of each frame those from its newest complete one on.
_WORKED = """list_filter(gestures::JSON[], lambda g: json_extract_string(g, '$[0]') <> 'accept'
        AND json_extract_string(g, '$[1]') = track_id::VARCHAR)"""

_LABELS = f"""
WITH said AS (SELECT * FROM answer WHERE kind <> 'reject' AND ($1 IS NULL OR video_id = $1)
    AND ($2 IS NULL OR round_id <= $2) AND ($3 IS NULL OR created_at <= $3)
    AND request_id IN (SELECT request_id FROM label_request WHERE CASE $4 WHEN 'label' THEN {LEARNT}
        ELSE purpose = $4 END)
    AND ($4 <> 'holdout' OR (video_id, frame_idx) IN (SELECT (video_id, frame_idx) FROM holdout))
    AND answer_id NOT IN (SELECT answer_id FROM withdrawal WHERE $3 IS NULL OR withdrawn_at <= $3)
    AND answer_id IN (SELECT answer_id FROM answer_usable WHERE $3 IS NULL OR since <= $3)
    QUALIFY row_number() OVER (PARTITION BY request_id ORDER BY revision DESC) = 1),
standing AS (SELECT * FROM said QUALIFY coalesce(count(*) FILTER (complete) OVER (PARTITION BY video_id, frame_idx
    ORDER BY round_id DESC, created_at DESC, request_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) = 0)
SELECT a.video_id, a.frame_idx, answer_id, complete, coalesce(absent, []), CASE
    WHEN a.kind = 'absent' OR gestures IS NULL THEN a.kind
    WHEN len({_WORKED}) = 0 THEN 'accept'
    WHEN a.kind = 'accept'
        OR len(list_filter({_WORKED}, lambda g: json_extract_string(g, '$[4]') IS NULL)) = 0 THEN 'click'
    ELSE a.kind END, track_id, category_id, height, width, rle_counts, attributes
FROM standing a JOIN video USING (video_id) LEFT JOIN label USING (answer_id)
ORDER BY 1, 2, a.round_id, a.created_at, a.request_id DESC, track_id
"""


class LabelOperations(Operations):
    """What people were asked, and what they said."""

    @writes
    def put_selection(self, round_id: int, strategy: str, selected: Sequence[Selected]) -> None:
        """Replace a round's selection."""
        with self._connector.transaction() as connection:
            connection.execute("DELETE FROM selection WHERE round_id = ?", [round_id])
            for s in selected:
                row = [round_id, s.frame.video_id, s.frame.frame_idx, s.rank, s.score, strategy]
                row += [s.reason, s.kind.value, s.control]
                connection.execute("INSERT INTO selection VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    @reads
    def selection(self, round_id: int) -> list[Selected]:
        """Return a round's selection, by rank."""
        rows = self._rows(
            "SELECT video_id, frame_idx, rank, score, reason, kind, control FROM selection WHERE round_id = ? "
            "ORDER BY rank",
            [round_id],
        )
        return [Selected(FrameRef(v, f), rank, score, why, LabelKind(k), c) for v, f, rank, score, why, k, c in rows]

    @reads
    def label_seconds(self, round_id: int) -> dict[FrameRef, float]:
        """Return the human seconds that each answered frame of a round took, rejections included."""
        rows = self._rows(
            "SELECT a.video_id, a.frame_idx, coalesce(sum(seconds), 0) FROM answer_current a JOIN label_request r "
            "USING (request_id) WHERE a.round_id = ? AND purpose = 'label' GROUP BY ALL ORDER BY ALL",
            [round_id],
        )
        return {FrameRef(video, frame): seconds for video, frame, seconds in rows}

    @reads
    def asked_frames(self, before_round: int) -> dict[str, NDArray[Any]]:
        """Return columns ``video_id``, ``frame_idx`` of the frames that earlier rounds asked for, answered or not.

        Frames may be asked for again, and are left out, where all answers were taken back after their round, where
        their round continued without them or was abandoned, where their video was excluded, and where they gave way to
        others before anybody saw them. So are frames of which people have said something, but not what all is there.
        """
        return self._columns(
            "SELECT DISTINCT video_id, frame_idx FROM label_request WHERE round_id < ? AND purpose = 'label' "
            "AND status NOT IN ('withdrawn', 'expired', 'replaced', 'abandoned', 'excluded') "
            "AND (status <> 'done' OR (video_id, frame_idx) IN (SELECT (a.video_id, a.frame_idx) FROM "
            f"answer_current a JOIN label_request r USING (request_id) WHERE {LABELS_FRAME} AND r.purpose = 'label')) "
            f"UNION SELECT a.video_id, a.frame_idx FROM answer_current a JOIN label_request r USING (request_id) "
            f"WHERE a.round_id < ? AND {LABELS_FRAME} AND purpose = 'tracked' ORDER BY 1, 2",
            [before_round, before_round],
        )

    @writes
    def put_requests(self, requests: Sequence[LabelRequest]) -> int:
        """Store requests that are not there yet, or gave way to others before; returns how many these are.

        Of a video that was excluded after the choice nothing is asked.

        Raises:
            LedgerConflict: their round was abandoned.
        """
        with self._connector.transaction() as connection:
            new = 0
            for round_id in {r.round_id for r in requests}:
                refuse_abandoned(connection, round_id)
            rows = connection.execute("SELECT video_id FROM exclusion WHERE included_at IS NULL").fetchall()
            left_out = {video for (video,) in rows}
            for r in (r for r in requests if r.frame.video_id not in left_out):
                row = [r.request_id, r.round_id, r.frame.video_id, r.frame.frame_idx, r.rank, r.reason]
                stored = connection.execute(
                    "INSERT INTO label_request(request_id, round_id, video_id, frame_idx, rank, reason, status, "
                    "created_at, updated_at, kind) VALUES (?, ?, ?, ?, ?, ?, 'open', ?, ?, ?) ON CONFLICT DO UPDATE "
                    "SET status = 'open', rank = excluded.rank, reason = excluded.reason, "
                    "updated_at = excluded.updated_at WHERE status IN ('replaced', 'excluded') RETURNING request_id",
                    [*row, now(), now(), r.kind.value],
                ).fetchone()
                new += stored is not None
            return new

    @writes
    def replace_requests(self, round_id: int) -> list[LabelRequest]:
        """Let the open requests of a round that nobody has in hand give way to better ones; returns those that stay."""
        with self._connector.transaction() as connection:
            connection.execute(
                "UPDATE label_request SET status = 'replaced', updated_at = $now WHERE round_id = $round "
                "AND status = 'open' AND request_id NOT IN "
                "(SELECT request_id FROM lease WHERE token <> '' AND expires_at > $now)",
                {"now": now(), "round": round_id},
            )
        return self.requests(round_id)

    @reads
    def requests(
        self, round_id: int | None = None, status: str | None = None, purpose: str = "label"
    ) -> list[LabelRequest]:
        """Return the requests of one purpose, by round and rank; by default those that rounds wait for.

        Imported labels answer requests of round 0. Requests that gave way to others, or ended because their video was
        excluded, are left out.

        Args:
            status: "open", "done", "dropped", "expired", "withdrawn" or "abandoned"; None for all.
            purpose: see :class:`~al_core.ledger.labelling.queue.Purpose`.
        """
        rows = self._rows(
            "SELECT request_id, round_id, video_id, frame_idx, rank, reason, kind FROM label_request "
            "WHERE purpose = $3 AND status NOT IN ('replaced', 'excluded') AND ($1 IS NULL OR round_id = $1) "
            "AND ($2 IS NULL OR status = $2) ORDER BY round_id, rank",
            [round_id, status, purpose],
        )
        return [request_of(*row) for row in rows]

    @writes
    def put_answer(self, answer: Answer) -> bool:
        """Store an answer as the newest revision of its request; returns False when it is there already.

        Raises:
            BadLabel: no such request, another frame than the one asked for, or masks of another size.
        """
        with self._connector.transaction() as connection:
            if connection.execute("SELECT 1 FROM answer WHERE answer_id = ?", [answer.answer_id]).fetchone():
                return False
            store_answer(connection, answer, newest_revision(connection, answer.request_id))
            return True

    @reads
    def human_labels(
        self,
        video_id: int | None = None,
        up_to_round: int | None = None,
        as_of: datetime | None = None,
        purpose: str = "label",
    ) -> list[FrameLabel]:
        """Return what people said, one label per frame, by video and frame: its newest complete answer, with what newer
        answers say of single objects. Where there is no complete answer, the label is not complete either.

        Masks that were only rejected label nothing: such an answer is passed over, and so are answers that were
        taken back, that wait for an approval, and to questions that only check people. Masks of categories that were
        merged have the category that it is now, those of removed ones are left out. Each mask says what came to it: of
        a frame in which somebody drew, those that were left as they were shown were accepted. One that somebody tried
        to mend and let be, all of it taken back, is no better than what a click comes to.

        Args:
            video_id: only this video.
            up_to_round: only answers to requests of this round and earlier ones.
            as_of: only what was known at that time (UTC without zone), so that a round that is taken up again works
                on the labels that it began with.
            purpose: what the answers are for, see :class:`~al_core.ledger.labelling.leases.Purpose`.
        """
        with self._connector.session() as connection:
            return known_labels(connection, video_id, up_to_round, as_of, purpose)

    @reads
    def drawn_tracks(self, video_id: int) -> list[int]:
        """Return the numbers of the objects that people drew in a video, whatever their categories are now, rising."""
        rows = self._rows(
            "SELECT DISTINCT track_id FROM label JOIN answer_current a USING (answer_id) WHERE a.video_id = ? "
            "AND track_id > 0 ORDER BY 1",
            [video_id],
        )
        return [track for (track,) in rows]

    @reads
    def newest_answer_at(self, up_to_round: int) -> datetime:
        """Return when an answer to a request of this round or an earlier one last came in, was approved where it must
        be, or was taken back, in UTC without zone."""
        return self._rows(
            "SELECT coalesce(max(greatest(a.created_at, withdrawn_at, since)), TIMESTAMP '1970-01-01') FROM answer a "
            "JOIN label_request USING (request_id) LEFT JOIN withdrawal USING (answer_id) "
            f"LEFT JOIN answer_usable USING (answer_id) WHERE a.round_id <= ? AND {LEARNT}",
            [up_to_round],
        )[0][0]

    @reads
    def human_effort(self, audits: bool = True) -> list[tuple[int, int, float]]:
        """Return (round, human frames, human seconds) of each round that has answers, not summed over rounds.

        Imported labels are answers of round 0, in a time that nobody knows and that counts as none. Rejected masks,
        answers that are not complete or wait for an approval, reviews, and questions that check people take seconds
        and label no frame. So do tags, in the round that was under way then; of round 0 are those that wait for one.

        Args:
            audits: whether the seconds of audits count.
        """
        return self._rows(
            f"SELECT round_id, sum(labels::INTEGER)::BIGINT, coalesce(sum(seconds), 0) FROM ({_EFFORT}) "
            "WHERE $1 OR purpose <> 'audit' GROUP BY 1 ORDER BY 1",
            [audits],
        )

    @reads
    def effort_by_person(self) -> list[tuple[str, int, float]]:
        """Return (who answered, human frames, human seconds), the busiest first; a name may be empty.

        Who labelled what was imported is not among them: nobody knows how long that took.
        """
        return self._rows(
            f"SELECT who, sum(labels::INTEGER)::BIGINT, coalesce(sum(seconds), 0) FROM ({_EFFORT}) "
            "WHERE import_id IS NULL GROUP BY 1 ORDER BY 3 DESC, 1"
        )

    @reads
    def answer_times(self) -> list[tuple[LabelKind, float, int]]:
        """Return (kind, seconds, number of objects) of each request's newest answer, where its time is known, in the
        order of their arrival. Corrections of tracked frames are not among them: they cost what they took, and say
        nothing of what a frame costs that is asked for. Nor are judgements of an audit, which are about one mask or
        say how many are missing."""
        rows = self._rows(
            "SELECT a.kind, seconds, count(track_id) FILTER (track_id > 0) FROM answer_current a JOIN label_request r "
            "USING (request_id) LEFT JOIN label USING (answer_id) WHERE seconds IS NOT NULL AND purpose <> 'tracked' "
            "AND NOT (purpose = 'audit' AND r.kind <> 'mask') GROUP BY answer_id, a.kind, seconds, a.created_at "
            "ORDER BY a.created_at, answer_id"
        )
        return [(LabelKind(kind), seconds, n) for kind, seconds, n in rows]


_EFFORT = f"""
SELECT a.round_id, annotator AS who, {_COUNTS} AS labels, seconds, import_id, purpose
FROM answer_current a JOIN label_request USING (request_id)
UNION ALL SELECT round_id, reviewer, false, seconds, NULL, purpose FROM review JOIN label_request USING (request_id)
UNION ALL SELECT coalesce({round_of("said_at")}, 0), said_by, false, seconds, NULL, 'tag' FROM category_tag
WHERE seconds > 0
"""


def known_labels(
    connection: duckdb.DuckDBPyConnection,
    video_id: int | None = None,
    up_to_round: int | None = None,
    as_of: datetime | None = None,
    purpose: str = "label",
) -> list[FrameLabel]:
    """Return what people said, as :meth:`LabelOperations.human_labels` does, in a session that is open."""
    rows = connection.execute(_LABELS, [video_id, up_to_round, as_of, purpose]).fetchall()
    ended = stands_for(connection, as_of)
    found: dict[FrameRef, FrameLabel] = {}
    for (video, frame_idx, _, complete, absent), group in groupby(rows, key=lambda row: row[:5]):
        known = (replace(mask_of(*row[6:]), kind=LabelKind(row[5])) for row in group if row[6] is not None)
        masks = standing(tuple(known), ended)
        said = FrameLabel(FrameRef(video, frame_idx), tuple(masks), complete, tuple(absent))
        found[said.frame] = found[said.frame].amended(said) if said.frame in found else said
    return list(found.values())


def requests_left(connection: duckdb.DuckDBPyConnection, round_id: int) -> int:
    """Count the requests whose answer, or its approval, a round waits for; approvals once all are answered."""
    query = "SELECT count(*) FROM label_request WHERE round_id = ? AND status = 'open' AND purpose = 'label'"
    left = int(connection.execute(query, [round_id]).fetchall()[0][0])
    return left or unapproved(connection, round_id)


def unapproved(connection: duckdb.DuckDBPyConnection, round_id: int) -> int:
    """Count the answered requests of a round of whose answers none may be used before it is approved."""
    query = "SELECT 1 FROM review_rule WHERE mode = 'before' AND round_id IN (?, (SELECT max(round_id) FROM round))"
    if not rows_of(connection, query, [round_id]):
        return 0
    return int(connection.execute(_UNAPPROVED, [round_id]).fetchall()[0][0])


_UNAPPROVED = """
SELECT count(*) FROM label_request WHERE round_id = ? AND status = 'done' AND purpose = 'label' AND request_id NOT IN
    (SELECT request_id FROM answer JOIN answer_usable USING (answer_id)
    WHERE answer_id NOT IN (SELECT answer_id FROM withdrawal))
"""


def newest_revision(connection: duckdb.DuckDBPyConnection, request_id: str) -> int:
    """Count how often a request was answered, answers that were taken back included."""
    rows = connection.execute("SELECT revision FROM answer WHERE request_id = ?", [request_id]).fetchall()
    return max((int(revision) for (revision,) in rows), default=0)


def masks_of_answer(connection: duckdb.DuckDBPyConnection, answer_id: str) -> list[MaskLabel]:
    """Return the masks of an answer."""
    rows = connection.execute(
        "SELECT track_id, category_id, height, width, rle_counts, attributes FROM label JOIN video USING (video_id) "
        "WHERE answer_id = ? ORDER BY 1, label.rowid",
        [answer_id],
    ).fetchall()
    return [mask_of(*row) for row in rows]


def store_answer(connection: duckdb.DuckDBPyConnection, answer: Answer, newest: int) -> int:
    """Store an answer that is not there yet as the newest revision of its request; returns that revision.

    Args:
        newest: the newest revision so far.

    Raises:
        BadLabel: no such request, another frame than the one asked for, or masks of another size.
    """
    request = connection.execute(
        "SELECT round_id, video_id, frame_idx FROM label_request WHERE request_id = ?", [answer.request_id]
    ).fetchone()
    sizes = "SELECT height, width FROM video WHERE video_id = ?"
    if request is None or not (size := rows_of(connection, sizes, [request[1]])):
        raise BadLabel(f"{answer.answer_id}: there is no request {answer.request_id!r}")
    round_id, video_id, frame_idx = request
    _check_answer(answer, FrameRef(video_id, frame_idx), *size[0])
    revision = newest + 1
    gestures = None if answer.gestures is None else json.dumps([gesture.to_json() for gesture in answer.gestures])
    connection.execute(
        "INSERT INTO answer(answer_id, request_id, revision, round_id, video_id, frame_idx, kind, seconds, annotator, "
        "created_at, complete, absent, gestures) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            answer.answer_id, answer.request_id, revision, round_id, video_id, frame_idx, answer.kind.value,
            answer.seconds, answer.annotator, now_after_answers(connection),
            answer.label.complete, list(answer.label.absent), gestures,
        ],
    )  # fmt: skip
    masks = answer.label.masks
    if masks:
        of_frame = (answer.answer_id, video_id, frame_idx)
        values = [
            value
            for m in masks
            for value in (*of_frame, m.track_id, m.category_id, m.rle.counts.encode(), list(m.attributes) or None)
        ]
        places = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(masks))
        connection.execute(f"INSERT INTO label VALUES {places}", values)
    connection.execute(
        "UPDATE label_request SET status = 'done', updated_at = ? WHERE request_id = ?", [now(), answer.request_id]
    )
    return revision


def _check_answer(answer: Answer, asked: FrameRef, height: int, width: int) -> None:
    frame = answer.label.frame
    if frame != asked:
        raise BadLabel(f"{answer.request_id} asks for frame {asked.frame_idx} of video {asked.video_id}, got {frame}")
    for mask in answer.label.masks:
        if (mask.rle.height, mask.rle.width) != (height, width):
            raise BadLabel(
                f"{answer.request_id}: the frame is {height}x{width} pixels (height x width), "
                f"a mask is {mask.rle.height}x{mask.rle.width}"
            )
