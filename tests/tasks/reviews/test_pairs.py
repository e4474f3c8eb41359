from dataclasses import replace

import numpy as np
import pytest

from al_core.ledger.labelling.queue import Purpose
from al_core.masks.rle import encode
from al_core.records import FrameLabel, LabelKind, MaskLabel
from al_core.settings import Settings
from tasks.reviews.pairs import compare, compare_answers, differs
from tests.toys.ledgers import asked, ledger_with_clip, mask_answer

LEFT, RIGHT = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
LEFT[:, :2], RIGHT[:, 2:] = True, True
MORE = LEFT | (np.arange(4) == 2)


@pytest.fixture
def ledger(tmp_path):
    """A round that asks for frame 7, and a second person for it too."""
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        ledger.begin_round(Settings())
        for name in ("ada", "bo", "cy"):
            ledger.add_annotator(name)
        (request,) = asked(ledger, 7)
        second = replace(request, request_id=f"{request.request_id}-second")
        ledger.put_checks([second], Purpose.AGREEMENT, [request.request_id])
        yield ledger


def say(ledger, name, mask):
    """Somebody answers the next frame; returns the request that it was."""
    task = ledger.claim(name, 300.0)
    given = replace(mask_answer(task.question.request, f"of {name}", encode(mask)), annotator=name)
    ledger.submit(given, task.lease, task.base_revision)
    compare(ledger, task.question, given, ())
    return task.question.request.request_id


def used(ledger):
    (label,) = ledger.human_labels()
    return label.masks[0].rle


def test_the_one_of_three_that_agrees_most_is_used(ledger):
    first = say(ledger, "ada", RIGHT)
    assert say(ledger, "bo", LEFT) == f"{first}-second"
    assert used(ledger) == encode(RIGHT)
    assert ledger.claim("bo", 300.0) is None
    assert say(ledger, "cy", MORE) == f"{first}-third"
    assert used(ledger) == encode(MORE)
    (standing,) = ledger.last_answers("cy", 9)
    assert standing.request_id == first
    assert ledger.human_effort() == [(1, 1, 160.0)]
    assert compare_answers(ledger) == 0
    assert used(ledger) == encode(MORE)


def test_where_two_agree_as_usual_nobody_else_is_asked(ledger):
    say(ledger, "ada", LEFT)
    say(ledger, "bo", LEFT)
    assert ledger.likeness_of_pairs() == {("of ada", "of bo"): 1.0, ("of bo", "of ada"): 1.0}
    assert ledger.claim("cy", 300.0) is None


def test_the_first_stays_where_the_third_agrees_with_it(ledger):
    say(ledger, "ada", LEFT)
    say(ledger, "bo", RIGHT)
    say(ledger, "cy", LEFT)
    assert used(ledger) == encode(LEFT)
    assert ledger.last_answers("cy", 9) == []


def test_what_was_changed_meanwhile_is_not_replaced(ledger):
    first = say(ledger, "ada", RIGHT)
    say(ledger, "bo", LEFT)
    ledger.reopen(first, "ada", 300.0)
    say(ledger, "cy", MORE)
    assert used(ledger) == encode(RIGHT)


def test_a_kill_before_the_comparison_loses_nothing(ledger):
    for name, mask in (("ada", RIGHT), ("bo", LEFT)):
        task = ledger.claim(name, 300.0)
        given = replace(mask_answer(task.question.request, f"of {name}", encode(mask)), annotator=name)
        ledger.submit(given, task.lease, task.base_revision)
    assert ledger.likeness_of_pairs() == {}
    assert compare_answers(ledger) == 1
    assert len(ledger.requests(purpose="agreement")) == 2


def test_an_answer_is_compared_with_what_was_shown(ledger):
    task = ledger.claim("ada", 300.0)
    frame = task.question.request.frame
    given = replace(mask_answer(task.question.request, "a1"), label=FrameLabel(frame, (MaskLabel(1, 1, encode(MORE)),)))
    compare(ledger, task.question, given, [MaskLabel(5, 1, encode(LEFT))])
    assert ledger.likeness_of_pairs() == {("a1", ""): pytest.approx(8 / 12)}
    compare(
        ledger, task.question, replace(given, answer_id="a2", kind=LabelKind.REJECT), [MaskLabel(5, 1, encode(LEFT))]
    )
    assert len(ledger.likeness_of_pairs()) == 1


@pytest.mark.parametrize(
    ("agreement", "earlier", "expected"),
    [
        (0.75, [], True),
        (0.85, [], False),
        (0.85, [0.95] * 5, True),
        (0.92, [0.99] * 5, False),
        (0.75, [0.8] * 5, False),
        (0.5, [0.8] * 5, True),
        (0.85, [0.99] * 4, False),
    ],
)
def test_more_than_usual_is_twice_as_far_apart_as_pairs_mostly_are(agreement, earlier, expected):
    assert differs(agreement, earlier) is expected
