import getpass
import os
import subprocess
import sys
import tempfile

import pytest

from tasks.processes import surroundings
from tasks.processes.surroundings import provide, user_name
from tests.toys.privileges import read_only

NOBODY = """
import os, sys
from pathlib import Path
from tasks.processes.surroundings import provide, user_name
if os.geteuid() == 0:
    os.setgid(54321)
    os.setuid(54321)
for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
    os.environ.pop(name, None)
provide(Path(sys.argv[1]))
print(Path.home())
print(user_name())
"""


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A folder that cannot be written, in the place of all that temporary files usually lie in."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    monkeypatch.setattr(surroundings, "_USUAL", (str(folder), str(tmp_path / "nowhere")))
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    with read_only(folder):
        yield


def test_a_user_without_an_entry_and_a_home_gets_one(tmp_path):
    tmp_path.chmod(0o777)
    words = [sys.executable, "-c", NOBODY, "prefect"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path)
    found, name = done.stdout.splitlines()
    assert found == ("prefect" if os.geteuid() == 0 else found)
    assert (tmp_path / "prefect").is_dir() == (os.geteuid() == 0)
    assert name == ("user 54321" if os.geteuid() == 0 else name)


def test_a_home_that_is_there_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    provide(tmp_path / "prefect")
    assert os.environ["HOME"] == "/nonexistent"
    assert not (tmp_path / "prefect").exists()


def test_caches_lie_in_the_project_where_the_home_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    provide(tmp_path / "prefect")
    assert "XDG_CACHE_HOME" not in os.environ
    with read_only(tmp_path / "home"):
        provide(tmp_path / "prefect")
    assert os.environ["XDG_CACHE_HOME"] == str(tmp_path / "prefect" / "cache")
    assert (tmp_path / "prefect" / "cache").is_dir()


def test_temporary_files_lie_in_the_project_where_there_is_no_other_place(tmp_path, nowhere):
    provide(tmp_path / "prefect")
    folder = str(tmp_path / "prefect" / "tmp")
    assert os.environ["TMPDIR"] == os.environ["SQLITE_TMPDIR"] == folder
    assert tempfile.gettempdir() == folder


def test_a_place_that_can_be_written_is_enough(tmp_path, nowhere, monkeypatch):
    monkeypatch.setattr(surroundings, "_USUAL", (str(tmp_path),))
    before = os.environ["TMPDIR"]
    provide(tmp_path / "prefect")
    assert os.environ["TMPDIR"] == before


def test_a_user_with_an_account_has_its_name():
    assert user_name() == getpass.getuser()
