import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace

import duckdb
import pytest

from al_core.errors import FewframesError, LedgerConflict, LedgerCorrupt, ReadOnly
from al_core.ledger.file.connection import _IDLE_SECONDS, Connector
from al_core.ledger.file.owner import Owner, write_owner
from al_core.ledger.file.schema import migrate
from al_core.ledger.file.signature import Signature
from al_core.ledger.store import Ledger
from tests.toys.ledgers import ledger_with_clip
from tests.toys.privileges import bound_by_permissions, read_only


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
    with pytest.raises(LedgerCorrupt, match="cannot be read as a ledger"):
        Ledger(path).videos()
    assert path.read_bytes().startswith(b"these are my holiday notes")


def test_a_failing_operation_leaves_no_trace(tmp_path):
    ledger = ledger_with_clip(tmp_path)

    def fail():
        with Connector(ledger.path).transaction() as connection:
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
        from al_core.ledger.file.connection import _IDLE_SECONDS, Connector
        from al_core.ledger.store import Ledger
        path = Path({str(path)!r})
        Ledger(path).add_categories(["car"])
        with Connector(path).transaction() as connection:
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


def test_a_small_file_is_read_by_one_thread_and_a_big_one_by_all(tmp_path, monkeypatch):
    usual = duckdb.connect().execute("SELECT current_setting('threads')").fetchall()
    connector = Connector(tmp_path / "ledger.duckdb")

    def threads():
        with connector.session() as connection:
            return connection.execute("SELECT current_setting('threads')").fetchall()

    assert threads() == [(1,)]
    with connector.owned():
        assert threads() == [(1,)]
    monkeypatch.setattr("al_core.ledger.file.connection._ALL_THREADS_FROM", 1)
    assert threads() == usual
    with connector.owned():
        assert threads() == usual


def test_only_what_is_owned_and_sound_is_at_hand(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    found = [ledger.is_at_hand]
    with ledger.owned():
        found.append(ledger.is_at_hand)
        ledger._connector._lost = True
        found.append(ledger.is_at_hand)
        ledger.videos()
        found.append(ledger.is_at_hand)
    assert [*found, ledger.is_at_hand] == [False, True, False, True, False]


def test_waiting_can_be_ended_from_outside(tmp_path):
    path = tmp_path / "ledger.duckdb"
    Ledger(path).videos()
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def enough():
        raise LookupError("no longer")

    try:
        owner.stdout.readline()
        with pytest.raises(LookupError, match="no longer"):
            Ledger(path, on_wait=enough).videos()
    finally:
        owner.communicate(b"")


def in_threads(*functions):
    """Run functions side by side; returns when all are done."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class TestOwned:
    @pytest.fixture
    def ledger(self, tmp_path):
        ledger = ledger_with_clip(tmp_path)
        with ledger.owned():
            yield ledger

    def test_no_other_process_can_open_the_file_and_the_message_says_where_it_is_served(self, ledger):
        write_owner(ledger.path, Owner(Signature.of(ledger.path), "http://127.0.0.1:8600", "secret", "me"))
        code = (
            "from pathlib import Path; from al_core.ledger.store import Ledger; "
            f"Ledger(Path({str(ledger.path)!r}), patience=0.1).videos()"
        )
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"LedgerBusy: {ledger.path} is in use by process {os.getpid()}" in other.stderr
        assert "which serves it at http://127.0.0.1:8600; waited 0.1 s. Stop it, or try again" in other.stderr

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (
                {"numbers": "pid:[1]", "host": "box-a", "pid": 1},
                ": process 1 of host box-a, another machine or container",
            ),
            ({"pid": 1}, "; waited"),
        ],
        ids=["of another container", "of an earlier owner"],
    )
    def test_whoever_waits_learns_where_the_note_says_it_is_served(self, ledger, change, words):
        by = replace(Signature.of(ledger.path), **change)
        write_owner(ledger.path, Owner(by, "http://10.0.0.7:8600", "secret", "me"))
        code = (
            "from pathlib import Path; from al_core.ledger.store import Ledger; "
            f"Ledger(Path({str(ledger.path)!r}), patience=0.1).videos()"
        )
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"in use by process {os.getpid()} ({os.path.realpath(sys.executable)}){words}" in other.stderr
        assert ("at http://10.0.0.7:8600" in other.stderr) == ("box-a" in words)

    def test_a_read_does_not_wait_for_a_write_and_sees_what_was_committed(self, ledger):
        with ledger._connector.transaction() as connection:
            connection.execute("INSERT INTO category VALUES (2, 'car')")
            seen = []
            in_threads(lambda: seen.append(ledger.categories()))
            assert seen == [{1: "object"}]
            assert ledger.categories() == {1: "object", 2: "car"}
        assert ledger.categories() == {1: "object", 2: "car"}

    def test_writers_take_turns_and_lose_nothing(self, ledger):
        def write(name):
            for i in range(10):
                ledger.add_categories([f"{name}-{i}"])

        in_threads(*(lambda name=name: write(name) for name in ("left", "middle", "right")))
        ids = sorted(ledger.categories())
        assert ids == list(range(1, 32))

    def test_a_failing_write_leaves_no_trace_and_the_next_one_goes_on(self, ledger):
        def fail():
            with ledger._connector.transaction() as connection:
                connection.execute("DELETE FROM category")
                raise RuntimeError("half-way")

        with pytest.raises(RuntimeError, match="half-way"):
            fail()
        assert ledger.add_categories(["car"]) == {"object": 1, "car": 2}

    def test_held_operations_share_one_cursor(self, ledger):
        with ledger.held(), ledger._connector.session() as outer:
            assert ledger.add_categories(["car"])["car"] == 2
            with ledger._connector.session() as inner:
                assert inner is outer

    def test_afterwards_the_file_is_free_and_complete(self, tmp_path):
        ledger = ledger_with_clip(tmp_path)
        with ledger.owned():
            ledger.add_categories(["car"])
        with duckdb.connect(str(ledger.path), read_only=True) as connection:
            assert connection.execute("SELECT name FROM category ORDER BY 1").fetchall() == [("car",), ("object",)]
        assert ledger.categories() == {1: "object", 2: "car"}


def test_what_an_owner_acknowledged_survives_its_kill(tmp_path):
    path = tmp_path / "ledger.duckdb"
    code = textwrap.dedent(
        f"""
        from pathlib import Path
        from al_core.ledger.store import Ledger
        ledger = Ledger(Path({str(path)!r}))
        with ledger.owned():
            for i in range(10**9):
                ledger.add_categories([f"c{{i}}"])
                print(i, flush=True)
        """
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    acknowledged = [int(owner.stdout.readline()) for _ in range(30)]
    owner.kill()
    acknowledged += [int(line) for line in owner.communicate()[0].split()]
    ledger = Ledger(path)
    with ledger.owned():
        names = set(ledger.categories().values())
    assert {f"c{i}" for i in acknowledged} <= names
    assert len(names) <= len(acknowledged) + 1


FULL_DISK = """
import os, resource, signal, sys
from pathlib import Path
from al_core.errors import NoSpace
from al_core.ledger.store import Ledger

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = Ledger(Path(sys.argv[1]))
with ledger.owned():
    ledger.add_categories(["before"])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, hard))
    try:
        ledger.add_categories(["refused" * 100])
    except NoSpace:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        ledger.add_categories(["after"])
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_disk_that_was_full_for_a_while_costs_only_what_was_refused(tmp_path):
    path = tmp_path / "ledger.duckdb"
    Ledger(path).videos()
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert list(Ledger(path).categories().values()) == ["before", "after"]


NO_ROOM_FOR_A_CHECKPOINT = """
import os, resource, signal, sys, threading
from pathlib import Path
from al_core.errors import NoSpace
from al_core.ledger.store import Ledger

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = Ledger(Path(sys.argv[1]))
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
acknowledged = 0
with ledger.owned():
    # The log may grow until it is written over into the file, for which there is no room.
    resource.setrlimit(resource.RLIMIT_FSIZE, (17_500_000, hard))
    try:
        while acknowledged < 60:
            ledger.add_categories([f"{acknowledged} {os.urandom(300_000).hex()}"])
            acknowledged += 1
    except NoSpace:
        pass
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    found = []
    readers = [threading.Thread(target=lambda: found.append(len(ledger.categories()))) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    ledger.add_categories(["after"])
    print(acknowledged, *found, len(ledger.categories()))
"""


def test_an_owner_that_had_no_room_for_a_checkpoint_goes_on_when_there_is(tmp_path):
    path = tmp_path / "ledger.duckdb"
    Ledger(path).videos()
    code = [sys.executable, "-c", NO_ROOM_FOR_A_CHECKPOINT, str(path)]
    done = subprocess.run(code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    acknowledged, *found, after = map(int, done.stdout.split())
    assert acknowledged < 60
    assert len(found) == 3
    assert acknowledged <= min(found) <= max(found) <= acknowledged + 1
    assert after == max(found) + 1


def test_a_file_that_cannot_be_written_is_read_and_refuses_changes_in_one_line(tmp_path):
    ledger_with_clip(tmp_path / "p")
    with read_only(tmp_path / "p"):
        ledger = Ledger(tmp_path / "p" / "ledger.duckdb", patience=1)
        assert [video.name for video in ledger.videos()] == ["clip"]
        with pytest.raises(ReadOnly, match="is read-only: status, export.*copy it to a place that can be written"):
            ledger.add_categories(["circle"])
        with pytest.raises(ReadOnly), ledger.owned():
            pass
    Ledger(tmp_path / "p" / "ledger.duckdb").add_categories(["circle"])


def test_what_a_killed_process_left_in_the_log_is_read_where_nothing_can_be_written(tmp_path):
    path = tmp_path / "p" / "ledger.duckdb"
    ledger_with_clip(tmp_path / "p")
    code = textwrap.dedent(f"""
        import duckdb, os
        connection = duckdb.connect({str(path)!r})
        connection.execute("INSERT INTO category VALUES (7, 'late')")
        os._exit(9)
    """)
    subprocess.run([sys.executable, "-c", code], check=False)
    assert path.with_name("ledger.duckdb.wal").stat().st_size
    with read_only(tmp_path / "p"):
        assert Ledger(path).categories()[7] == "late"


def test_an_archive_of_an_earlier_schema_is_read_from_a_migrated_copy(tmp_path):
    path = tmp_path / "p" / "ledger.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as old:
        migrate(old, up_to=1)
        old.execute("INSERT INTO category VALUES (1, 'early')")
    before = path.read_bytes()
    with read_only(tmp_path / "p"):
        ledger = Ledger(path)
        assert ledger.categories() == {1: "early"}
        assert ledger.annotators() == []
        ledger.copy_to(str(tmp_path / "copy.duckdb"))
        with pytest.raises(ReadOnly):
            ledger.add_categories(["circle"])
    assert path.read_bytes() == before
    assert Ledger(tmp_path / "copy.duckdb").categories() == {1: "early"}


def test_a_file_that_may_not_even_be_read_is_no_damaged_ledger(tmp_path):
    path = tmp_path / "ledger.duckdb"
    Ledger(path).videos()
    path.chmod(0)
    with bound_by_permissions(), pytest.raises(FewframesError, match="this user may not read it") as raised:
        Ledger(path).videos()
    assert "restore" not in str(raised.value)


@pytest.fixture
def lingering(tmp_path, monkeypatch):
    """A connector whose file stays open for a moment after each operation, and the list of how often it was opened."""
    connector, opened = Connector(tmp_path / "ledger.duckdb"), []
    connect = connector._connect
    monkeypatch.setattr(connector, "_connect", lambda writing: opened.append(writing) or connect(writing))
    with connector.lingering():
        yield connector, opened


def written(connector, statement):
    with connector.transaction() as connection:
        connection.execute(statement)


def read(connector, query="SELECT n FROM given ORDER BY 1"):
    with connector.session() as connection:
        return connection.execute(query).fetchall()


def test_what_follows_closely_finds_the_file_open(lingering):
    connector, opened = lingering
    written(connector, "CREATE TABLE given AS SELECT 1 AS n")
    written(connector, "INSERT INTO given VALUES (2)")
    assert read(connector) == [(1,), (2,)]
    assert len(opened) == 1


def test_another_process_gets_the_file_in_between(lingering):
    connector, _ = lingering
    written(connector, "CREATE TABLE given AS SELECT 1 AS n")
    code = f"import duckdb; duckdb.connect({str(connector.path)!r}).execute('INSERT INTO given VALUES (2)')"
    time.sleep(2 * _IDLE_SECONDS)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert read(connector) == [(1,), (2,)]


def test_who_asks_all_the_time_gives_the_file_up_now_and_then(lingering, monkeypatch):
    monkeypatch.setattr("al_core.ledger.file.connection._LONGEST_SECONDS", 0.0)
    connector, opened = lingering
    for _ in range(3):
        read(connector, "SELECT 1")
    assert len(opened) == 3


def test_nothing_lingers_after_an_error_or_the_block(tmp_path):
    connector = Connector(tmp_path / "ledger.duckdb")
    with connector.lingering():
        with pytest.raises(duckdb.CatalogException):
            read(connector, "SELECT * FROM nowhere")
        assert connector._idle is None
        read(connector, "SELECT 1")
        assert connector._idle is not None
    assert connector._idle is None


def test_a_child_inherits_no_open_file(lingering):
    connector, _ = lingering
    read(connector, "SELECT 1")
    child = os.fork()
    if child == 0:
        os._exit(connector._idle is not None)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_file_that_was_put_in_the_place_is_the_one_that_is_read(lingering, tmp_path):
    connector, _ = lingering
    written(connector, "CREATE TABLE given AS SELECT 1 AS n")
    with Connector(tmp_path / "other.duckdb").transaction() as connection:
        connection.execute("CREATE TABLE given AS SELECT 7 AS n")
    identity = tmp_path / ".ledger.duckdb.id"
    os.replace(tmp_path / "other.duckdb", connector.path)
    identity.unlink()
    assert read(connector) == [(7,)]
