import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import tasks
from tasks.scheduling.working import prepare_environment

PACKAGES = Path(tasks.__path__[0]).resolve().parent


@pytest.fixture
def environment(monkeypatch):
    """An environment without anybody's Prefect; what is put into it is taken back."""
    monkeypatch.setattr(os, "environ", {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")})
    return os.environ


def test_runs_find_this_very_code_first_and_what_was_there_after_it(environment):
    environment["PYTHONPATH"] = os.pathsep.join(["/others", str(PACKAGES), ""])
    prepare_environment()
    assert environment["PYTHONPATH"] == os.pathsep.join([str(PACKAGES), "/others"])
    prepare_environment()
    assert environment["PYTHONPATH"] == os.pathsep.join([str(PACKAGES), "/others"])


def test_what_the_user_has_set_is_kept(environment):
    environment["PREFECT_WORKER_QUERY_SECONDS"] = "30"
    prepare_environment()
    assert environment["PREFECT_WORKER_QUERY_SECONDS"] == "30"


WORK = """
import sys
from al_core.project import Project
from tasks.scheduling import working

async def fails(name, say):
    say(f"working for {name}")
    raise RuntimeError("the server is away")

working._AGAIN_SECONDS = 0.05
working._work = fails
working.renew_entrypoints = lambda url, project: None
working.work_until_told("http://127.0.0.1:9/api", Project.at(sys.argv[1]), lambda text: print(text, flush=True))
print("over", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_ends_is_restarted_until_it_is_told_to_end(tmp_path, number):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT")}
    clean |= {"PYTHONPATH": os.pathsep.join(sys.path), "PREFECT_HOME": str(tmp_path / "prefect")}
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean,
    )
    try:
        lines = [process.stdout.readline() for _ in range(2)]
    finally:
        process.send_signal(number)
    printed, said = process.communicate(timeout=60)
    assert len(set(lines)) == 1
    assert lines[0].startswith("working for ")
    assert printed.splitlines()[-2:] == ["the worker ends; what was under way goes on with the next one", "over"]
    assert "the worker ended: the server is away; it is restarted" in said
