from datetime import timedelta

import duckdb
import pytest

from al_core.errors import BadPerson, UnknownName
from al_core.ledger.labelling import people
from al_core.ledger.labelling.people import Role, made_key
from al_core.ledger.operations import now
from tests.toys.ledgers import ledger_with_clip

HOUR = 3600.0


@pytest.fixture
def ledger(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        yield ledger


def test_a_link_opens_sessions_and_a_session_names_its_holder(ledger):
    link = ledger.add_annotator("ada", Role.REVIEWER)
    first, second = ledger.sign_in(link, HOUR), ledger.sign_in(link, HOUR)
    assert first != second
    assert {ledger.session_holder(key).name for key in (first, second)} == {"ada"}
    assert ledger.session_holder(first).role is Role.REVIEWER


def test_neither_links_nor_sessions_are_stored_as_they_are(ledger, tmp_path):
    link = ledger.add_annotator("ada")
    keys = [link, ledger.sign_in(link, HOUR)]
    ledger.copy_to(str(tmp_path / "copy.duckdb"))
    with duckdb.connect(str(tmp_path / "copy.duckdb")) as copy:
        stored = str([copy.execute(f"FROM {table}").fetchall() for table in ("access_key", "audit_log")])
    assert "ada" in stored
    for key in keys:
        assert key.partition(".")[2] not in stored


@pytest.mark.parametrize(
    "spoil",
    [
        lambda key: "",
        lambda key: ".",
        lambda key: key[:-1],
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: "0" * 16 + key[16:],
        lambda key: key + "\x00",
        lambda key: "' OR 1=1 --",
        lambda key: "\ud800" * 60,
        lambda key: "x" * 10_000_000,
    ],
    ids=["empty", "dot", "cut", "changed", "of another id", "longer", "sql", "no text", "huge"],
)
def test_another_key_opens_nothing(ledger, spoil):
    link = ledger.add_annotator("ada")
    session = ledger.sign_in(link, HOUR)
    assert ledger.sign_in(spoil(link), HOUR) is None
    assert ledger.session_holder(spoil(session)) is None


def test_a_link_is_no_session_and_a_session_is_no_link(ledger):
    link = ledger.add_annotator("ada")
    assert ledger.session_holder(link) is None
    assert ledger.sign_in(ledger.sign_in(link, HOUR), HOUR) is None


def test_a_session_ends_with_time_or_when_its_holder_signs_out(ledger, monkeypatch):
    link = ledger.add_annotator("ada")
    short, left = ledger.sign_in(link, 60), ledger.sign_in(link, HOUR)
    ledger.sign_out(left)
    assert ledger.session_holder(left) is None
    assert ledger.session_holder(short).name == "ada"
    monkeypatch.setattr(people, "now", lambda: now() + timedelta(seconds=61))
    assert ledger.session_holder(short) is None


def test_a_new_link_ends_the_old_one_and_its_sessions(ledger):
    old = ledger.add_annotator("ada")
    session = ledger.sign_in(old, HOUR)
    new = ledger.renew_link("ada")
    assert ledger.sign_in(old, HOUR) is None
    assert ledger.session_holder(session) is None
    assert ledger.session_holder(ledger.sign_in(new, HOUR)).name == "ada"


def test_a_key_that_opens_several_projects_takes_the_place_of_the_link(ledger):
    old, key = ledger.add_annotator("ada"), made_key()
    ledger.share_link("ada", key)
    assert ledger.sign_in(old, HOUR) is None
    assert ledger.session_holder(ledger.sign_in(key, HOUR)).name == "ada"
    with pytest.raises(UnknownName, match="unknown annotator 'bo'"):
        ledger.share_link("bo", made_key())
    with pytest.raises(BadPerson, match="expected a key as fewframes makes them"):
        ledger.share_link("ada", "easy.guess")


def test_who_is_revoked_is_out_at_once_and_can_be_taken_back(ledger):
    link = ledger.add_annotator("ada")
    session = ledger.sign_in(link, HOUR)
    ledger.revoke_annotator("ada")
    assert ledger.session_holder(session) is None
    assert ledger.sign_in(link, HOUR) is None
    with pytest.raises(UnknownName, match="unknown annotator 'ada'"):
        ledger.renew_link("ada")
    assert ledger.annotators()[0].revoked
    again = ledger.add_annotator("ada", Role.LEAD)
    assert ledger.session_holder(ledger.sign_in(again, HOUR)).role is Role.LEAD
    assert ledger.sign_in(link, HOUR) is None


@pytest.mark.parametrize("name", ["", " ada", "a/b", "a\nb", "<b>ada</b>", "x" * 65])
def test_a_name_that_cannot_be_used_is_refused(ledger, name):
    with pytest.raises(BadPerson, match="a name has 1 to 64 letters"):
        ledger.add_annotator(name)


def test_a_name_is_given_once(ledger):
    ledger.add_annotator("Ada Lovelace")
    with pytest.raises(BadPerson, match="is there already; a new link: fewframes annotator link 'Ada Lovelace'"):
        ledger.add_annotator("Ada Lovelace")
    with pytest.raises(BadPerson, match="'Ada Lovelace' is there already, which differs from 'ADA Lovelace'"):
        ledger.add_annotator("ADA Lovelace")
    ledger.revoke_annotator("Ada Lovelace")
    assert ledger.add_annotator("ada lovelace")


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.VIEWER, {"viewer"}),
        (Role.ANNOTATOR, {"annotator"}),
        (Role.REVIEWER, {"viewer", "annotator", "reviewer"}),
        (Role.LEAD, set(Role)),
    ],
)
def test_viewers_look_annotators_label_and_the_others_do_both(role, may):
    assert {other for other in Role if role.covers(other)} == may


def test_the_log_tells_what_was_done_newest_first(ledger):
    ledger.sign_in(ledger.add_annotator("ada"), HOUR)
    ledger.add_annotator("bo")
    ledger.log_action("bo", "refused", "/api/log", "x" * 10_000)
    assert [(entry.who, entry.action) for entry in ledger.audit_log()] == [
        ("bo", "refused"),
        ("bo", "added"),
        ("ada", "signed in"),
        ("ada", "added"),
    ]
    assert len(ledger.audit_log(limit=1)[0].detail) == 500
    assert [entry.action for entry in ledger.audit_log(who="ada")] == ["signed in", "added"]
