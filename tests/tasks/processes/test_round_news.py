import pytest

from al_core.ledger.labelling.people import Role
from al_core.project import Project
from al_core.settings import Settings
from tasks.processes.round_news import RoundNews
from tasks.processes.rounds import RunState
from tests.toys.ledgers import asked, ledger_with_clip, mask_answer

AT_WORK, IDLE = RunState(running=True), RunState()


@pytest.fixture
def ledger(tmp_path):
    """A project with one clip and two people who label; no round."""
    ledger = ledger_with_clip(tmp_path)
    ledger.add_annotator("ada")
    ledger.add_annotator("ben")
    ledger.add_annotator("vic", Role.VIEWER)
    return ledger


@pytest.fixture
def tell(ledger, tmp_path):
    """Tells a state; returns what was said about it."""
    said = []
    news = RoundNews(Project.at(tmp_path), ledger, said.append)

    def told(state):
        said.clear()
        news.tell(state)
        return list(said)

    return told


def test_a_round_that_waits_is_told_once_with_what_it_takes(ledger, tell):
    assert tell(IDLE) == []
    ledger.begin_round(Settings())
    requests = asked(ledger, 3, 7)
    (said,) = tell(IDLE)
    assert said.startswith("Round 1 waits for 2 labels. Round 1 of about ")
    assert "asks for 2 frames: people need about 80 s for each of 2 people, then the machine about" in said
    ledger.put_answer(mask_answer(requests[0], "a"))
    assert tell(IDLE) == []
    ledger.put_answer(mask_answer(requests[1], "b"))
    assert tell(AT_WORK) == ["Nobody has to answer now, so the rounds go on; what they do is in run.log."]
    assert tell(AT_WORK) == tell(IDLE) == tell(AT_WORK) == []


def test_the_end_of_the_campaign_is_told_once_with_the_way_on(ledger, tell, tmp_path):
    ledger.begin_round(Settings())
    ledger.finish_round(1, "12 of 12 frames are labelled")
    (said,) = tell(IDLE)
    assert said == (
        "The campaign is over: 12 of 12 frames are labelled. "
        f"To label more: fewframes run --budget FRAMES --project {tmp_path}"
    )
    assert tell(IDLE) == []


def test_pauses_abandoned_rounds_and_failures_are_told(ledger, tell, tmp_path):
    ledger.begin_round(Settings())
    asked(ledger, 3)
    ledger.pause("eve")
    (said,) = tell(IDLE)
    assert said.startswith("The project is paused since ")
    assert " by eve: " in said
    ledger.resume("eve")
    assert len(tell(IDLE)) == 1
    ledger.abandon_round("eve")
    assert tell(IDLE) == ["Round 1 was abandoned; round 2 begins."]
    ended = "The run ended early (exit code 1: no disk); see run.log, mend it, then: fewframes run"
    assert tell(RunState(last_error="exit code 1: no disk")) == [f"{ended} --project {tmp_path}"]
