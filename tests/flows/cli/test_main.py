import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from flows.cli.main import main

HEAVY = ("torch", "mmdet", "mmengine", "mmcv", "prefect", "sklearn", "plotly", "scipy")


@pytest.fixture
def run():
    """Run the command line in this process; returns click's result."""
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


def loaded_by(code):
    """The heavy packages that are in memory after a piece of code, in a process of its own."""
    code += f"\nimport sys, json; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_help_starts_without_the_heavy_packages():
    assert loaded_by("import flows.cli.main") == []


def test_status_starts_without_the_heavy_packages(tmp_path):
    code = f"""
from al_core.ledger.store import Ledger
from pathlib import Path
Ledger(Path({str(tmp_path)!r}) / "ledger.duckdb").videos()
from click.testing import CliRunner
from flows.cli.main import main
result = CliRunner().invoke(main, ["status", "--project", {str(tmp_path)!r}])
assert result.exit_code == 0, result.output
"""
    assert loaded_by(code) == []


@pytest.mark.parametrize("command", ["status", "report", "run", "round"])
def test_a_folder_without_a_project_says_how_to_begin(run, tmp_path, command):
    result = run(command, "--project", tmp_path)
    assert result.exit_code == 1
    assert "begin with: fewframes ingest" in result.output


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
