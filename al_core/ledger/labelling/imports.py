"""Labels that come from elsewhere: what people said in another tool, and masks to start from.

Imported labels are answers to requests of round 0, which nobody was asked: their author is known, the time that they
took is not. All that one command imports is stored in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
from numpy.typing import NDArray

from al_core.errors import LedgerConflict
from al_core.ledger.arrow import pa
from al_core.ledger.campaign.categories import known_categories, standing, stands_for
from al_core.ledger.labelling.labels import LABELS_FRAME, LEARNT
from al_core.ledger.operations import Operations, mask_of, now, now_after_answers, reads, writes
from al_core.records import FrameLabel, FrameRef, Identities, MaskLabel


def frame_columns() -> "pa.Schema":
    """Return the columns of a frame that is imported, and of the kind of its answer."""
    return pa.schema([("video_id", pa.int32()), ("frame_idx", pa.int32()), ("kind", pa.string())])


def mask_columns() -> "pa.Schema":
    """Return the columns of a mask in such a frame; the category is a name, null for a region to ignore, and attributes
    may be null.
    """
    return pa.schema([
        ("video_id", pa.int32()),
        ("frame_idx", pa.int32()),
        ("track_id", pa.int32()),
        ("category", pa.string()),
        ("rle_counts", pa.binary()),
        ("attributes", pa.list_(pa.string())),
    ])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Import:
    """One import.

    Attributes:
        purpose: "label", "holdout" or "prelabel".
        files: names of the files that it was read from.
    """

    import_id: int
    purpose: str
    files: tuple[str, ...]
    author: str
    n_frames: int
    n_masks: int
    imported_at: datetime


class ImportOperations(Operations):
    """What was imported."""

    @writes
    def put_import(
        self,
        purpose: str,
        author: str,
        files: Sequence[str],
        frames: "pa.Table",
        masks: "pa.Table",
        categories: Sequence[str] = (),
        unnumbered: Sequence[int] = (),
    ) -> int:
        """Store what an import brings, all or nothing; returns its number.

        Args:
            purpose: "label", "holdout" or "prelabel". A prelabel takes the place of an earlier one of its frame.
            frames: one row for each frame, columns as :func:`frame_columns`.
            masks: one row for each mask in these frames, columns as :func:`mask_columns`.
            categories: names that the project is to know, new ones too.
            unnumbered: videos whose objects have no lasting numbers from now on.

        Raises:
            LedgerConflict: a frame has an answer of this purpose already; nothing is stored.
        """
        with self._connector.transaction() as connection:
            known_categories(connection, categories)
            for video_id in unnumbered:
                row = [Identities.PER_FRAME.value, video_id]
                connection.execute("UPDATE video SET identities = ? WHERE video_id = ?", row)
            ((import_id,),) = connection.execute("SELECT coalesce(max(import_id), 0) + 1 FROM import").fetchall()
            row = [import_id, purpose, list(files), author, len(frames), len(masks), now()]
            connection.execute("INSERT INTO import VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            connection.register("incoming_frames", frames)
            connection.register("incoming_masks", masks)
            try:
                if purpose == "prelabel":
                    _put_prelabels(connection, import_id)
                else:
                    _put_answers(connection, import_id, purpose, author)
            finally:
                connection.unregister("incoming_frames")
                connection.unregister("incoming_masks")
            return int(import_id)

    @reads
    def imports(self) -> list[Import]:
        """Return all imports, in order."""
        rows = self._rows(
            "SELECT import_id, purpose, files, author, n_frames, n_masks, imported_at FROM import ORDER BY 1"
        )
        return [Import(number, purpose, tuple(files), *rest) for number, purpose, files, *rest in rows]

    @reads
    def imported_frames(self) -> dict[str, NDArray[Any]]:
        """Return columns ``video_id``, ``frame_idx`` of the frames whose labels came from elsewhere and stand, by video
        and frame; frames that rounds asked for, too, are left out."""
        return self._columns(
            "SELECT DISTINCT video_id, frame_idx FROM answer_current a WHERE import_id IS NOT NULL AND request_id IN "
            "(SELECT request_id FROM label_request WHERE purpose = 'label') AND NOT EXISTS (SELECT 1 FROM "
            f"answer_current b JOIN label_request r USING (request_id) WHERE b.import_id IS NULL AND {LEARNT} "
            "AND b.complete AND b.kind <> 'reject' AND (b.video_id, b.frame_idx) = (a.video_id, a.frame_idx)) "
            "ORDER BY 1, 2"
        )

    @reads
    def prelabels(self, frames: Sequence[FrameRef], since: datetime | None = None) -> dict[FrameRef, FrameLabel]:
        """Return the imported masks to start from of some frames; a frame without any has no entry.

        Args:
            since: only what was imported after that time, UTC without zone.
        """
        found: dict[FrameRef, list[MaskLabel]] = {}
        with self._connector.session() as connection:
            ended = stands_for(connection)
            rows = self._rows(
                "SELECT video_id, frame_idx, track_id, category_id, height, width, rle_counts, attributes "
                "FROM prelabel JOIN video USING (video_id) WHERE (video_id, frame_idx) IN "
                "(SELECT unnest($1::INTEGER[]), unnest($2::INTEGER[])) "
                "AND ($3::TIMESTAMP IS NULL OR import_id IN (SELECT import_id FROM import WHERE imported_at > $3)) "
                "ORDER BY 1, 2, 3, prelabel.rowid",
                [[f.video_id for f in frames], [f.frame_idx for f in frames], since],
            )
            for video_id, frame_idx, *mask in rows:
                found.setdefault(FrameRef(video_id, frame_idx), []).extend(standing((mask_of(*mask),), ended))
        return {frame: FrameLabel(frame, tuple(masks)) for frame, masks in found.items()}


def _put_prelabels(connection: duckdb.DuckDBPyConnection, import_id: int) -> None:
    connection.execute(
        "DELETE FROM prelabel WHERE (video_id, frame_idx) IN (SELECT (video_id, frame_idx) FROM incoming_frames)"
    )
    connection.execute(
        "INSERT INTO prelabel SELECT video_id, frame_idx, track_id, coalesce(category_id, 0), rle_counts, ?, "
        "attributes FROM incoming_masks LEFT JOIN category ON category = name",
        [import_id],
    )


def _put_answers(connection: duckdb.DuckDBPyConnection, import_id: int, purpose: str, author: str) -> None:
    ((taken,),) = connection.execute(_TAKEN, [purpose]).fetchall()
    if taken:
        raise LedgerConflict(
            f"{taken} of these frames were labelled by somebody else in the meantime: nothing was stored; give the "
            "same command again"
        )
    values = {"purpose": purpose, "author": author, "import": import_id, "now": now()}
    if purpose == "holdout":
        connection.execute(
            "INSERT INTO holdout SELECT video_id, frame_idx, $author, $now FROM incoming_frames ON CONFLICT DO NOTHING",
            {"author": author, "now": values["now"]},
        )
    connection.execute(_REQUESTS, {"purpose": purpose, "now": values["now"]})
    answered_at = now_after_answers(connection)
    connection.execute(_ANSWERS, {"purpose": purpose, "author": author, "import": import_id, "now": answered_at})
    connection.execute(_LABELS, [import_id])


_REQUEST_ID = (
    "format('{}-v{:05d}-f{:07d}', CASE $purpose WHEN 'label' THEN 'import' ELSE $purpose END, video_id, frame_idx)"
)

_TAKEN = f"""
SELECT count(*) FROM incoming_frames WHERE (video_id, frame_idx) IN (
    SELECT (a.video_id, a.frame_idx) FROM answer_current a JOIN label_request USING (request_id)
    WHERE CASE $1 WHEN 'label' THEN {LEARNT} ELSE purpose = $1 END AND {LABELS_FRAME})
"""

_REQUESTS = f"""
INSERT INTO label_request(request_id, round_id, video_id, frame_idx, rank, reason, status, created_at, updated_at, kind,
    purpose)
SELECT {_REQUEST_ID}, 0, video_id, frame_idx, 0, 'imported', 'done', $now, $now, 'mask', $purpose FROM incoming_frames
ON CONFLICT DO UPDATE SET status = 'done', updated_at = excluded.updated_at
"""

_ANSWERS = f"""
INSERT INTO answer(answer_id, request_id, revision, round_id, video_id, frame_idx, kind, seconds, annotator, created_at,
    import_id)
SELECT format('{{}}-{{}}', request_id, revision), request_id, revision, 0, video_id, frame_idx, kind, NULL, $author,
    $now, $import
FROM (
    SELECT *, coalesce((SELECT max(a.revision) FROM answer a WHERE a.request_id = named.request_id), 0) + 1 AS revision
    FROM (SELECT *, {_REQUEST_ID} AS request_id FROM incoming_frames) named)
"""

_LABELS = """
INSERT INTO label
SELECT answer_id, m.video_id, m.frame_idx, track_id, coalesce(category_id, 0), rle_counts, attributes
FROM incoming_masks m JOIN answer a ON (a.video_id, a.frame_idx) = (m.video_id, m.frame_idx) AND import_id = $1
LEFT JOIN category ON m.category = name
"""
