"""Which videos the loop works on, in which order people get them, who gets them, and what is asked for in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from al_core.errors import LedgerConflict, UnknownName
from al_core.ledger.campaign.categories import known_categories, stands_for
from al_core.ledger.labelling.labels import LABELS_FRAME, LEARNT
from al_core.ledger.labelling.people import log, person_of
from al_core.ledger.operations import Operations, now, reads, writes


@dataclass(frozen=True, slots=True)
class VideoCare:
    """What people decided about one video.

    Attributes:
        priority: its frames are handed out before those of videos with less; 0 unless somebody said otherwise.
        assignees: who gets its frames; empty for everybody.
        category_ids: kinds of objects in it, the first of which is preselected; empty where nobody said.
        excluded: why the loop leaves it out; None where it does not. It may be an empty text.
    """

    video_id: int
    priority: int = 0
    assignees: tuple[str, ...] = ()
    category_ids: tuple[int, ...] = ()
    excluded: str | None = None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What excluding a video did: requests that nobody gets any more, those in somebody's hands, labels that stay."""

    closed: int
    in_hand: int
    labels: int


class CurationOperations(Operations):
    """Operations on a video raise UnknownName where there is none of that number."""

    @reads
    def video_cares(self) -> dict[int, VideoCare]:
        """Return what people decided about each video, by id."""
        with self._connector.session() as connection:
            ended = stands_for(connection)
            rows = connection.execute(_CARES).fetchall()
        return {row[0]: VideoCare(row[0], row[1], tuple(row[2]), _standing_ids(row[3], ended), row[4]) for row in rows}

    @reads
    def excluded_videos(self, as_of: datetime | None = None) -> frozenset[int]:
        """Return the videos that the loop leaves out.

        Args:
            as_of: those left out at that time (UTC without zone); None for now.
        """
        rows = self._rows(
            "SELECT DISTINCT video_id FROM exclusion WHERE ($1 IS NULL OR excluded_at <= $1) "
            "AND (included_at IS NULL OR included_at > $1)",
            [as_of],
        )
        return frozenset(video for (video,) in rows)

    @reads
    def excluded_before(self, round_id: int) -> frozenset[int]:
        """Return the videos that were left out when a round began; none where it has not."""
        rows = self._rows(
            "SELECT DISTINCT video_id FROM exclusion JOIN round ON round_id = ? AND excluded_at <= started_at "
            "AND (included_at IS NULL OR included_at > started_at)",
            [round_id],
        )
        return frozenset(video for (video,) in rows)

    @reads
    def frames_set_aside(self) -> int:
        """Count the frames with a label in videos that the loop leaves out now."""
        return self._rows(
            "SELECT count(DISTINCT (a.video_id, a.frame_idx)) FROM answer_current a JOIN label_request USING "
            f"(request_id) WHERE {LEARNT} AND {LABELS_FRAME} AND a.video_id IN "
            "(SELECT video_id FROM exclusion WHERE included_at IS NULL)"
        )[0][0]

    @reads
    def pool_lengths(self) -> dict[int, int]:
        """Return the number of frames of each video that the loop works on now, by id."""
        return dict(
            self._rows(
                "SELECT video_id, n_frames FROM video WHERE video_id NOT IN "
                "(SELECT video_id FROM exclusion WHERE included_at IS NULL) ORDER BY 1"
            )
        )

    @writes
    def exclude_video(self, video_id: int, who: str, reason: str = "") -> Exclusion:
        """Leave a video out from now on: its labels stay stored, and nobody is asked for its frames.

        A round whose answers are complete goes on with what it had. Who has a frame of the video in hand may finish it.

        Raises:
            LedgerConflict: it is left out already.
        """
        with self._connector.transaction() as connection:
            _check_video(connection, video_id)
            if connection.execute(_LEFT_OUT, [video_id]).fetchone():
                raise LedgerConflict("the video is excluded already")
            names = {"video": video_id, "now": now()}
            ((in_hand,),) = connection.execute(_IN_HAND, names).fetchall()
            closed = connection.execute(_CLOSE, names).fetchall()
            connection.execute("INSERT INTO exclusion VALUES (?, ?, ?, ?, NULL)", [video_id, who, reason, now()])
            ((labels,),) = connection.execute(
                "SELECT count(*) FROM answer_current WHERE video_id = ? AND kind <> 'reject'", [video_id]
            ).fetchall()
            log(connection, who, "exclude", f"video {video_id}", reason)
        return Exclusion(len(closed), in_hand, labels)

    @writes
    def include_video(self, video_id: int, who: str) -> None:
        """Let the loop work on a video again that was left out; rounds may ask for its frames.

        Raises:
            LedgerConflict: it is not left out.
        """
        with self._connector.transaction() as connection:
            _check_video(connection, video_id)
            row = connection.execute(
                "UPDATE exclusion SET included_at = ? WHERE video_id = ? AND included_at IS NULL RETURNING 1",
                [now(), video_id],
            ).fetchone()
            if row is None:
                raise LedgerConflict("the video is not excluded")
            connection.execute(
                "UPDATE label_request SET status = 'open', updated_at = ? WHERE video_id = ? AND status = 'excluded' "
                "AND purpose = 'holdout'",
                [now(), video_id],
            )
            log(connection, who, "include", f"video {video_id}")

    @writes
    def set_priority(self, video_id: int, priority: int, who: str) -> None:
        """Hand the frames of a video out before those of videos with less priority, within each round."""
        with self._connector.transaction() as connection:
            _check_video(connection, video_id)
            connection.execute(
                "INSERT INTO video_priority VALUES (?, ?) ON CONFLICT DO UPDATE SET priority = excluded.priority",
                [video_id, priority],
            )
            log(connection, who, "priority", f"video {video_id}", str(priority))

    @writes
    def assign_video(self, video_id: int, people: Sequence[str], who: str) -> None:
        """Hand the frames of a video to these people only; to everybody where there are none.

        Frames that somebody has in hand stay there.

        Raises:
            UnknownName: nobody of that name has access.
        """
        with self._connector.transaction() as connection:
            _check_video(connection, video_id)
            for name in people:
                person_of(connection, name)
            connection.execute("DELETE FROM video_assignee WHERE video_id = ?", [video_id])
            for name in dict.fromkeys(people):
                connection.execute("INSERT INTO video_assignee VALUES (?, ?)", [video_id, name])
            log(connection, who, "assign", f"video {video_id}", ", ".join(people) or "everybody")

    @writes
    def set_video_categories(self, video_id: int, names: Sequence[str]) -> None:
        """Say which kinds of objects are in a video, the most frequent first; names that are new are added."""
        with self._connector.transaction() as connection:
            _check_video(connection, video_id)
            ids = known_categories(connection, names)
            connection.execute("DELETE FROM video_category WHERE video_id = ?", [video_id])
            for place, name in enumerate(dict.fromkeys(names)):
                connection.execute("INSERT INTO video_category VALUES (?, ?, ?)", [video_id, place, ids[name]])


def _standing_ids(ids: Sequence[int], ended: dict[int, int]) -> tuple[int, ...]:
    found = [ended.get(number, number) for number in ids]
    return tuple(dict.fromkeys(number for number in found if number))


def _check_video(connection: duckdb.DuckDBPyConnection, video_id: int) -> None:
    if connection.execute("SELECT 1 FROM video WHERE video_id = ?", [video_id]).fetchone() is None:
        raise UnknownName("video", str(video_id), ())


_CARES = """
SELECT v.video_id, coalesce(priority, 0),
    coalesce((SELECT list(annotator ORDER BY a.rowid) FROM video_assignee a WHERE a.video_id = v.video_id), []),
    coalesce((SELECT list(category_id ORDER BY place) FROM video_category c WHERE c.video_id = v.video_id), []),
    (SELECT max(reason) FROM exclusion e WHERE e.video_id = v.video_id AND included_at IS NULL)
FROM video v LEFT JOIN video_priority p USING (video_id) ORDER BY 1
"""

_LEFT_OUT = "SELECT 1 FROM exclusion WHERE video_id = ? AND included_at IS NULL"

_IN_HAND = """
SELECT count(*) FROM label_request JOIN lease USING (request_id)
WHERE video_id = $video AND status = 'open' AND token <> '' AND expires_at > $now
"""

_CLOSE = """
UPDATE label_request SET status = 'excluded', updated_at = $now WHERE video_id = $video AND status = 'open'
RETURNING request_id
"""
