"""Cuts between the shots of a video, and stretches in which it stands still: as they were found, and as people say.

A round goes by what was known when it began: its steps must not depend on what changes while it is under way.
"""

from collections import defaultdict
from collections.abc import Collection

import duckdb

from al_core.errors import BadVideo
from al_core.ledger.labelling.people import log
from al_core.ledger.operations import Operations, now, reads, writes
from al_core.records import Shots


class ShotOperations(Operations):
    """Where the videos cut, and where they stand still."""

    @writes
    def put_shots(self, video_id: int, found: Shots) -> bool:
        """Keep what was found in a video; False where it was searched before, and nothing is changed."""
        with self._connector.transaction() as connection:
            known = connection.execute("SELECT 1 FROM shot_search WHERE video_id = ?", [video_id]).fetchone()
            if known:
                return False
            since = _next_round(connection)
            connection.execute("INSERT INTO shot_search VALUES (?, ?, ?)", [video_id, since, now()])
            for still in found.stills:
                connection.execute("INSERT INTO still VALUES (?, ?, ?)", [video_id, *still])
            # What people said before the search stays.
            said = {frame for (frame,) in connection.execute(_SAID, [video_id]).fetchall()}
            for frame_idx in found.cuts:
                if frame_idx not in said:
                    connection.execute(_NOTE, [video_id, frame_idx, True, since, "", now()])
            return True

    @writes
    def correct_cuts(self, video_id: int, add: Collection[int], remove: Collection[int], who: str) -> int:
        """Note where a video cuts and where it does not; returns how many cuts changed.

        Rounds that begin from now on go by it. A cut that is there already, or is not, stays as it is.

        Raises:
            BadVideo: a frame with which no shot can begin, or one that is both added and removed; nothing is changed.
        """
        with self._connector.transaction() as connection:
            _check(connection, video_id, add, remove)
            standing = {frame for (frame,) in connection.execute(_STANDING, [video_id]).fetchall()}
            changes = {**dict.fromkeys(set(add) - standing, True), **dict.fromkeys(set(remove) & standing, False)}
            since = _next_round(connection)
            for frame_idx, stands in sorted(changes.items()):
                connection.execute(_NOTE, [video_id, frame_idx, stands, since, who, now()])
            words = ", ".join(f"{'+' if stands else '-'}{frame}" for frame, stands in sorted(changes.items()))
            if words:
                log(connection, who, "correct cuts", f"video {video_id}", words)
            return len(changes)

    @reads
    def shots(self, round_id: int | None = None) -> dict[int, Shots]:
        """Return cuts and still stretches by video; one without either has no entry.

        Args:
            round_id: as this round goes by them; None for all that is known now.
        """
        with self._connector.session() as connection:
            cuts = connection.execute(_CUTS, {"round": round_id}).fetchall()
            stills = connection.execute(_STILLS, {"round": round_id}).fetchall()
        of_video: defaultdict[int, tuple[list[int], list[tuple[int, int]]]] = defaultdict(lambda: ([], []))
        for video_id, frame_idx in cuts:
            of_video[video_id][0].append(frame_idx)
        for video_id, first, last in stills:
            of_video[video_id][1].append((first, last))
        return {video: Shots(tuple(found[0]), tuple(found[1])) for video, found in sorted(of_video.items())}

    @reads
    def searched_videos(self) -> list[int]:
        """Return the videos in which cuts were looked for, rising; those that an earlier version took in are not."""
        return [video for (video,) in self._rows("SELECT video_id FROM shot_search ORDER BY 1")]


def _next_round(connection: duckdb.DuckDBPyConnection) -> int:
    ((last,),) = connection.execute("SELECT coalesce(max(round_id), 0) FROM round").fetchall()
    return int(last) + 1


def _check(connection: duckdb.DuckDBPyConnection, video_id: int, add: Collection[int], remove: Collection[int]) -> None:
    ((name, n_frames),) = connection.execute(
        "SELECT name, n_frames FROM video WHERE video_id = ?", [video_id]
    ).fetchall()
    wrong = sorted(frame for frame in (*add, *remove) if not 0 < frame < n_frames)
    if wrong:
        raise BadVideo(
            f"a cut is told by the first frame of the new shot, which in {name!r} is one of 1 to {n_frames - 1}, "
            f"got {wrong[0]}"
        )
    both = sorted(set(add) & set(remove))
    if both:
        raise BadVideo(f"frame {both[0]} of {name!r} is to be added and removed; name it once")


_NOTE = "INSERT INTO cut SELECT coalesce(max(cut_id), 0) + 1, ?, ?, ?, ?, ?, ? FROM cut"

_SAID = "SELECT frame_idx FROM cut WHERE video_id = ?"

_NEWEST = """
SELECT video_id, frame_idx, stands FROM cut WHERE $round IS NULL OR from_round <= $round
QUALIFY row_number() OVER (PARTITION BY video_id, frame_idx ORDER BY cut_id DESC) = 1
"""

_CUTS = f"SELECT video_id, frame_idx FROM ({_NEWEST}) WHERE stands ORDER BY 1, 2"

_STANDING = """
SELECT frame_idx FROM cut WHERE video_id = ?
QUALIFY row_number() OVER (PARTITION BY frame_idx ORDER BY cut_id DESC) = 1 AND stands
"""

_STILLS = """
SELECT video_id, first_frame, last_frame FROM still JOIN shot_search USING (video_id)
WHERE $round IS NULL OR from_round <= $round ORDER BY 1, 2
"""
