"""The clock jumps: nobody's frame is kept for ever, and what a round worked on stays what it was."""

import random
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from al_core.errors import StaleLease
from al_core.ledger.store import Ledger
from al_core.records import LabelRequest
from al_core.settings import Settings
from tests.faults.framework import Family, expect
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer

_PEOPLE = ("ann", "bo", "cy")
_LEASE = 300.0
_SLACK = 60.0
"""A clock that is put back by no more than so many seconds makes a lease last that much longer."""
_ASKING = 5.0
"""Seconds from one question for a frame to the next."""
_JUMPS = (10.0, 400.0, 3600.0, 86400.0, 366 * 86400.0)


class JumpingClock(Family):
    """People work on a queue while the clock jumps forth and back by seconds to years."""

    name = "clock_jump"
    fault = "clock jumps by 10 s to a year, forth and back, while people work on the queue"
    times = 30

    def inject(self, rng: random.Random, folder: Path) -> tuple[str, str]:
        """Some jumps between the moves of three people; then everything is worked off."""
        ledger, clock, jumps = _queue(folder), _Clock(), []
        ledger = Ledger(ledger.path, clock=clock)
        acknowledged: dict[str, str] = {}
        in_hand: dict[str, object] = {}
        with ledger.owned():
            for _ in range(40):
                clock.go(rng.uniform(0, 5))
                if rng.random() < 0.15:
                    jumps.append(rng.choice((-1, 1)) * rng.choice(_JUMPS))
                    clock.go(jumps[-1])
                _move(ledger, rng, rng.choice(_PEOPLE), in_hand, acknowledged)
            known, as_of = ledger.human_labels(), ledger.newest_answer_at(1)
            clock.go(-rng.choice(_JUMPS))
            # Whoever asks now and then for as long as a lease lasts gets every frame, whatever the clock showed before.
            for _ in range(round((_LEASE + _SLACK) / _ASKING) + 1):
                clock.go(_ASKING)
                while (task := ledger.claim("dee", _LEASE)) is not None:
                    _submit(ledger, "dee", task, acknowledged)
            expect(not ledger.requests(1, "open"), f"{ledger.requests(1, 'open')} can be had by nobody")
            then = ledger.human_labels(as_of=as_of)
            expect(then == known, "answers that came later are among those of an earlier time")
        given = [g.answer for g in Ledger(ledger.path).answers_given()]
        found = Counter(answer.answer_id for answer in given)
        expect(set(acknowledged) == set(found), f"acknowledged {len(acknowledged)}, stored {len(found)}")
        expect(max(Counter(a.request_id for a in given).values()) == 1, "a frame was answered twice")
        words = ", ".join(f"{seconds:+,.0f} s" for seconds in jumps) or "no jump but the last"
        return words, "every answer there once; the queue ran empty; earlier labels as they were"


def _queue(folder: Path) -> Ledger:
    ledger = ledger_with_clip(folder)
    for name in (*_PEOPLE, "dee"):
        ledger.add_annotator(name)
    ledger.begin_round(Settings().changed({"annotator.backend": "page"}))
    ledger.put_requests([LabelRequest.of(1, chosen(i, i)) for i in range(12)])
    return ledger


class _Clock:
    """Goes only when it is told to."""

    def __init__(self) -> None:
        self._time = datetime(2026, 1, 1)

    def __call__(self) -> datetime:
        return self._time

    def go(self, seconds: float) -> None:
        """Forth, or back."""
        self._time += timedelta(seconds=seconds)


def _move(ledger: Ledger, rng: random.Random, who: str, in_hand: dict, acknowledged: dict[str, str]) -> None:
    """Take a frame, or answer the one in hand, or keep it a little longer."""
    task = in_hand.get(who)
    if task is None:
        in_hand[who] = ledger.claim(who, _LEASE)
    elif rng.random() < 0.3:
        try:
            ledger.renew(task.question.request.request_id, who, task.lease, _LEASE)
        except StaleLease:
            in_hand[who] = None
    else:
        in_hand[who] = None
        _submit(ledger, who, task, acknowledged)


def _submit(ledger: Ledger, who: str, task, acknowledged: dict[str, str]) -> None:
    """Answer; who comes too late is told so."""
    from dataclasses import replace

    answer = replace(mask_answer(task.question.request, str(uuid4())), annotator=who)
    try:
        ledger.submit(answer, task.lease, task.base_revision)
    except StaleLease:
        return
    acknowledged[answer.answer_id] = answer.request_id
