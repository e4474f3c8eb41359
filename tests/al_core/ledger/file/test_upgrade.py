import logging
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest

from al_core.errors import LedgerCorrupt, NewerLedger, ReadOnly
from al_core.ledger.file.schema import NEWEST, migrate, schema_of
from al_core.ledger.store import Ledger
from tests.toys.privileges import bound_by_permissions, read_only

every_version = pytest.mark.parametrize("earlier", range(1, NEWEST), indirect=True)
first_and_last = pytest.mark.parametrize("earlier", [1, NEWEST - 1], indirect=True)


@cache
def file_of(version):
    """What is in the file of a ledger of an earlier schema with one category."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "ledger.duckdb")
        with duckdb.connect(str(path)) as connection:
            migrate(connection, up_to=version)
            connection.execute("INSERT INTO category VALUES (1, 'car')")
        return path.read_bytes()


@pytest.fixture
def earlier(request, tmp_path):
    """A ledger of an earlier schema with one category, and its version."""
    path = tmp_path / "ledger.duckdb"
    path.write_bytes(file_of(request.param))
    return path, request.param


def version_of(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        return schema_of(connection).version


class TestEarlierLedger:
    @every_version
    def test_who_reads_changes_nothing(self, earlier, caplog):
        path, _ = earlier
        before = path.read_bytes()
        ledger = Ledger(path)
        with ledger.held():
            assert ledger.categories() == {1: "car"}
            assert ledger.rounds() == []
        assert ledger.paused() is None
        assert path.read_bytes() == before
        assert [file.name for file in path.parent.iterdir()] == ["ledger.duckdb"]
        assert caplog.records == []

    @every_version
    def test_who_writes_brings_it_to_the_newest_schema_says_so_and_keeps_what_it_was(self, earlier, caplog):
        path, version = earlier
        ledger = Ledger(path)
        assert ledger.categories() == {1: "car"}
        ledger.add_categories(["bus"])
        assert ledger.categories() == {1: "car", 2: "bus"}
        assert version_of(path) == NEWEST
        copy = path.with_name(f"ledger-schema-{version}.duckdb")
        assert version_of(copy) == version
        assert [record.getMessage() for record in caplog.records] == [
            f"{path}: brought from schema {version} to {NEWEST}, which earlier versions cannot write; as it was, it is "
            f"kept beside it in {copy.name}"
        ]
        # Put back, it is this project's ledger, and the next upgrade keeps another copy.
        copy.replace(path)
        copy.write_text("what another upgrade kept")
        Ledger(path).add_categories(["van"])
        assert Ledger(path).categories() == {1: "car", 2: "van"}
        assert copy.read_text() == "what another upgrade kept"
        assert version_of(path.with_name(f"ledger-schema-{version}-2.duckdb")) == version

    @first_and_last
    def test_a_write_while_it_is_held_for_reading_is_seen(self, earlier):
        path, _ = earlier
        ledger = Ledger(path)
        with ledger.held():
            assert ledger.categories() == {1: "car"}
            ledger.add_categories(["bus"])
            assert ledger.categories() == {1: "car", 2: "bus"}
        assert Ledger(path).categories() == {1: "car", 2: "bus"}

    @first_and_last
    def test_what_others_write_meanwhile_is_read(self, earlier):
        path, _ = earlier
        reader = Ledger(path)
        assert reader.categories() == {1: "car"}
        Ledger(path).add_categories(["bus"])
        assert reader.categories() == {1: "car", 2: "bus"}

    @first_and_last
    def test_its_owner_upgrades_it(self, earlier):
        path, version = earlier
        ledger = Ledger(path)
        with ledger.owned():
            ledger.add_categories(["bus"])
        assert version_of(path) == NEWEST
        assert version_of(path.with_name(f"ledger-schema-{version}.duckdb")) == version

    @first_and_last
    def test_an_upgrade_that_fails_leaves_it_as_it_was(self, earlier, monkeypatch):
        path, version = earlier
        broken = "CREATE TABLE wanted_no_more(x INTEGER); SELECT * FROM nowhere"
        monkeypatch.setattr("al_core.ledger.file.schema.MIGRATIONS", ((NEWEST, "broken", broken),))
        monkeypatch.setattr("al_core.ledger.file.schema._sha256", lambda _: "same")
        with pytest.raises(duckdb.CatalogException, match="nowhere"):
            Ledger(path).add_categories(["bus"])
        assert version_of(path) == version

    @bound_by_permissions()
    @first_and_last
    def test_one_that_cannot_be_written_is_read(self, earlier):
        path, version = earlier
        with read_only(path.parent):
            assert Ledger(path).categories() == {1: "car"}
            with pytest.raises(ReadOnly):
                Ledger(path).add_categories(["bus"])
        assert version_of(path) == version


class TestLaterLedger:
    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "ledger.duckdb"
        Ledger(path).add_categories(["car"])
        with duckdb.connect(str(path)) as connection:
            row = f"({NEWEST + 1}, 'future', 'x', TIMESTAMP '2030-01-01', '9.0+abc')"
            connection.execute(f"INSERT INTO schema_version VALUES {row}")
            connection.execute("ALTER TABLE category ADD COLUMN colour VARCHAR DEFAULT 'red'")
            connection.execute("DROP TABLE pause")
        return path

    def test_what_is_understood_is_read_with_one_word_of_warning(self, path, caplog):
        before = path.read_bytes()
        ledger = Ledger(path)
        assert ledger.categories() == {1: "car"}
        assert ledger.rounds() == []
        assert path.read_bytes() == before
        (told,) = caplog.records
        assert told.levelno == logging.WARNING
        assert f"{path}: has schema version {NEWEST + 1}, made by fewframes 9.0+abc; this" in told.getMessage()

    def test_what_is_not_understood_says_which_version_to_use(self, path):
        with pytest.raises(NewerLedger, match=r"made by fewframes 9.0\+abc; .* To change the project, use 9.0\+abc"):
            Ledger(path).paused()

    @pytest.mark.parametrize("read_before", [False, True])
    def test_nothing_is_written_to_it(self, path, read_before):
        before = path.read_bytes()
        ledger = Ledger(path)
        if read_before:
            assert ledger.categories() == {1: "car"}
        with pytest.raises(NewerLedger):
            ledger.add_categories(["bus"])
        with ledger.held(), pytest.raises(NewerLedger):
            ledger.add_categories(["bus"])
        with pytest.raises(NewerLedger), ledger.owned():
            pytest.fail("it is owned")
        assert path.read_bytes() == before

    def test_one_that_became_so_under_a_process_that_has_it_in_use(self, tmp_path):
        path = tmp_path / "ledger.duckdb"
        ledger = Ledger(path)
        ledger.add_categories(["car"])
        with duckdb.connect(str(path)) as connection:
            row = f"({NEWEST + 1}, 'future', 'x', TIMESTAMP '2030-01-01', '9.0')"
            connection.execute(f"INSERT INTO schema_version VALUES {row}")
        with pytest.raises(NewerLedger):
            ledger.add_categories(["bus"])

    def test_an_edited_migration_is_told_first(self, path):
        with duckdb.connect(str(path)) as connection:
            connection.execute("UPDATE schema_version SET sha256 = 'edited' WHERE version = 1")
        with pytest.raises(LedgerCorrupt, match="version 1"):
            Ledger(path).categories()
