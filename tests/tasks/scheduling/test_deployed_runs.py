import os
import signal
import subprocess
import sys
from types import SimpleNamespace

from tasks.processes.run_lock import holder, is_held
from tasks.scheduling.deployed_runs import note_of_run, noted_run, tell_failure
from tests.toys.labelled_project import finished_project
from tests.toys.web.webhook import webhook

HOLDER = """
import sys, time
from pathlib import Path
from tasks.processes.run_lock import holder, is_held
from tasks.scheduling.deployed_runs import noted_run
with noted_run(Path(sys.argv[1]), "abc"):
    print("noted", flush=True)
    time.sleep(100)
"""


def test_a_run_lives_as_long_as_its_work(tmp_path):
    assert is_held(note_of_run(tmp_path, "abc")) is None
    with noted_run(tmp_path, "abc"):
        assert is_held(note_of_run(tmp_path, "abc")) is True
        assert holder(note_of_run(tmp_path, "abc")) == os.getpid()
        assert is_held(note_of_run(tmp_path, "xyz")) is None
    assert is_held(note_of_run(tmp_path, "abc")) is None
    assert holder(note_of_run(tmp_path, "abc")) == 0


def test_a_killed_process_is_found_dead_until_it_is_forgotten(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert holder.stdout.readline() == "noted\n"
    assert is_held(note_of_run(tmp_path, "abc")) is True
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert is_held(note_of_run(tmp_path, "abc")) is False
    note_of_run(tmp_path, "abc").unlink()
    assert is_held(note_of_run(tmp_path, "abc")) is None


def test_a_run_that_is_begun_again_lives_again(tmp_path):
    path = tmp_path / "runs" / "abc.lock"
    path.parent.mkdir()
    path.write_text("12345\n")
    assert is_held(note_of_run(tmp_path, "abc")) is False
    with noted_run(tmp_path, "abc"):
        assert is_held(note_of_run(tmp_path, "abc")) is True
        assert holder(note_of_run(tmp_path, "abc")) == os.getpid()


def test_a_run_that_failed_for_good_is_told(tmp_path, monkeypatch):
    project, *_ = finished_project(tmp_path)
    with webhook() as hook:
        monkeypatch.setenv("FEWFRAMES_NOTIFY_URL", hook.url)
        run = SimpleNamespace(parameters={"project": str(project.root)})
        tell_failure(None, run, SimpleNamespace(message="out of luck"))
    assert [told["event"] for told in hook.heard] == ["failed"]
    assert "out of luck" in hook.heard[0]["text"]
