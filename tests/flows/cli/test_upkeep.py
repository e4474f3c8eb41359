"""Commands that look after a project."""

import csv
import io
import json

import duckdb
import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tasks.ledger.client import open_ledger
from tasks.project.snapshot import ask
from tests.toys.labelled_project import finished_project

QUERY = "SELECT round_id, count(*) AS answers, NULL AS nothing FROM answer GROUP BY 1 ORDER BY 1"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("built"))[0]


def call(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def sql(project, *arguments):
    return call("sql", *arguments, "--project", project.root)


def test_sql_as_a_table(project):
    lines = [line.split() for line in sql(project, QUERY).output.splitlines()]
    assert ["round_id", "answers", "nothing"] in lines
    assert ["2", "1"] in lines


def test_sql_as_csv(project):
    rows = list(csv.reader(io.StringIO(sql(project, QUERY, "--format", "csv").stdout)))
    assert rows == [["round_id", "answers", "nothing"], ["1", "1", ""], ["2", "1", ""]]


def test_sql_as_json(project):
    found = json.loads(sql(project, QUERY, "--format", "json").stdout)
    assert found == [{"round_id": r, "answers": 1, "nothing": None} for r in (1, 2)]


def test_bytes_are_told_by_their_length(project):
    assert "3 bytes" in sql(project, "SELECT 'abc'::BLOB AS b", "--format", "csv").stdout


def test_rows_that_are_left_out_are_told(project):
    done = sql(project, QUERY, "--limit", "1", "--format", "csv")
    assert len(done.stdout.splitlines()) == 2
    assert "only the first 1 rows are shown; --limit 0 shows all" in done.stderr
    assert len(sql(project, QUERY, "--limit", "0", "--format", "csv").stdout.splitlines()) == 3


def test_rows_of_many_columns_are_shown_one_line_a_column(project):
    lines = sql(project, "SELECT * FROM video").output.splitlines()
    assert lines[0] == "--- row 1"
    assert ["name", "clip"] in [line.split() for line in lines]
    assert max(map(len, lines)) < 200
    assert not any("│" in line or "━" in line for line in lines)


ODD_VALUES = [
    "SELECT DATE '99999-01-01' AS a",
    "SELECT 'infinity'::TIMESTAMP AS a",
    "SELECT MAP {{'k': 1}: 2} AS a",
    "SELECT 'nan'::DOUBLE AS a, 1e400::DOUBLE AS b",
    "SELECT 170141183460469231731687303715884105727::HUGEINT AS a",
    "SELECT INTERVAL 3 MONTH AS a, TIMETZ '10:00:00+02' AS b, '[red]'::VARCHAR AS c, [1, NULL] AS d, {'x': 1} AS e",
    "SELECT 'a' AS same, 'b' AS same",
    "SELECT 1 WHERE false",
    "SELECT '\\xFF'::BLOB AS a",
    "SELECT 1; SELECT 2",
    "EXPLAIN SELECT 1",
    "SELECT",
    "",
    "nonsense",
    "SELECT error('stop')",
    "PRAGMA database_list",
    "CHECKPOINT",
]


@pytest.mark.parametrize("query", ODD_VALUES)
def test_no_question_ends_in_a_traceback(project, query, monkeypatch):
    done = {"table": sql(project, query)}
    if done["table"].exit_code == 0:
        # The answer is the same in each form; to ask again takes a third of a second.
        answer = ask(project, open_ledger(project), query)
        monkeypatch.setattr("tasks.project.snapshot.ask", lambda *_: answer)
        done |= {form: sql(project, query, "--format", form) for form in ("csv", "json")}
        json.loads(done["json"].stdout, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    for form, found in done.items():
        assert found.exception is None or isinstance(found.exception, SystemExit), (form, found.exception)


def test_nothing_can_be_changed_by_sql(project):
    done = sql(project, "DELETE FROM answer")
    assert done.exit_code != 0
    assert "The ledger is read only; its tables and views: " in done.output


def test_a_snapshot_can_be_read_by_others(project):
    done = call("snapshot", "--project", project.root)
    assert done.exit_code == 0
    with duckdb.connect(str(project.root / "snapshot" / "ledger.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM answer").fetchall() == [(2,)]
    tables = {path.stem for path in (project.root / "snapshot" / "parquet").iterdir()}
    assert {"answer", "label", "round"} <= tables
    assert f"{len(tables)} tables in " in done.output
    assert not list((project.root / "snapshot").glob(".snapshot-*"))


def test_a_project_comes_back_from_its_backup(project, tmp_path):
    done = call("backup", tmp_path / "work.tar", "--project", project.root)
    assert done.exit_code == 0
    restored = call("restore", tmp_path / "work.tar", tmp_path / "elsewhere")
    assert restored.exit_code == 0
    assert f"go on with: fewframes status --project {tmp_path / 'elsewhere'}" in restored.output
    status = call("status", "--project", tmp_path / "elsewhere")
    assert "2 of 2 rounds are done" in " ".join(status.output.split())
