import pytest

from tasks.ledger import once
from tests.toys import ledger_with_clip


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def test_work_that_is_done_is_not_done_again(ledger):
    calls = []

    def work():
        calls.append("once")
        return {"frames": len(calls)}

    assert once(ledger, 1, "select", {"seed": 0}, work) == {"frames": 1}
    assert once(ledger, 1, "select", {"seed": 0}, work) == {"frames": 1}
    assert calls == ["once"]


def test_work_that_failed_is_done_again(ledger):
    def fail():
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        once(ledger, 1, "select", {}, fail)
    assert once(ledger, 1, "select", {}, lambda: {"ok": True}) == {"ok": True}
    (step,) = ledger.steps(1)
    assert (step.status, step.attempts) == ("finished", 2)
    assert step.seconds >= 0
