"""Answers with the questions that they are answers to."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from al_core.ledger.labelling.leases import Purpose
from al_core.records import LabelKind, LabelRequest
from tests.toys.labelling.asking import LEASE, MASKS, answer, claim
from tests.toys.ledgers import asked, chosen, mask_answer


def test_an_answer_comes_with_its_question_and_its_masks(ledger):
    (request,) = asked(ledger, 7)
    claim(ledger, "ada")
    answer(ledger, "ada", seconds=12.5)
    (given,) = ledger.answers_given()
    assert (given.answer.annotator, given.answer.kind, given.answer.seconds) == ("ada", LabelKind.MASK, 12.5)
    assert (given.answer.label.frame, given.answer.label.masks) == (request.frame, MASKS)
    assert (given.question.request, given.question.original, given.question.purpose) == (
        request, request, Purpose.LABEL,
    )  # fmt: skip


def test_they_come_in_the_order_of_the_answers_and_without_what_was_taken_back(ledger):
    asked(ledger, 7, 3)
    for number, name in enumerate(("ada", "bo")):
        claim(ledger, name)
        answer(ledger, name, f"a{number}")
    ledger.undo("a0", "ada", 60, LEASE)
    assert [given.answer.answer_id for given in ledger.answers_given()] == ["a1"]
    answer(ledger, "ada", "a2")
    assert [given.answer.answer_id for given in ledger.answers_given()] == ["a1", "a2"]


def test_a_check_is_stored_once_and_knows_the_answer_that_it_is_compared_with(ledger):
    (request,) = asked(ledger, 7)
    checks = [replace(request, request_id=f"{request.request_id}-{n}") for n in ("again", "third")]
    originals = [request.request_id] * 2
    assert ledger.put_checks(checks[:1], Purpose.RELABEL, originals[:1]) == 1
    assert ledger.put_checks(checks, Purpose.RELABEL, originals) == 1
    claim(ledger, "ada")
    answer(ledger, "ada")
    claim(ledger, "bo")
    answer(ledger, "bo", "a2")
    check = ledger.answers_given()[-1].question
    assert (check.request, check.original, check.purpose) == (checks[0], request, Purpose.RELABEL)


def test_what_is_answered_meanwhile_is_there_whole_or_not_at_all(ledger):
    def answer_all():
        for index in range(12):
            for revision in range(3):
                (request,) = requests = [LabelRequest.of(1, chosen(index, index))]
                ledger.put_requests(requests)
                ledger.put_answer(mask_answer(request, f"{index}-{revision}"))

    with ThreadPoolExecutor() as pool:
        writing = pool.submit(answer_all)
        while not writing.done():
            assert all(given.answer.label.masks for given in ledger.answers_given())
        writing.result()
    assert len(ledger.answers_given()) == 12
