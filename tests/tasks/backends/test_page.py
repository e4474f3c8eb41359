import duckdb
import pytest

from al_core.campaign.pricing import default_prices, prices_from
from al_core.ledger.labelling.queue import Purpose
from al_core.project import Project
from al_core.records import LabelKind, LabelRequest
from al_core.settings import Settings
from tasks.backends import BACKENDS, open_backend
from tasks.backends.page import PageBackend
from tests.toys.ledgers import chosen, context_of, ledger_with_clip, mask_answer


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def backend(ledger, **changes):
    settings = Settings().changed({"annotator.backend": "page"} | {f"annotator.{k}": v for k, v in changes.items()})
    project = Project.at(ledger.path.parent)
    return open_backend(context_of(project, ledger, 1, settings, frames=None))


def ask(ledger, *frame_indices, round_id=1):
    requests = [LabelRequest.of(round_id, chosen(i, rank)) for rank, i in enumerate(frame_indices)]
    ledger.put_requests(requests)
    return requests


def checks(ledger):
    """(purpose, frame, original) of every check, by id."""
    with duckdb.connect(str(ledger.path), read_only=True) as connection:
        return connection.execute(
            "SELECT request_id, purpose, frame_idx, original_id FROM label_request WHERE purpose <> 'label' ORDER BY 1"
        ).fetchall()


def test_the_requests_in_the_ledger_are_the_queue(ledger):
    assert BACKENDS["page"] is PageBackend
    first, second = ask(ledger, 3, 7)
    page = backend(ledger)
    page.submit([first, second], {})
    ledger.put_answer(mask_answer(first))
    assert page.collect([first.request_id]) == page.rejected() == []


def test_nobody_is_checked_unless_the_lead_says_so(ledger):
    backend(ledger).submit(ask(ledger, 3, 7), {})
    assert checks(ledger) == []


def test_a_share_is_asked_twice_however_often_it_is_submitted(ledger):
    requests = ask(ledger, *range(12))
    page = backend(ledger, double_share=0.5)
    for _ in range(2):
        page.submit(requests, {})
    found = checks(ledger)
    assert 2 <= len(found) <= 10
    for request_id, purpose, _, original in found:
        assert (request_id, purpose) == (f"{original}-second", Purpose.AGREEMENT)


def test_frames_of_earlier_rounds_are_asked_again_and_look_like_any_other(ledger):
    for number, request in enumerate(ask(ledger, 0, 1, 2, 3)):
        ledger.put_answer(mask_answer(request, f"a{number}"))
    requests = ask(ledger, 8, 9, 10, 11, round_id=2)
    page = backend(ledger, known_truth_share=0.5)
    for _ in range(2):
        page.submit(requests, {})
    found = checks(ledger)
    assert len(found) == 2
    for request_id, purpose, frame_idx, original in found:
        assert purpose == Purpose.KNOWN_TRUTH
        assert request_id == f"r0002-v00001-f{frame_idx:07d}"
        assert original == f"r0001-v00001-f{frame_idx:07d}"


def test_before_there_are_labels_no_frame_is_asked_again(ledger):
    backend(ledger, known_truth_share=1.0).submit(ask(ledger, 3, 7), {})
    assert checks(ledger) == []


def test_the_seconds_that_people_take_become_prices(ledger):
    settings = Settings().annotator
    for number, request in enumerate(ask(ledger, *range(10))):
        ledger.put_answer(mask_answer(request, f"a{number}"))
    before = default_prices(settings).per_object
    after = prices_from(settings, [(kind, 10.0, n) for kind, _, n in ledger.answer_times()]).per_object
    assert after[LabelKind.MASK] == pytest.approx((10 * 10.0 + 2 * 80.0 * 0.125**0.5) / 12)
    assert after[LabelKind.ACCEPT] == pytest.approx(before[LabelKind.ACCEPT] * 0.125**0.5)
