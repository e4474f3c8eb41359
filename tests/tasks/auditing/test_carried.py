"""What an audit asked already is not asked again where the next delivery is the same."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.audit.audit_records import Grade
from al_core.campaign.audited import AuditSize
from al_core.masks.rle import encode
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.auditing.asking_audits import draw_audit, n_open
from tasks.auditing.carried import Unchanged, answered_of
from tasks.auditing.round_estimates import estimates_now
from tasks.auditing.samples import answers_of, requests_of
from tasks.certificates.delivered_population import population_of
from tasks.steps.context import RoundContext
from tests.toys.audits.answering import say
from tests.toys.labelled_project import copied, deliver, delivered_masks, finished_project, mask_at


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def audited(finished, tmp_path):
    """A project whose second round is audited with the sizes of these settings, and another round under way."""
    project, ledger, _ = copied(finished, tmp_path)
    draw_audit(RoundContext.open(project, 2))
    ledger.begin_round(Settings())
    return project, ledger, ledger.audit_samples(2)[0]


def asked_again(project, ledger, changed=None):
    """The next round delivers the same, but for the mask of a frame; returns how many requests are new."""
    deliver(project, ledger, 3)
    if changed is not None:
        moved = encode(np.roll(mask_at(changed), 3, axis=1))
        masks = [replace(m, rle=moved) if m.frame_idx == changed else m for m in delivered_masks(3)]
        write_delivered(project.absolute(ledger.delivered_paths(3)[1]), masks)
    return draw_audit(RoundContext.open(project, 3))


def test_the_same_delivery_asks_nothing_new_and_answers_count_for_it(audited):
    project, ledger, sample = audited
    first, second, *_ = sample.of(Grade.JUDGED)
    (blind, *_) = sample.of(Grade.MEASURED)
    said = [say(ledger, sample, first), say(ledger, sample, second, good=False), say(ledger, sample, blind)]
    before = n_open(ledger)
    assert asked_again(project, ledger) == 0
    assert n_open(ledger) == before
    again = ledger.audit_samples(3)[0]
    assert {u.key for u in again.units} == {u.key for u in sample.units}
    found = answers_of(project, ledger, again)
    assert {found[u.key].answer_id for u in (first, second)} == {answer.answer_id for answer in said[:2]}
    assert found[blind.key].j == 1
    old, new = estimates_now(project, ledger)
    assert (new.round_id, new.answered) == (3, old.answered)
    assert new.of("good", Grade.JUDGED) == old.of("good", Grade.JUDGED)


def test_a_mask_that_changed_is_asked_about_again_and_a_drawing_is_compared_anew(audited):
    project, ledger, sample = audited
    changed = next(u for u in sample.of(Grade.JUDGED) if u.frame.frame_idx == 4)
    blind = next(u for u in sample.of(Grade.MEASURED) if u.frame == changed.frame)
    for unit in (blind, changed):
        say(ledger, sample, unit)
    new = asked_again(project, ledger, changed=4)
    again = ledger.audit_samples(3)[0]
    names = requests_of(ledger, again)
    fresh = {key for key, name in names.items() if name.startswith("audit-r0003")}
    assert new == len({names[key] for key in fresh})
    assert {key.frame_idx for key in fresh} == {4}
    assert Grade.MEASURED not in {key.grade for key in fresh}
    found = answers_of(project, ledger, again)
    assert changed.key not in found
    assert 0 < found[blind.key].j < 1
    # What stood open about the mask as it was ends, and everything else is still asked.
    still = {r.request_id for r in ledger.requests(status="open", purpose="audit")}
    assert still == set(names.values()) - {names[blind.key]}


def test_how_many_answers_hold_is_expected_by_how_much_is_the_same(audited):
    project, ledger, sample = audited
    for unit in (*sample.of(Grade.JUDGED), *sample.of(Grade.JUDGED, whole_frames=True)):
        say(ledger, sample, unit)
    asked_again(project, ledger, changed=4)
    answered = answered_of(ledger, sample)
    assert answered == AuditSize(3, 0, 4)
    unchanged = Unchanged.since_last_audit(project, ledger, 3, 0.75)
    assert (1, 4, 1) not in unchanged.masks
    assert (1, 4) not in unchanged.frames
    assert unchanged.expected(population_of(project, ledger, 3), answered) == AuditSize(2, 0, 3)


def test_nothing_is_carried_over_from_an_audit_that_asked_something_else(audited):
    project, ledger, _ = audited
    deliver(project, ledger, 3)
    assert Unchanged.since_last_audit(project, ledger, 3, 0.5) is None
    assert Unchanged.since_last_audit(project, ledger, 2, 0.75) is None
    project.absolute(ledger.delivered_paths(2)[1]).unlink()
    assert Unchanged.since_last_audit(project, ledger, 3, 0.75).masks == frozenset()


def test_nothing_is_estimated_while_answers_are_of_masks_that_stayed_alone(audited):
    project, ledger, sample = audited
    for unit in sample.units:
        if unit.key.frame_idx != 4 or unit.grade is Grade.MEASURED:
            say(ledger, sample, unit)
    assert asked_again(project, ledger, changed=4) > 0
    old, new = estimates_now(project, ledger)
    assert (old.round_id, bool(old.figures), new.figures) == (2, True, ())
    again = ledger.audit_samples(3)[0]
    known = answers_of(project, ledger, again)
    for unit in again.units:
        if unit.key not in known:
            say(ledger, again, unit)
    _, new = estimates_now(project, ledger)
    assert new.figures
