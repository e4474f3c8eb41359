"""Reports ask a ledger for the same once."""

import pytest

from al_core.errors import UnknownName
from al_core.ledger.asked_once import AskedOnce
from al_core.ledger.forwarding import ForwardedLedger
from al_core.settings import Settings
from tests.toys.ledgers import ledger_with_clip


class Counting(ForwardedLedger):
    """Notes what a ledger is asked."""

    def __init__(self, ledger):
        self.path, self.ledger, self.asked = ledger.path, ledger, []

    def forward(self, name, arguments):
        self.asked.append(name)
        return getattr(self.ledger, name)(**arguments)


@pytest.fixture
def counting(tmp_path):
    return Counting(ledger_with_clip(tmp_path))


def test_the_same_is_asked_once(counting):
    ledger = AskedOnce(counting)
    assert ledger.rounds() == ledger.rounds() == []
    assert ledger.requests(1) == ledger.requests(round_id=1) == ledger.requests(2) == []
    assert ledger.human_effort(audits=False) == ledger.human_effort(audits=True) == []
    assert counting.asked == ["rounds", "requests", "requests", "human_effort", "human_effort"]


def test_what_is_written_through_it_is_seen(counting):
    ledger = AskedOnce(counting)
    assert ledger.last_round() is None
    begun = ledger.begin_round(Settings())
    assert ledger.last_round() == begun


def test_what_others_write_meanwhile_is_not(counting):
    ledger = AskedOnce(counting)
    assert ledger.last_round() is None
    counting.begin_round(Settings())
    assert ledger.last_round() is None


def test_who_changes_a_list_does_so_for_itself(counting):
    ledger = AskedOnce(counting)
    lengths = dict(ledger.video_lengths())
    ledger.video_lengths().clear()
    assert ledger.video_lengths() == lengths != {}


def test_lists_as_arguments_and_errors_are_asked_each_time(counting):
    ledger = AskedOnce(counting)
    for _ in range(2):
        with pytest.raises(UnknownName):
            ledger.round(7)
    ledger.standing_answers(None, None, None, None)
    assert counting.asked == ["round", "round", "standing_answers"]


def test_the_file_stays_open_as_the_other_ledger_keeps_it(tmp_path):
    inner = ledger_with_clip(tmp_path)
    ledger = AskedOnce(inner)
    with ledger.held():
        assert inner._connector._open is not None
    assert inner._connector._open is None
