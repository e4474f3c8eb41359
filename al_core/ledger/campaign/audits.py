"""Audit samples of what rounds delivered, what people answered to them, and certificates."""

import json
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

import duckdb

from al_core.audit.audit_records import (
    AuditAnswer,
    AuditSample,
    AuditUnit,
    Certificate,
    Grade,
    Stratum,
    UnitKey,
)
from al_core.errors import LedgerConflict
from al_core.ledger.arrow import pa
from al_core.ledger.operations import Operations, insert, now, reads, writes
from al_core.records import FrameRef


class AuditOperations(Operations):
    """What is known of masks that nobody looked at."""

    @writes
    def put_audit_sample(self, sample: AuditSample) -> bool:
        """Store a draw from a round's delivery; returns False where this draw is stored already.

        Raises:
            LedgerConflict: another sample has its number, or draws before it are missing.
        """
        with self._connector.transaction() as connection:
            mine = [sample.round_id, sample.draw]
            stored = _samples(connection, *mine)
            if stored:
                if stored != [sample]:
                    raise LedgerConflict(f"round {sample.round_id} has another audit sample number {sample.draw}")
                return False
            ((last,),) = connection.execute(
                "SELECT coalesce(max(draw), 0) FROM audit_sample WHERE round_id = ?", [sample.round_id]
            ).fetchall()
            if sample.draw != last + 1:
                raise LedgerConflict(f"the next audit sample of round {sample.round_id} is number {last + 1}")
            strata = json.dumps([astuple(stratum) for stratum in sample.strata])
            row = [sample.seed, sample.iou, json.dumps(sample.asked), sample.population, strata]
            connection.execute("INSERT INTO audit_sample VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [*mine, *row, now()])
            if sample.units:
                insert(connection, "audit_unit", _unit_rows(sample))
            return True

    @reads
    def audit_samples(self, round_id: int) -> list[AuditSample]:
        """Return the draws from a round's delivery, in order; units of purged videos are gone."""
        with self._connector.session() as connection:
            return _samples(connection, round_id)

    @writes
    def put_audit_answers(self, round_id: int, answers: Sequence[AuditAnswer]) -> int:
        """Store what answers say of drawn units of a round's delivery; returns how many were not stored before.

        Rows are never changed: a correction is another answer to the same unit, and the newest counts.
        """
        with self._connector.transaction() as connection:
            query = "SELECT video_id, frame_idx, track_id, grade, answer_id FROM audit_answer WHERE round_id = ?"
            known = set(connection.execute(query, [round_id]).fetchall())
            given = {(*astuple(answer.key), answer.answer_id): answer for answer in answers}
            fresh = [answer for name, answer in given.items() if name not in known]
            if fresh:
                ((so_far,),) = connection.execute("SELECT count(*) FROM audit_answer").fetchall()
                insert(connection, "audit_answer", _answer_rows(round_id, fresh, so_far))
            return len(fresh)

    @reads
    def audit_answers(self, round_id: int, as_of: int | None = None) -> list[AuditAnswer]:
        """Return the newest answer to each drawn unit of a round's delivery; none that was taken back.

        Args:
            as_of: only the first so many answers of the project, as :meth:`audit_answers_so_far` counted them.
        """
        return [_answer(*row) for row in self._rows(_NEWEST, [round_id, as_of])]

    @reads
    def audit_answers_so_far(self) -> int:
        """Return how many answers to drawn units came, those that were corrected or taken back too."""
        return self._rows("SELECT count(*) FROM audit_answer")[0][0]

    @writes
    def put_certificate(self, certificate: Certificate) -> None:
        """Store a certificate, or a look that certified nothing.

        Raises:
            LedgerConflict: another look has its number, since somebody else asked at the same time.
        """
        with self._connector.transaction() as connection:
            ((last,),) = connection.execute("SELECT coalesce(max(number), 0) FROM certificate").fetchall()
            if certificate.number != last + 1:
                raise LedgerConflict(f"the next certificate is number {last + 1}, not {certificate.number}: try again")
            row = [certificate.number, certificate.certificate_id, certificate.kind, certificate.round_id]
            content = json.dumps(certificate.to_json())
            connection.execute("INSERT INTO certificate VALUES (?, ?, ?, ?, ?, ?)", [*row, content, now()])

    @reads
    def certificates(self, as_of: datetime | None = None) -> list[Certificate]:
        """Return the certificates of the project (as they were at a time), in order; those that accept nothing too."""
        query = "SELECT content FROM certificate WHERE ($1 IS NULL OR made_at <= $1) ORDER BY number"
        rows = self._rows(query, [as_of])
        return [Certificate.from_json(json.loads(content)) for (content,) in rows]


def _answer_rows(round_id: int, answers: Sequence[AuditAnswer], so_far: int) -> "pa.Table":
    moment = now()
    rows = [
        {
            "round_id": round_id, "video_id": a.key.video_id, "frame_idx": a.key.frame_idx, "track_id": a.key.track_id,
            "grade": a.key.grade.value, "person": a.person, "answer_id": a.answer_id, "good": a.good, "j": a.j,
            "f": a.f, "missed": a.missed, "seconds": a.seconds, "answered_at": moment, "number": so_far + number,
        }
        for number, a in enumerate(answers, start=1)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


def _unit_rows(sample: AuditSample) -> "pa.Table":
    rows = [
        {
            "round_id": sample.round_id, "draw": sample.draw, "place": place, "video_id": unit.frame.video_id,
            "frame_idx": unit.frame.frame_idx, "track_id": unit.track_id, "grade": unit.grade.value,
            "inclusion": unit.inclusion, "category_id": unit.category_id, "provenance": unit.provenance,
            "confidence": unit.confidence, "pair": unit.pair,
        }
        for place, unit in enumerate(sample.units)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows)


def _samples(connection: duckdb.DuckDBPyConnection, round_id: int, draw: int | None = None) -> list[AuditSample]:
    """Return the draws of a round, or one of them."""
    mine = {"round": round_id, "draw": draw}
    units: dict[int, list[AuditUnit]] = {}
    for number, video, frame, track, grade, inclusion, *mask in connection.execute(_UNITS, mine).fetchall():
        unit = AuditUnit(FrameRef(video, frame), track, Grade(grade), inclusion, *mask)
        units.setdefault(number, []).append(unit)
    return [
        AuditSample(
            *(round_id, number, seed, iou),
            tuple(json.loads(asked)),
            population,
            tuple(Stratum(*each) for each in json.loads(strata)),
            tuple(units.get(number, ())),
        )
        for number, seed, iou, asked, population, strata in connection.execute(_DRAWS, mine).fetchall()
    ]


def _answer(video: int, frame: int, track: int, grade: str, *said: Any) -> AuditAnswer:
    return AuditAnswer(UnitKey(video, frame, track, Grade(grade)), *said)


_DRAWS = """
SELECT draw, seed, iou, asked, population, strata FROM audit_sample
WHERE round_id = $round AND ($draw IS NULL OR draw = $draw) ORDER BY draw
"""

_UNITS = """
SELECT draw, video_id, frame_idx, track_id, grade, inclusion, category_id, provenance, confidence, pair
FROM audit_unit WHERE round_id = $round AND ($draw IS NULL OR draw = $draw) ORDER BY draw, place
"""

_NEWEST = """
SELECT video_id, frame_idx, track_id, grade, person, answer_id, good, j, f, missed, seconds FROM audit_answer
WHERE round_id = $1 AND ($2 IS NULL OR number <= $2)
    AND answer_id NOT IN (SELECT answer_id FROM withdrawal)
QUALIFY row_number() OVER (PARTITION BY video_id, frame_idx, track_id, grade ORDER BY number DESC) = 1
ORDER BY video_id, frame_idx, track_id, grade
"""
