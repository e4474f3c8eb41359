"""Frames that are held out: people label them, and the loop never learns from them.

Who labels a frame that is held out answers a request of round 0 with a purpose of its own. No round waits for it: the
queue hands such frames out where nothing else is to do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from numpy.typing import NDArray

from al_core.errors import BadLabel
from al_core.ledger.labelling.labels import LEARNT
from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, now, reads, writes


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What is held out of one video.

    Attributes:
        frames: how many frames.
        asked: how many of them people are asked for, answered ones too.
        answered: how many of them have a label.
    """

    video_id: int
    frames: int
    asked: int
    answered: int


class HoldoutOperations(Operations):
    """What the loop must not see."""

    @writes
    def hold_out(self, video_id: int, frame_indices: Sequence[int], asked: Sequence[int], who: str) -> int:
        """Hold frames of a video out, and ask people for some of them; returns how many were not held out before.

        Args:
            asked: some of the frames, in the order in which people get them.

        Raises:
            BadLabel: the loop learns from a label of such a frame, or asks for one; nothing is changed.
        """
        with self._connector.transaction() as connection:
            _refuse_known(connection, video_id, frame_indices)
            new = connection.execute(
                "INSERT INTO holdout SELECT $video, unnest($frames::INTEGER[]), $who, $now ON CONFLICT DO NOTHING "
                "RETURNING frame_idx",
                {"video": video_id, "frames": list(frame_indices), "who": who, "now": now()},
            ).fetchall()
            for rank, index in enumerate(asked):
                connection.execute(_ASK, {"video": video_id, "frame": index, "rank": rank, "now": now()})
            log(connection, who, "hold out", f"video {video_id}", f"{len(new)} frames")
            return len(new)

    @writes
    def end_holdout(self, video_id: int, frame_indices: Sequence[int] | None, who: str) -> int:
        """Let the loop ask for frames again that were held out; returns how many these are.

        What people said of them stays stored and measures nothing any more.

        Args:
            frame_indices: of the video; None for all that are held out.
        """
        with self._connector.transaction() as connection:
            gone = connection.execute(
                "DELETE FROM holdout WHERE video_id = $video AND ($frames IS NULL OR frame_idx IN "
                "(SELECT unnest($frames::INTEGER[]))) RETURNING frame_idx",
                {"video": video_id, "frames": None if frame_indices is None else list(frame_indices)},
            ).fetchall()
            connection.execute(
                "UPDATE label_request SET status = 'dropped', updated_at = $now WHERE purpose = 'holdout' AND "
                "status = 'open' AND video_id = $video AND frame_idx IN (SELECT unnest($frames::INTEGER[]))",
                {"video": video_id, "frames": [index for (index,) in gone], "now": now()},
            )
            log(connection, who, "end holdout", f"video {video_id}", f"{len(gone)} frames")
            return len(gone)

    @reads
    def holdout_frames(self) -> dict[str, NDArray[Any]]:
        """Return columns ``video_id``, ``frame_idx`` of the frames that are held out, by video and frame."""
        return self._columns("SELECT video_id, frame_idx FROM holdout ORDER BY 1, 2")

    @reads
    def held_out(self) -> list[HeldOut]:
        """Return how far the labels of what is held out are, by video."""
        rows = self._rows(
            "SELECT h.video_id, count(*), count(request_id), count(*) FILTER (status = 'done') FROM holdout h "
            "LEFT JOIN label_request r ON (r.video_id, r.frame_idx) = (h.video_id, h.frame_idx) "
            "AND purpose = 'holdout' AND status IN ('open', 'done') GROUP BY 1 ORDER BY 1"
        )
        return [HeldOut(*row) for row in rows]


def _refuse_known(connection: duckdb.DuckDBPyConnection, video_id: int, frame_indices: Sequence[int]) -> None:
    rows = connection.execute(_KNOWN, {"video": video_id, "frames": list(frame_indices)}).fetchall()
    for status, words in (("done", "the loop learns from labels of"), ("open", "people are asked for")):
        found = [str(index) for index, state in rows if state == status]
        if found:
            listed = ", ".join(found[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "")
            raise BadLabel(f"{words} the frames {listed}, so they cannot be held out; choose others with --frames")


_KNOWN = f"""
SELECT DISTINCT frame_idx, status FROM label_request WHERE {LEARNT} AND status IN ('open', 'done')
    AND video_id = $video AND frame_idx IN (SELECT unnest($frames::INTEGER[])) ORDER BY 1
"""

_ASK = """
INSERT INTO label_request(request_id, round_id, video_id, frame_idx, rank, reason, status, created_at, updated_at, kind,
    purpose)
SELECT name, 0, $video, $frame, $rank, 'Held out: this frame measures quality, and nothing is learned from it.',
    CASE WHEN name IN (SELECT request_id FROM answer_current) THEN 'done' ELSE 'open' END, $now, $now, 'mask', 'holdout'
FROM (SELECT format('holdout-v{:05d}-f{:07d}', $video::INTEGER, $frame::INTEGER) AS name)
ON CONFLICT DO UPDATE SET status = excluded.status, updated_at = excluded.updated_at
"""
