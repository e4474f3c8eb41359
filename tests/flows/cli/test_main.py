import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from flows.cli.main import LATER, main
from tests.toys.footage.clips import write_clip

HEAVY = ("torch", "mmdet", "mmengine", "mmcv", "prefect", "sklearn", "plotly", "scipy")
NOT_TO_LOOK = ("pyarrow.parquet", "cv2", "httpx", "al_core.selection", "al_core.benchmark", "tasks.steps.audit")
"""What commands that only look at a project do without."""

NOT_TO_BEGIN = ("numpy", "pyarrow", "duckdb", "pydantic", "rich", "al_core.ledger", "flows.cli.run")
"""What is left out before it is known which command is given."""


@pytest.fixture
def run():
    """Run the command line in this process; returns click's result."""
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


def loaded_by(code):
    """The heavy packages that are in memory after a piece of code, in a process of its own."""
    watched = (*HEAVY, *NOT_TO_LOOK, *NOT_TO_BEGIN)
    code += f"\nimport sys, json; print(json.dumps([m for m in {watched!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_command_that_is_not_known_yet_loads_nearly_nothing():
    assert loaded_by("import flows.cli.main") == []


def test_help_starts_without_the_heavy_packages():
    code = """
from flows.cli.main import main
main(["--help"], standalone_mode=False)
"""
    assert not {*HEAVY, *NOT_TO_LOOK, "numpy", "duckdb"} & {*loaded_by(code)}


def test_every_command_is_listed_and_is_the_one_of_its_name():
    context = click.Context(main)
    for name, place in LATER.items():
        found = main.get_command(context, name)
        assert (found.name, found.callback.__module__) == (name, place.partition(":")[0])
    assert {*main.list_commands(context)} == {"doctor", "ingest", *LATER}


@pytest.mark.parametrize("command", ["status", "settings"])
def test_who_only_looks_starts_without_the_heavy_packages(tmp_path, command):
    code = f"""
from al_core.ledger.store import Ledger
from pathlib import Path
Ledger(Path({str(tmp_path)!r}) / "ledger.duckdb").videos()
from click.testing import CliRunner
from flows.cli.main import main
result = CliRunner().invoke(main, [{command!r}, "--project", {str(tmp_path)!r}])
assert result.exit_code == 0, result.output
"""
    assert not {*HEAVY, *NOT_TO_LOOK} & {*loaded_by(code)}


@pytest.mark.parametrize("command", ["status", "report", "run", "round"])
def test_a_folder_without_a_project_says_how_to_begin(run, tmp_path, command):
    result = run(command, "--project", tmp_path)
    assert result.exit_code == 1
    assert "begin with: fewframes ingest" in result.output


def test_the_first_videos_say_what_comes_next(run, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4")
    said = [run("ingest", clip, "--project", tmp_path / "my work").output for _ in range(2)]
    assert f"Next: begin the first round: fewframes run --project '{tmp_path}/my work'\n" in said[0]
    assert "Next" not in said[1]


def test_who_names_no_category_is_told_what_objects_are_called(run, tmp_path):
    said = []
    for number, more in enumerate([(), (), ("--category", "dog")]):
        clip = write_clip(tmp_path / f"{number}.mp4", n_frames=4 + number)
        said.append(run("ingest", clip, "--project", tmp_path / "work", *more).output)
    told = f"no --category was given: fewframes category rename object NAME --project {tmp_path}/work\n"
    assert [told in text for text in said] == [True, False, False]


def test_footage_without_masks_brings_no_object_beside_the_names_of_a_project(run, tmp_path):
    for number, more in enumerate([("--category", "dog"), ()]):
        clip = write_clip(tmp_path / f"{number}.mp4", n_frames=4 + number)
        said = run("ingest", clip, "--project", tmp_path / "work", *more).output
    assert "no --category" not in said
    listed = run("category", "list", "--project", tmp_path / "work").output
    assert "dog" in listed
    assert "object" not in listed


def test_a_project_without_videos_says_how_to_get_some(run, tmp_path):
    from al_core.ledger.store import Ledger

    Ledger(tmp_path / "ledger.duckdb").videos()
    result = run("run", "--project", tmp_path)
    assert result.exit_code == 1
    assert "has no videos" in result.output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("selection.stratgy=random", "unknown setting 'selection.stratgy'"),
        ("selection.frames_per_round=0", "greater than or equal to 1"),
        ("random", "NAME=VALUE"),
    ],
)
def test_a_wrong_setting_is_named(run, tmp_path, change, message):
    from al_core.ledger.store import Ledger

    Ledger(tmp_path / "ledger.duckdb").videos()
    result = run("run", "--project", tmp_path, "--set", change)
    assert result.exit_code == 1
    assert message in result.output
