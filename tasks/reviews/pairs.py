"""What two people drew of the same frame: how much they agree, a third where they differ, and which answer counts.

A pair differs more than usual where it is more than twice as far apart as pairs of the project mostly are. The answer
that agrees most with the two others is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from statistics import mean, median
from uuid import NAMESPACE_OID, uuid5

from al_core.evaluation.label_diff import likeness
from al_core.ledger.labelling.answers_given import GivenAnswer
from al_core.ledger.labelling.queue import Purpose, Question
from al_core.ledger.store import Ledger
from al_core.records import Answer, LabelKind, MaskLabel

FITS = 0.9
"""Two people who agree as much (J) never differ, and pairs are taken to agree so much while there are few."""
ENOUGH_PAIRS = 5

_Pairs = Mapping[tuple[str, str], float]


def compare(ledger: Ledger, question: Question, answer: Answer, shown: Sequence[MaskLabel]) -> None:
    """Compare an answer that was just stored with the masks that were shown, and with what others answered.

    Args:
        shown: the masks; none where the frame was shown without.
    """
    if question.purpose is Purpose.LABEL and shown and answer.label.complete and answer.kind is not LabelKind.REJECT:
        ledger.put_likeness([(answer.answer_id, "", likeness(shown, answer.label.masks))])
    # A check is answered after what it is compared with; what is changed later is compared when a round collects.
    if question.purpose is Purpose.AGREEMENT:
        compare_answers(ledger)


def compare_answers(ledger: Ledger) -> int:
    """Compare what was not compared yet, ask a third person and choose among three; returns how many frames were
    looked at. Doing it twice is doing it once."""
    requests = ledger.uncompared()
    for request_id in requests:
        compare_about(ledger, request_id)
    return len(requests)


def compare_about(ledger: Ledger, request_id: str) -> None:
    """Compare the answers to a request with those to its checks by other people."""
    given = _by_person(ledger, request_id)
    if len(given) < 2:
        return
    known = ledger.likeness_of_pairs()
    found = {
        (one.answer.answer_id, other.answer.answer_id): likeness(one.answer.label.masks, other.answer.label.masks)
        for one, other in combinations(given, 2)
    }
    both = found | {(other, one): j for (one, other), j in found.items()}
    ledger.put_likeness([(one, other, j) for (one, other), j in both.items() if (one, other) not in known])
    if len(given) == 2:
        (agreement,) = found.values()
        earlier = [j for (one, other), j in known.items() if other and one < other and (one, other) not in both]
        if differs(agreement, earlier):
            _ask_third(ledger, given[0])
    else:
        _use_best(ledger, given, both)


def differs(agreement: float, earlier: Sequence[float]) -> bool:
    """Tell whether two people differ more than usual.

    Args:
        agreement: of the two, mean J in [0, 1].
        earlier: of other pairs.
    """
    usual = median(earlier) if len(earlier) >= ENOUGH_PAIRS else FITS
    return agreement < FITS and 1 - agreement > 2 * (1 - usual)


def _by_person(ledger: Ledger, request_id: str) -> list[GivenAnswer]:
    """Return one answer of each person, each about the whole frame, that to the request first; none without that."""
    about = [
        given
        for given in ledger.answers_given(about=request_id)
        if given.question.purpose in (Purpose.LABEL, Purpose.AGREEMENT)
        and given.answer.label.complete
        and given.answer.kind is not LabelKind.REJECT
    ]
    about.sort(key=lambda given: given.question.purpose is not Purpose.LABEL)
    if not about or about[0].question.purpose is not Purpose.LABEL:
        return []
    people: dict[str, GivenAnswer] = {}
    for given in about:
        people.setdefault(given.answer.annotator, given)
    return list(people.values())


def _ask_third(ledger: Ledger, first: GivenAnswer) -> None:
    asked = first.question.request
    third = replace(asked, request_id=f"{asked.request_id}-third", kind=LabelKind.MASK)
    ledger.put_checks([third], Purpose.AGREEMENT, [asked.request_id])


def _use_best(ledger: Ledger, given: Sequence[GivenAnswer], pairs: _Pairs) -> None:
    """Use the answer that agrees most with the others; the first one where they are equal."""

    def agrees(one: GivenAnswer) -> float:
        mine = one.answer.answer_id
        return mean(pairs[mine, other.answer.answer_id] for other in given if other is not one)

    first, best = given[0].answer, max(given, key=agrees).answer
    if best is first:
        return
    adopted = replace(
        best,
        answer_id=str(uuid5(NAMESPACE_OID, f"{best.answer_id} instead of {first.answer_id}")),
        request_id=first.request_id,
        seconds=None,
    )
    if ledger.adopt(adopted, first.answer_id):
        mine = {other: j for (one, other), j in pairs.items() if one == best.answer_id}
        ledger.put_likeness([(adopted.answer_id, other, j) for other, j in mine.items()])
