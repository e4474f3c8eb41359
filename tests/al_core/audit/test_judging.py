"""People who judge are measured on masks that were drawn blind too."""

import pytest

from al_core.audit.audit_records import AuditAnswer, Grade, JudgeQuality, UnitKey
from al_core.audit.judging import judge_quality, least_share, noticed_at_least, share_interval


def pair(track, overlap, said, person="ann"):
    """A mask that was drawn blind by eve, and judged."""
    blind, judged = (UnitKey(1, 0, track, grade) for grade in (Grade.MEASURED, Grade.JUDGED))
    return [AuditAnswer(blind, "eve", f"b{track}", j=overlap), AuditAnswer(judged, person, f"j{track}", good=said)]


def test_over_acceptance_by_person():
    answers = [*pair(1, 0.5, True), *pair(2, 0.6, False), *pair(3, 0.9, True), *pair(4, 0.8, False, "bob")]
    assert judge_quality(answers, 0.75) == [
        JudgeQuality("ann", 2, 1, 1, 0),
        JudgeQuality("bob", 0, 0, 1, 1),
    ]


def test_the_iou_that_is_asked_for_decides():
    assert judge_quality(pair(1, 0.8, True), 0.9) == [JudgeQuality("ann", 1, 1, 0, 0)]


def test_who_judged_nothing_that_is_known_is_not_told():
    assert judge_quality(pair(1, 0.8, True)[1:], 0.75) == []


def test_bounds_on_shares():
    assert share_interval(0, 0) == (0.0, 1.0)
    assert share_interval(0, 59)[1] == pytest.approx(0.0606, abs=1e-3)
    assert least_share(10, 10, 0.05) == pytest.approx(0.05**0.1)


def test_who_was_shown_no_bad_mask_notices_none_for_sure():
    assert noticed_at_least([], 0.05) == 0
    assert noticed_at_least([JudgeQuality("ann", 0, 0, 9, 0, 40)], 0.05) == 0
    assert noticed_at_least([JudgeQuality("ann", 20, 0, 9, 0, 40)], 0.05) == pytest.approx(0.861, abs=1e-3)


def test_each_judge_counts_by_how_much_that_person_judged():
    careful, careless = JudgeQuality("ann", 60, 0, 9, 0, 40), JudgeQuality("bob", 60, 40, 9, 0, 120)
    together = noticed_at_least([careful, careless], 0.05)
    alone = [least_share(hits, 60, 0.025) for hits in (60, 20)]
    assert together == pytest.approx(0.25 * alone[0] + 0.75 * alone[1])
    # Judgements of somebody of whom nothing is known count as if that person noticed nothing.
    unknown = JudgeQuality("kim", 0, 0, 0, 0, 40)
    assert noticed_at_least([careful, unknown], 0.05) == pytest.approx(0.5 * least_share(60, 60, 0.05))
    # Who judged nothing of this audit takes nothing away.
    assert noticed_at_least([careful, JudgeQuality("bob", 60, 40, 9, 0)], 0.05) == pytest.approx(
        least_share(60, 60, 0.05)
    )
