"""What people see of errors: real processes of the command line."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from al_core.errors import BadSettings
from al_core.ledger.store import Ledger
from al_core.project import Project
from flows.cli.edge import ERROR_LOG, Edge, debug_option, remember_project
from tests.toys.privileges import bound_by_permissions, read_only
from tests.toys.projects import command, fewframes, write_clip, write_settings


def started(words):
    """A process that Ctrl-C reaches, also where these tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


def lines(text):
    """What was printed besides the warnings of libraries."""
    return [line for line in text.splitlines() if "WARNING" not in line and "Warning" not in line]


@pytest.fixture
def group():
    """A command line whose only command fails as it is told to."""

    @click.group(cls=Edge)
    def main():
        pass

    @click.command()
    @click.option("--project", "root", type=click.Path(path_type=Path), callback=remember_project)
    @click.option("--bug", is_flag=True)
    @click.option("--write", is_flag=True)
    @click.option("--full", is_flag=True)
    @click.option("--greedy", is_flag=True)
    def fail(root, bug, write, full, greedy):
        if write:
            (root / "new").touch()
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        if greedy:
            bytearray(2**62)
        raise ValueError("a bug") if bug else BadSettings("a wrong setting")

    main.add_command(fail)
    main.params.append(debug_option())
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def project(tmp_path):
    Ledger(tmp_path / "ledger.duckdb").videos()
    return tmp_path


def test_a_mistake_is_one_line_and_its_traceback_is_in_the_log(group, project):
    result = group("fail", "--project", project)
    assert (result.exit_code, result.output) == (1, "Error: a wrong setting\n")
    log = (project / ERROR_LOG).read_text()
    assert log.startswith("--- ")
    assert "Traceback (most recent call last)" in log
    assert "BadSettings: a wrong setting" in log


@pytest.mark.parametrize("words", [("--debug", "fail"), ("fail", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(group, words):
    result = group(*words)
    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.endswith("Error: a wrong setting\n")


def test_a_bug_keeps_its_traceback_and_is_in_the_log(group, project):
    result = group("fail", "--project", project, "--bug")
    assert isinstance(result.exception, ValueError)
    assert "ValueError: a bug" in (project / ERROR_LOG).read_text()


def test_a_folder_that_is_no_project_gets_no_log(group, tmp_path):
    group("fail", "--project", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("shared_prefect")
def test_a_run_that_fails_says_so_in_one_line(tmp_path):
    clip = write_clip(tmp_path / "clip")
    shutil.copytree(clip / "JPEGImages" / "480p" / "toy", tmp_path / "plain")
    project, settings = tmp_path / "work", write_settings(tmp_path)
    assert fewframes("ingest", tmp_path / "plain", "--project", project).returncode == 0
    done = fewframes("run", "--project", project, "--settings", settings)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: annotator.backend is 'simulated'")
    assert done.stdout == ""
    assert "Traceback" in (project / ERROR_LOG).read_text()


@pytest.mark.usefixtures("shared_prefect")
def test_ctrl_c_in_the_middle_of_a_run_is_one_line(tmp_path, tried):
    project, settings = tmp_path / "work", write_settings(tmp_path)
    assert fewframes("ingest", write_clip(tmp_path / "clip"), "--project", project).returncode == 0
    tried(Project.at(project))
    words = command("run", "--project", project, "--settings", settings, "--set", "student.first_round_iterations=5000")
    run = started(words)
    deadline = time.monotonic() + 300
    while not (project / "rounds" / "0001" / "student").exists():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    time.sleep(2)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=120)
    assert run.returncode == 130
    assert lines(said) == ["Stopped; give the same command again to go on."]


BURIED = """
import os, signal, sys, time
import click
from flows.cli.edge import Edge

@click.group(cls=Edge)
def main():
    pass

@click.command()
def work():
    print("ready", flush=True)
    try:
        time.sleep(100)
    except KeyboardInterrupt:
        raise RuntimeError("the query was interrupted")

main.add_command(work)
sys.argv = ["fewframes", "work"]
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_that_a_library_turned_into_an_error_is_one_line_too(number, code):
    process = started([sys.executable, "-c", BURIED])
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (code, "Stopped; give the same command again to go on.\n")


EXECUTED = """
import os, signal, sys
import click
from flows.cli.edge import Edge

@click.group(cls=Edge)
def main():
    pass

@click.command()
def work():
    exec(f"import os; os.kill(os.getpid(), {sys.argv[2]}); raise SystemExit(0)")

main.add_command(work)
signal.signal(signal.SIGINT, signal.default_int_handler)
main(["work"])
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_in_text_that_python_executes_keeps_its_exit_code(tmp_path, number, code):
    # So dataclasses and named tuples are made, of which libraries make hundreds while they are imported.
    (tmp_path / "executed.py").write_text(EXECUTED)
    words = [sys.executable, "-m", "executed", "work", str(int(number))]
    done = subprocess.run(
        words,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "Stopped; give the same command again to go on.\n")


def test_a_folder_that_this_user_may_not_look_into_gets_no_log_either(group, project):
    project.chmod(0o644)
    with bound_by_permissions():
        result = group("fail", "--project", project)
    project.chmod(0o755)
    assert (result.exit_code, result.output) == (1, "Error: a wrong setting\n")


def test_a_full_disk_is_one_line_whoever_found_it(group, project):
    result = group("fail", "--project", project, "--full")
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: the disk of {project} is full ")
    assert result.output.endswith(": nothing was changed; make room, then give the same command again\n")


def test_memory_that_runs_out_is_one_line(group, project):
    result = group("fail", "--project", project, "--greedy")
    assert result.exit_code == 1
    assert result.output.startswith("Error: memory ran out (MemoryError). What was finished is kept: ")
    assert result.output.count("\n") == 1


def test_what_this_user_may_not_do_is_one_line_without_a_word_of_damage(group, project):
    with read_only(project):
        result = group("fail", "--project", project, "--write")
    assert result.exit_code == 1
    what, _, mend = result.output.partition(". ")
    assert what == f"Error: {project}/new: Permission denied"
    user = f"let user {os.geteuid()} read and write it, or give the command as the user who may"
    assert mend == f"Nothing is damaged: {user}\n"
