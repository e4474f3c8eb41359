"""The repository as a whole: nothing large or private in it, one lock, and a set-up that helps."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


def tracked():
    """Files of the repository: what git tracks, and what it would."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def texts():
    """(path, content) of every tracked file that is text."""
    for path in tracked():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_no_file_is_larger_than_a_megabyte():
    assert [path for path in tracked() if path.stat().st_size > 2**20] == []


def test_no_file_names_a_place_on_somebody_elses_machine():
    private = re.compile(r"(?<![\w.])/(?:work|home|root|Users|tmp|opt)/\w|\b[A-Za-z]:\\\\Users")
    found = [f"{path}: {match[0]}" for path, text in texts() for match in private.finditer(text)]
    assert found == []


def test_no_file_names_a_package_index():
    index = re.compile(r"--(?:extra-)?index-url|--find-links|pypi\.org|pythonhosted")
    here = Path(__file__).resolve()
    assert [path for path, text in texts() if path != here and index.search(text)] == []


def test_no_compiled_or_private_files_are_tracked():
    unwanted = re.compile(r"\.(?:pyc|so|o|duckdb|pth|pt|mp4|tif|whl)$|(?:^|/)\.env$|\.pem$")
    assert [path for path in tracked() if unwanted.search(path.as_posix())] == []


def test_the_licence_is_apache_2():
    licence = (ROOT / "LICENSE").read_text()
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"


def test_the_changelog_knows_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def lock():
    """Package -> version, as ``constraints.txt`` pins it."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def normal(name):
    """A package's name as package tools compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_pins_every_dependency_within_its_range():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    wanted += [r for group in project["project"]["optional-dependencies"].values() for r in group]
    pinned = {normal(name): version for name, version in lock().items()}
    for requirement in map(Requirement, wanted):
        assert normal(requirement.name) in pinned
        assert requirement.specifier.contains(pinned[normal(requirement.name)]), requirement


def test_the_lock_pins_what_set_up_installs_first():
    assert {"torch", "setuptools", "wheel", "ninja", "psutil", "packaging", "onedl-mmcv"} <= set(lock())
    assert lock()["torch"] == "2.13.0"
    assert lock()["opencv-python"] == lock()["opencv-python-headless"]
    script = (ROOT / ".ci" / "setup").read_text()
    assert f"onedl-mmcv=={lock()['onedl-mmcv']}" in script
    assert f"torch=={lock()['torch']}" in script


def test_imports_go_down_only():
    done = subprocess.run([BIN / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "imports go down only KEPT" in done.stdout
    assert "0 broken" in done.stdout


@pytest.fixture
def clone(tmp_path):
    """What set-up reads, in a folder without an environment, and a folder of programs to put on the PATH."""
    clone, programs = tmp_path / "a clone", tmp_path / "programs"
    (clone / ".ci").mkdir(parents=True)
    programs.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt", ".ci/setup"):
        shutil.copy(ROOT / name, clone / name)
    used = "bash make sh env dirname sed awk cat mktemp rm mkdir find grep wc tail sleep touch"
    for name in used.split():
        (programs / name).symlink_to(shutil.which(name))
    return clone, programs


def set_up(clone, programs):
    """`make setup` with nothing but the given programs."""
    return subprocess.run(
        [shutil.which("make"), "setup"],
        cwd=clone,
        env={"PATH": str(programs), "HOME": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )


def program(folder, name, body):
    """A program of one shell line."""
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def test_set_up_without_a_fitting_python_says_what_to_install(clone):
    folder, programs = clone
    program(programs, "python3.11", "exit 127")
    for name in ("python3.12", "python3.13", "python3"):
        program(programs, name, "exit 1")
    done = set_up(folder, programs)
    assert done.returncode != 0
    assert "Python 3.11, 3.12 or 3.13 is needed and was not found" in done.stderr
    assert "apt install python3.11" in done.stderr


@pytest.mark.parametrize("name", ["python3.11", "python3.12", "python3.13"])
def test_set_up_takes_whichever_python_is_there(clone, name):
    folder, programs = clone
    program(programs, name, f'echo "$@" >> "{folder}/asked"')
    program(programs, "c++", "exit 0")
    set_up(folder, programs)
    assert "venv --clear .venv" in (folder / "asked").read_text()


def test_set_up_without_a_compiler_says_what_to_install(clone):
    folder, programs = clone
    program(programs, "python3.11", "exit 0")
    done = set_up(folder, programs)
    assert done.returncode != 0
    assert "no C++ compiler (c++) was found" in done.stderr
    assert "apt install g++" in done.stderr
    assert not (folder / ".venv").exists()


STUB = """
folder=$(dirname "$0")
echo "$@" >> "$folder/calls"
case "$1" in
-) times=$(cat "$folder/loads"); echo $((times + 1)) > "$folder/loads"; test "$times" -ge LOADS_AT ;;
esac
"""
"""A Python that notes what it is asked, and whose mmcv does not load the first LOADS_AT times."""


def stub_environment(clone, loads_at):
    """An environment that is there, whose Python is a stub; returns the calls that set-up makes of it."""
    folder, programs = clone
    program(programs, "c++", "exit 0")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "loads").write_text("0\n")
    program(folder / ".venv" / "bin", "python", STUB.replace("LOADS_AT", str(loads_at)))
    done = set_up(folder, programs)
    calls = (folder / ".venv" / "bin" / "calls").read_text().splitlines()
    return done, [call for call in calls if "mmcv" in call]


def test_set_up_compiles_nothing_when_the_operators_load(clone):
    done, calls = stub_environment(clone, loads_at=0)
    assert done.returncode == 0, done.stderr
    assert calls == ["-c import mmcv.ops"]
    assert (clone[0] / ".venv" / ".ready").is_file()
    assert "Nothing to be done" in set_up(*clone).stdout


def test_set_up_says_that_it_compiles(clone):
    done, calls = stub_environment(clone, loads_at=1)
    assert done.returncode == 0, done.stderr
    assert "compiled now. This happens once per machine and takes 6 to 16 minutes" in done.stdout
    assert len(calls) == 2
    assert calls[0].endswith("--no-build-isolation onedl-mmcv==2.3.6")


def test_set_up_compiles_anew_when_what_pip_kept_does_not_load(clone):
    done, calls = stub_environment(clone, loads_at=2)
    assert done.returncode == 0, done.stderr
    assert "does not load here: compiling it anew" in done.stdout
    assert calls[1] == "-m pip cache remove onedl_mmcv"
    assert "--force-reinstall --no-deps --no-binary onedl-mmcv" in calls[2]


def test_set_up_fails_when_the_operators_never_load(clone):
    done, _ = stub_environment(clone, loads_at=99)
    assert done.returncode != 0
    assert "its operators (mmcv._ext) do not load" in done.stderr
    assert not (clone[0] / ".venv" / ".ready").exists()


def test_make_alone_lists_the_targets():
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = re.findall(r"^make ([\w-]+)", done.stdout, re.MULTILINE)
    assert listed == re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"setup", "test", "lint", "demo", "clean", "help"} <= set(listed)
