import pytest

from al_core.project import Project
from al_core.records import LabelRequest
from al_core.settings import Settings
from tasks.processes.children import only_run
from tasks.processes.waiting_rounds import WaitingRounds
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer
from tests.webhook import webhook


@pytest.fixture
def hook():
    with webhook() as told:
        yield told


@pytest.fixture
def ledger(tmp_path, hook):
    """A ledger whose first round asks for four frames at our page and goes on when half of them are answered."""
    ledger = ledger_with_clip(tmp_path)
    changes = {"annotator.backend": "page", "schedule.answered_share": 0.5, "notify.url": hook.url}
    with ledger.owned():
        ledger.begin_round(Settings().changed(changes))
        ledger.put_requests([LabelRequest.of(1, chosen(i, i)) for i in (2, 5, 8, 11)])
        yield ledger


@pytest.fixture
def project(tmp_path):
    return Project.at(tmp_path)


@pytest.fixture
def let_go():
    """One entry for each time that rounds may go on."""
    return []


@pytest.fixture
def look(project, ledger, let_go):
    return WaitingRounds(project, ledger, lambda: let_go.append(True)).look


def answer(ledger, *numbers):
    """Answer some of the requests."""
    for number in numbers:
        ledger.put_answer(mask_answer(ledger.requests(1)[number], f"a{number}"))


def test_a_round_is_let_go_once_when_enough_is_answered(ledger, let_go, look):
    answer(ledger, 0)
    look()
    assert not let_go
    answer(ledger, 1)
    look()
    look()
    assert let_go == [True]
    assert len(ledger.requests(1, "expired")) == 2


def test_nothing_is_begun_beside_a_run_and_a_look_after_it_catches_up(ledger, project, let_go, look):
    answer(ledger, 0, 1)
    with only_run(project.root):
        look()
    assert not let_go
    look()
    assert let_go == [True]


def test_a_run_that_got_further_and_stopped_is_taken_up_again(ledger, let_go, look):
    answer(ledger, 0, 1)
    look()
    ledger.begin_step(1, "collect", "abc")
    ledger.finish_step(1, "collect", {}, 0.0)
    look()
    look()
    assert let_go == [True, True]


def test_after_an_answer_that_was_taken_back_it_is_let_go_again(ledger, let_go, look):
    answer(ledger, 0, 1, 2, 3)
    look()
    ledger.withdraw(["a0", "a1", "a2"], "ann", "wrong")
    look()
    answer(ledger, 0)
    ledger.put_answer(mask_answer(ledger.requests(1)[0], "b0"))
    look()
    assert let_go == [True, True]


def test_who_is_needed_is_told_once(ledger, look, hook):
    from al_core.ledger.labelling.people import Role

    ledger.add_annotator("ann", Role.LEAD)
    ledger.add_annotator("bo", Role.ANNOTATOR)
    for _ in range(4):
        task = ledger.claim("bo", 100.0)
        ledger.flag(task.question.request.request_id, "bo", task.lease, "what is this?")
    look()
    look()
    assert [told["event"] for told in hook.heard] == ["needs_you"]


def test_before_the_first_round_there_is_nothing_to_look_at(project, tmp_path, let_go):
    folder = tmp_path / "empty"
    folder.mkdir()
    WaitingRounds(project, ledger_with_clip(folder), lambda: let_go.append(True)).look()
    assert not let_go
