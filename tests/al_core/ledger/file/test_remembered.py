import threading

import duckdb
import pytest

from al_core.ledger.file.connection import Connector
from al_core.ledger.file.remembered import OwnersCursor, rows_of

SUM = "SELECT sum(n) FROM given"


class Counting:
    """A cursor of DuckDB that counts what it is asked."""

    def __init__(self, cursor):
        self.inner, self.asked = cursor, []

    def execute(self, query, parameters=None):
        self.asked.append(getattr(query, "query", query))
        return self.inner.execute(query, parameters)

    def __getattr__(self, name):
        return getattr(self.inner, name)


@pytest.fixture
def owner(tmp_path):
    """A connector that owns a file with two tables, and a view of one of them."""
    connector = Connector(tmp_path / "ledger.duckdb")
    with connector.owned():
        with connector.transaction() as connection:
            connection.execute("CREATE TABLE given(n INTEGER)")
            connection.execute("CREATE TABLE other(n INTEGER)")
            connection.execute("CREATE VIEW great AS SELECT * FROM given WHERE n > 10")
            connection.execute("INSERT INTO given VALUES (1), (20)")
        yield connector


@pytest.fixture
def asked(monkeypatch):
    """Every statement that DuckDB is given."""
    statements = []
    begin = OwnersCursor.__init__

    def counting(self, cursor, remembered):
        counted = Counting(cursor)
        counted.asked = statements
        begin(self, counted, remembered)

    monkeypatch.setattr(OwnersCursor, "__init__", counting)
    return statements


def told(connector, query=SUM, parameters=()):
    with connector.session() as connection:
        return rows_of(connection, query, parameters)


def written(connector, statement, parameters=None):
    with connector.transaction() as connection:
        connection.execute(statement, parameters)


def test_the_same_is_asked_once_by_all_threads(owner, asked):
    threads = [threading.Thread(target=told, args=(owner,)) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    assert told(owner) == [(21,)]
    assert asked == [SUM]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("INSERT INTO given VALUES (5)", 26),
        ("UPDATE given SET n = n + 1", 23),
        ("DELETE FROM given WHERE n = 1", 20),
        ('DELETE FROM "given" WHERE n = 1', 20),
        ("UPDATE main.given SET n = 2 * n", 42),
        ("TRUNCATE given", None),
        ("UPDATE GIVEN SET n = 3", 6),
        ("WITH more AS (SELECT 4 AS n) INSERT INTO given SELECT n FROM more", 25),
        ("CREATE OR REPLACE TABLE given AS SELECT 7 AS n", 7),
    ],
)
def test_what_was_written_is_told(owner, statement, expected):
    assert told(owner) == [(21,)]
    written(owner, statement)
    assert told(owner) == [(expected,)]


def test_a_table_that_was_not_written_is_not_asked_for_again(owner, asked):
    told(owner)
    written(owner, "INSERT INTO other VALUES (5)")
    told(owner)
    assert asked.count(SUM) == 1


def test_a_view_changes_with_its_tables(owner):
    query = "SELECT count(*) FROM great WHERE n < ?"
    assert told(owner, query, [100]) == [(1,)]
    written(owner, "INSERT INTO given VALUES (?)", [30])
    assert told(owner, query, [100]) == [(2,)]
    assert told(owner, query, [25]) == [(1,)]


def test_a_transaction_sees_what_it_wrote_and_others_when_it_is_over(owner):
    told(owner)
    with owner.transaction() as connection:
        connection.execute("INSERT INTO given VALUES (5)")
        assert rows_of(connection, SUM) == [(26,)]
        beside = []
        thread = threading.Thread(target=lambda: beside.append(told(owner)))
        thread.start()
        thread.join()
        assert beside == [[(21,)]]
    assert told(owner) == [(26,)]


def test_what_was_dropped_was_never_told(owner):
    seen = []

    def fail():
        with owner.transaction() as connection:
            connection.execute("INSERT INTO given VALUES (5)")
            seen.append(rows_of(connection, SUM))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert seen == [[(26,)]]
    assert told(owner) == [(21,)]


def test_what_was_written_while_it_was_asked_for_is_not_taken_for_known(owner, monkeypatch):
    with owner.session() as connection:
        ask = connection._cursor.execute
        reading = Counting(connection._cursor)

        def slowly(query, parameters=None):
            found = ask(query, parameters).fetchall()
            thread = threading.Thread(target=written, args=(owner, "INSERT INTO given VALUES (5)"))
            thread.start()
            thread.join()
            reading.fetchall = lambda: found
            return reading

        reading.execute = slowly
        monkeypatch.setattr(connection, "_cursor", reading)
        assert rows_of(connection, SUM) == [(21,)]
    assert told(owner) == [(26,)]


def test_who_changes_a_list_of_rows_does_so_alone(owner):
    told(owner).append((0,))
    told(owner).clear()
    assert told(owner) == [(21,)]


def test_an_error_is_told_each_time(owner):
    for _ in range(2):
        with owner.session() as connection, pytest.raises(duckdb.CatalogException):
            rows_of(connection, "SELECT * FROM nowhere")


def test_a_single_statement_is_read_once_and_others_each_time(owner):
    both, wrong = "SELECT 1; SELECT 2", "SELECT FROM WHERE"
    for _ in range(2):
        with owner.session() as connection:
            assert connection.execute("SELECT n FROM given WHERE n > ?", [10]).fetchall() == [(20,)]
            assert connection.execute(both).fetchall() == [(2,)]
            with pytest.raises(duckdb.ParserException):
                connection.execute(wrong)
    first, again = (owner._remembered.read(duckdb.connect(), "SELECT n FROM given WHERE n > ?") for _ in range(2))
    assert first is again
    assert isinstance(first.sent, duckdb.Statement)
    assert owner._remembered.read(duckdb.connect(), both).sent == both
    assert owner._remembered.read(duckdb.connect(), wrong).sent == wrong


def test_a_statement_that_was_read_sees_a_table_that_was_changed_since(owner):
    query = "SELECT * FROM given WHERE n = ?"
    for expected in ([(20,)], [(20, None)]):
        with owner.session() as connection:
            assert connection.execute(query, [20]).fetchall() == expected
        written(owner, "ALTER TABLE given ADD COLUMN IF NOT EXISTS more INTEGER")


def test_nothing_is_remembered_of_a_file_that_others_may_write(tmp_path):
    connector = Connector(tmp_path / "ledger.duckdb")
    written(connector, "CREATE TABLE given AS SELECT 1 AS n")
    assert told(connector) == [(1,)]
    with duckdb.connect(str(tmp_path / "ledger.duckdb")) as other:
        other.execute("INSERT INTO given VALUES (2)")
    assert told(connector) == [(3,)]


def test_who_owns_it_again_begins_anew(tmp_path):
    connector = Connector(tmp_path / "ledger.duckdb")
    written(connector, "CREATE TABLE given AS SELECT 1 AS n")
    with connector.owned():
        assert told(connector) == [(1,)]
    written(connector, "INSERT INTO given VALUES (2)")
    with connector.owned():
        assert told(connector) == [(3,)]
