import os
import shutil
from dataclasses import replace

import pytest

from al_core.ledger.file.owner import (
    Owner,
    foreign_note,
    is_hidden,
    noted_owner,
    owner_path,
    read_owner,
    remove_owner,
    write_owner,
)
from al_core.ledger.file.signature import Signature
from tests.toys.privileges import bound_by_permissions


@pytest.fixture
def ledger(tmp_path):
    (tmp_path / "work").mkdir()
    file = tmp_path / "work" / "ledger.duckdb"
    file.touch()
    return file


@pytest.fixture
def owner(ledger):
    return Owner(Signature.of(ledger), "http://127.0.0.1:8600", "hush", "one")


def test_an_owner_is_noted_for_this_user_only(ledger, owner):
    write_owner(ledger, owner)
    assert read_owner(ledger) == owner
    assert owner.pid == os.getpid()
    assert owner_path(ledger).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in ledger.parent.iterdir()) == ["ledger.duckdb", "owner.json"]


def test_where_links_lead_is_noted_only_where_it_is_elsewhere(ledger, owner):
    write_owner(ledger, owner)
    assert "links_to" not in owner_path(ledger).read_text()
    write_owner(ledger, elsewhere := replace(owner, links_to="https://labels.example.org"))
    assert read_owner(ledger) == elsewhere


def test_the_secret_is_not_shown_where_an_owner_is_printed(owner):
    assert "hush" not in repr(owner)


def test_a_new_owner_replaces_the_old_whose_end_then_changes_nothing(ledger, owner):
    new = Owner(owner.by, owner.url, "other", "two")
    write_owner(ledger, owner)
    write_owner(ledger, new)
    remove_owner(ledger, owner)
    assert read_owner(ledger) == new
    remove_owner(ledger, new)
    assert read_owner(ledger) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"by": 1}', "null", '{"pid": 1, "url": "", "instance": ""}'])
def test_a_note_that_cannot_be_read_is_none(ledger, text):
    owner_path(ledger).write_text(text)
    assert read_owner(ledger) is None
    assert foreign_note(ledger) is None


@pytest.mark.parametrize("travel", [shutil.copytree, shutil.move])
def test_in_a_folder_that_was_copied_or_moved_it_is_ignored_with_a_word(ledger, owner, travel, tmp_path):
    write_owner(ledger, owner)
    travel(ledger.parent, tmp_path / "elsewhere")
    there = tmp_path / "elsewhere" / ledger.name
    assert read_owner(there) is None
    assert noted_owner(there) == owner
    assert foreign_note(there) == (
        f"{there.parent}/owner.json came with a copy or a move: it names process {os.getpid()}, which served {ledger} "
        "at http://127.0.0.1:8600, and is ignored"
    )


def test_what_a_restarted_machine_left_behind_is_ignored_without_a_word(ledger, owner):
    write_owner(ledger, replace(owner, by=replace(owner.by, kernel="before")))
    assert read_owner(ledger) is None
    assert foreign_note(ledger) is None


def test_the_note_of_another_user_is_there_and_hidden(ledger, owner):
    assert not is_hidden(ledger)
    write_owner(ledger, owner)
    assert not is_hidden(ledger)
    owner_path(ledger).chmod(0o000)
    with bound_by_permissions():
        assert is_hidden(ledger)
        assert read_owner(ledger) is None
