import pytest

from al_core.errors import BadLabel, UnknownName
from tests.toys.labelling.asking import answer, claim
from tests.toys.ledgers import asked


@pytest.fixture
def request_ids(ledger):
    """Ada answered frame 7, with a note; frame 3 waits."""
    first, second = asked(ledger, 7, 3)
    claim(ledger, "ada")
    answer(ledger, "ada", "a1")
    return first.request_id, second.request_id


def test_notes_stay_in_order_and_are_stored_once(ledger, request_ids, clock):
    assert ledger.write_note(request_ids[0], "ada", " Is the shadow part of it? ", "n1")
    assert not ledger.write_note(request_ids[0], "ada", "Is the shadow part of it?", "n1")
    clock.forward(5)
    ledger.write_note(request_ids[0], "lea", "No.")
    assert [(note.who, note.text) for note in ledger.notes_on(request_ids[0])] == [
        ("ada", "Is the shadow part of it?"),
        ("lea", "No."),
    ]


def test_a_person_sees_the_threads_of_own_frames_the_newest_first(ledger, request_ids, clock):
    ledger.write_note(request_ids[0], "lea", "Well done.")
    clock.forward(5)
    ledger.write_note(request_ids[1], "lea", "Mind the tail.")
    assert [thread.request_id for thread in ledger.threads()] == [*reversed(request_ids)]
    assert [thread.frame.frame_idx for thread in ledger.threads("ada")] == [7]
    assert ledger.threads("bo") == []
    assert len(ledger.threads(most=1)) == 1
    claim(ledger, "bo")
    answer(ledger, "bo", "a2")
    assert [thread.frame.frame_idx for thread in ledger.threads("bo")] == [3]


def test_what_cannot_be_kept_is_refused(ledger, request_ids):
    with pytest.raises(BadLabel, match="a note has 1 to 1000 characters, got 1001"):
        ledger.write_note(request_ids[0], "ada", "x" * 1001)
    with pytest.raises(UnknownName):
        ledger.write_note("nothing", "ada", "hello")
    assert ledger.notes_on(request_ids[0]) == []
