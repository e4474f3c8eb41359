"""Videos, frames, categories, and the ground truth that is held back from the loop."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from al_core.errors import UnknownName
from al_core.ledger.arrow import pa
from al_core.ledger.campaign.categories import known_categories, standing, stands_for
from al_core.ledger.operations import Operations, insert, mask_of, now, reads, writes
from al_core.records import FrameLabel, FrameRef, Identities, MaskLabel, Video


class VideoOperations(Operations):
    """What was ingested."""

    @writes
    def add_categories(self, names: Iterable[str]) -> dict[str, int]:
        """Make sure that every name has an id (from 1, in order of first use); returns all of them.

        A name that was merged has the id of what it was merged into; one that was removed stands again.
        """
        with self._connector.transaction() as connection:
            return known_categories(connection, names)

    @reads
    def categories(self, as_of: datetime | None = None) -> dict[int, str]:
        """Return the names of the categories that stand, by id, ids rising from 1.

        Args:
            as_of: those that stood at that time (UTC without zone); None for now.
        """
        with self._connector.session() as connection:
            ended = stands_for(connection, as_of)
            rows = connection.execute("SELECT category_id, name FROM category ORDER BY 1").fetchall()
        return {number: name for number, name in rows if number not in ended}

    @writes
    def add_video(self, video: Video, times_us: NDArray[np.int64], truth: Sequence[FrameLabel] = ()) -> Video | None:
        """Store a video, the time of each frame in microseconds, and ground truth held back from the loop.

        Args:
            video: its ``video_id`` is ignored; the ledger gives the next free one.
            times_us: shape [n_frames].
            truth: one entry per frame whose truth is known; an entry without masks says "nothing is here".

        Returns:
            The stored video, or None when the same content is there already.
        """
        with self._connector.transaction() as connection:
            same = connection.execute("SELECT name FROM video WHERE sha256 = ?", [video.sha256]).fetchone()
            if same:
                return None
            # The number of a video that was purged is not given again: pictures of it may still be kept by number.
            (last,) = connection.execute(
                "SELECT greatest((SELECT coalesce(max(video_id), 0) FROM video), "
                "(SELECT coalesce(max(purged_id), 0) FROM purge))"
            ).fetchall()[0]
            stored = replace(video, video_id=last + 1, name=_free_name(connection, video.name))
            connection.execute(
                "INSERT INTO video VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    stored.video_id, stored.name, stored.uri, stored.kind, stored.sha256, stored.fps.numerator,
                    stored.fps.denominator, stored.n_frames, stored.height, stored.width, stored.rotation,
                    stored.variable_fps, stored.identities.value, now(), stored.bits,
                ],
            )  # fmt: skip
            n = stored.n_frames
            insert(
                connection,
                "frame",
                pa.table({
                    "video_id": pa.array(np.full(n, stored.video_id, np.int32)),
                    "frame_idx": pa.array(np.arange(n, dtype=np.int32)),
                    "time_us": pa.array(np.asarray(times_us, np.int64)),
                    "file": pa.array(list(stored.files) if stored.files else [None] * n, pa.string()),
                }),
            )  # fmt: skip
            self._insert_truth(connection, stored.video_id, truth)
        return stored

    def _insert_truth(self, connection: duckdb.DuckDBPyConnection, video_id: int, truth: Sequence[FrameLabel]) -> None:
        if not truth:
            return
        frames = [label.frame.frame_idx for label in truth]
        table = {"video_id": [video_id] * len(frames), "frame_idx": frames}
        insert(connection, "truth_frame", pa.table(table))
        rows = [(label.frame.frame_idx, mask) for label in truth for mask in label.masks]
        if rows:
            insert(
                connection,
                "truth",
                pa.table({
                    "video_id": [video_id] * len(rows),
                    "frame_idx": [frame_idx for frame_idx, _ in rows],
                    "track_id": [mask.track_id for _, mask in rows],
                    "category_id": [mask.category_id for _, mask in rows],
                    "rle_counts": [mask.rle.counts.encode("ascii") for _, mask in rows],
                }),
            )  # fmt: skip

    @writes
    def add_truth(self, video_id: int, truth: Sequence[FrameLabel]) -> None:
        """Hold back the truth of frames that had none, of a video that is stored already."""
        with self._connector.transaction() as connection:
            self._insert_truth(connection, video_id, truth)

    @writes
    def move_video(self, video_id: int, uri: str) -> Video:
        """Note that the same content lies elsewhere now; returns the video as it is stored then."""
        with self._connector.transaction() as connection:
            connection.execute("UPDATE video SET uri = ? WHERE video_id = ?", [uri, video_id])
            return _videos(connection, "video_id = ?", [video_id])[0]

    @reads
    def videos(self) -> list[Video]:
        """Return all videos, by id."""
        with self._connector.session() as connection:
            return _videos(connection, "true", [])

    @reads
    def videos_added(self) -> dict[int, datetime]:
        """Return when each video came in (UTC without zone), by its number."""
        with self._connector.session() as connection:
            return dict(connection.execute("SELECT video_id, added_at FROM video ORDER BY video_id").fetchall())

    @reads
    def video_of_content(self, sha256: str) -> Video | None:
        """Return the video with this content, by its hash; None where there is none."""
        with self._connector.session() as connection:
            return next(iter(_videos(connection, "sha256 = ?", [sha256])), None)

    @reads
    def video_numbered(self, video_id: int) -> Video:
        """Return one video by its number.

        Raises:
            UnknownName: there is none.
        """
        with self._connector.session() as connection:
            found = _videos(connection, "video_id = ?", [video_id])
        if not found:
            raise UnknownName("number of a video", str(video_id), ())
        return found[0]

    @reads
    def video(self, name: str) -> Video:
        """Return one video by name.

        Raises:
            UnknownName: there is none of that name.
        """
        with self._connector.session() as connection:
            found = _videos(connection, "name = ?", [name])
            if not found:
                known = connection.execute("SELECT name FROM video ORDER BY video_id").fetchall()
                raise UnknownName("video", name, [other for (other,) in known])
        return found[0]

    @reads
    def frame_times_us(self, video_id: int) -> NDArray[np.int64]:
        """Return the presentation time of each frame in microseconds, shape [n_frames]."""
        query = "SELECT time_us FROM frame WHERE video_id = ? ORDER BY frame_idx"
        return self._columns(query, [video_id])["time_us"]

    @reads
    def truth(self, video_id: int, frame_indices: Sequence[int] | None = None) -> dict[int, FrameLabel]:
        """Return the held-back ground truth by frame; "nothing here" is an entry without masks.

        Only the simulated annotator and the evaluation ask for it.
        """
        with self._connector.session() as connection:
            frames = [r[0] for r in connection.execute(
                "SELECT frame_idx FROM truth_frame WHERE video_id = ? ORDER BY 1", [video_id]).fetchall()]  # fmt: skip
            wanted = set(frames if frame_indices is None else frame_indices) & set(frames)
            rows = connection.execute(
                "SELECT frame_idx, track_id, category_id, height, width, rle_counts FROM truth JOIN video "
                "USING (video_id) WHERE video_id = ? AND frame_idx IN (SELECT unnest(?::INTEGER[])) ORDER BY 1, 2",
                [video_id, sorted(wanted)],
            ).fetchall()
            ended = stands_for(connection)
        known = [(video_id, index) for index in sorted(wanted)]
        return _truths(known, [(video_id, *row) for row in rows], ended).get(video_id, {})

    @reads
    def truths(self, videos: Sequence[int]) -> dict[int, dict[int, FrameLabel]]:
        """Return the held-back ground truth of some videos, of those that have any; see :meth:`truth`."""
        some = [sorted(videos)]
        with self._connector.session() as connection:
            frames = connection.execute(
                "SELECT video_id, frame_idx FROM truth_frame WHERE video_id IN (SELECT unnest(?::INTEGER[])) "
                "ORDER BY 1, 2", some).fetchall()  # fmt: skip
            rows = connection.execute(
                "SELECT video_id, frame_idx, track_id, category_id, height, width, rle_counts FROM truth JOIN video "
                "USING (video_id) WHERE video_id IN (SELECT unnest(?::INTEGER[])) ORDER BY 1, 2, 3",
                some,
            ).fetchall()
            ended = stands_for(connection)
        return _truths(frames, rows, ended)

    @reads
    def video_places(self) -> dict[int, str]:
        """Return the file or folder of each video, by id."""
        return dict(self._rows("SELECT video_id, uri FROM video ORDER BY 1"))

    @reads
    def video_lengths(self) -> dict[int, int]:
        """Return the number of frames of each video, by id."""
        return dict(self._rows("SELECT video_id, n_frames FROM video ORDER BY 1"))

    @reads
    def truth_frames(self) -> dict[str, NDArray[Any]]:
        """Return columns ``video_id``, ``frame_idx`` of the frames whose truth is held back."""
        return self._columns("SELECT video_id, frame_idx FROM truth_frame ORDER BY 1, 2")


_VIDEO_COLUMNS = (
    "video_id, name, uri, kind, sha256, fps_numerator, fps_denominator, n_frames, height, width, rotation, "
    "variable_fps, bits, identities"
)


def _free_name(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Return a name that no video has: this one, or else the first of name-2, name-3 and so on."""
    if not connection.execute("SELECT 1 FROM video WHERE name = ?", [name]).fetchall():
        return name
    # All names are not read here: thousands of clips may be called alike, and each would read those before it.
    ((number,),) = connection.execute(
        "SELECT min(i) FROM range(2, (SELECT count(*) + 3 FROM video)) numbered(i) "
        "WHERE $1 || '-' || i NOT IN (SELECT name FROM video)",
        [name],
    ).fetchall()
    return f"{name}-{number}"


def _videos(connection: duckdb.DuckDBPyConnection, which: str, arguments: Sequence[Any]) -> list[Video]:
    """Return the videos for which a condition holds, by id."""
    query = f"SELECT {_VIDEO_COLUMNS} FROM video WHERE {which} ORDER BY video_id"
    rows = connection.execute(query, list(arguments)).fetchall()
    if not rows:
        return []
    # A number finds the frames of one video without reading those of all.
    its = f"video_id = {rows[0][0]}" if len(rows) == 1 else "true"
    query = "SELECT video_id, list(file ORDER BY frame_idx) FROM frame WHERE file IS NOT NULL"
    files = dict(connection.execute(f"{query} AND {its} GROUP BY video_id").fetchall())
    return [_video(row, files.get(row[0], ())) for row in rows]


def _video(row: tuple[Any, ...], files: Sequence[str]) -> Video:
    video_id, name, uri, kind, sha256, numerator, denominator, *rest, identities = row
    n_frames, height, width, rotation, variable_fps, bits = rest
    fps = Fraction(numerator, denominator)
    known = (video_id, name, uri, kind, sha256, fps, n_frames, height, width, rotation, variable_fps)
    return Video(*known, identities=Identities(identities), files=tuple(files), bits=bits)


def _truths(
    frames: Iterable[tuple[int, int]], rows: Iterable[tuple[Any, ...]], ended: Mapping[int, int]
) -> dict[int, dict[int, FrameLabel]]:
    """Return truth by video and frame.

    Args:
        frames: (video, frame) of all that is known.
        rows: video, frame and mask of each object, in order.
        ended: what stands for categories that are no more.
    """
    masks: dict[int, dict[int, list[MaskLabel]]] = {}
    for video_id, frame_idx in frames:
        masks.setdefault(video_id, {})[frame_idx] = []
    for video_id, frame_idx, *mask in rows:
        masks[video_id][frame_idx] += standing((mask_of(*mask),), ended)
    return {
        video: {index: FrameLabel(FrameRef(video, index), tuple(found)) for index, found in mine.items()}
        for video, mine in masks.items()
    }
