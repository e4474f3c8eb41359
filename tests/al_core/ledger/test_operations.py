"""Every operation says whether it changes something, and what it says is so."""

import hashlib
import shutil
from datetime import timedelta

import duckdb
import pytest

from al_core.ledger.file.ledger_clock import system_time
from al_core.ledger.forwarding import OPERATIONS, READS
from al_core.ledger.operations import only_reads, reads, writes
from al_core.ledger.store import Ledger
from tests.toys.operations import reading, used_ledger, writing


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    return used_ledger(tmp_path_factory.mktemp("used"))


@pytest.fixture(scope="module")
def at_first(used):
    """A hash of all that is in it."""
    return content(used[0].path)


def content(path):
    """A hash of all rows of all tables, whatever their order."""
    digest = hashlib.sha256()
    with duckdb.connect(str(path), read_only=True) as connection:
        for (table,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall():
            digest.update(repr((table, connection.execute(f'FROM "{table}" ORDER BY ALL').fetchall())).encode())
    return digest.hexdigest()


def test_every_operation_is_marked():
    assert [name for name, operation in OPERATIONS.items() if only_reads(operation) is None] == []


def test_what_is_not_marked_counts_as_writing():
    def unmarked(self):
        """An operation whose author forgot the mark."""

    assert not only_reads(unmarked)
    assert only_reads(reads(unmarked))
    assert only_reads(writes(unmarked)) is False


def test_all_operations_that_read_are_tried_and_none_changes_anything(used):
    ledger, found = used
    calls = reading(found)
    assert set(calls) == READS
    before, rows = ledger.path.read_bytes(), content(ledger.path)
    with ledger.held():
        for name, arguments in calls.items():
            assert something(getattr(ledger, name)(**arguments)), f"{name} finds nothing to read here"
            assert ledger.path.read_bytes() == before, f"{name} is marked as reading and changes the file"
    assert content(ledger.path) == rows


def something(answer):
    """Whether an operation found what it was asked for."""
    if isinstance(answer, dict):
        return bool(answer) and all(len(v) if hasattr(v, "__len__") else True for v in answer.values())
    return bool(len(answer)) if hasattr(answer, "__len__") else bool(answer)


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - READS))
def test_an_operation_that_writes_writes(used, at_first, tmp_path, name):
    ledger, found = used
    for file in (ledger.path, ledger.path.with_name(f".{ledger.path.name}.id")):
        shutil.copy(file, tmp_path / file.name)
    copy = Ledger(tmp_path / ledger.path.name, clock=later)
    before = at_first
    if name in ("begin_round", "purge_video"):
        copy.finish_round(2, None)
        before = content(copy.path)
    files = set(tmp_path.iterdir())
    getattr(copy, name)(**writing(found, tmp_path)[name])
    assert content(copy.path) != before or set(tmp_path.iterdir()) > files


def later():
    """A minute from now, so that whatever notes the time notes another one."""
    return system_time() + timedelta(minutes=1)
