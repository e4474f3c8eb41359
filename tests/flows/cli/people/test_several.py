"""One link for several projects, by the commands; each project keeps its own people."""

import shutil

import pytest
from click.testing import CliRunner

from al_core.ledger.labelling.people import Role
from al_core.project import Project
from flows.cli.main import main
from tasks.ledger.client import open_ledger
from tests.toys.ledgers import ledger_with_clip


@pytest.fixture
def ledgers(tmp_path):
    """Name -> ledger of two projects in one folder."""
    ledger_with_clip(tmp_path / "cows")
    shutil.copytree(tmp_path / "cows", tmp_path / "dogs")
    return {name: open_ledger(Project.at(tmp_path / name)) for name in ("cows", "dogs")}


def people(tmp_path, command, *words):
    return CliRunner().invoke(main, ["people", command, *words, str(tmp_path)])


def opens(ledgers, link):
    """The projects that a link opens."""
    token = link.strip().partition("#")[2]
    assert token
    return [name for name, ledger in ledgers.items() if ledger.sign_in(token, 60.0)]


def test_one_link_opens_each_and_a_new_one_takes_its_place(ledgers, tmp_path):
    ledgers["cows"].add_annotator("ada", Role.LEAD)
    added = people(tmp_path, "add", "ada")
    assert added.exit_code == 0, added.output
    assert added.stdout.startswith("http://127.0.0.1:8600/enter#")
    assert "cows: lead already; the earlier link and its sessions ended" in added.stderr
    assert "dogs: added as annotator" in added.stderr
    assert opens(ledgers, added.stdout) == ["cows", "dogs"]
    renewed = people(tmp_path, "link", "ada", "--url", "https://labels.example.org/")
    assert renewed.stdout.startswith("https://labels.example.org/enter#")
    assert opens(ledgers, renewed.stdout) == ["cows", "dogs"]
    assert opens(ledgers, added.stdout) == []
    listed = people(tmp_path, "list").stdout.splitlines()
    assert [line.split() for line in (listed[0], listed[-1])] == [
        ["person", "cows", "dogs"],
        ["ada", "lead", "annotator"],
    ]


def test_a_new_link_lets_nobody_into_more_projects_and_revoking_ends_each(ledgers, tmp_path):
    ledgers["dogs"].add_annotator("bo")
    renewed = people(tmp_path, "link", "bo")
    assert "cows: bo is not in it" in renewed.stderr
    assert opens(ledgers, renewed.stdout) == ["dogs"]
    assert people(tmp_path, "revoke", "bo").exit_code == 0
    assert opens(ledgers, renewed.stdout) == []
    nobody = people(tmp_path, "link", "bo")
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "nothing was done for bo in any of these projects" in nobody.stderr


def test_the_trouble_of_one_is_told_and_stops_no_other(ledgers, tmp_path):
    (tmp_path / "cows" / "ledger.duckdb").write_bytes(b"")
    added = people(tmp_path, "add", "ada")
    assert added.exit_code == 1
    assert "cows: " in added.stderr
    assert "the file is empty" in added.stderr
    del ledgers["cows"]
    assert opens(ledgers, added.stdout) == ["dogs"]
