import pytest

from al_core.campaign.waiting import Until
from al_core.ledger.labelling.people import Role
from al_core.records import LabelRequest
from al_core.settings import Settings
from tasks.steps.context import settle, verdict_of
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer


@pytest.fixture
def ledger(tmp_path):
    """A ledger whose first round asks for four frames and goes on when half of them are answered."""
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        ledger.begin_round(Settings().changed({"schedule.answered_share": 0.5}))
        ledger.put_requests([LabelRequest.of(1, chosen(i, i)) for i in (2, 5, 8, 11)])
        yield ledger


@pytest.mark.parametrize(("answered", "expected"), [(1, Until.ANSWERED), (2, Until.NOTHING)])
def test_the_share_in_the_settings_of_the_round_decides(ledger, answered, expected):
    for i, request in enumerate(ledger.requests(1)[:answered]):
        ledger.put_answer(mask_answer(request, f"a{i}"))
    this = ledger.last_round()
    assert verdict_of(ledger, this).until is expected
    assert len(ledger.requests(1, "open")) == 4 - answered, "looking withdraws nothing"
    assert settle(ledger, this).until is expected
    assert len(ledger.requests(1, "open")) == (3 if expected is Until.ANSWERED else 0)


def test_a_frame_in_hand_is_waited_for(ledger):
    ledger.add_annotator("ann", Role.ANNOTATOR)
    task = ledger.claim("ann", 100.0)
    for i, request in enumerate(ledger.requests(1)[2:]):
        ledger.put_answer(mask_answer(request, f"a{i}"))
    assert settle(ledger, ledger.last_round()).until is Until.PUT_DOWN
    ledger.release(task.question.request.request_id, "ann", task.lease)
    assert settle(ledger, ledger.last_round()).until is Until.NOTHING
