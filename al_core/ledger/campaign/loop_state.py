"""Rounds and their steps: what was done, with which inputs, and what came of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from al_core.errors import LedgerConflict, UnknownName
from al_core.ledger.operations import Operations, now, reads, writes
from al_core.settings import Settings, StoredSettings, parse_settings


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of the loop.

    Attributes:
        status: "running", "finished" or "abandoned".
        settings: what its steps that are not done run with; a finished step may have run with others.
        flow_run_id: of the Prefect run that began it, or None.
    """

    round_id: int
    status: str
    settings: Settings
    stop_reason: str | None
    started_at: datetime
    finished_at: datetime | None
    flow_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a round.

    Attributes:
        status: "started" or "finished".
        result: what later steps need of it.
        code: version of the code that started it last, see :func:`al_core.fingerprint.code_version`.
        error: why it failed last; empty when it did not, or was started again since.
        form: of its inputs; hashes of different forms cannot be compared.
    """

    round_id: int
    name: str
    inputs_sha256: str
    status: str
    attempts: int
    result: dict[str, Any]
    seconds: float
    started_at: datetime
    finished_at: datetime | None
    code: str = ""
    error: str = ""
    form: int = 1


class RoundOperations(Operations):
    """The state of the loop."""

    @writes
    def begin_round(self, settings: Settings, flow_run_id: str | None = None) -> Round:
        """Return the round to work on: the unfinished one where there is one, otherwise a new one with these settings.

        The settings of an unfinished round are changed by
        :meth:`~al_core.ledger.campaign.steering.SteeringOperations.change_round` only.
        """
        current = self.last_round()
        if current is not None and current.status == "running":
            return current
        round_id = 1 if current is None else current.round_id + 1
        with self._connector.transaction() as connection:
            connection.execute(
                "INSERT INTO round VALUES (?, 'running', ?, ?, ?, NULL, ?, ?, NULL)",
                [round_id, settings.to_json(), settings.sha256, settings.seed, flow_run_id, now()],
            )
        return self.rounds()[-1]

    @writes
    def finish_round(self, round_id: int, stop_reason: str | None) -> None:
        """Close a round; ``stop_reason`` says why the campaign ends with it, None that it goes on."""
        with self._connector.transaction() as connection:
            connection.execute(
                "UPDATE round SET status = 'finished', stop_reason = ?, finished_at = ? "
                "WHERE round_id = ? AND status = 'running'",
                [stop_reason, now(), round_id],
            )

    @reads
    def rounds(self) -> list[Round]:
        """Return all rounds, in order."""
        rows = self._rows(f"SELECT {_ROUND_COLUMNS} FROM round ORDER BY 1")
        return [_round(row) for row in rows]

    @reads
    def last_round(self) -> Round | None:
        """Return the newest round, or None before the first."""
        with self._connector.session() as connection:
            row = connection.execute(f"SELECT {_ROUND_COLUMNS} FROM round ORDER BY 1 DESC LIMIT 1").fetchone()
        return None if row is None else _round(row)

    @reads
    def round(self, round_id: int) -> Round:
        """Return one round.

        Raises:
            UnknownName: there is no such round.
        """
        with self._connector.session() as connection:
            query = f"SELECT {_ROUND_COLUMNS} FROM round WHERE round_id = ?"
            row = connection.execute(query, [round_id]).fetchone()
            if row is None:
                raise self._unknown_round(round_id)
        return _round(row)

    def _unknown_round(self, round_id: int) -> UnknownName:
        known = self._rows("SELECT round_id FROM round ORDER BY 1")
        return UnknownName("round", str(round_id), (str(number) for (number,) in known))

    @reads
    def round_before(self, round_id: int) -> int:
        """Return the round before one, abandoned ones passed over; 0 where there is none."""
        gone = {row[0] for row in self._rows("SELECT round_id FROM round WHERE status = 'abandoned'")}
        return next((before for before in range(round_id - 1, 0, -1) if before not in gone), 0)

    @reads
    def step_settings(self, round_id: int, name: str = "") -> StoredSettings:
        """Return the settings that a finished step ran with, or that one which is not finished runs with.

        Args:
            name: of the step; for one that is none, those of the round.

        Raises:
            UnknownName: there is no such round.
        """
        query = (
            "SELECT coalesce((SELECT settings FROM step WHERE round_id = $1 AND name = $2), settings) "
            "FROM round WHERE round_id = $1"
        )
        with self._connector.session():
            rows = self._rows(query, [round_id, name])
            if not rows:
                raise self._unknown_round(round_id)
        return StoredSettings(rows[0][0])

    @writes
    def begin_step(self, round_id: int, name: str, inputs_sha256: str, code: str = "", form: int = 1) -> Step | None:
        """Start a step, or learn that it is done.

        Args:
            code: version of the code that does the work.
            form: of the inputs that were hashed; a step that was finished with inputs of another form stays finished.

        Returns:
            The finished step with its result when the same inputs were worked on before; None when the caller
            has to do the work.

        Raises:
            LedgerConflict: the step is finished with other inputs, or the round was abandoned.
        """
        with self._connector.transaction() as connection:
            refuse_abandoned(connection, round_id)
            row = connection.execute(
                f"SELECT {_STEP_COLUMNS} FROM step WHERE round_id = ? AND name = ?", [round_id, name]
            ).fetchone()
            if row is None:
                connection.execute(
                    "INSERT INTO step VALUES (?, ?, ?, 'started', 1, NULL, NULL, ?, NULL, ?, '', NULL, ?)",
                    [round_id, name, inputs_sha256, now(), code, form],
                )
                return None
            step = _step(row)
            if step.status != "finished":
                connection.execute(
                    "UPDATE step SET attempts = attempts + 1, inputs_sha256 = ?, started_at = ?, code = ?, "
                    "error = '', form = ? WHERE round_id = ? AND name = ?",
                    [inputs_sha256, now(), code, form, round_id, name],
                )
                return None
            if step.inputs_sha256 != inputs_sha256 and step.form == form:
                raise LedgerConflict(
                    f"step {name!r} of round {round_id} is finished with other inputs "
                    f"({step.inputs_sha256[:12]} there, {inputs_sha256[:12]} now): labels or settings changed under it"
                )
            return step

    @writes
    def fail_step(self, round_id: int, name: str, error: str) -> None:
        """Record why a step that was started could not be done; it is started again like one that was killed."""
        with self._connector.transaction() as connection:
            connection.execute(
                "UPDATE step SET error = ? WHERE round_id = ? AND name = ? AND status = 'started'",
                [error[:_LONGEST_ERROR], round_id, name],
            )

    @writes
    def finish_step(
        self,
        round_id: int,
        name: str,
        result: Mapping[str, Any],
        seconds: float,
        settings: StoredSettings | None = None,
    ) -> None:
        """Record a step's result; a step is finished once.

        Args:
            settings: what it ran with; those of its round when left out.

        Raises:
            LedgerConflict: it was finished before, or never started.
        """
        ran_with = None if settings is None else settings.text
        with self._connector.transaction() as connection:
            row = connection.execute(
                "UPDATE step SET status = 'finished', result = $1, seconds = $2, finished_at = $3, "
                "settings = coalesce($4, (SELECT settings FROM round WHERE round_id = $5)) "
                "WHERE round_id = $5 AND name = $6 AND status = 'started' RETURNING name",
                [json.dumps(result, sort_keys=True), seconds, now(), ran_with, round_id, name],
            ).fetchone()
            if row is None:
                raise LedgerConflict(f"step {name!r} of round {round_id} was not started, or is finished already")

    @writes
    def reopen_step(self, round_id: int, name: str, videos: Sequence[int] = ()) -> None:
        """Let a finished step be done again with its own settings, because what it made is damaged; other steps stay as
        they are.

        Args:
            videos: whose predictions (of "predict") or delivered masks (of "propagate") are damaged.
        """
        with self._connector.transaction() as connection:
            connection.execute(
                "UPDATE step SET status = 'started', result = NULL, finished_at = NULL, settings = coalesce(settings, "
                "(SELECT settings FROM round WHERE round_id = $1)) WHERE round_id = $1 AND name = $2",
                [round_id, name],
            )
            table = {"predict": "prediction_batch", "propagate": "delivered_batch"}.get(name)
            if table is not None:
                query = f"DELETE FROM {table} WHERE round_id = ? AND video_id IN (SELECT unnest(?::INTEGER[]))"
                connection.execute(query, [round_id, list(videos)])

    @reads
    def steps(self, round_id: int | None = None) -> list[Step]:
        """Return the steps of one round or of all, in order of their start."""
        rows = self._rows(
            f"SELECT {_STEP_COLUMNS} FROM step WHERE $1 IS NULL OR round_id = $1 ORDER BY round_id, started_at",
            [round_id],
        )
        return [_step(row) for row in rows]

    @reads
    def step(self, round_id: int, name: str) -> Step | None:
        """Return one step of a round, or None when it was never started."""
        return next((s for s in self.steps(round_id) if s.name == name), None)


def refuse_abandoned(connection: duckdb.DuckDBPyConnection, round_id: int) -> None:
    """Refuse to work on a round that was given up meanwhile.

    Raises:
        LedgerConflict: it was abandoned.
    """
    query = "SELECT 1 FROM round WHERE round_id = ? AND status = 'abandoned'"
    if connection.execute(query, [round_id]).fetchone():
        raise LedgerConflict(f"round {round_id} was abandoned: the next run begins a new one")


_LONGEST_ERROR = 4000
_ROUND_COLUMNS = "round_id, status, settings, stop_reason, started_at, finished_at, flow_run_id"
_STEP_COLUMNS = (
    "round_id, name, inputs_sha256, status, attempts, result, seconds, started_at, finished_at, code, error, form"
)


def _round(row: tuple[Any, ...]) -> Round:
    round_id, status, settings, *rest = row
    return Round(round_id, status, parse_settings(settings), *rest)


def _step(row: tuple[Any, ...]) -> Step:
    round_id, name, inputs_sha256, status, attempts, result, seconds, *rest = row
    return Step(round_id, name, inputs_sha256, status, attempts, json.loads(result or "{}"), seconds or 0.0, *rest)
