"""How people label: what they did, what it took, and how well it holds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean, median

import numpy as np

from al_core.audit.audit_records import JudgeQuality
from al_core.audit.mean_bounds import mean_interval
from al_core.errors import BadLabel
from al_core.evaluation.label_diff import likeness
from al_core.ledger.labelling.answers_given import GivenAnswer
from al_core.ledger.labelling.people import Role
from al_core.ledger.labelling.queue import Purpose
from al_core.ledger.labelling.reviews import Review, ReviewVerdict
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import FrameRef, LabelKind
from tasks.backends.prelabels import delivered_prelabels
from tasks.backends.sampling import shown_blind

FITS = 0.9
"""Masks that a person did not see are taken to be good enough from this J with what the person drew."""


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person.

    Attributes:
        frames: frames labelled, checks not counted.
        human_seconds: active time, checks and reviews included.
        seconds: median seconds per frame, by kind of answer.
        accepted: share of the frames with masks shown that were accepted as they were; None without such frames.
        would_fit: share of the frames whose masks were kept back that fit what was drawn (J of at least ``FITS``). Who
            accepts much more than would fit accepts too much.
        agreement_j: mean J with another person's answer to the same request.
        known_j: mean J with an earlier label of somebody else, on frames that were asked again.
        set_aside: frames skipped and flagged.
        reviewed: answers of this person that somebody reviewed.
        returned: how many of them were sent back, or corrected.
        reviews: answers of others that this person reviewed.
        review_seconds: median seconds of those that were approved or sent back; None without any.
        judge: of the masks of audits that somebody drew blind and this person judged too, how many bad ones the person
            let pass and how many good ones were refused; None without any.
        agreement_span, known_span: 95 % intervals of ``agreement_j`` and ``known_j``; None where these are.
    """

    name: str
    role: Role
    revoked: bool
    frames: int
    human_seconds: float
    seconds: Mapping[LabelKind, float]
    accepted: float | None
    would_fit: float | None
    agreement_j: float | None
    known_j: float | None
    set_aside: int
    reviewed: int = 0
    returned: int = 0
    reviews: int = 0
    review_seconds: float | None = None
    judge: JudgeQuality | None = None
    agreement_span: tuple[float, float] | None = None
    known_span: tuple[float, float] | None = None


@dataclass(slots=True)
class _Tally:
    """What is counted of one person."""

    frames: int = 0
    seconds: dict[LabelKind, list[float]] = field(default_factory=lambda: defaultdict(list))
    accepted: list[bool] = field(default_factory=list)
    would_fit: list[bool] = field(default_factory=list)
    agreement: list[float] = field(default_factory=list)
    known: list[float] = field(default_factory=list)
    reviewed: list[bool] = field(default_factory=list)
    reviews: int = 0
    review_seconds: list[float] = field(default_factory=list)


def person_rows(project: Project, ledger: Ledger) -> list[PersonRow]:
    """Return everybody who may label or once could, by name."""
    people = ledger.annotators()
    if not people:
        return []
    tallies = {person.name: _Tally() for person in people}
    given = ledger.answers_given()
    _count_shown(project, ledger, [g for g in given if g.answer.annotator in tallies], tallies)
    _count_checks(given, tallies)
    _count_reviews(ledger.reviews(), tallies)
    judges = _judges(ledger)
    aside = ledger.set_aside_counts()
    rows = []
    for person in people:
        mine = tallies[person.name]
        row = PersonRow(
            person.name,
            person.role,
            person.revoked,
            frames=mine.frames,
            human_seconds=sum(sum(seconds) for seconds in mine.seconds.values()) + sum(mine.review_seconds),
            seconds={kind: median(seconds) for kind, seconds in sorted(mine.seconds.items())},
            accepted=_mean(mine.accepted),
            would_fit=_mean(mine.would_fit),
            agreement_j=_mean(mine.agreement),
            known_j=_mean(mine.known),
            set_aside=aside.get(person.name, 0),
            reviewed=len(mine.reviewed),
            returned=sum(mine.reviewed),
            reviews=mine.reviews,
            review_seconds=median(mine.review_seconds) if mine.review_seconds else None,
            judge=judges.get(person.name),
            agreement_span=_span(mine.agreement),
            known_span=_span(mine.known),
        )
        rows.append(row)
    return rows


def ask_again(ledger: Ledger, video: str, frame_indices: Sequence[int]) -> int:
    """Put labelled frames before somebody else once more, without masks; the answers are compared and never counted.

    Returns:
        How many are asked that were not yet.

    Raises:
        UnknownName: there is no such video.
        BadLabel: a frame has no answer.
    """
    video_id = ledger.video(video).video_id
    answered = {r.frame: r for r in ledger.requests(status="done")}
    last = ledger.last_round()
    frames = [FrameRef(video_id, index) for index in frame_indices]
    without = [frame.frame_idx for frame in frames if frame not in answered]
    if without:
        raise BadLabel(f"{video}: nobody labelled the frames {without}; ask again for frames that have a label")
    originals = [answered[frame] for frame in frames]
    round_id = last.round_id if last else 1
    checks = [replace(r, request_id=f"{r.request_id}-again", round_id=round_id, rank=0) for r in originals]
    return ledger.put_checks(checks, Purpose.RELABEL, [r.request_id for r in originals])


def _count_shown(project: Project, ledger: Ledger, given: Sequence[GivenAnswer], tallies: Mapping[str, _Tally]) -> None:
    settings = {this.round_id: this.settings for this in ledger.rounds()}
    newest = max(settings, default=0)
    proposed = delivered_prelabels(project, ledger, [g.question.original for g in given])
    for g in given:
        mine = tallies[g.answer.annotator]
        mine.frames += g.question.purpose in (Purpose.LABEL, Purpose.TRACKED)
        if g.answer.seconds is not None:
            mine.seconds[g.answer.kind].append(g.answer.seconds)
        original = g.question.original
        if g.question.purpose in (Purpose.TRACKED, Purpose.AUDIT):
            # What was shown came from the person's own masks, or is about a single one.
            continue
        if original.request_id not in proposed or not original.round_id:
            continue
        blind = shown_blind(settings[min(original.round_id, newest)], original.request_id)
        if blind or g.question.purpose is Purpose.RELABEL:
            j = likeness(proposed[original.request_id].masks, g.answer.label.masks)
            mine.would_fit.append(j >= FITS)
        else:
            mine.accepted.append(g.answer.kind is LabelKind.ACCEPT)


def _count_checks(given: Sequence[GivenAnswer], tallies: Mapping[str, _Tally]) -> None:
    by_request = {g.answer.request_id: g for g in given}
    for g in given:
        other = by_request.get(g.question.original.request_id)
        if g.question.purpose in (Purpose.LABEL, Purpose.TRACKED, Purpose.HOLDOUT, Purpose.AUDIT) or other is None:
            continue
        j = likeness(other.answer.label.masks, g.answer.label.masks)
        if g.question.purpose is Purpose.KNOWN_TRUTH:
            _of(tallies, g).known.append(j)
        else:
            _of(tallies, g).agreement.append(j)
            _of(tallies, other).agreement.append(j)


def _count_reviews(reviews: Sequence[Review], tallies: Mapping[str, _Tally]) -> None:
    for review in reviews:
        tallies.get(review.author, _Tally()).reviewed.append(review.verdict is not ReviewVerdict.APPROVED)
        reviewer = tallies.get(review.reviewer, _Tally())
        reviewer.reviews += 1
        if review.verdict is not ReviewVerdict.CORRECTED:
            reviewer.review_seconds.append(review.seconds)


def _judges(ledger: Ledger) -> dict[str, JudgeQuality]:
    """Return what the judgements of audits are worth, by person."""
    drawn = [samples[-1].iou for this in ledger.rounds() if (samples := ledger.audit_samples(this.round_id))]
    if not drawn:
        return {}
    # The server starts without scipy.
    from tasks.auditing.judges import qualities_of_judges

    return qualities_of_judges(ledger, drawn[-1])


def _of(tallies: Mapping[str, _Tally], given: GivenAnswer) -> _Tally:
    """Return the tally in which an answer counts; answers that came from elsewhere count in none."""
    return tallies.get(given.answer.annotator, _Tally())


def _span(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean of some J, in [0, 1]; None without any."""
    if not values:
        return None
    return mean_interval(np.array(values, float), 0.0, 1.0, np.random.default_rng(len(values)))


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None
