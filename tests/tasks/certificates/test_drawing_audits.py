"""More may be drawn as long as nobody knows an answer; then it counts as a look."""

import pytest

from al_core.audit.audit_records import Grade
from al_core.errors import BadAudit
from tasks.certificates.drawing_audits import draw_audit
from tasks.certificates.issuing import Wish, issue, prepare
from tests.toys.audits.audited_project import answer_all


def test_draws_are_numbered_and_stored(audited):
    project, ledger, _ = audited
    first, second = (draw_audit(project, ledger, seed=3, judged=20) for _ in range(2))
    assert [first.draw, second.draw] == [1, 2]
    assert ledger.audit_samples(1) == [first, second]
    assert len(first.of(Grade.JUDGED)) == 20
    assert {u.frame.video_id for u in first.units} == {1, 2}


def test_drawing_more_after_answers_is_a_look_that_is_counted(audited):
    project, ledger, _ = audited
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=60, blind=0, frames=0))
    with pytest.raises(BadAudit, match="a look that nobody counts"):
        draw_audit(project, ledger, seed=2, judged=200, blind=0, frames=0)
    assert len(ledger.audit_samples(1)) == 1
    draw_audit(project, ledger, seed=2, judged=200, blind=0, frames=0, give_up=True)
    (look,) = ledger.certificates()
    assert (look.accepted, look.draws, look.audited) == ((), (1,), 60)
    assert (prepare(project, ledger, Wish()).number, len(prepare(project, ledger, Wish()).units)) == (2, 200)


def test_a_few_known_answers_are_left_alone_and_decide_nothing(audited):
    project, ledger, _ = audited
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=20, blind=8, frames=0))
    draw_audit(project, ledger, seed=2, judged=100, blind=8, frames=0)
    look = prepare(project, ledger, Wish())
    assert (look.number, len(look.units), [s.draw for s in look.samples]) == (1, 100, [2])


def test_other_kinds_of_answers_do_not_matter(audited):
    project, ledger, _ = audited
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=0, blind=0, frames=30))
    assert draw_audit(project, ledger, seed=1, judged=200, blind=0, frames=0).draw == 2


def test_after_a_certificate_more_may_be_drawn(audited):
    project, ledger, _ = audited
    answer_all(ledger, draw_audit(project, ledger, seed=1, judged=200, blind=0, frames=0))
    issue(project, ledger, Wish())
    draw_audit(project, ledger, seed=2, judged=100, blind=0, frames=0)
    assert len(ledger.certificates()) == 1
