"""Programs that run with the libraries of other tools, each in an environment of its own."""

import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
CVAT = _ROOT / ".venv-cvat"
LABEL_STUDIO = _ROOT / ".venv-label-studio"


def ran(environment: Path, program: str, *arguments: object) -> str:
    """Return what a Python program prints there; the test is skipped where the environment was not built."""
    if not (environment / ".ready").is_file():
        pytest.skip(f"there is no {environment.name}; make test-label-studio builds it")
    done = subprocess.run(
        [environment / "bin/python", "-c", program, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
