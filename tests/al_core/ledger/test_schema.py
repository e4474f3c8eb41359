import duckdb
import pytest

from al_core.errors import LedgerCorrupt
from al_core.ledger.schema import MIGRATIONS, migrate


def test_each_migration_is_applied_once():
    connection = duckdb.connect()
    assert migrate(connection) == len(MIGRATIONS)
    assert migrate(connection) == 0


def test_a_newer_ledger_asks_for_a_newer_fewframes():
    connection = duckdb.connect()
    migrate(connection)
    connection.execute("INSERT INTO schema_version VALUES (999, 'future', 'x', TIMESTAMP '2030-01-01')")
    with pytest.raises(LedgerCorrupt, match="upgrade fewframes"):
        migrate(connection)


def test_an_edited_migration_is_noticed():
    connection = duckdb.connect()
    migrate(connection)
    connection.execute("UPDATE schema_version SET sha256 = 'edited' WHERE version = 1")
    with pytest.raises(LedgerCorrupt, match="version 1"):
        migrate(connection)


def test_there_are_no_secondary_indexes_and_no_foreign_keys():
    connection = duckdb.connect()
    migrate(connection)
    assert connection.execute("SELECT count(*) FROM duckdb_indexes()").fetchone() == (0,)
    kinds = {row[0] for row in connection.execute("SELECT constraint_type FROM duckdb_constraints()").fetchall()}
    assert "FOREIGN KEY" not in kinds
