"""What students learned and what their teachers predict."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from al_core.ledger.arrow import pa
from al_core.ledger.operations import Operations, insert, link, now, reads, writes
from al_core.records import COMPONENTS, FrameRef

SAMPLED = 1_000_000
"""Rows that tell where to begin to look for the least certain frames, where there are at least twice as many."""

MARGIN, SPARE = 1.5, 10
"""So many times what is wanted, and so many rows of the sample more: rows that lie together are alike."""

_LEAST_CERTAIN = (
    "SELECT video_id, frame_idx, uncertainty FROM prediction WHERE round_id = ? AND uncertainty >= ?::FLOAT "
    "ORDER BY uncertainty DESC, video_id, frame_idx LIMIT ?"
)


class PredictionOperations(Operations):
    """Training curves and per-frame predictions."""

    @writes
    def put_training_curve(self, round_id: int, curve: Sequence[tuple[int, float, float]]) -> None:
        """Replace a round's training curve: (iteration, loss, learning rate) in order."""
        columns = list(zip(*curve, strict=True)) or [(), (), ()]
        with self._connector.transaction() as connection:
            connection.execute("DELETE FROM training_curve WHERE round_id = ?", [round_id])
            insert(
                connection,
                "training_curve",
                pa.table({
                    "round_id": pa.array([round_id] * len(curve), pa.int32()),
                    "iteration": pa.array(columns[0], pa.int32()),
                    "loss": pa.array(columns[1], pa.float64()),
                    "learning_rate": pa.array(columns[2], pa.float64()),
                }),
            )  # fmt: skip

    @reads
    def training_curve(self, round_id: int) -> list[tuple[int, float, float]]:
        """Return (iteration, loss, learning rate) of a round's training, in order."""
        query = "SELECT iteration, loss, learning_rate FROM training_curve WHERE round_id = ? ORDER BY 1"
        return self._rows(query, [round_id])

    @writes
    def put_predictions(self, round_id: int, video_id: int, frames: "pa.Table", path: str, made_from: str = "") -> None:
        """Replace what a round predicts for one video.

        Args:
            frames: one row per frame with the columns ``frame_idx``, ``uncertainty``, ``n_objects`` and the
                ``COMPONENTS``.
            path: the Parquet file of the predicted objects, relative to the project folder.
            made_from: hash of all that they were made from; empty where it is not known.
        """
        rows = frames.append_column("round_id", pa.array(np.full(len(frames), round_id, np.int32)))
        rows = rows.append_column("video_id", pa.array(np.full(len(frames), video_id, np.int32)))
        with self._connector.transaction() as connection:
            key = [round_id, video_id]
            connection.execute("DELETE FROM prediction WHERE round_id = ? AND video_id = ?", key)
            connection.execute("DELETE FROM prediction_batch WHERE round_id = ? AND video_id = ?", key)
            insert(connection, "prediction", rows)
            row = [*key, len(frames), path, now(), made_from]
            connection.execute("INSERT INTO prediction_batch VALUES (?, ?, ?, ?, ?, ?)", row)

    @writes
    def link_predictions(self, round_id: int, earlier: int, videos: Sequence[int]) -> None:
        """Let a round predict of some videos what an earlier one predicted: the same files and figures."""
        with self._connector.transaction() as connection:
            for table in ("prediction", "prediction_batch"):
                link(connection, table, round_id, earlier, videos)

    @reads
    def predicted_from(self, round_id: int) -> dict[int, str]:
        """Return what each video's predictions were made from."""
        query = "SELECT video_id, made_from FROM prediction_batch WHERE round_id = ? ORDER BY 1"
        return dict(self._rows(query, [round_id]))

    @writes
    def forget_predictions(self, round_id: int, video_id: int) -> None:
        """Forget what a round predicts for one video; the file is the caller's to remove."""
        with self._connector.transaction() as connection:
            for table in ("prediction", "prediction_batch"):
                connection.execute(f"DELETE FROM {table} WHERE round_id = ? AND video_id = ?", [round_id, video_id])

    @reads
    def prediction_paths(self, round_id: int) -> dict[int, str]:
        """Return the Parquet file of predicted objects of each video, relative to the project folder."""
        query = "SELECT video_id, path FROM prediction_batch WHERE round_id = ? ORDER BY 1"
        return dict(self._rows(query, [round_id]))

    @reads
    def prediction_path(self, round_id: int, video_id: int) -> str | None:
        """Return the Parquet file of predicted objects of one video, relative to the project folder, or None."""
        query = "SELECT path FROM prediction_batch WHERE round_id = ? AND video_id = ?"
        return next((path for (path,) in self._rows(query, [round_id, video_id])), None)

    @reads
    def disagreements(self, round_id: int, first: int, last: int) -> dict[str, NDArray[Any]]:
        """Return columns ``video_id``, ``frame_idx``, ``existence_disagreement`` of the videos with these numbers and
        those between, where it is above 0."""
        return self._columns(
            "SELECT video_id, frame_idx, existence_disagreement FROM prediction WHERE round_id = $1 "
            "AND video_id BETWEEN $2 AND $3 AND existence_disagreement > 0 ORDER BY video_id, frame_idx",
            [round_id, first, last],
        )

    @reads
    def predictions(self, round_id: int, video_id: int | None = None) -> dict[str, NDArray[Any]]:
        """Return predictions per frame, by video and frame.

        Returns:
            Columns ``video_id``, ``frame_idx``, ``uncertainty``, ``n_objects``, and the ``COMPONENTS``.
        """
        return self._columns(
            f"SELECT video_id, frame_idx, uncertainty, n_objects, {', '.join(COMPONENTS)} FROM prediction "
            "WHERE round_id = $1 AND ($2 IS NULL OR video_id = $2) ORDER BY video_id, frame_idx",
            [round_id, video_id],
        )

    @reads
    def least_certain(self, round_id: int, limit: int) -> dict[str, NDArray[Any]]:
        """Find the frames with the highest uncertainty that no answer labels as a whole, ties by video and frame.

        Only a prefix of the order is read, so that a few of ten million frames cost one scan, and of most blocks no
        more than what the file notes of their highest value.

        Returns:
            Columns ``video_id``, ``frame_idx``, ``uncertainty``, at most ``limit`` rows, least certain first.
        """
        with self._connector.session() as connection:
            answered = connection.execute(
                "SELECT DISTINCT video_id, frame_idx FROM answer WHERE complete AND kind <> 'reject'"
            ).fetchnumpy()
            wanted = limit + len(answered["video_id"])
            floor = _floor(connection, round_id, wanted)
            rows = connection.execute(_LEAST_CERTAIN, [round_id, floor, wanted]).fetchnumpy()
            if len(rows["video_id"]) < wanted and floor > -np.inf:
                rows = connection.execute(_LEAST_CERTAIN, [round_id, -np.inf, wanted]).fetchnumpy()
        # An anti-join in SQL would lose DuckDB's top-n and sort everything.
        fresh = ~np.isin(_frame_keys(rows), _frame_keys(answered))
        return {name: column[fresh][:limit] for name, column in rows.items()}

    @reads
    def least_certain_per_video(self, round_id: int, limit: int) -> dict[str, NDArray[Any]]:
        """Find the ``limit`` least certain frames of each video, answered ones too, and all that tie with the last.

        Returns:
            Columns ``video_id``, ``frame_idx``, ``uncertainty`` and ``lowest`` (of the frames that were taken of
            that video), least certain first, ties by video and frame.
        """
        return self._columns(
            "WITH kept AS (SELECT video_id, list_last(max(uncertainty, $2)) AS lowest FROM prediction "
            "WHERE round_id = $1 GROUP BY video_id) "
            "SELECT p.video_id, frame_idx, uncertainty, lowest FROM prediction p JOIN kept "
            "ON p.video_id = kept.video_id AND uncertainty >= lowest WHERE round_id = $1 "
            "ORDER BY uncertainty DESC, p.video_id, frame_idx",
            [round_id, limit],
        )

    @reads
    def components_of(self, round_id: int, frames: Sequence[FrameRef]) -> dict[FrameRef, dict[str, float]]:
        """Return the named parts of the uncertainty of some frames; a frame without a prediction has no entry.

        Meant for some dozens of frames: it asks once per video, which takes a few milliseconds each.
        """
        by_video: dict[int, list[int]] = {}
        for frame in frames:
            by_video.setdefault(frame.video_id, []).append(frame.frame_idx)
        found = {}
        query = (
            f"SELECT frame_idx, {', '.join(COMPONENTS)} FROM prediction WHERE round_id = ? AND video_id = ? "
            "AND frame_idx IN (SELECT unnest(?::INTEGER[])) ORDER BY 1"
        )
        with self._connector.session():
            for video_id, indices in by_video.items():
                for index, *parts in self._rows(query, [round_id, video_id, indices]):
                    found[FrameRef(video_id, index)] = dict(zip(COMPONENTS, parts, strict=True))
        return found


def _floor(connection: duckdb.DuckDBPyConnection, round_id: int, wanted: int) -> float:
    """Guess, from a sample, an uncertainty that somewhat more than ``wanted`` frames of a round reach; minus infinity
    where all are soon looked through."""
    ((rows, mine),) = connection.execute(
        "SELECT (SELECT count(*) FROM prediction), sum(n_rows) FROM prediction_batch WHERE round_id = ?", [round_id]
    ).fetchall()
    if not mine or rows < 2 * SAMPLED or 2 * wanted > mine:
        return -np.inf
    rank = int(MARGIN * wanted * SAMPLED / rows) + SPARE
    sample = f"(FROM prediction TABLESAMPLE system({100 * SAMPLED / rows:.9f}%) REPEATABLE (0))"
    query = f"SELECT max(uncertainty, {rank}) FROM {sample} WHERE round_id = ?"
    ((found,),) = connection.execute(query, [round_id]).fetchall()
    return found[-1] if found and len(found) == rank else -np.inf


def _frame_keys(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    return columns["video_id"].astype(np.int64) << 32 | columns["frame_idx"].astype(np.int64)
