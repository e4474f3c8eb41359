"""What an audit is made of: its population, its sample, what people answered, an estimate, and a certificate."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.errors import BadAudit
from al_core.fingerprint import fingerprint
from al_core.records import FrameRef, Provenance

WHOLE_FRAME = 0
"""The track of a unit that is a whole frame: objects are numbered from 1."""


class Grade(StrEnum):
    """What an answer is worth; the two are never mixed.

    ``MEASURED``: a person drew from nothing and the overlap was computed. ``JUDGED``: a person looked at the mask of
    the machine and said whether it is good enough.
    """

    MEASURED = "measured"
    JUDGED = "judged"


@dataclass(frozen=True, order=True, slots=True)
class UnitKey:
    """What is audited: one object in one frame, or a whole frame (track 0), by one grade of answer."""

    video_id: int
    frame_idx: int
    track_id: int
    grade: Grade


@dataclass(frozen=True, slots=True)
class AuditUnit:
    """A drawn mask or frame.

    Attributes:
        track_id: 0 for a whole frame, of which the question is what the delivery misses in it.
        category_id, provenance, confidence: of the delivered mask; 0, "" and 0 for a whole frame.
        inclusion: probability with which the design draws this unit, in (0, 1].
        pair: a judgement of a mask that is drawn blind too. It measures the judge, and counts in no estimate. It is
            asked after the blind one was answered, or of somebody else.

    Raises:
        BadAudit: a probability that is not in (0, 1], or a pair that is not a judgement of a mask.
    """

    frame: FrameRef
    track_id: int
    grade: Grade
    inclusion: float
    category_id: int = 0
    provenance: str = ""
    confidence: float = 0.0
    pair: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.inclusion <= 1:
            raise BadAudit(f"{self.frame}: the probability of being drawn is in (0, 1], got {self.inclusion}")
        if self.pair and (self.grade is not Grade.JUDGED or self.whole_frame):
            raise BadAudit(f"{self.frame}: only the judgement of a mask makes a pair, got {self.grade}")

    @property
    def whole_frame(self) -> bool:
        """True where the frame is audited for what is missing in it."""
        return self.track_id == WHOLE_FRAME

    @property
    def key(self) -> UnitKey:
        """What names the unit within its draw."""
        return UnitKey(self.frame.video_id, self.frame.frame_idx, self.track_id, self.grade)


@dataclass(frozen=True, slots=True)
class Stratum:
    """Masks of one provenance in one video, or the frames of a video (provenance ""): how many there are, how many
    of them are drawn to be judged, and how many blind."""

    video_id: int
    provenance: str
    size: int
    judged: int
    blind: int


@dataclass(frozen=True, slots=True)
class AuditSample:
    """What was drawn from a round's delivery, and how: the same seed draws the same again.

    Attributes:
        draw: number of this draw among those of the round's delivery, from 1.
        iou: overlap from which a mask is good enough; what judges are asked about.
        asked: how many masks to judge, blind masks and frames were asked for.
        population: :attr:`Population.digest` of what it was drawn from.
    """

    round_id: int
    draw: int
    seed: int
    iou: float
    asked: tuple[int, int, int]
    population: str
    strata: tuple[Stratum, ...]
    units: tuple[AuditUnit, ...]

    def __post_init__(self) -> None:
        if not 0 < self.iou < 1:
            raise BadAudit(f"the IoU from which a mask is good enough lies between 0 and 1, got {self.iou}")
        keys = [unit.key for unit in self.units]
        if len(set(keys)) != len(keys):
            raise BadAudit(f"round {self.round_id}, draw {self.draw}: a unit is drawn once per grade")

    def of(self, grade: Grade, whole_frames: bool = False) -> list[AuditUnit]:
        """Return the drawn masks (or frames) of one grade, those that only measure judges left out."""
        return [u for u in self.units if u.grade is grade and u.whole_frame is whole_frames and not u.pair]


@dataclass(frozen=True, slots=True)
class AuditAnswer:
    """What a person's answer says of a drawn unit.

    Attributes:
        good: of a judged mask, whether it is good enough; None otherwise.
        j, f: of a blind mask, region overlap and boundary accuracy with what the person drew, in [0, 1]; 0 where the
            person drew no such object. None otherwise.
        missed: of a whole frame, how many objects the delivery misses; None otherwise.
        answer_id: of the ledger's answer that it comes from.

    Raises:
        BadAudit: it does not answer what its grade asks.
    """

    key: UnitKey
    person: str
    answer_id: str
    good: bool | None = None
    j: float | None = None
    f: float | None = None
    missed: int | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.key.track_id == WHOLE_FRAME:
            fits = self.missed is not None and self.missed >= 0
        elif self.key.grade is Grade.JUDGED:
            fits = self.good is not None
        else:
            fits = self.j is not None and 0 <= self.j <= 1 and (self.f is None or 0 <= self.f <= 1)
        if not fits:
            raise BadAudit(f"{self.key}: an answer says good, j (and f) or missed, as its unit asks; got {self}")

    def is_good(self, iou: float) -> bool:
        """Tell whether a mask is good enough: by the judgement, or by the overlap that was measured."""
        return bool(self.good) if self.j is None else self.j >= iou


@dataclass(frozen=True, eq=False)
class Population:
    """What is audited of a round's delivery: masks that no person made or changed, and frames that nobody labelled.

    Attributes:
        video_id, frame_idx, track_id, category_id: int64 [n], one entry a mask.
        provenance: str [n].
        confidence: float64 [n] in [0, 1], calibrated, as it was delivered.
        frame_video, frame_number: int64 [m], one entry a frame, with masks or without.
        most_objects: most objects in one frame of the delivery; a frame is not expected to miss more than that.
    """

    round_id: int
    video_id: NDArray[np.int64]
    frame_idx: NDArray[np.int64]
    track_id: NDArray[np.int64]
    category_id: NDArray[np.int64]
    provenance: NDArray[np.str_]
    confidence: NDArray[np.float64]
    frame_video: NDArray[np.int64]
    frame_number: NDArray[np.int64]
    most_objects: int = 1

    def __post_init__(self) -> None:
        lengths = {len(a) for a in (self.video_id, self.frame_idx, self.track_id, self.category_id, self.provenance)}
        if lengths != {len(self.confidence)} or len(self.frame_video) != len(self.frame_number):
            raise ValueError(f"columns of a population have one length, got {sorted(lengths)}, {len(self.confidence)}")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all():
            raise ValueError("confidences lie from 0 to 1")

    def __len__(self) -> int:
        return len(self.confidence)

    @property
    def n_frames(self) -> int:
        """Number of frames that nobody labelled."""
        return len(self.frame_video)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (64 hex digits) of all columns: two populations with one digest are the same."""
        masks = [self.video_id, self.frame_idx, self.track_id, self.category_id, self.provenance, self.confidence]
        columns = [column.tolist() for column in (*masks, self.frame_video, self.frame_number)]
        return fingerprint([self.round_id, *columns])

    @cached_property
    def _positions(self) -> dict[tuple[int, int, int], int]:
        columns = (self.video_id.tolist(), self.frame_idx.tolist(), self.track_id.tolist())
        return {key: row for row, key in enumerate(zip(*columns, strict=True))}

    @cached_property
    def _frame_positions(self) -> dict[tuple[int, int], int]:
        columns = (self.frame_video.tolist(), self.frame_number.tolist())
        return {key: row for row, key in enumerate(zip(*columns, strict=True))}

    def rows_of(self, units: Sequence[AuditUnit]) -> NDArray[np.int64]:
        """Return the position of each drawn mask, or of each drawn frame, int64 [len(units)].

        Raises:
            BadAudit: a unit is not in this population.
        """
        at, frames = self._positions, self._frame_positions
        try:
            return np.array(
                [
                    frames[u.frame.video_id, u.frame.frame_idx]
                    if u.whole_frame
                    else at[u.frame.video_id, u.frame.frame_idx, u.track_id]
                    for u in units
                ],
                np.int64,
            )
        except KeyError as error:
            raise BadAudit(
                f"what round {self.round_id} delivered has no (video, frame, track) {error.args[0]}: the sample was "
                "drawn from another delivery; draw a new one"
            ) from None


@dataclass(frozen=True, slots=True)
class QualityEstimate:
    """A figure of a whole delivery, from a sample of it.

    Attributes:
        metric: "j", "f", "jf", "good" (share of masks with the IoU asked for), "missed" (objects per 100 frames), or
            "lacking" (share of frames in which an object is missed).
        value, low, high: the figure and its 95 % interval.
        grade: whether answers were measured or judged.
        n: answers that it rests on.
        effective_n: how many answers it would take without the help of confidence, at least n.
        population: how many masks or frames it speaks of.
        unanswered: drawn units without an answer, which are taken to be like the others.
        scope: "all", or e.g. "video 3", "category 1", "provenance teacher".
    """

    metric: str
    value: float
    low: float
    high: float
    grade: Grade
    n: int
    effective_n: float
    population: int
    unanswered: int = 0
    scope: str = "all"


@dataclass(frozen=True, slots=True)
class JudgeQuality:
    """How one person's judgements agree with what was measured.

    Attributes:
        bad, bad_accepted: masks that are not good enough, and how many of them the person called good.
        good, good_refused: masks that are good enough, and how many of them the person called bad.
        judged: how many judgements of the audit in question are this person's.
    """

    person: str
    bad: int
    bad_accepted: int
    good: int
    good_refused: int
    judged: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.bad_accepted <= self.bad and 0 <= self.good_refused <= self.good):
            raise BadAudit(f"{self.person}: more errors than judgements: {self}")

    def __add__(self, other: "JudgeQuality") -> "JudgeQuality":
        """Return both together, under the name of the first."""
        mine, theirs = ((q.bad, q.bad_accepted, q.good, q.good_refused, q.judged) for q in (self, other))
        return JudgeQuality(self.person, *(a + b for a, b in zip(mine, theirs, strict=True)))


@dataclass(frozen=True, slots=True)
class Accepted:
    """The masks that a certificate accepts of one category (None for all together).

    Attributes:
        confidence: masks with at least this confidence are accepted.
        masks: how many these are.
        audited, failed: how many of them were drawn, and how many of those are not good enough or have no answer.
        bound: the share of them that is not good enough is at most this, at the certificate's confidence.
    """

    category_id: int | None
    confidence: float
    masks: int
    audited: int
    failed: int
    bound: float


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is certified of masks (or of frames) that nobody looked at, and on what it rests.

    Attributes:
        kind: "masks" (IoU at least ``iou``), or "frames" (no object is missed).
        number: of this look among all of the project's, from 1. A look that accepts nothing is one too.
        error: largest share of accepted masks (or of frames) that is not good enough.
        confidence: that was asked for, over all looks of the project together.
        spent: probability of being wrong that this look was given.
        spent_in_all: of this look and all before it: with probability 1 less this, all certificates hold.
        population: digest of the delivery's masks; ``delivered`` names the files' hashes by video.
        draws: numbers of the draws whose answers it was decided on; no other look uses them.
        answers: digest of these answers, and of those that judges are measured by.
        answers_so_far: how many answers to audits the project had; later ones are not part of it.
        accepted: empty where nothing could be certified.
        unanswered: drawn units without an answer; each counts as a failure.
        people: who answered.
        judges: what the judgements of each of them were worth; empty where nobody judged.
        corrected: judgements are corrected for bad masks that judges accept; otherwise it certifies judgements.
        by_category: each category has a threshold of its own, and the bound holds for each.
        not_covered: what it says nothing of, a sentence each.
        excluded: (video, frame, track) of masks above the threshold that are not accepted: the audit found them bad.
    """

    kind: str
    number: int
    round_id: int
    made_at: str
    grade: Grade
    iou: float
    error: float
    confidence: float
    spent: float
    spent_in_all: float
    population: str
    delivered: Mapping[str, str]
    masks: int
    draws: tuple[int, ...]
    seeds: tuple[int, ...]
    answers: str
    answers_so_far: int
    audited: int
    failed: int
    unanswered: int
    accepted: tuple[Accepted, ...]
    people: tuple[str, ...]
    judges: tuple[JudgeQuality, ...] = ()
    corrected: bool = False
    by_category: bool = False
    not_covered: tuple[str, ...] = ()
    excluded: tuple[tuple[int, int, int], ...] = field(default=())

    @property
    def certificate_id(self) -> str:
        """Name that follows from all of its content: a changed certificate has another."""
        return f"c{self.number}-{fingerprint(self.content())[:16]}"

    @property
    def accepted_masks(self) -> int:
        """How many masks (or frames) it accepts."""
        return sum(one.masks for one in self.accepted) - len(self.excluded)

    def content(self) -> dict[str, Any]:
        """Return the fields as JSON holds them."""
        stored = asdict(self)
        stored["delivered"] = dict(sorted(self.delivered.items()))
        return _plain(stored)

    def to_json(self) -> dict[str, Any]:
        """Return the fields and the name."""
        return {"certificate_id": self.certificate_id, **self.content()}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Certificate":
        """Read what :meth:`to_json` returned.

        Raises:
            BadAudit: it is no certificate, or was changed since it was made.
        """
        try:
            values = {name: value for name, value in stored.items() if name != "certificate_id"}
            values |= {
                "grade": Grade(values["grade"]),
                "accepted": tuple(Accepted(**each) for each in values["accepted"]),
                "judges": tuple(JudgeQuality(**each) for each in values["judges"]),
                "excluded": tuple((int(v), int(f), int(t)) for v, f, t in values["excluded"]),
            }
            values |= {name: tuple(values[name]) for name in ("draws", "seeds", "people", "not_covered")}
            found, named = cls(**values), stored["certificate_id"]
        except (KeyError, TypeError, ValueError) as error:
            raise BadAudit(f"this is no certificate of fewframes ({error}); give a file that certify wrote") from None
        if found.certificate_id != named:
            raise BadAudit(
                f"certificate {named} was changed after it was made: its content is that of {found.certificate_id}"
            )
        return found


def _plain(value: Any) -> Any:
    """Return tuples as lists and names as text, so that what was stored equals what is read again."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, StrEnum) else value


MACHINE = (Provenance.PROPAGATED, Provenance.TEACHER)
"""Provenances of masks that nobody vouches for: what an audit draws from."""
