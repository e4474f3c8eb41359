"""Rounds and their steps: what was done, with which inputs, and what came of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from al_core.errors import LedgerConflict, UnknownName
from al_core.ledger.operations import Operations, now
from al_core.settings import Settings, parse_settings


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


class RoundOperations(Operations):
    """The state of the loop."""

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
                [round_id, settings.model_dump_json(), settings.sha256, settings.seed, flow_run_id, now()],
            )
        return self.rounds()[-1]

    def finish_round(self, round_id: int, stop_reason: str | None) -> None:
        """Close a round; ``stop_reason`` says why the campaign ends with it, None that it goes on."""
        with self._connector.transaction() as connection:
            connection.execute(
                "UPDATE round SET status = 'finished', stop_reason = ?, finished_at = ? "
                "WHERE round_id = ? AND status <> 'finished'",
                [stop_reason, now(), round_id],
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
                    [round_id, name, inputs_sha256, now()],
                )
                return None
            step = _step(row)
            if step.status != "finished":
                connection.execute(
                    "UPDATE step SET attempts = attempts + 1, inputs_sha256 = ?, started_at = ? "
                    "WHERE round_id = ? AND name = ?",
                    [inputs_sha256, now(), round_id, name],
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
                [json.dumps(result, sort_keys=True), seconds, now(), round_id, name],
            ).fetchone()
            if row is None:
                raise LedgerConflict(f"step {name!r} of round {round_id} was not begun, or is finished already")

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


_STEP_COLUMNS = "round_id, name, inputs_sha256, status, attempts, result, seconds, started_at, finished_at"


def _step(row: tuple[Any, ...]) -> Step:
    round_id, name, inputs_sha256, status, attempts, result, seconds, started_at, finished_at = row
    done = json.loads(result or "{}")
    return Step(round_id, name, inputs_sha256, status, attempts, done, seconds or 0.0, started_at, finished_at)
