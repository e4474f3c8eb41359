"""What kinds of label cost and leave, as the answers of this project show it.

Until there are enough of them the shipped figures count. An answer is held against whole masks that somebody drew of
the same frame, be it in a later round or because frames are asked twice (``annotator.double_share``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from al_core.campaign.pricing import Prices, correction_seconds, prices_from
from al_core.evaluation.label_diff import likeness
from al_core.ledger.labelling.answers_given import GivenAnswer
from al_core.ledger.labelling.queue import Purpose
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import FrameLabel, FrameRef, LabelKind
from al_core.selection.offers import DRAWN, LEAVES, RIGHT, Leaves
from al_core.settings import AnnotatorSettings
from tasks.backends.prelabels import delivered_masks, labels_of
from tasks.backends.sampling import shown_blind

LEAST_ANSWERS = 20
"""Answers of a kind from which this project's own figures count."""

MOST_ANSWERS = 500
"""The newest ones are enough."""

_LIKELY = np.linspace(-0.1, 0.5, 61)
"""Places that are tried for the expected error at which every second frame is right."""


@dataclass(frozen=True)
class Answered:
    """An answer beside what was shown for it.

    Attributes:
        shown: the masks that the person started from; None where the frame was shown bare.
        expected: how wrong these were expected to be, in [0, 1].
    """

    given: GivenAnswer
    shown: FrameLabel | None
    expected: float


@dataclass(frozen=True)
class MeasuredKinds:
    """The newest answers of a project; everything is worked out when it is first asked for."""

    project: Project
    ledger: Ledger
    settings: AnnotatorSettings

    @cached_property
    def prices(self) -> Prices:
        """What people took; for whole masks, what they would take from nothing."""
        return prices_from(self.settings, self.ledger.answer_times(), self._shares())

    @cached_property
    def leaves(self) -> Mapping[LabelKind, Leaves]:
        """What each kind that is drawn leaves."""
        return {kind: self._leaves(kind) for kind in DRAWN}

    @cached_property
    def right(self) -> tuple[float, float]:
        """The expected error at which every second frame is found right, and the scale around it; see ``RIGHT``."""
        looked = [a for a in self._answered if _asked(a) is LabelKind.ACCEPT and a.shown is not None]
        said = [(a.expected, a.given.answer.kind is LabelKind.ACCEPT and a.given.answer.label.complete) for a in looked]
        if len(said) < LEAST_ANSWERS:
            return RIGHT
        expected, yes = np.array(said, float).T
        chances = 1 / (1 + np.exp((expected - _LIKELY[:, None]) / RIGHT[1]))
        return float(_LIKELY[np.abs(chances.mean(axis=1) - yes.mean()).argmin()]), RIGHT[1]

    @cached_property
    def _answered(self) -> list[Answered]:
        # A judgement of an audit is about one mask, or says how many are missing.
        given = [
            g
            for g in self.ledger.answers_given(usable=True)
            if g.answer.seconds is not None
            and g.question.purpose is not Purpose.TRACKED
            and (g.question.purpose is not Purpose.AUDIT or g.question.request.kind is LabelKind.MASK)
        ][-MOST_ANSWERS:]
        rounds = {this.round_id: this.settings for this in self.ledger.rounds()}
        found = delivered_masks(self.project, self.ledger, [g.question.original for g in given])
        answered = []
        for g in given:
            asked = g.question.original
            masks = found.get(asked.request_id, ())
            settings = rounds.get(asked.round_id)
            blind = settings is not None and shown_blind(settings, asked.request_id)
            if not masks or blind or g.question.purpose in (Purpose.RELABEL, Purpose.HOLDOUT, Purpose.AUDIT):
                answered.append(Answered(g, None, 1.0))
            else:
                wrong = 1 - float(np.mean([mask.confidence for mask in masks]))
                answered.append(Answered(g, FrameLabel(asked.frame, labels_of(masks)), wrong))
        return answered

    def _shares(self) -> list[float]:
        """Return how many times the settings' seconds whole masks took, by what there was to do."""
        shares = []
        for a in self._answered:
            answer = a.given.answer
            if answer.kind is LabelKind.MASK and answer.label.objects and answer.seconds is not None:
                wrong = 1.0 if a.shown is None else 1 - likeness(a.shown.masks, answer.label.masks)
                expected = correction_seconds(self.settings, wrong) * len(answer.label.objects)
                shares.append(answer.seconds / max(expected, 1e-9))
        return shares

    def _leaves(self, kind: LabelKind) -> Leaves:
        usual = LEAVES[kind]
        mine = [a for a in self._answered if a.given.answer.kind is kind and a.given.answer.label.complete]
        if kind is LabelKind.MASK or len(mine) < LEAST_ANSWERS:
            return usual
        pairs = [pair for a in mine if (pair := self._error(a)) is not None]
        if len(pairs) < LEAST_ANSWERS:
            return usual
        before, after = np.array(pairs).T
        spread = float(np.var(before))
        together = float(np.mean((before - before.mean()) * (after - after.mean())))
        keeps = min(max(together / spread, 0.0), 1.0) if spread > 0 else usual.keeps
        adds = min(max(float(after.mean()) - keeps * float(before.mean()), 0.0), 1.0)
        return replace(usual, keeps=keeps, adds=adds)

    def _error(self, answered: Answered) -> tuple[float, float] | None:
        """Return how wrong a frame was shown and answered, by the whole masks of it; None where there are none."""
        label = answered.given.answer.label
        drawn = self._drawn.get(label.frame)
        if drawn is None or answered.shown is None:
            return None
        return 1 - likeness(answered.shown.masks, drawn.masks), 1 - likeness(label.masks, drawn.masks)

    @cached_property
    def _drawn(self) -> Mapping[FrameRef, FrameLabel]:
        answers = (a.given.answer for a in self._answered)
        return {a.label.frame: a.label for a in answers if a.kind is LabelKind.MASK and a.label.complete}


def _asked(answered: Answered) -> LabelKind:
    return answered.given.question.request.kind
