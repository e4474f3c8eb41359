"""What serving is made of; real servers are tested with the command."""

import gc
import io
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from al_core.errors import BadAddress, BadSettings, BadVideo, LedgerConflict
from al_core.ledger.file.owner import owner_path
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.settings import Settings
from tasks.project.ingest import ingest_paths
from tasks.web.serve import Commands, serve
from tasks.web.transport.listening import Address
from tests.toys.footage.clips import write_clip
from tests.toys.ledgers import ledger_with_clip
from tests.toys.web.serving import served

NOTHING = Commands(run=["none"])


@pytest.fixture
def project(tmp_path):
    """A project with one clip and no round."""
    ledger_with_clip(tmp_path)
    return Project.at(tmp_path)


@pytest.fixture
def console():
    return Console(file=io.StringIO())


def test_a_project_that_is_served_already_is_refused_with_the_address(project, console):
    with served(project) as (_, owner), pytest.raises(LedgerConflict, match=f"process {owner.pid} at {owner.url}"):
        serve(project, Address(port=0), NOTHING, console)
    assert console.file.getvalue() == ""


def test_a_port_that_is_taken_lets_go_of_the_ledger(project, console):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadAddress, match=f"127.0.0.1:{port} cannot be had"):
            serve(project, Address(port=port), NOTHING, console)
    assert Ledger(project.ledger_path, patience=0).categories() == {1: "object"}
    assert not owner_path(project.ledger_path).exists()


def test_no_garbage_is_looked_for_in_what_was_loaded_before_people_are_answered(project, console, monkeypatch):
    spared = []

    def run(server, sockets):
        spared.append(gc.get_freeze_count())

    monkeypatch.setattr("uvicorn.Server.run", run)
    serve(project, Address(port=0), NOTHING, console)
    assert spared[0] > 10_000
    assert gc.get_freeze_count() == 0


def test_nobody_labels_pictures_that_were_changed_since_they_were_taken_in(project, console, tmp_path):
    clip = write_clip(tmp_path / "moving.mp4")
    ingest_paths(Ledger(project.ledger_path), [clip])
    write_clip(clip, 11)
    os.utime(clip, (4_000_000_000, 4_000_000_000))
    with pytest.raises(BadVideo, match="the video 'moving' was taken in"):
        serve(project, Address(port=0), NOTHING, console)
    assert not owner_path(project.ledger_path).exists()


def test_rounds_that_would_fail_are_told_before_anybody_labels_for_them(project, console):
    ledger, gone = Ledger(project.ledger_path), project.root / "gone.pth"
    ledger.begin_round(Settings().changed({"student.init_weights": str(gone)}))
    with pytest.raises(BadSettings) as told:
        serve(project, Address(port=0), NOTHING, console)
    (line,) = str(told.value).splitlines()
    assert line.startswith("student.init_weights: ")
    assert line.endswith(f"then serve: fewframes run --project {project.root} --set NAME=VALUE")
    assert console.file.getvalue() == ""
    assert not owner_path(project.ledger_path).exists()


def test_logging_is_as_it_was_after_an_error(project, console):
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadAddress):
        serve(project, Address(port=taken.getsockname()[1]), NOTHING, console)
    assert (root.level, list(root.handlers)) == before


SERVE = """
import sys
from rich.console import Console
from al_core.project import Project
from tasks.project.ingest import ingest_paths
from tasks.web.serve import Commands, serve
from tasks.web.transport.listening import Address
run = [sys.executable, "-c", "print('the run was started', flush=True)"]
serve(Project.at(sys.argv[1]), Address(port=0), Commands(run), Console(width=200))
"""


def test_the_command_that_was_handed_in_runs_the_rounds(project):
    ledger = Ledger(project.ledger_path)
    ledger.begin_round(Settings().changed({"annotator.backend": "page"}))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, project.root], stdout=subprocess.PIPE, text=True, env=environment
    )
    log, deadline = Path(project.root / "run.log"), time.monotonic() + 90
    while not (log.exists() and "the run was started" in log.read_text()):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    assert "Nobody has to answer now, so the rounds go on" in printed
    assert not owner_path(project.ledger_path).exists()
    assert "the run was started" in log.read_text()
    assert printed.splitlines()[0].endswith("Ctrl-C ends it.")
