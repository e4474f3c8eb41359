import os

import click
import pytest
from click.testing import CliRunner

from al_core.errors import LedgerCorrupt
from al_core.project import Project
from flows.cli.main import main
from flows.cli.options import existing, opened, plain_table, project_option, settings_options, terminal
from tests.toys.ledgers import ledger_with_clip


@click.command()
@project_option
@settings_options
def show(root, preset, changes):
    """Print what the options say."""
    click.echo(f"{root}|{preset}|{changes}")


def test_settings_may_be_changed_again_and_again_and_the_folder_is_this_one():
    said = CliRunner().invoke(show, ["--settings", "quick", "--set", "a=1", "--set", "b=2"]).output
    assert said == ".|quick|('a=1', 'b=2')\n"
    assert CliRunner().invoke(show, []).output == ".|None|()\n"


@pytest.mark.parametrize("name", ["ä:b:c", "[bold]x[/bold]", "[/b]", "<i>12</i>"])
def test_names_are_printed_as_they_are(capsys, name):
    terminal().print(f"stored: {name}: 100 frames", soft_wrap=True)
    table = plain_table("video")
    table.add_row(name)
    terminal().print(table)
    said = capsys.readouterr().out
    assert f"stored: {name}: 100 frames\n" in said
    assert name in said.splitlines()[-1]


@pytest.mark.parametrize(
    ("command", "written"),
    [
        (("backup",), b"ledger.duckdb\0"),
        (("report", "--out"), b"<!doctype html"),
        (("certify", "--out"), b"{"),
        (("compare", "sim.json", "--out"), b"<!doctype html"),
        (("simulate", "--data", ".", "--out"), b"["),
    ],
)
def test_a_file_of_another_kind_is_never_replaced(tmp_path, command, written):
    precious = tmp_path / "clip.mp4"
    project = ["--project", str(tmp_path)] if command[0] in ("backup", "report", "certify") else []
    for content, is_kept in ((b"....ftypisom", True), (written + b"...", False), (b"", False)):
        precious.write_bytes(content)
        done = CliRunner().invoke(main, [*command, str(precious), *project])
        assert done.exit_code != 0
        assert ("is something else and would be lost; name another file" in done.output) == is_kept
        assert precious.read_bytes() == content


@pytest.mark.parametrize("arguments", [("ingest", "clips", "--project"), ("backup",), ("report", "--out")])
def test_a_file_is_no_folder_for_others(tmp_path, arguments):
    (tmp_path / "file").touch()
    done = CliRunner().invoke(main, [*arguments, str(tmp_path / "file" / "new" / "x")])
    assert done.exit_code == 2
    assert f"{tmp_path}/file is a file; expected a folder" in done.output


def test_a_file_is_no_project(tmp_path):
    (tmp_path / "file").touch()
    done = CliRunner().invoke(show, ["--project", str(tmp_path / "file")])
    assert done.exit_code == 2


def test_a_folder_without_a_ledger_says_how_to_begin(tmp_path):
    with pytest.raises(click.ClickException, match=f"begin with: fewframes ingest PATH --project {tmp_path}"):
        existing(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_project_comes_with_its_ledger(tmp_path):
    ledger_with_clip(tmp_path)
    assert existing(tmp_path) == Project.at(tmp_path)
    project, ledger = opened(tmp_path)
    assert project == Project.at(tmp_path)
    assert [video.name for video in ledger.videos()] == ["clip"]


def test_a_place_where_no_ledger_can_be_is_refused(tmp_path):
    (tmp_path / "ledger.duckdb").mkdir()
    with pytest.raises((LedgerCorrupt, click.ClickException)):
        existing(tmp_path)


def test_long_cells_of_a_table_break_their_lines():
    from rich.console import Console

    table = plain_table("name", "path")
    table.add_row("clip", "/a/very/long/path/that/does/not/fit")
    console = Console(width=20)
    with console.capture() as captured:
        console.print(table)
    said = captured.get()
    assert "…" not in said
    assert "".join(line[6:].strip() for line in said.splitlines()[2:]).endswith("not/fit")


def test_a_folder_whose_name_is_no_utf_8_is_refused_by_its_bytes(tmp_path):
    done = CliRunner().invoke(show, ["--project", os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")])
    assert done.exit_code == 2
    assert f"{tmp_path}/caf\\xe9: the name is not UTF-8; rename the folder" in done.output
