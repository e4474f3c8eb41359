"""Other programs read what was published; questions in SQL change nothing."""

import duckdb
import pytest

from al_core.errors import BadQuery
from tasks.project.snapshot import ask, publish_snapshot
from tests.toys.labelled_project import new_project


@pytest.fixture
def project(tmp_path):
    project, ledger, _ = new_project(tmp_path)
    return project, ledger


def test_a_snapshot_is_read_while_the_next_takes_its_place(project):
    project, ledger = project
    first = publish_snapshot(project, ledger)
    with duckdb.connect(str(first.database), read_only=True) as reader:
        ledger.add_categories(["circle"])
        second = publish_snapshot(project, ledger)
        assert ("circle",) not in reader.execute("SELECT name FROM category").fetchall()
    with duckdb.connect(str(second.database), read_only=True) as reader:
        assert ("circle",) in reader.execute("SELECT name FROM category").fetchall()
    assert [p.name for p in first.database.parent.iterdir() if p.name.startswith(".")] == []
    assert (first.parquet / "video.parquet").is_file()


def test_a_question_is_answered_from_the_ledger_as_it_is_now(project):
    project, ledger = project
    assert ask(project, ledger, "SELECT name, n_frames FROM video").rows == (("clip", 6),)
    ledger.add_categories(["circle"])
    found = ask(project, ledger, "SELECT name FROM category ORDER BY 1", limit=1)
    assert (found.columns, found.rows, found.more) == (("name",), (("circle",),), True)


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM category",
        "CREATE TABLE mine(a INTEGER)",
        "COPY category TO 'out.csv'",
        "SELECT * FROM read_csv('/etc/hostname')",
        "ATTACH 'other.duckdb'",
        "SET enable_external_access = true",
        "SELECT nothing FROM nowhere",
    ],
)
def test_nothing_is_changed_and_nothing_else_is_read(project, query):
    project, ledger = project
    before = ledger.categories()
    with pytest.raises(BadQuery, match=r"its tables and views: agreement, annotator, answer, answer_current, "):
        ask(project, ledger, query)
    assert ledger.categories() == before


@pytest.mark.parametrize("table", ["access_key", "lease"])
def test_keys_are_not_published(project, table):
    project, ledger = project
    with pytest.raises(BadQuery, match=f"Table with name {table} does not exist"):
        ask(project, ledger, f"FROM {table}")
    assert not (publish_snapshot(project, ledger).parquet / f"{table}.parquet").exists()
