import shutil
from pathlib import Path

import duckdb
import pytest

from al_core.errors import LedgerCorrupt
from al_core.fingerprint import code_version
from al_core.ledger.file.schema import MIGRATIONS, NEWEST, Schema, migrate, schema_of
from al_core.ledger.store import Ledger
from al_core.records import FrameRef, LabelKind, LabelRequest, Selected


def test_each_migration_is_applied_once():
    connection = duckdb.connect()
    assert migrate(connection) == len(MIGRATIONS)
    assert migrate(connection) == 0


def described(connection):
    """All that a database says of its tables, columns and constraints, and its views' statements."""
    less = "database_name, database_oid, schema_oid, table_oid"
    constraints = "table_name, constraint_type, constraint_text, constraint_column_names"
    questions = (
        f"SELECT * EXCLUDE ({less}) FROM duckdb_tables() WHERE NOT internal ORDER BY ALL",
        f"SELECT * EXCLUDE ({less}) FROM duckdb_columns() WHERE NOT internal ORDER BY ALL",
        # A view's other properties say whether somebody has used it yet.
        "SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
        f"SELECT {constraints} FROM duckdb_constraints() ORDER BY ALL",
        "SELECT * EXCLUDE (applied_at) FROM schema_version ORDER BY version",
    )
    return [connection.execute(question).fetchall() for question in questions]


def grow(connection):
    """Apply the migrations one after the other, as earlier versions brought them."""
    for version in range(1, NEWEST + 1):
        assert migrate(connection, up_to=version) == 1


def killed(folder, make):
    """Open what is left of a ledger file whose process dies when it is made: its log was not written back."""
    (folder / "lives").mkdir(parents=True)
    connection = duckdb.connect(str(folder / "lives" / "new.duckdb"))
    make(connection)
    left = Path(shutil.copytree(folder / "lives", folder / "left"))
    connection.close()
    assert (left / "new.duckdb.wal").stat().st_size > 0
    return duckdb.connect(str(left / "new.duckdb"))


class TestANewLedgerGetsAllMigrationsInOneTransaction:
    def test_it_is_equal_to_one_that_grew(self):
        new, grown = duckdb.connect(), duckdb.connect()
        migrate(new)
        grow(grown)
        assert described(new) == described(grown)

    def test_also_when_its_process_dies_before_the_log_was_written_back(self, tmp_path):
        with killed(tmp_path / "new", migrate) as new, killed(tmp_path / "grown", grow) as grown:
            assert described(new) == described(grown)

    def test_where_one_fails_nothing_is_there(self, monkeypatch):
        monkeypatch.setattr(
            "al_core.ledger.file.schema.MIGRATIONS", (*MIGRATIONS, (NEWEST + 1, "wrong", "SELECT nonsense"))
        )
        connection = duckdb.connect()
        with pytest.raises(duckdb.BinderException, match="nonsense"):
            migrate(connection)
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)


class TestSchemaOf:
    def test_a_database_without_tables_has_none(self):
        assert schema_of(duckdb.connect()) == Schema(0)

    @pytest.mark.parametrize("version", range(1, NEWEST + 1))
    def test_one_of_ours_says_which_and_who_made_it(self, version):
        connection = duckdb.connect()
        migrate(connection, up_to=version)
        assert schema_of(connection) == Schema(version, code_version() if version >= 7 else "")

    def test_one_of_a_later_version_too(self):
        connection = duckdb.connect()
        migrate(connection)
        connection.execute("INSERT INTO schema_version VALUES (999, 'future', 'x', TIMESTAMP '2030-01-01', '9.0')")
        assert schema_of(connection) == Schema(999, "9.0")
        assert migrate(connection) == 0


def test_an_edited_migration_is_noticed():
    connection = duckdb.connect()
    migrate(connection)
    connection.execute("UPDATE schema_version SET sha256 = 'edited' WHERE version = 1")
    with pytest.raises(LedgerCorrupt, match="version 1"):
        migrate(connection)


def test_a_ledger_of_version_1_asks_for_whole_masks_when_it_is_opened_again(tmp_path):
    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as old:
        assert migrate(old, up_to=1) == 1
        old.execute("INSERT INTO selection VALUES (1, 1, 4, 0, 0.5, 'random', 'drawn at random')")
        old.execute(
            "INSERT INTO label_request VALUES ('r1', 1, 1, 4, 0, 'drawn at random', 'open', "
            "TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-01')"
        )
    ledger = Ledger(path, patience=5)
    assert ledger.selection(1) == [Selected(FrameRef(1, 4), 0, 0.5, "drawn at random", LabelKind.MASK)]
    assert ledger.requests() == [LabelRequest("r1", 1, FrameRef(1, 4), 0, "drawn at random", LabelKind.MASK)]
    ledger.put_selection(2, "value", [Selected(FrameRef(1, 7), 0, 0.5, "a click is enough", LabelKind.CLICK)])
    assert ledger.selection(2)[0].kind is LabelKind.CLICK


def test_there_are_no_secondary_indexes_and_no_foreign_keys():
    connection = duckdb.connect()
    migrate(connection)
    assert connection.execute("SELECT count(*) FROM duckdb_indexes()").fetchone() == (0,)
    kinds = {row[0] for row in connection.execute("SELECT constraint_type FROM duckdb_constraints()").fetchall()}
    assert "FOREIGN KEY" not in kinds


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_a_ledger_of_any_version_with_an_answer_in_it_is_brought_to_the_newest(version):
    """DuckDB refuses some changes of a table within one transaction as soon as the table has a row."""
    connection = duckdb.connect()
    migrate(connection, up_to=version)
    connection.execute(
        "INSERT INTO answer(answer_id, request_id, revision, round_id, video_id, frame_idx, kind, seconds, annotator, "
        "created_at) VALUES ('a1', 'r1', 1, 1, 1, 0, 'mask', 80.0, 'ann', TIMESTAMP '2026-11-26 08:00:00')"
    )
    migrate(connection)
    assert schema_of(connection).version == NEWEST
    assert connection.execute("SELECT answer_id, complete FROM answer_current").fetchall() == [("a1", True)]
