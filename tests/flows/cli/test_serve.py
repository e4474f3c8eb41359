"""Serving a project for real: processes that are started, asked, and killed."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from al_core.errors import LedgerConflict
from al_core.ledger.file.owner import owner_path, read_owner
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.project import Project
from tasks.ledger.client import living_owner, open_ledger
from tests.flows.serving import label_all, serving, start, state, until, wait_for
from tests.toys.ledgers import ledger_with_clip
from tests.toys.projects import fewframes, write_clip, write_settings
from tests.toys.web.tls import write_certificate


@pytest.fixture
def project(tmp_path):
    """A project with one clip and no round."""
    ledger_with_clip(tmp_path)
    return Project.at(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_when_it_is_told_to(project, number):
    process = start(project)
    owner = wait_for(process, project)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=90)
    assert process.returncode == 0
    assert f"is served at {owner.url}; Ctrl-C ends it." in printed
    assert f"fewframes annotator add NAME --project {project.root}" in printed
    assert f"fewframes run --project {project.root}" in printed
    assert "ending" in printed
    assert not owner_path(project.ledger_path).exists()
    assert owner.url in (project.root / "serve.log").read_text()
    assert owner.secret not in printed + (project.root / "serve.log").read_text()
    assert Ledger(project.ledger_path, patience=0).categories() == {1: "object"}


def test_the_other_commands_work_beside_it_and_a_second_server_is_refused(project):
    with serving(project) as (process, owner):
        status = fewframes("status", "--project", project.root)
        assert (status.returncode, status.stderr) == (0, "")
        assert "1 video, 12 frames" in status.stdout
        second = fewframes("serve", "--project", project.root, "--port", 0)
        assert second.returncode == 1
        assert f"is served already, by process {process.pid} at {owner.url}" in second.stderr
        assert f"kill {process.pid}" in second.stderr
        with pytest.raises(LedgerConflict, match=rf"in use by process {process.pid} .*which serves it at {owner.url}"):
            Ledger(project.ledger_path, patience=0.1).videos()


def test_of_two_that_start_together_one_serves_and_the_other_names_it(project):
    both = [start(project), start(project)]
    while all(process.poll() is None for process in both):
        time.sleep(0.02)
    loser, winner = sorted(both, key=lambda process: process.poll() is None)
    assert loser.returncode == 1
    assert re.search(rf"by process {winner.pid} ", loser.communicate()[1])
    assert wait_for(winner, project).pid == winner.pid
    winner.terminate()
    winner.communicate()


ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
WRITER = """
import sys
from al_core.errors import LedgerBusy, LedgerConflict
from al_core.project import Project
from tasks.ledger.client import open_ledger
ledger, name = open_ledger(Project.at(sys.argv[1])), sys.argv[2]
for i in range(int(sys.argv[3])):
    while True:
        try:
            ledger.add_categories([f"{name}-{i}"])
            break
        except LedgerConflict as error:
            assert not isinstance(error, LedgerBusy) and "not known" in str(error), error
    print(i, flush=True)
"""


def test_two_writers_lose_nothing_that_was_acknowledged_while_the_server_is_killed(project):
    """Between two servers the writers open the file themselves; in the end every word is there once."""
    n, script = 80, project.root / "writer.py"
    script.write_text(WRITER)
    writers = [
        subprocess.Popen([sys.executable, script, project.root, name, str(n)], stdout=subprocess.PIPE, env=ENVIRONMENT)
        for name in ("left", "right")
    ]
    for _ in range(2):
        server = start(project)
        wait_for(server, project)
        before = len(open_ledger(project).categories())
        while len(open_ledger(project).categories()) < before + 15 and any(w.poll() is None for w in writers):
            time.sleep(0.01)
        server.kill()
        server.communicate()
        assert read_owner(project.ledger_path).pid == server.pid
        assert living_owner(project) is None
    for writer in writers:
        acknowledged, _ = writer.communicate(timeout=100)
        assert writer.returncode == 0
        assert [int(line) for line in acknowledged.split()] == list(range(n))
    with serving(project):
        names = list(open_ledger(project).categories().values())
    assert sorted(names) == sorted(["object", *(f"{name}-{i}" for name in ("left", "right") for i in range(n))])


def test_a_port_that_is_taken_is_named(project):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = fewframes("serve", "--project", project.root, "--port", port)
    assert done.returncode == 1
    assert f"127.0.0.1:{port} cannot be had" in done.stderr
    assert "--port" in done.stderr
    assert Ledger(project.ledger_path, patience=0).categories() == {1: "object"}


def test_over_tls_the_other_commands_trust_the_very_certificate_that_was_given(project, tmp_path):
    certificate, key = write_certificate(tmp_path)
    with serving(project, "--host", "0.0.0.0", "--certificate", certificate, "--key", key) as (_, owner):
        assert owner.url.startswith("https://127.0.0.1:")
        ledger = open_ledger(project)
        assert ledger.categories() == {1: "object"}
        ledger._remote._client.close()
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            urllib.request.urlopen(f"{owner.url}/healthz", context=ssl.create_default_context())


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_an_answered_round_goes_on_by_itself_even_if_the_server_is_killed_meanwhile(tmp_path, tried):
    project = Project.at(tmp_path / "project")
    assert fewframes("ingest", write_clip(tmp_path / "data"), "--project", project.root).returncode == 0
    tried(project)
    run = ("run", "--project", project.root, "--settings", write_settings(tmp_path), "--set", "annotator.backend=page")
    first = fewframes(*run)
    assert first.returncode == 0, first.stderr
    ledger = open_ledger(project)
    key = ledger.sign_in(ledger.add_annotator("ada", Role.LEAD), 1000.0)

    killed = start(project)
    assert label_all(wait_for(killed, project), key, ledger.truth(1)) == 2
    until(lambda: ledger.step(1, "train"), killed)
    killed.kill()
    killed.communicate()
    assert not ledger.requests(2)

    with serving(project) as (process, owner):
        until(lambda: ledger.requests(2), process)
        until(lambda: not state(owner, key)["running"], process)
        assert state(owner, key) == {
            "round": 2,
            "step": "request",
            "open": 2,
            "running": False,
            "last_error": None,
            "paused": None,
            "over": None,
        }
        assert [r.status for r in ledger.rounds()] == ["finished", "running"]
        assert len(ledger.human_labels()) == 2
        report = fewframes("report", "--project", project.root)
        assert report.returncode == 0, report.stderr
    assert "round 2 waits for 2 labels" in (project.root / "run.log").read_text()


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_nobody_waits_for_training_when_frames_are_asked_ahead(tmp_path, tried):
    project = Project.at(tmp_path / "project")
    assert fewframes("ingest", write_clip(tmp_path / "data"), "--project", project.root).returncode == 0
    tried(project)
    changes = [part for change in ("annotator.backend=page", "annotator.ahead=2") for part in ("--set", change)]
    first = fewframes("run", "--project", project.root, "--settings", write_settings(tmp_path), *changes)
    assert first.returncode == 0, first.stderr
    ledger = open_ledger(project)
    key = ledger.sign_in(ledger.add_annotator("ada"), 1000.0)
    asked = {request.request_id for round_id in (1, 2) for request in ledger.requests(round_id)}
    assert len(asked) == 4
    with serving(project) as (process, owner):
        assert label_all(owner, key, ledger.truth(1)) == 4
        trained = ledger.step(1, "train")
        assert trained is None or trained.status != "finished"
        until(lambda: len(ledger.rounds()) == 2 and ledger.last_round().status == "finished", process)
    assert {answer.request_id for answer in ledger.standing_answers()} == asked
    assert {s.name: s.attempts for s in ledger.steps(2)} == dict.fromkeys(
        ("select", "request", "collect", "train", "predict", "propagate", "audit"), 1
    )
