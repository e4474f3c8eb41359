from dataclasses import replace

import pytest

from al_core.ledger.labelling.people import Role
from al_core.project import Project
from al_core.settings import Settings
from tasks.project.outlook import next_step
from tasks.reviews.approvals import approvals_of
from tasks.scheduling.events import need_of
from tests.toys.ledgers import asked, ledger_with_clip, mask_answer


@pytest.fixture
def ledger(tmp_path):
    """Two answers of eve's, one of ann's; nothing is used before it is approved; only eve may review."""
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        ledger.begin_round(Settings().changed({"annotator.review": "before"}))
        ledger.add_annotator("eve", Role.REVIEWER)
        ledger.add_annotator("ann")
        for n, request in enumerate(asked(ledger, 7, 3, 5)):
            ledger.put_answer(replace(mask_answer(request, f"a{n}"), annotator="ann" if n else "eve"))
        yield ledger


def test_what_waits_for_nobody_is_said_with_what_to_do(ledger):
    found = approvals_of(ledger)
    assert found.in_words() == (
        "3 answers wait for a review, 3 of them are not used before that; nobody else may review what eve answered"
    )
    assert found.stuck
    assert found.mend("--project work") == (
        "give somebody else a link: fewframes annotator add NAME --role reviewer --project work"
    )
    assert need_of(ledger) == f"{found.in_words()}: add a reviewer"


def test_with_another_reviewer_it_simply_waits(ledger):
    ledger.add_annotator("rae", Role.REVIEWER)
    found = approvals_of(ledger)
    assert (found.stuck, found.mend("")) == (False, "")
    assert need_of(ledger) is None
    step = next_step(Project.at(ledger.path.parent), ledger, None)
    assert step == f"{found.in_words()}: reviewers open /review of the page"


def test_nothing_waits_once_all_are_approved(ledger):
    ledger.add_annotator("rae", Role.LEAD)
    for n, due in enumerate(ledger.due_reviews()):
        ledger.approve(f"v{n}", due.request_id, "rae", None, 1, 1.0)
    assert approvals_of(ledger).in_words() == ""
    assert need_of(ledger) is None
