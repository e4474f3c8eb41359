"""More may be drawn as long as nobody knows an answer; then it counts as a look."""

import pytest

from al_core.audit.audit_records import Grade
from al_core.errors import BadAudit, NotReady
from tasks.certificates.drawing_audits import ask_for, draw_audit
from tasks.certificates.issuing import Wish, issue, prepare
from tests.toys.audits.audited_project import answer_all, judge_on_page


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


def open_kinds(ledger):
    """How many questions of each draw wait for people."""
    found = {}
    for request in ledger.requests(1, "open", purpose="audit"):
        asked = ledger.audit_question(request.request_id)
        found[asked.draw] = found.get(asked.draw, 0) + 1
    return found


def test_people_are_asked_for_what_is_drawn_and_earlier_draws_of_the_kind_end(audited):
    project, ledger, _ = audited
    draw_audit(project, ledger, seed=1, judged=20, blind=0, frames=6)
    assert open_kinds(ledger) == {1: 26}
    draw_audit(project, ledger, seed=1, judged=30, blind=0, frames=0)
    # Frames are another kind: they are still looked through.
    assert open_kinds(ledger) == {1: 6, 2: 30}


def test_exactly_as_many_are_asked_for_as_a_certificate_takes(audited):
    project, ledger, _ = audited
    look = prepare(project, ledger, Wish())
    sample = ask_for(project, ledger, Wish(), bad=1, seed=0)
    assert (sample.asked, sample.iou) == ((look.needed(1), 0, 0), 0.75)
    assert open_kinds(ledger) == {1: look.needed(1)}
    with pytest.raises(BadAudit, match="wait for their answers"):
        ask_for(project, ledger, Wish(), bad=0, seed=0)
    frames = ask_for(project, ledger, Wish("frames", error=0.1), bad=0, seed=0)
    assert frames.asked[:2] == (0, 0)
    assert frames.asked[2] > 0
    with pytest.raises(NotReady, match="too few"):
        ask_for(project, ledger, Wish(error=0.001), bad=3, seed=0)


def test_answers_on_the_page_count_before_more_is_drawn(audited):
    project, ledger, _ = audited
    judge_on_page(ledger, draw_audit(project, ledger, seed=1, judged=100, blind=0, frames=0), n=1)
    assert ledger.audit_answers_so_far() == 0
    with pytest.raises(BadAudit, match="a look that nobody counts"):
        draw_audit(project, ledger, seed=2, judged=200, blind=0, frames=0)
