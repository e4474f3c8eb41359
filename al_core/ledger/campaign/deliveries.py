"""Delivered masks, their quality, and how much of the videos is labelled."""

from collections.abc import Sequence
from typing import Any

import duckdb

from al_core.ledger.arrow import pa
from al_core.ledger.labelling.labels import LEARNT
from al_core.ledger.operations import Operations, insert, link, now, reads, round_of, writes
from al_core.records import QualityRow

Delivery = tuple[int, str, int, Sequence[tuple[str, int, int, float]], Sequence[tuple[str, int, int]], str, str]
"""The arguments of :meth:`DeliveryOperations.put_delivered` for a video, from its number to the calibration."""

Quality = tuple[int | None, str, str, float, int]
"""Track or None for all, provenance or "all", metric, value, frames that were measured."""

_QUALITY = ["round_id", "video_id", "track_id", "provenance", "metric", "value", "n_frames", "reference"]
_COLUMNS = {
    "delivered_batch": ["round_id", "video_id", "path", "n_covered", "written_at", "made_from", "calibration"],
    "delivered": ["round_id", "video_id", "provenance", "n_frames", "n_masks", "mean_confidence"],
    "delivered_category": ["round_id", "video_id", "provenance", "category_id", "n_masks"],
}


def _replace(
    connection: duckdb.DuckDBPyConnection, table: str, round_id: int, videos: Sequence[int], rows: list[tuple[Any, ...]]
) -> None:
    """Replace what a table says of some videos in a round; of one in plain SQL, which takes half as long there."""
    if len(videos) == 1:
        connection.execute(f"DELETE FROM {table} WHERE round_id = ? AND video_id = ?", [round_id, *videos])
        names, values = ", ".join(_COLUMNS[table]), ", ".join("?" * len(_COLUMNS[table]))
        for row in rows:
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({values})", [round_id, *row])
        return
    chosen = "video_id IN (SELECT unnest(?::INTEGER[]))"
    connection.execute(f"DELETE FROM {table} WHERE round_id = ? AND {chosen}", [round_id, list(videos)])
    if rows:
        columns = [[round_id] * len(rows), *zip(*rows, strict=True)]
        insert(connection, table, pa.table(columns, _COLUMNS[table]))


class DeliveryOperations(Operations):
    """What came out of the rounds."""

    @writes
    def put_delivered(
        self,
        round_id: int,
        video_id: int,
        path: str,
        n_covered: int,
        summary: Sequence[tuple[str, int, int, float]],
        categories: Sequence[tuple[str, int, int]] = (),
        made_from: str = "",
        calibration: str = "",
    ) -> None:
        """Replace what a round delivers for one video.

        Args:
            path: the Parquet file of delivered masks, relative to the project folder.
            n_covered: frames that are labelled: by a human, with objects or without, or by at least one other mask.
            summary: (provenance, frames with such a mask, masks, mean confidence in [0, 1]).
            categories: (provenance, category, masks).
            made_from: hash of all that masks and uncalibrated confidences were made from; empty where it is not known.
            calibration: of the confidences, as text.
        """
        self.put_deliveries(
            round_id, [(video_id, path, n_covered, tuple(summary), tuple(categories), made_from, calibration)]
        )

    @writes
    def put_deliveries(self, round_id: int, videos: Sequence[Delivery]) -> None:
        """Replace what a round delivers for some videos, all or none, at the cost of hardly more than one.

        Args:
            videos: what :meth:`put_delivered` takes of each, from its number to the calibration.
        """
        numbers = [video[0] for video in videos]
        with self._connector.transaction() as connection:
            written_at = now()
            rows: dict[str, list[tuple[Any, ...]]] = {
                "delivered_batch": [(v, path, n, written_at, *how) for v, path, n, _, _, *how in videos],
                "delivered": [(v, *row) for v, _, _, summary, *_ in videos for row in summary],
                "delivered_category": [(v, *row) for v, _, _, _, categories, *_ in videos for row in categories],
            }
            for table, found in rows.items():
                _replace(connection, table, round_id, numbers, found)

    @writes
    def link_delivered(self, round_id: int, earlier: int, videos: Sequence[int]) -> None:
        """Let a round deliver of some videos what an earlier one delivered: the same files."""
        with self._connector.transaction() as connection:
            for table in ("delivered", "delivered_category", "delivered_batch"):
                link(connection, table, round_id, earlier, videos)

    @reads
    def delivered_from(self, round_id: int) -> dict[int, tuple[str, str]]:
        """Return what each video's delivered masks were made from, and the calibration of their confidences."""
        query = "SELECT video_id, made_from, calibration FROM delivered_batch WHERE round_id = ? ORDER BY 1"
        return {video: (made_from, calibration) for video, made_from, calibration in self._rows(query, [round_id])}

    @reads
    def category_masks(self, round_id: int) -> list[tuple[int, str, int]]:
        """Return (category, provenance, masks) that a round delivered, over all videos, by category."""
        return self._rows(
            "SELECT category_id, provenance, sum(n_masks)::BIGINT FROM delivered_category WHERE round_id = ? "
            "GROUP BY 1, 2 ORDER BY 1, 2",
            [round_id],
        )

    @reads
    def delivered_paths(self, round_id: int) -> dict[int, str]:
        """Return the Parquet file of delivered masks of each video, relative to the project folder."""
        query = "SELECT video_id, path FROM delivered_batch WHERE round_id = ? ORDER BY 1"
        return dict(self._rows(query, [round_id]))

    @reads
    def last_delivered_round(self, before: int | None = None) -> int | None:
        """Return the newest round (of those before a round) that delivered masks and was not abandoned, or None."""
        query = (
            "SELECT max(round_id) FROM delivered_batch WHERE ($1 IS NULL OR round_id < $1) "
            "AND round_id NOT IN (SELECT round_id FROM round WHERE status = 'abandoned')"
        )
        return self._rows(query, [before])[0][0]

    @reads
    def frames_covered(self, round_id: int) -> int:
        """Count the frames of all videos that are labelled after a round, each once whatever its provenance."""
        query = "SELECT coalesce(sum(n_covered), 0)::BIGINT FROM delivered_batch WHERE round_id = ?"
        return self._rows(query, [round_id])[0][0]

    @writes
    def put_qualities(
        self, round_id: int, videos: Sequence[tuple[int, Sequence[Quality]]], reference: str = "truth"
    ) -> None:
        """Replace a round's quality figures of some videos by one reference, all or none.

        Args:
            videos: number and figures of each.
            reference: what was compared with: "truth", or "holdout" for what people said of frames that are held out.
        """
        found = [(round_id, video_id, *row, reference) for video_id, rows in videos for row in rows]
        with self._connector.transaction() as connection:
            connection.execute(
                "DELETE FROM quality WHERE round_id = ? AND reference = ? "
                "AND video_id IN (SELECT unnest(?::INTEGER[]))",
                [round_id, reference, [video_id for video_id, _ in videos]],
            )
            if found:
                insert(connection, "quality", pa.table([list(c) for c in zip(*found, strict=True)], _QUALITY))

    @reads
    def quality(self, round_id: int | None = None, reference: str = "truth") -> list[QualityRow]:
        """Return the figures of one round or of all that were measured by one reference, by round, video and track."""
        query = (
            "SELECT * EXCLUDE (reference) FROM quality WHERE ($1 IS NULL OR round_id = $1) AND reference = $2 "
            "ORDER BY round_id, video_id, track_id, 4, 5"
        )
        return [QualityRow(*row) for row in self._rows(query, [round_id, reference])]

    @reads
    def coverage(self) -> list[dict[str, Any]]:
        """Return the label coverage of each round, cheap at any number of predictions.

        Returns:
            One entry per round: ``round_id``, ``status``, ``n_frames`` (of the videos that it had), ``predicted``,
            ``requested``, ``answered``, ``open``, ``human_frames`` (so far), ``imported`` (how many of these were
            labelled elsewhere; they count from the first round that ended after they came), ``human_seconds`` (so far,
            of those whose time is known), ``delivered``: provenance -> (frames, masks) of the masks delivered in that
            round, and ``covered``: frames that are labelled after it, each counted once (see :meth:`frames_covered`).
        """
        with self._connector.session() as connection:
            rows = connection.execute(_COVERAGE).fetchall()
            delivered = connection.execute(
                "SELECT round_id, provenance, sum(n_frames)::BIGINT, sum(n_masks)::BIGINT FROM delivered GROUP BY 1, 2"
            ).fetchall()
            covered = dict(
                connection.execute("SELECT round_id, sum(n_covered)::BIGINT FROM delivered_batch GROUP BY 1").fetchall()
            )
        table = [dict(zip(_COVERAGE_COLUMNS, row, strict=True)) for row in rows]
        for entry in table:
            entry["delivered"] = {p: (f, m) for r, p, f, m in delivered if r == entry["round_id"]}
            entry["covered"] = covered.get(entry["round_id"], 0)
        return table


_COVERAGE_COLUMNS = (
    "round_id", "status", "n_frames", "predicted", "requested", "answered", "open", "unapproved", "human_frames",
    "imported", "human_seconds",
)  # fmt: skip

# A round had the videos that were there when it began, and those that it delivered; one under way has all. Those that
# were excluded when it ended, or are now, are not among them, unless it delivered them.
# Counts of predictions come from their manifest: the table of predictions itself is never scanned.
_COVERAGE = f"""
WITH known AS (
    SELECT r.round_id, v.video_id, v.n_frames FROM round r JOIN video v
    ON (r.status = 'running' OR v.added_at <= r.started_at) AND NOT EXISTS (
        SELECT 1 FROM exclusion e WHERE e.video_id = v.video_id
        AND e.excluded_at <= coalesce(r.finished_at, TIMESTAMP '9999-01-01')
        AND coalesce(e.included_at, TIMESTAMP '9999-12-31') > coalesce(r.finished_at, TIMESTAMP '9999-01-01'))
    UNION SELECT round_id, video_id, n_frames FROM delivered_batch JOIN video USING (video_id)),
total AS (SELECT round_id, sum(n_frames)::BIGINT AS n_frames FROM known GROUP BY 1),
predicted AS (SELECT round_id, sum(n_rows)::BIGINT AS predicted FROM prediction_batch GROUP BY 1),
asked AS (
    SELECT round_id, count(*) AS requested, count(*) FILTER (status = 'open') AS still_open,
        count(*) FILTER (status = 'done' AND request_id NOT IN (SELECT request_id FROM answer JOIN answer_usable
            USING (answer_id) WHERE answer_id NOT IN (SELECT answer_id FROM withdrawal))) AS unapproved,
        count(*) FILTER (status = 'done') - unapproved AS answered
    FROM label_request WHERE purpose = 'label' AND status NOT IN ('replaced', 'excluded') GROUP BY 1),
given AS (
    SELECT a.* EXCLUDE (round_id), purpose, CASE WHEN a.round_id > 0 THEN a.round_id
        ELSE {round_of("a.created_at")} END AS round_id
    FROM answer a JOIN label_request r USING (request_id)
    WHERE answer_id NOT IN (SELECT answer_id FROM withdrawal)),
first_answer AS (
    SELECT min(round_id) AS round_id, bool_and(import_id IS NOT NULL) AS elsewhere FROM given
    WHERE complete AND kind <> 'reject' AND {LEARNT} AND answer_id IN (SELECT answer_id FROM answer_usable)
    GROUP BY video_id, frame_idx),
new_frames AS (
    SELECT round_id, count(*) AS new_frames, count(*) FILTER (elsewhere) AS imported FROM first_answer GROUP BY 1),
effort AS (
    SELECT round_id, sum(seconds) AS seconds FROM (
        SELECT round_id, seconds FROM given WHERE answer_id IN (SELECT answer_id FROM answer_current)
        UNION ALL SELECT round_id, seconds FROM review JOIN label_request USING (request_id) WHERE round_id > 0
        UNION ALL SELECT {round_of("said_at")}, seconds FROM category_tag)
    GROUP BY 1)
SELECT round_id, status, coalesce(n_frames, 0), coalesce(predicted, 0), coalesce(requested, 0), coalesce(answered, 0),
    coalesce(still_open, 0), coalesce(unapproved, 0),
    coalesce(sum(new_frames) OVER (ORDER BY round_id), 0)::BIGINT,
    coalesce(sum(imported) OVER (ORDER BY round_id), 0)::BIGINT,
    coalesce(sum(seconds) OVER (ORDER BY round_id), 0)::DOUBLE
FROM round LEFT JOIN total USING (round_id) LEFT JOIN predicted USING (round_id) LEFT JOIN asked USING (round_id)
LEFT JOIN new_frames USING (round_id) LEFT JOIN effort USING (round_id) ORDER BY round_id
"""
