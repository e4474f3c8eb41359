import os
import subprocess
import sys

import pytest

from al_core.ledger.file.owner import Owner, owner_path, read_owner, remove_owner, runs, write_owner


@pytest.fixture
def ledger(tmp_path):
    return tmp_path / "ledger.duckdb"


@pytest.fixture
def owner():
    return Owner(os.getpid(), "http://127.0.0.1:8600", "hush", "one")


def test_an_owner_is_noted_for_this_user_only(ledger, owner):
    write_owner(ledger, owner)
    assert read_owner(ledger) == owner
    assert owner_path(ledger).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in ledger.parent.iterdir()] == ["owner.json"]


def test_the_secret_is_not_shown_where_an_owner_is_printed(owner):
    assert "hush" not in repr(owner)


def test_a_new_owner_replaces_the_old_whose_end_then_changes_nothing(ledger, owner):
    new = Owner(owner.pid, owner.url, "other", "two")
    write_owner(ledger, owner)
    write_owner(ledger, new)
    remove_owner(ledger, owner)
    assert read_owner(ledger) == new
    remove_owner(ledger, new)
    assert read_owner(ledger) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": 1}', "null"])
def test_a_note_that_cannot_be_read_is_none(ledger, text):
    owner_path(ledger).write_text(text)
    assert read_owner(ledger) is None


def test_a_process_runs_until_it_ends():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert runs(process.pid)
    process.communicate()
    assert not runs(process.pid)
    assert runs(1)
