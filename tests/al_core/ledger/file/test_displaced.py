"""Ledgers that are moved, replaced or deleted while a process has them open: nothing acknowledged is lost."""

import os
import signal
import subprocess
import sys

import pytest

from al_core.errors import LedgerCorrupt
from al_core.ledger.store import Ledger


@pytest.fixture
def path(tmp_path):
    """A ledger in a project's folder."""
    Ledger(tmp_path / "work" / "ledger.duckdb").add_categories(["before"])
    return tmp_path / "work" / "ledger.duckdb"


def names(path):
    return set(Ledger(path).categories().values())


@pytest.mark.parametrize("what", ["gone", "replaced", "folder gone"])
def test_what_has_no_name_any_more_is_saved_when_its_owner_ends(path, what):
    ledger = Ledger(path)
    with ledger.owned():
        ledger.add_categories(["stored"])
        for file in path.parent.iterdir() if what == "folder gone" else (path,):
            file.unlink()
        if what == "folder gone":
            path.parent.rmdir()
        elif what == "replaced":
            path.write_bytes(b"something else")
        with pytest.raises(LedgerCorrupt, match="replaced or taken away") as caught:
            ledger.add_categories(["refused"])
        assert set(ledger.categories().values()) == {"before", "stored"}
    folder = path.parent.parent if what == "folder gone" else path.parent
    saved = folder / f"work-ledger-of-{os.getpid()}.duckdb"
    assert str(caught.value).endswith(f"writes all of it into {saved}")
    assert names(saved) == {"before", "stored"}
    if what == "replaced":
        assert path.read_bytes() == b"something else"


@pytest.mark.parametrize("log", ["along", "left"])
def test_a_file_that_was_moved_keeps_all_and_says_where_it_is(path, tmp_path, log):
    ledger, moved = Ledger(path), tmp_path / "moved" / "ledger.duckdb"
    with ledger.owned():
        ledger.add_categories(["stored"])
        if log == "along":
            path.parent.rename(moved.parent)
        else:
            moved.parent.mkdir()
            path.rename(moved)
        with pytest.raises(LedgerCorrupt, match=f"was moved to {moved} while") as caught:
            ledger.add_categories(["refused"])
        assert f"kill {os.getpid()}" in str(caught.value)
    assert names(moved) == {"before", "stored"}
    assert [found.name for found in tmp_path.rglob("*-of-*")] == []


OTHER = """
import os, signal, sys
from pathlib import Path
from al_core.ledger.store import Ledger

ledger = Ledger(Path(sys.argv[1]))
with ledger.owned():
    ledger.add_categories(["acknowledged"])
    print("stored", flush=True)
    sys.stdin.readline()
    ledger.add_categories(["acknowledged later"])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_end_of_a_process_takes_nothing_from_the_ledger_that_is_in_its_place_by_then(path, tmp_path):
    # As when a folder is moved aside and its backup restored, and the old server is ended after the new one began.
    Ledger(path).copy_to(str(tmp_path / "backup.duckdb"))
    ledger = Ledger(path)
    with ledger.owned():
        ledger.add_categories(["stored"])
        path.parent.rename(tmp_path / "aside")
        path.parent.mkdir()
        (tmp_path / "backup.duckdb").rename(path)
        words = [sys.executable, "-c", OTHER, str(path)]
        other = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert other.stdout.readline() == "stored\n"
    other.communicate("\n", timeout=60)
    assert other.returncode == -signal.SIGKILL
    assert names(path) == {"before", "acknowledged", "acknowledged later"}
    assert names(tmp_path / "aside" / "ledger.duckdb") == {"before", "stored"}
