"""Made deliveries of which every mask's overlap is known, and audits of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from al_core.audit.audit_records import (
    Accepted,
    AuditAnswer,
    AuditSample,
    AuditUnit,
    Certificate,
    Grade,
    Population,
    Stratum,
    UnitKey,
)
from al_core.records import FrameRef


@dataclass(frozen=True, eq=False)
class Known:
    """A delivery, and what nobody knows of it.

    ``overlap`` float64 [masks] is each mask's IoU with the truth, ``missed`` int64 [frames] how many objects lack.
    """

    population: Population
    overlap: NDArray[np.float64]
    missed: NDArray[np.int64]

    def answers(self, samples: Sequence[AuditSample], iou: float = 0.75) -> dict[UnitKey, AuditAnswer]:
        """What people who make no mistake answer to all units of some samples."""
        found = {}
        for sample in samples:
            for unit in sample.units:
                found[unit.key] = self._answer(unit, iou)
        return found

    def _answer(self, unit: AuditUnit, iou: float) -> AuditAnswer:
        p, (video, frame) = self.population, (unit.frame.video_id, unit.frame.frame_idx)
        if unit.whole_frame:
            at = np.flatnonzero((p.frame_video == video) & (p.frame_number == frame))[0]
            return AuditAnswer(unit.key, "ann", f"a-{unit.key}", missed=int(self.missed[at]))
        (at,) = np.flatnonzero((p.video_id == video) & (p.frame_idx == frame) & (p.track_id == unit.track_id))
        overlap = float(self.overlap[at])
        if unit.grade is Grade.JUDGED:
            return AuditAnswer(unit.key, "ann", f"a-{unit.key}", good=overlap >= iou)
        return AuditAnswer(unit.key, "ann", f"a-{unit.key}", j=overlap, f=overlap)


def delivery(overlap: Sequence[float], confidence: Sequence[float] | None = None, videos: int = 2) -> Known:
    """A delivery of one object in each frame of some videos of one length, every other mask by a teacher."""
    n = len(overlap)
    video = np.repeat(np.arange(1, videos + 1), n // videos)
    frame, one = np.tile(np.arange(n // videos), videos), np.ones(n, np.int64)
    provenance = np.where(frame % 2, "teacher", "propagated")
    sure = np.array(overlap if confidence is None else confidence, float)
    population = Population(1, video, frame, one, one, provenance, sure, video, frame)
    return Known(population, np.array(overlap, float), np.zeros(n, np.int64))


def small_sample(draw: int = 1) -> AuditSample:
    """One mask to judge, one to draw blind, and a frame to look through."""
    units = (
        AuditUnit(FrameRef(1, 2), 1, Grade.JUDGED, 0.5, 1, "propagated", 0.75),
        AuditUnit(FrameRef(1, 4), 1, Grade.MEASURED, 0.5, 1, "teacher", 0.5),
        AuditUnit(FrameRef(1, 5), 0, Grade.JUDGED, 0.25),
    )
    strata = (Stratum(1, "propagated", 2, 1, 0), Stratum(1, "teacher", 2, 0, 1), Stratum(1, "", 4, 1, 0))
    return AuditSample(1, draw, 7, 0.75, (1, 1, 1), "ab12", strata, units)


def certificate(number: int = 1) -> Certificate:
    """A certificate of two hundred masks."""
    accepted = (Accepted(None, 0.9, 200, 60, 0, 0.049),)
    return Certificate(
        kind="masks", number=number, round_id=1, made_at="2026-11-26T12:00:00", grade=Grade.JUDGED, iou=0.75,
        error=0.05, confidence=0.95, spent=0.025, spent_in_all=0.025, population="ab12", delivered={"1": "cd34"},
        masks=400, draws=(1,), seeds=(7,), answers="ef56", answers_so_far=140, audited=120,
        failed=4, unanswered=0, accepted=accepted, people=("ann",), not_covered=("videos that are added later",),
    )  # fmt: skip
