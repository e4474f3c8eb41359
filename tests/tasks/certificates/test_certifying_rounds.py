"""Rounds decide on deliveries by themselves where that is wished for, once their audits are answered."""

from al_core.settings import Settings
from tasks.certificates.certifying_rounds import certify_delivery, sentence_ahead
from tasks.certificates.drawing_audits import draw_audit
from tasks.steps.collect import collect_work
from tasks.steps.context import Collected, RoundContext
from tasks.steps.table import close
from tasks.steps.train import train_inputs
from tests.toys.audits.audited_project import deliver, judge_on_page
from tests.toys.labelled_project import step

AUTOMATIC = Settings().changed({"certificates.automatic": True})


def next_round(audited, settings=AUTOMATIC):
    project, ledger, _ = audited
    return RoundContext(project, ledger, ledger.begin_round(settings).round_id)


def draw(audited, judged=150):
    return draw_audit(*audited[:2], seed=1, judged=judged, blind=0, frames=0)


def test_the_delivery_before_is_decided_on_when_the_answers_of_a_round_are_there(audited):
    _, ledger, _ = audited
    judge_on_page(ledger, draw(audited))
    context = next_round(audited)
    assert context.frozen.ids == []
    collected = collect_work(context, ())
    (made,) = ledger.certificates()
    assert made.accepted_masks > 100
    assert collected.accepted == (made.certificate_id,)
    # The round delivers what was accepted before it carried masks, and chooses by what was accepted when it began.
    ledger.begin_step(context.round_id, "collect", "inputs")
    ledger.finish_step(context.round_id, "collect", collected.to_json(), 0.1, context.stored)
    again = RoundContext(context.project, ledger, context.round_id)
    assert again.frozen.ids == [made.certificate_id]
    assert again.frozen_at_first.ids == []
    assert "accepted" not in train_inputs(again)
    taught = again.settings.changed({"certificates.teach": True})
    ledger.change_round(2, taught, "ann", ["certificates.teach"])
    assert train_inputs(RoundContext(context.project, ledger, 2))["accepted"] == [made.certificate_id]
    # Done again after a crash it decides on nothing twice.
    assert collect_work(context, ()) == collected
    assert len(ledger.certificates()) == 1


def test_nothing_is_looked_at_by_default_or_before_all_judgements_are_there(audited):
    _, ledger, _ = audited
    sample = draw(audited)
    judge_on_page(ledger, sample, n=149)
    context = next_round(audited)
    assert certify_delivery(context, 1) is None
    assert "waits for answers to its audit: 149 of 150" in sentence_ahead(ledger, AUTOMATIC)
    judge_on_page(ledger, sample, person="kim")
    assert "is decided on when" in sentence_ahead(ledger, AUTOMATIC)
    assert certify_delivery(next_round_settings(audited, Settings()), 1) is None
    assert not ledger.certificates()
    assert certify_delivery(context, 1) is not None
    assert sentence_ahead(ledger, AUTOMATIC) == ""


def next_round_settings(audited, settings):
    """The round under way, with other settings."""
    project, ledger, _ = audited
    ledger.change_round(2, settings, "ann", ["certificates.automatic"])
    return RoundContext(project, ledger, 2)


def test_too_few_judgements_spend_nothing_and_are_told(audited):
    _, ledger, _ = audited
    judge_on_page(ledger, draw(audited, judged=20))
    assert certify_delivery(next_round(audited), 1) is None
    assert not ledger.certificates()
    assert "and 20 are drawn; raise certificates.judged" in sentence_ahead(ledger, AUTOMATIC)


def test_a_round_is_decided_on_at_its_end_where_its_audit_is_answered(audited):
    project, ledger, _ = audited
    context = next_round(audited)
    for video in (1, 2):
        deliver(project, ledger, 2, video)
    step(ledger, 2, "propagate", 1.0)
    judge_on_page(ledger, draw_audit(project, ledger, seed=1, judged=150, blind=0, frames=0))
    close(context)
    assert [c.round_id for c in ledger.certificates()] == [2]


def test_nothing_was_delivered_before_the_first_round(audited):
    assert certify_delivery(next_round(audited), 0) is None
    assert Collected.from_json({"as_of": "2026-01-01"}).accepted == ()
