import multiprocessing
import subprocess
import sys
import textwrap

import duckdb
import pytest

from al_core.errors import LedgerConflict, LedgerCorrupt
from al_core.ledger.store import Ledger
from tests.toys import ledger_with_clip


def test_a_process_that_keeps_the_file_is_named(tmp_path):
    path = tmp_path / "ledger.duckdb"
    Ledger(path).videos()
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        owner.stdout.readline()
        with pytest.raises(LedgerConflict, match=rf"in use by process {owner.pid}.*Stop it, or try again"):
            Ledger(path, patience=0.2).videos()
    finally:
        owner.communicate(b"")
    assert Ledger(path).videos() == []


def _add_categories(path, names):
    ledger = Ledger(path)
    for name in names:
        ledger.add_categories([name])


def test_two_writers_take_turns_and_lose_nothing(tmp_path):
    path = tmp_path / "ledger.duckdb"
    Ledger(path).videos()
    context = multiprocessing.get_context("spawn")
    names = [[f"{writer}-{i}" for i in range(20)] for writer in ("left", "right")]
    writers = [context.Process(target=_add_categories, args=(path, mine)) for mine in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(Ledger(path).categories().values()) == sorted([*names[0], *names[1]])


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path):
    path = tmp_path / "ledger.duckdb"
    path.write_bytes(b"these are my holiday notes" * 1000)
    with pytest.raises(LedgerCorrupt, match="cannot be opened as a ledger"):
        Ledger(path).videos()
    assert path.read_bytes().startswith(b"these are my holiday notes")


def test_a_failing_operation_leaves_no_trace(tmp_path):
    ledger = ledger_with_clip(tmp_path)

    def fail():
        with ledger._connector.transaction() as connection:
            connection.execute("DELETE FROM video")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail()
    assert len(ledger.videos()) == 1


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    path = tmp_path / "ledger.duckdb"
    code = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from al_core.ledger.store import Ledger
        ledger = Ledger(Path({str(path)!r}))
        ledger.add_categories(["car"])
        with ledger._connector.transaction() as connection:
            connection.execute("INSERT INTO category VALUES (7, 'half')")
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert Ledger(path).categories() == {1: "car"}


def test_the_file_has_the_compact_storage_format(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    with duckdb.connect(str(ledger.path)) as connection:
        (tags,) = connection.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'ledger'").fetchone()
    assert "v1.5" in str(tags)
