"""The table of all ways to discover: what is not measured is told, and nothing is begun without time."""

from click.testing import CliRunner

from tests.bench.discovery.__main__ import main


def test_what_is_not_measured_is_told(tmp_path):
    told = CliRunner().invoke(
        main, ["--only", "tags", "--minutes", "0", "--work", str(tmp_path)], env={"COLUMNS": "220"}
    )
    assert told.exit_code == 0
    assert "2 cases are left" in told.output
    assert told.output.count("not measured") == 5


def test_a_proof_that_is_not_there_is_told_with_those_that_are(tmp_path):
    told = CliRunner().invoke(main, ["--only", "tag", "--work", str(tmp_path)])
    assert told.exit_code == 2
    assert "no proof 'tag'; there are discovery, exemplars, tags" in told.output
