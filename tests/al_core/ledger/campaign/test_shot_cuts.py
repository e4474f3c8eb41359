"""Cuts and still stretches as they were found, as people say, and as rounds go by them."""

import pytest

from al_core.errors import BadVideo
from al_core.records import Shots
from al_core.settings import Settings
from tests.toys.ledgers import ledger_with_clip

FOUND = Shots((4, 8), ((0, 2),))


@pytest.fixture
def ledger(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        yield ledger


def test_what_was_found_is_kept_once(ledger):
    assert (ledger.shots(), ledger.searched_videos()) == ({}, [])
    assert ledger.put_shots(1, FOUND)
    assert not ledger.put_shots(1, Shots((5,)))
    assert (ledger.shots(), ledger.searched_videos()) == ({1: FOUND}, [1])


def test_people_correct_it(ledger):
    ledger.put_shots(1, FOUND)
    assert ledger.correct_cuts(1, [6, 8], [4, 5], "lead") == 2
    assert ledger.shots()[1].cuts == (6, 8)
    assert ledger.correct_cuts(1, [4], [6, 8], "lead") == 3
    assert ledger.shots()[1] == Shots((4,), ((0, 2),))


def test_what_people_said_before_the_search_stays(ledger):
    ledger.correct_cuts(1, [4, 5], [], "lead")
    ledger.correct_cuts(1, [], [4], "lead")
    ledger.put_shots(1, FOUND)
    assert ledger.shots()[1].cuts == (5, 8)


def test_a_round_goes_by_what_was_known_when_it_began(ledger):
    ledger.put_shots(1, FOUND)
    first = ledger.begin_round(Settings()).round_id
    ledger.correct_cuts(1, [6], [4], "lead")
    assert ledger.shots(first) == {1: FOUND}
    assert ledger.shots(first + 1)[1].cuts == (6, 8)


def test_a_round_that_was_under_way_at_the_search_goes_on_without(ledger):
    first = ledger.begin_round(Settings()).round_id
    ledger.put_shots(1, FOUND)
    assert ledger.shots(first) == {}
    assert ledger.shots(first + 1) == {1: FOUND}


def test_frames_with_which_no_shot_begins_are_refused(ledger):
    for frame in (0, 12):
        with pytest.raises(BadVideo, match=rf"in 'clip' is one of 1 to 11, got {frame}"):
            ledger.correct_cuts(1, [6, frame], [], "lead")
    with pytest.raises(BadVideo, match="frame 6 of 'clip' is to be added and removed; name it once"):
        ledger.correct_cuts(1, [6], [6], "lead")
    assert ledger.shots() == {}
