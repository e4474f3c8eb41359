"""A ledger that is not whole, or not this project's, is refused before anything is written to it."""

import os
import subprocess
import sys

import duckdb
import pytest

from al_core.errors import LedgerCorrupt
from al_core.ledger.file.soundness import explained, identity_path
from al_core.ledger.store import Ledger
from tests.toys.ledgers import ledger_with_clip, new_ledger_with_clip


@pytest.fixture
def path(tmp_path):
    """A ledger that was opened before, with some megabytes in it."""
    ledger = ledger_with_clip(tmp_path)
    ledger.add_categories(["x" * 300_000])
    assert identity_path(ledger.path).is_file()
    return ledger.path


def refused(path, match):
    """Opening it must fail and leave it as it was."""
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(LedgerCorrupt, match=match):
        Ledger(path, patience=0).videos()
    assert (path.read_bytes() if path.exists() else None) == before


def test_one_that_is_gone_is_not_begun_anew(path):
    path.unlink()
    refused(path, "is gone. Nothing was changed. .*fewframes restore")


def test_an_empty_file_is_no_new_ledger(path):
    path.write_bytes(b"")
    refused(path, "the file is empty")


@pytest.mark.parametrize("share", [0.001, 0.2, 0.5])
def test_one_that_was_cut_short_is_refused_even_where_it_could_be_opened(path, share):
    os.truncate(path, int(path.stat().st_size * share))
    refused(path, "cut short|cannot be read as a ledger")


def test_another_projects_ledger_is_told_from_this_ones(path, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    os.replace(new_ledger_with_clip(other).path, path)
    refused(path, r"is a ledger begun at .* this project's was begun at .* it was replaced")
    identity_path(path).unlink()
    assert len(Ledger(path).videos()) == 1


def test_another_database_is_not_made_a_ledger(path):
    path.unlink()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE holiday(day INTEGER)")
    refused(path, "is a database that is no ledger")


def test_a_copy_that_takes_its_own_place_is_taken(path, tmp_path):
    Ledger(path).copy_to(str(tmp_path / "copy.duckdb"))
    os.replace(tmp_path / "copy.duckdb", path)
    assert len(Ledger(path).videos()) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from al_core.ledger.store import Ledger
ledger = Ledger(Path(sys.argv[1]))
with ledger.owned():
    for name in ("one", "two"):
        ledger.add_categories([name])
        print(os.path.getsize(sys.argv[1] + ".wal"), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def logged(tmp_path):
    """A ledger whose log holds two writes; returns (its file, the log, its length after each write)."""
    path = tmp_path / "ledger.duckdb"
    Ledger(path).videos()
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True, check=False)
    return path, path.with_name("ledger.duckdb.wal"), [int(line) for line in done.stdout.split()]


@pytest.mark.parametrize("lost", [0, 5, 60])
def test_zeros_at_the_end_of_the_log_are_dropped(logged, lost, caplog):
    path, log, (_, second) = logged
    os.truncate(log, second - lost)
    with log.open("ab") as file:
        file.write(bytes(5000))
    kept = ["one", "two"] if lost == 0 else ["one"]
    assert list(Ledger(path, patience=0).categories().values()) == kept
    # Between entries the database itself ends its log where zeros begin.
    assert ("dropped zeros at the end of its log" in caplog.text) == (lost > 0)


def test_other_damage_in_the_log_is_refused(logged):
    path, log, (first, _) = logged
    content = bytearray(log.read_bytes())
    content[first - 40] ^= 255
    log.write_bytes(content)
    refused(path, "Corrupt WAL")
    assert log.read_bytes() == content


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_one_that_was_cut_short_beside_a_log_is_refused(logged, share):
    path, log, _ = logged
    before = log.read_bytes()
    os.truncate(path, int(path.stat().st_size * share))
    refused(path, r"ledger\.duckdb.*fewframes restore")
    assert log.read_bytes() == before


def test_a_log_that_does_not_fit_its_file_is_damage(tmp_path):
    path = tmp_path / "ledger.duckdb"
    told = f'Failure while replaying WAL file "{path}.wal": Could not read enough bytes from file "{path}"'
    assert "cannot be read as a ledger" in str(explained(duckdb.TransactionException(told), path))


def test_errors_about_other_things_are_left_as_they_are(tmp_path):
    assert explained(duckdb.ConstraintException("Duplicate key"), tmp_path / "ledger.duckdb") is None
    assert explained(duckdb.IOException("Cannot open file elsewhere"), tmp_path / "ledger.duckdb") is None
