"""The ledger: every round, step, prediction, request, answer and result, behind typed operations.

SQL stays in this package. Each operation is one transaction; big arrays travel as Arrow tables, masks of whole
videos lie in Parquet files beside the ledger and are named here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from al_core.errors import BadLabel, LedgerConflict, UnknownName
from al_core.ledger.connection import Connector
from al_core.records import Answer, FrameLabel, FrameRef, Identities, LabelRequest, MaskLabel, Selected, Video
from al_core.rle import Rle
from al_core.settings import Settings, parse_settings

COMPONENTS = (
    "class_entropy",
    "mutual_information",
    "box_spread",
    "mask_disagreement",
    "existence_disagreement",
    "temporal_inconsistency",
)
"""The named parts of a frame's uncertainty, in the order of their columns; each is higher where less is certain."""


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of the loop. ``status`` is "running" or "finished"."""

    round_id: int
    status: str
    settings: Settings
    stop_reason: str | None
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a round. ``status`` is "started" or "finished"; ``result`` is what later steps need of it."""

    round_id: int
    name: str
    inputs_sha256: str
    status: str
    attempts: int
    result: dict[str, Any]
    seconds: float
    started_at: datetime
    finished_at: datetime | None


class Ledger:
    """Typed operations over one ledger file.

    Args:
        path: the DuckDB file; made when it is not there.
        patience: seconds to wait for another process that holds the file.
    """

    def __init__(self, path: Path, patience: float = 60.0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connector = Connector(path, patience)
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the file open over several operations, which saves opening it for each; other processes wait."""
        with self._connector.session():
            yield

    # ---- videos, frames, categories, held-back truth

    def add_categories(self, names: Iterable[str]) -> dict[str, int]:
        """Make sure that every name has an id (from 1, in order of first use); returns all of them."""
        with self._connector.transaction() as connection:
            known = dict(connection.execute("SELECT name, category_id FROM category").fetchall())
            for name in names:
                if name not in known:
                    known[name] = max(known.values(), default=0) + 1
                    connection.execute("INSERT INTO category VALUES (?, ?)", [known[name], name])
            return known

    def categories(self) -> dict[int, str]:
        """Category names by id, ids rising from 1."""
        with self._connector.session() as connection:
            rows = connection.execute("SELECT category_id, name FROM category ORDER BY 1").fetchall()
        return dict(rows)

    def add_video(
        self, video: Video, times_us: NDArray[np.int64], truth: Sequence[FrameLabel] = ()
    ) -> Video | None:
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
            (last,) = connection.execute("SELECT coalesce(max(video_id), 0) FROM video").fetchall()[0]
            stored = replace(video, video_id=last + 1, name=_free_name(connection, video.name))
            connection.execute(
                "INSERT INTO video VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    stored.video_id, stored.name, stored.uri, stored.kind, stored.sha256, stored.fps.numerator,
                    stored.fps.denominator, stored.n_frames, stored.height, stored.width, stored.rotation,
                    stored.variable_fps, stored.identities.value, _now(),
                ],
            )  # fmt: skip
            n = stored.n_frames
            _insert(
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

    def _insert_truth(
        self, connection: duckdb.DuckDBPyConnection, video_id: int, truth: Sequence[FrameLabel]
    ) -> None:
        if not truth:
            return
        frames = [label.frame.frame_idx for label in truth]
        table = {"video_id": [video_id] * len(frames), "frame_idx": frames}
        _insert(connection, "truth_frame", pa.table(table))
        rows = [(label.frame.frame_idx, mask) for label in truth for mask in label.masks]
        if rows:
            _insert(
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

    def add_truth(self, video_id: int, truth: Sequence[FrameLabel]) -> None:
        """Hold back the truth of frames that had none, of a video that is stored already."""
        with self._connector.transaction() as connection:
            self._insert_truth(connection, video_id, truth)

    def move_video(self, video_id: int, uri: str) -> Video:
        """Note that the same content lies elsewhere now; returns the video as it is stored then."""
        with self._connector.transaction() as connection:
            connection.execute("UPDATE video SET uri = ? WHERE video_id = ?", [uri, video_id])
        return next(video for video in self.videos() if video.video_id == video_id)

    def videos(self) -> list[Video]:
        """All videos, by id."""
        with self._connector.session() as connection:
            rows = connection.execute(f"SELECT {_VIDEO_COLUMNS} FROM video ORDER BY video_id").fetchall()
            files = dict(
                connection.execute(
                    "SELECT video_id, list(file ORDER BY frame_idx) FROM frame WHERE file IS NOT NULL GROUP BY video_id"
                ).fetchall()
            )
        return [_video(row, files.get(row[0], ())) for row in rows]

    def video(self, name: str) -> Video:
        """One video by name.

        Raises:
            UnknownName: there is none of that name.
        """
        by_name = {video.name: video for video in self.videos()}
        if name not in by_name:
            raise UnknownName("video", name, by_name)
        return by_name[name]

    def frame_times_us(self, video_id: int) -> NDArray[np.int64]:
        """Presentation time of each frame in microseconds, shape [n_frames]."""
        with self._connector.session() as connection:
            query = "SELECT time_us FROM frame WHERE video_id = ? ORDER BY frame_idx"
            return connection.execute(query, [video_id]).fetchnumpy()["time_us"]

    def truth(self, video_id: int, frame_indices: Sequence[int] | None = None) -> dict[int, FrameLabel]:
        """Held-back ground truth by frame; a frame whose truth is "nothing here" has an entry without masks.

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
        masks: dict[int, list[MaskLabel]] = {index: [] for index in sorted(wanted)}
        for frame_idx, track_id, category_id, height, width, counts in rows:
            masks[frame_idx].append(
                MaskLabel(track_id, category_id, Rle(height, width, counts.decode("ascii")))
            )
        return {index: FrameLabel(FrameRef(video_id, index), tuple(found)) for index, found in masks.items()}

    # ---- rounds and steps

    def begin_round(self, settings: Settings, flow_run_id: str | None = None) -> Round:
        """The round to work on: the unfinished one when there is one, otherwise the next.

        The unfinished round keeps the settings that it began with.
        """
        current = self.last_round()
        if current is not None and current.status != "finished":
            return current
        round_id = 1 if current is None else current.round_id + 1
        with self._connector.transaction() as connection:
            connection.execute(
                "INSERT INTO round VALUES (?, 'running', ?, ?, ?, NULL, ?, ?, NULL)",
                [round_id, settings.model_dump_json(), settings.sha256, settings.seed, flow_run_id, _now()],
            )
        return self.rounds()[-1]

    def finish_round(self, round_id: int, stop_reason: str | None) -> None:
        """Close a round; ``stop_reason`` says why the campaign ends with it, None that it goes on."""
        with self._connector.transaction() as connection:
            connection.execute(
                "UPDATE round SET status = 'finished', stop_reason = ?, finished_at = ? "
                "WHERE round_id = ? AND status <> 'finished'",
                [stop_reason, _now(), round_id],
            )

    def rounds(self) -> list[Round]:
        """All rounds, in order."""
        with self._connector.session() as connection:
            rows = connection.execute(
                "SELECT round_id, status, settings, stop_reason, started_at, finished_at FROM round ORDER BY 1"
            ).fetchall()
        return [Round(r[0], r[1], parse_settings(r[2]), *r[3:]) for r in rows]

    def last_round(self) -> Round | None:
        """The newest round, or None before the first."""
        rounds = self.rounds()
        return rounds[-1] if rounds else None

    def round(self, round_id: int) -> Round:
        """One round.

        Raises:
            UnknownName: there is no such round.
        """
        by_id = {r.round_id: r for r in self.rounds()}
        if round_id not in by_id:
            raise UnknownName("round", str(round_id), map(str, by_id))
        return by_id[round_id]

    def begin_step(self, round_id: int, name: str, inputs_sha256: str) -> Step | None:
        """Announce a step, or learn that it is done.

        Returns:
            The finished step with its result when the same inputs were worked on before; None when the caller
            has to do the work.

        Raises:
            LedgerConflict: the step is finished with other inputs.
        """
        with self._connector.transaction() as connection:
            row = connection.execute(
                f"SELECT {_STEP_COLUMNS} FROM step WHERE round_id = ? AND name = ?", [round_id, name]
            ).fetchone()
            if row is None:
                connection.execute(
                    "INSERT INTO step VALUES (?, ?, ?, 'started', 1, NULL, NULL, ?, NULL)",
                    [round_id, name, inputs_sha256, _now()],
                )
                return None
            step = _step(row)
            if step.status != "finished":
                connection.execute(
                    "UPDATE step SET attempts = attempts + 1, inputs_sha256 = ?, started_at = ? "
                    "WHERE round_id = ? AND name = ?",
                    [inputs_sha256, _now(), round_id, name],
                )
                return None
            if step.inputs_sha256 != inputs_sha256:
                raise LedgerConflict(
                    f"step {name!r} of round {round_id} is finished with other inputs "
                    f"({step.inputs_sha256[:12]} there, {inputs_sha256[:12]} now): labels or settings changed under it"
                )
            return step

    def finish_step(self, round_id: int, name: str, result: Mapping[str, Any], seconds: float) -> None:
        """Record a step's result; a step is finished once.

        Raises:
            LedgerConflict: it was finished before, or never begun.
        """
        with self._connector.transaction() as connection:
            row = connection.execute(
                "UPDATE step SET status = 'finished', result = ?, seconds = ?, finished_at = ? "
                "WHERE round_id = ? AND name = ? AND status = 'started' RETURNING name",
                [json.dumps(result, sort_keys=True), seconds, _now(), round_id, name],
            ).fetchone()
            if row is None:
                raise LedgerConflict(
                    f"step {name!r} of round {round_id} was not begun, or is finished already"
                )

    def steps(self, round_id: int | None = None) -> list[Step]:
        """The steps of one round or of all, in order of their start."""
        with self._connector.session() as connection:
            rows = connection.execute(
                f"SELECT {_STEP_COLUMNS} FROM step WHERE $1 IS NULL OR round_id = $1 ORDER BY round_id, started_at",
                [round_id],
            ).fetchall()
        return [_step(row) for row in rows]

    def step(self, round_id: int, name: str) -> Step | None:
        """One step of a round, or None when it was never begun."""
        return next((s for s in self.steps(round_id) if s.name == name), None)

    # ---- training and predictions

    def put_training_curve(self, round_id: int, curve: Sequence[tuple[int, float, float]]) -> None:
        """Replace a round's training curve: (iteration, loss, learning rate) in order."""
        columns = list(zip(*curve, strict=True)) or [(), (), ()]
        with self._connector.transaction() as connection:
            connection.execute("DELETE FROM training_curve WHERE round_id = ?", [round_id])
            _insert(
                connection,
                "training_curve",
                pa.table({
                    "round_id": pa.array([round_id] * len(curve), pa.int32()),
                    "iteration": pa.array(columns[0], pa.int32()),
                    "loss": pa.array(columns[1], pa.float64()),
                    "learning_rate": pa.array(columns[2], pa.float64()),
                }),
            )  # fmt: skip

    def training_curve(self, round_id: int) -> list[tuple[int, float, float]]:
        """(iteration, loss, learning rate) of a round's training, in order."""
        with self._connector.session() as connection:
            query = "SELECT iteration, loss, learning_rate FROM training_curve WHERE round_id = ? ORDER BY 1"
            return connection.execute(query, [round_id]).fetchall()

    def put_predictions(self, round_id: int, video_id: int, frames: pa.Table, path: str) -> None:
        """Replace what a round predicts for one video.

        Args:
            frames: one row per frame with the columns ``frame_idx``, ``uncertainty``, ``n_objects`` and the
                ``COMPONENTS``.
            path: the Parquet file of the predicted objects, relative to the project folder.
        """
        rows = frames.append_column("round_id", pa.array(np.full(len(frames), round_id, np.int32)))
        rows = rows.append_column("video_id", pa.array(np.full(len(frames), video_id, np.int32)))
        with self._connector.transaction() as connection:
            key = [round_id, video_id]
            connection.execute("DELETE FROM prediction WHERE round_id = ? AND video_id = ?", key)
            connection.execute("DELETE FROM prediction_batch WHERE round_id = ? AND video_id = ?", key)
            _insert(connection, "prediction", rows)
            connection.execute(
                "INSERT INTO prediction_batch VALUES (?, ?, ?, ?, ?)", [*key, len(frames), path, _now()]
            )

    def prediction_paths(self, round_id: int) -> dict[int, str]:
        """The Parquet file of predicted objects of each video, relative to the project folder."""
        with self._connector.session() as connection:
            query = "SELECT video_id, path FROM prediction_batch WHERE round_id = ? ORDER BY 1"
            return dict(connection.execute(query, [round_id]).fetchall())

    def predictions(self, round_id: int, video_id: int | None = None) -> dict[str, NDArray[Any]]:
        """Per-frame predictions as columns: ``video_id``, ``frame_idx``, ``uncertainty``, ``n_objects``, components.

        Rows are ordered by video and frame.
        """
        with self._connector.session() as connection:
            return connection.execute(
                f"SELECT video_id, frame_idx, uncertainty, n_objects, {', '.join(COMPONENTS)} FROM prediction "
                "WHERE round_id = $1 AND ($2 IS NULL OR video_id = $2) ORDER BY video_id, frame_idx",
                [round_id, video_id],
            ).fetchnumpy()

    def least_certain(self, round_id: int, limit: int) -> dict[str, NDArray[Any]]:
        """The unanswered frames with the highest uncertainty, ties by video and frame.

        Only a prefix of the order is read, so that asking for few of ten million frames costs one scan.

        Returns:
            Columns ``video_id``, ``frame_idx``, ``uncertainty``, at most ``limit`` rows, least certain first.
        """
        with self._connector.session() as connection:
            answered = connection.execute("SELECT DISTINCT video_id, frame_idx FROM answer").fetchnumpy()
            rows = connection.execute(
                "SELECT video_id, frame_idx, uncertainty FROM prediction WHERE round_id = ? "
                "ORDER BY uncertainty DESC, video_id, frame_idx LIMIT ?",
                [round_id, limit + len(answered["video_id"])],
            ).fetchnumpy()
        # An anti-join in SQL would lose DuckDB's top-n and sort everything.
        fresh = ~np.isin(_frame_keys(rows), _frame_keys(answered))
        return {name: column[fresh][:limit] for name, column in rows.items()}

    def least_certain_per_video(self, round_id: int, limit: int) -> dict[str, NDArray[Any]]:
        """The ``limit`` least certain frames of each video, answered ones too, and all that tie with the last.

        Returns:
            Columns ``video_id``, ``frame_idx``, ``uncertainty`` and ``lowest`` (of the frames that were taken of
            that video), least certain first, ties by video and frame.
        """
        with self._connector.session() as connection:
            return connection.execute(
                "WITH kept AS (SELECT video_id, list_last(max(uncertainty, $2)) AS lowest FROM prediction "
                "WHERE round_id = $1 GROUP BY video_id) "
                "SELECT p.video_id, frame_idx, uncertainty, lowest FROM prediction p JOIN kept "
                "ON p.video_id = kept.video_id AND uncertainty >= lowest WHERE round_id = $1 "
                "ORDER BY uncertainty DESC, p.video_id, frame_idx",
                [round_id, limit],
            ).fetchnumpy()

    def components_of(self, round_id: int, frames: Sequence[FrameRef]) -> dict[FrameRef, dict[str, float]]:
        """The named parts of the uncertainty of some frames; a frame without a prediction has no entry.

        Meant for some dozens of frames: it asks once per video, a few milliseconds each.
        """
        by_video: dict[int, list[int]] = {}
        for frame in frames:
            by_video.setdefault(frame.video_id, []).append(frame.frame_idx)
        found = {}
        with self._connector.session() as connection:
            for video_id, indices in by_video.items():
                rows = connection.execute(
                    f"SELECT frame_idx, {', '.join(COMPONENTS)} FROM prediction WHERE round_id = ? AND video_id = ? "
                    "AND frame_idx IN (SELECT unnest(?::INTEGER[])) ORDER BY 1",
                    [round_id, video_id, indices],
                ).fetchall()
                for index, *parts in rows:
                    found[FrameRef(video_id, index)] = dict(zip(COMPONENTS, parts, strict=True))
        return found

    def video_lengths(self) -> dict[int, int]:
        """Number of frames of each video, by id."""
        with self._connector.session() as connection:
            return dict(connection.execute("SELECT video_id, n_frames FROM video ORDER BY 1").fetchall())

    def asked_frames(self, before_round: int) -> dict[str, NDArray[Any]]:
        """Columns ``video_id``, ``frame_idx`` of the frames that earlier rounds asked for, answered or not."""
        with self._connector.session() as connection:
            return connection.execute(
                "SELECT DISTINCT video_id, frame_idx FROM label_request WHERE round_id < ? ORDER BY 1, 2",
                [before_round],
            ).fetchnumpy()

    def truth_frames(self) -> dict[str, NDArray[Any]]:
        """Columns ``video_id``, ``frame_idx`` of the frames whose truth is held back."""
        with self._connector.session() as connection:
            query = "SELECT video_id, frame_idx FROM truth_frame ORDER BY 1, 2"
            return connection.execute(query).fetchnumpy()

    # ---- selection, requests, answers

    def put_selection(self, round_id: int, strategy: str, selected: Sequence[Selected]) -> None:
        """Replace a round's selection."""
        with self._connector.transaction() as connection:
            connection.execute("DELETE FROM selection WHERE round_id = ?", [round_id])
            for s in selected:
                connection.execute(
                    "INSERT INTO selection VALUES (?, ?, ?, ?, ?, ?, ?)",
                    [round_id, s.frame.video_id, s.frame.frame_idx, s.rank, s.score, strategy, s.reason],
                )

    def selection(self, round_id: int) -> list[Selected]:
        """A round's selection, by rank."""
        with self._connector.session() as connection:
            rows = connection.execute(
                "SELECT video_id, frame_idx, rank, score, reason FROM selection WHERE round_id = ? ORDER BY rank",
                [round_id],
            ).fetchall()
        return [Selected(FrameRef(v, f), rank, score, reason) for v, f, rank, score, reason in rows]

    def put_requests(self, requests: Sequence[LabelRequest]) -> int:
        """Store requests that are not there yet; returns how many were new."""
        with self._connector.transaction() as connection:
            new = 0
            for r in requests:
                row = connection.execute(
                    "INSERT INTO label_request VALUES (?, ?, ?, ?, ?, ?, 'open', ?, ?) "
                    "ON CONFLICT DO NOTHING RETURNING request_id",
                    [
                        r.request_id,
                        r.round_id,
                        r.frame.video_id,
                        r.frame.frame_idx,
                        r.rank,
                        r.reason,
                        _now(),
                        _now(),
                    ],
                ).fetchone()
                new += row is not None
            return new

    def requests(self, round_id: int | None = None, status: str | None = None) -> list[LabelRequest]:
        """Requests by round and rank; ``status`` is "open" or "done"."""
        with self._connector.session() as connection:
            rows = connection.execute(
                "SELECT request_id, round_id, video_id, frame_idx, rank, reason FROM label_request "
                "WHERE ($1 IS NULL OR round_id = $1) AND ($2 IS NULL OR status = $2) ORDER BY round_id, rank",
                [round_id, status],
            ).fetchall()
        return [LabelRequest(i, r, FrameRef(v, f), rank, reason) for i, r, v, f, rank, reason in rows]

    def put_answer(self, answer: Answer) -> bool:
        """Store an answer as the newest revision of its request; returns False when it is there already.

        Raises:
            BadLabel: no such request, another frame than the one asked for, or masks of another size.
        """
        with self._connector.transaction() as connection:
            if connection.execute("SELECT 1 FROM answer WHERE answer_id = ?", [answer.answer_id]).fetchone():
                return False
            request = connection.execute(
                "SELECT round_id, video_id, frame_idx, height, width FROM label_request JOIN video USING (video_id) "
                "WHERE request_id = ?",
                [answer.request_id],
            ).fetchone()
            _check_answer(answer, request)
            round_id, video_id, frame_idx = request[:3]
            (revision,) = connection.execute(
                "SELECT coalesce(max(revision), 0) + 1 FROM answer WHERE request_id = ?", [answer.request_id]
            ).fetchall()[0]
            connection.execute(
                "INSERT INTO answer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    answer.answer_id, answer.request_id, revision, round_id, video_id, frame_idx, answer.kind.value,
                    answer.seconds, answer.annotator, _now(),
                ],
            )  # fmt: skip
            for mask in answer.label.masks:
                connection.execute(
                    "INSERT INTO label VALUES (?, ?, ?, ?, ?, ?)",
                    [
                        answer.answer_id,
                        video_id,
                        frame_idx,
                        mask.track_id,
                        mask.category_id,
                        mask.rle.counts.encode(),
                    ],
                )
            connection.execute(
                "UPDATE label_request SET status = 'done', updated_at = ? WHERE request_id = ?",
                [_now(), answer.request_id],
            )
            return True

    def human_labels(
        self, video_id: int | None = None, up_to_round: int | None = None, as_of: datetime | None = None
    ) -> list[FrameLabel]:
        """What people said, one label per frame (its newest answer), by video and frame.

        Args:
            video_id: only this video.
            up_to_round: only answers to requests of this round and earlier ones.
            as_of: only what was known at that time (UTC without zone), so that a round that is taken up again works
                on the labels that it began with.
        """
        with self._connector.session() as connection:
            rows = connection.execute(
                "WITH newest AS (SELECT * FROM answer WHERE ($1 IS NULL OR video_id = $1) "
                "AND ($2 IS NULL OR round_id <= $2) AND ($3 IS NULL OR created_at <= $3) QUALIFY row_number() OVER "
                "(PARTITION BY video_id, frame_idx ORDER BY round_id DESC, revision DESC) = 1) "
                "SELECT a.video_id, a.frame_idx, track_id, category_id, height, width, rle_counts "
                "FROM newest a JOIN video USING (video_id) LEFT JOIN label USING (answer_id) ORDER BY 1, 2, 3",
                [video_id, up_to_round, as_of],
            ).fetchall()
        masks: dict[FrameRef, list[MaskLabel]] = {}
        for video, frame_idx, track_id, category_id, height, width, counts in rows:
            found = masks.setdefault(FrameRef(video, frame_idx), [])
            if counts is not None:
                found.append(MaskLabel(track_id, category_id, Rle(height, width, counts.decode("ascii"))))
        return [FrameLabel(frame, tuple(found)) for frame, found in masks.items()]

    def newest_answer_at(self, up_to_round: int) -> datetime:
        """When the newest answer to a request of this round or an earlier one came in (UTC without zone)."""
        with self._connector.session() as connection:
            query = "SELECT coalesce(max(created_at), TIMESTAMP '1970-01-01') FROM answer WHERE round_id <= ?"
            return connection.execute(query, [up_to_round]).fetchall()[0][0]

    def human_effort(self) -> list[tuple[int, int, float]]:
        """(round, human frames, human seconds) of each round that has answers, not summed over rounds."""
        with self._connector.session() as connection:
            return connection.execute(
                "SELECT round_id, count(*), sum(seconds) FROM answer_current GROUP BY 1 ORDER BY 1"
            ).fetchall()

    # ---- delivered masks and their quality

    def put_delivered(
        self,
        round_id: int,
        video_id: int,
        path: str,
        n_covered: int,
        summary: Sequence[tuple[str, int, int, float]],
    ) -> None:
        """Replace what a round delivers for one video.

        Args:
            path: the Parquet file of delivered masks, relative to the project folder.
            n_covered: frames that are labelled: by a human, with objects or without, or by at least one other mask.
            summary: (provenance, frames with such a mask, masks, mean confidence in [0, 1]).
        """
        with self._connector.transaction() as connection:
            key = [round_id, video_id]
            connection.execute("DELETE FROM delivered WHERE round_id = ? AND video_id = ?", key)
            connection.execute("DELETE FROM delivered_batch WHERE round_id = ? AND video_id = ?", key)
            connection.execute(
                "INSERT INTO delivered_batch VALUES (?, ?, ?, ?, ?)", [*key, path, n_covered, _now()]
            )
            for provenance, n_frames, n_masks, confidence in summary:
                row = [*key, provenance, n_frames, n_masks, confidence]
                connection.execute("INSERT INTO delivered VALUES (?, ?, ?, ?, ?, ?)", row)

    def delivered_paths(self, round_id: int) -> dict[int, str]:
        """The Parquet file of delivered masks of each video, relative to the project folder."""
        with self._connector.session() as connection:
            query = "SELECT video_id, path FROM delivered_batch WHERE round_id = ? ORDER BY 1"
            return dict(connection.execute(query, [round_id]).fetchall())

    def last_delivered_round(self) -> int | None:
        """The newest round that delivered masks, or None."""
        with self._connector.session() as connection:
            (row,) = connection.execute("SELECT max(round_id) FROM delivered_batch").fetchall()
        return row[0]

    def frames_covered(self, round_id: int) -> int:
        """Frames of all videos that are labelled after a round, each counted once whatever its provenance."""
        with self._connector.session() as connection:
            query = "SELECT coalesce(sum(n_covered), 0)::BIGINT FROM delivered_batch WHERE round_id = ?"
            return connection.execute(query, [round_id]).fetchall()[0][0]

    def put_quality(
        self, round_id: int, video_id: int, rows: Sequence[tuple[int | None, str, str, float, int]]
    ) -> None:
        """Replace a round's quality figures of one video.

        Args:
            rows: (track or None for all, provenance or "all", metric, value, frames that were measured).
        """
        with self._connector.transaction() as connection:
            connection.execute(
                "DELETE FROM quality WHERE round_id = ? AND video_id = ?", [round_id, video_id]
            )
            for row in rows:
                connection.execute(
                    "INSERT INTO quality VALUES (?, ?, ?, ?, ?, ?, ?)", [round_id, video_id, *row]
                )

    def quality(self, round_id: int | None = None) -> list[tuple[int, int, int | None, str, str, float, int]]:
        """(round, video, track or None, provenance or "all", metric, value, frames) of one round or of all."""
        with self._connector.session() as connection:
            return connection.execute(
                "SELECT * FROM quality WHERE $1 IS NULL OR round_id = $1 ORDER BY round_id, video_id, track_id, 4, 5",
                [round_id],
            ).fetchall()

    def coverage(self) -> list[dict[str, Any]]:
        """Label coverage per round, cheap at any number of predictions.

        Returns:
            One entry per round: ``round_id``, ``status``, ``n_frames`` (of all videos), ``predicted``,
            ``requested``, ``answered``, ``human_frames`` (so far), ``human_seconds`` (so far), ``delivered``:
            provenance -> (frames, masks) of the masks delivered in that round, and ``covered``: frames that are
            labelled after it, each counted once (see :meth:`frames_covered`).
        """
        with self._connector.session() as connection:
            rows = connection.execute(_COVERAGE).fetchall()
            delivered = connection.execute(
                "SELECT round_id, provenance, sum(n_frames)::BIGINT, sum(n_masks)::BIGINT FROM delivered GROUP BY 1, 2"
            ).fetchall()
            covered = dict(
                connection.execute(
                    "SELECT round_id, sum(n_covered)::BIGINT FROM delivered_batch GROUP BY 1"
                ).fetchall()
            )
        names = (
            "round_id",
            "status",
            "n_frames",
            "predicted",
            "requested",
            "answered",
            "human_frames",
            "human_seconds",
        )
        table = [dict(zip(names, row, strict=True)) for row in rows]
        for entry in table:
            entry["delivered"] = {p: (f, m) for r, p, f, m in delivered if r == entry["round_id"]}
            entry["covered"] = covered.get(entry["round_id"], 0)
        return table


_VIDEO_COLUMNS = (
    "video_id, name, uri, kind, sha256, fps_numerator, fps_denominator, n_frames, height, width, rotation, "
    "variable_fps, identities"
)

_STEP_COLUMNS = "round_id, name, inputs_sha256, status, attempts, result, seconds, started_at, finished_at"

# Counts of predictions come from their manifest: the table of predictions itself is never scanned.
_COVERAGE = """
WITH total AS (SELECT coalesce(sum(n_frames), 0)::BIGINT AS n_frames FROM video),
predicted AS (SELECT round_id, sum(n_rows)::BIGINT AS predicted FROM prediction_batch GROUP BY 1),
asked AS (
    SELECT round_id, count(*) AS requested, count(*) FILTER (status = 'done') AS answered
    FROM label_request GROUP BY 1),
first_answer AS (
    SELECT min(round_id) AS round_id FROM answer GROUP BY video_id, frame_idx),
new_frames AS (SELECT round_id, count(*) AS new_frames FROM first_answer GROUP BY 1),
effort AS (SELECT round_id, sum(seconds) AS seconds FROM answer_current GROUP BY 1)
SELECT round_id, status, n_frames, coalesce(predicted, 0), coalesce(requested, 0), coalesce(answered, 0),
    coalesce(sum(new_frames) OVER (ORDER BY round_id), 0)::BIGINT,
    coalesce(sum(seconds) OVER (ORDER BY round_id), 0)::DOUBLE
FROM round CROSS JOIN total LEFT JOIN predicted USING (round_id) LEFT JOIN asked USING (round_id)
LEFT JOIN new_frames USING (round_id) LEFT JOIN effort USING (round_id) ORDER BY round_id
"""


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    connection.register("incoming", rows)
    try:
        connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    finally:
        connection.unregister("incoming")


def _frame_keys(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    return columns["video_id"].astype(np.int64) << 32 | columns["frame_idx"].astype(np.int64)


def _free_name(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    taken = {row[0] for row in connection.execute("SELECT name FROM video").fetchall()}
    numbered = (f"{name}-{i}" for i in range(2, len(taken) + 3))
    return name if name not in taken else next(n for n in numbered if n not in taken)


def _video(row: tuple[Any, ...], files: Sequence[str]) -> Video:
    fps = Fraction(row[5], row[6])
    return Video(*row[:5], fps, *row[7:12], Identities(row[12]), tuple(files))


def _step(row: tuple[Any, ...]) -> Step:
    return Step(*row[:5], json.loads(row[5] or "{}"), row[6] or 0.0, *row[7:])


def _check_answer(answer: Answer, request: tuple[Any, ...] | None) -> None:
    if request is None:
        raise BadLabel(f"{answer.answer_id}: there is no request {answer.request_id!r}")
    _, video_id, frame_idx, height, width = request
    frame = answer.label.frame
    if (frame.video_id, frame.frame_idx) != (video_id, frame_idx):
        raise BadLabel(f"{answer.request_id} asks for frame {frame_idx} of video {video_id}, got {frame}")
    for mask in answer.label.masks:
        if (mask.rle.height, mask.rle.width) != (height, width):
            raise BadLabel(
                f"{answer.request_id}: the frame is {height}x{width} pixels (height x width), "
                f"a mask is {mask.rle.height}x{mask.rle.width}"
            )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
