"""Servers of projects that are killed, hang, or cannot begin; a small program stands for the real one."""

import os
import signal
import sys
import time

import pytest

from al_core.errors import BadAddress
from al_core.project import Project
from tasks.processes.heartbeat import Patience
from tasks.web.several import project_servers
from tasks.web.several.project_servers import ProjectServer, found_projects, kept, name_of
from tests.toys.ledgers import ledger_with_clip

SERVES = """
import http.server, sys
from pathlib import Path
from al_core.ledger.file.owner import Owner, write_owner
from al_core.ledger.file.signature import Signature
ledger = Path(sys.argv[1])
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"instance": "me"}')
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
write_owner(ledger, Owner(Signature.of(ledger), f"http://127.0.0.1:{server.server_port}", "secret", "me"))
server.serve_forever()
"""
SAYS = "import sys; print('is served'); print(f'Error: {sys.argv[1]} is cut short. Restore a backup.'); sys.exit(1)"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose server is looked at often."""
    monkeypatch.setattr(project_servers, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(project_servers, "_ASK_SECONDS", 1.0)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    ledger_with_clip(tmp_path / "dogs")
    return Project.at(tmp_path / "dogs")


def server_of(project, program, told, **options):
    command = [sys.executable, "-c", program, str(project.ledger_path)]
    return ProjectServer(project, command, project.root.with_suffix(".log"), told.append, **options)


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_that_is_killed_is_told_and_restarted(project):
    told = []
    with kept([server := server_of(project, SERVES, told)]):
        assert server.trouble.error == "it is about to be served"
        until(lambda: server.owner is not None)
        first = server.owner.pid
        os.kill(first, signal.SIGKILL)
        until(lambda: server.owner is None)
        until(lambda: server.owner is not None)
        assert server.owner.pid == server.pid != first
    assert told == ["dogs is served", "dogs is not served: its server was ended by SIGKILL", "dogs is served"]
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_one_that_hangs_is_told_and_ended(project):
    told = []
    with kept([server := server_of(project, SERVES, told, patience=Patience(0.1, 2.0))]):
        until(lambda: server.owner is not None)
        first = server.owner.pid
        os.kill(first, signal.SIGSTOP)
        until(lambda: server.owner is None)
        assert "does not answer at the moment" in server.trouble.error
        until(lambda: server.owner is not None)
        assert server.owner.pid != first
    assert "dogs is not served: its server hung and was ended" in told


def test_one_that_never_answers_is_ended_once_its_time_to_start_is_over(project):
    told = []
    options = {"patience": Patience(0.1, 0.3), "starting": 1.0}
    with kept([server := server_of(project, "import time; time.sleep(60)", told, **options)]):
        until(lambda: server.times == 2)
        assert server.trouble.error == "its server hung and was ended"
    assert told == ["dogs is not served: its server hung and was ended"]


def test_one_that_cannot_begin_says_why_without_naming_places_of_this_machine(project):
    told = []
    with kept([server := server_of(project, SAYS, told)]):
        until(lambda: told)
        assert server.owner is None
        assert server.trouble.error == "ledger.duckdb is cut short. Restore a backup."
        assert "tried again by itself" in server.trouble.mend
        until(lambda: server.times == 2)
    assert told == [f"dogs is not served: {server.trouble.error}"]


def test_another_process_that_serves_the_project_is_not_taken_for_ours(project):
    from tests.toys.web.serving import served

    with served(project), kept([server := server_of(project, "import time; time.sleep(60)", [])]):
        time.sleep(0.3)
        assert server.owner is None


@pytest.mark.parametrize(
    ("folder", "name"), [("dogs", "dogs"), ("my dogs.v2", "my-dogs-v2"), ("Hündchen", "H-ndchen"), ("..", "project")]
)
def test_names_in_addresses(tmp_path, folder, name):
    assert name_of(tmp_path / folder) == name


class TestFound:
    def test_a_folder_holds_those_below_it_also_one_whose_ledger_is_gone(self, tmp_path):
        for name in ("b", "a", "c"):
            ledger_with_clip(tmp_path / name)
        (tmp_path / "c" / "ledger.duckdb").unlink()
        (tmp_path / "pictures").mkdir()
        assert [project.root.name for project in found_projects([tmp_path])] == ["a", "b", "c"]
        assert [project.root.name for project in found_projects([tmp_path / "b", tmp_path])] == ["b", "a", "c"]

    def test_where_there_is_none_it_is_told(self, tmp_path):
        with pytest.raises(BadAddress, match="and there is none; begin one with: fewframes ingest"):
            found_projects([tmp_path])

    def test_two_of_one_name_are_refused(self, tmp_path):
        for name in ("one", "other"):
            ledger_with_clip(tmp_path / name / "dogs")
        with pytest.raises(BadAddress, match="would both be found at /p/dogs/: rename one"):
            found_projects([tmp_path / "one", tmp_path / "other"])
