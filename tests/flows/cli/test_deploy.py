"""A project on a schedule, for real: a Prefect server, a worker, people who answer over HTTP, and kill -9."""

import os
import signal
import time
from contextlib import suppress

import psutil
import pytest

from al_core.ledger.labelling.people import Role
from al_core.project import Project
from tasks.ledger.client import open_ledger
from tasks.processes.run_lock import holder, is_run
from tasks.scheduling.deployed_runs import note_of_run
from tasks.scheduling.deployments import deployment_ids, deployment_name, training_limit
from tasks.scheduling.prefect_api import PrefectApi
from tasks.scheduling.prefect_server import known_server
from tests.flows.campaigns import STEPS
from tests.flows.serving import label_all, serving
from tests.toys.prefect.shared import migrated
from tests.toys.projects import fewframes, write_clip, write_settings
from tests.toys.web.webhook import webhook


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with the toy clip and nobody else's Prefect."""
    for name in [name for name in os.environ if name.startswith("PREFECT")]:
        monkeypatch.delenv(name)
    project = Project.at(tmp_path / "project")
    done = fewframes("ingest", write_clip(tmp_path / "data"), "--project", project.root)
    assert done.returncode == 0, done.stderr
    migrated(project.prefect_home)
    return project


def until(condition, what, seconds=600):
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


def kept(served, words):
    """The process that the server keeps for its Prefect server ("uvicorn") or its worker ("work")."""
    for child in psutil.Process(served.pid).children():
        with suppress(psutil.NoSuchProcess):
            if words in child.cmdline():
                return child
    return None


def runs(api, ids, states):
    """Runs of any of the project's deployments in some states."""
    return api.flow_runs(list(ids.values()), states)


def log_of(api, flow_run_id):
    """The lines that the server's page of a run shows."""
    rows = api._ask("POST", "/logs/filter", {"logs": {"flow_run_id": {"any_": [flow_run_id]}}})
    return [row["message"] for row in rows]


@pytest.mark.end_to_end
def test_a_scheduled_round_waits_without_a_process_and_survives_the_death_of_server_worker_and_run(project, tmp_path):
    ledger = open_ledger(project)
    key = ledger.sign_in(ledger.add_annotator("ada", Role.LEAD), 1000.0)
    with webhook() as hook, serving(project, "--prefect") as (served, owner):
        settings = ("--settings", write_settings(tmp_path), "--set", "annotator.backend=page")
        limits = ("--set", "stopping.max_rounds=1", "--set", f"notify.url={hook.url}")
        done = fewframes("deploy", "--project", project.root, "--cron", "0 6 1 1 *", *settings, *limits)
        assert done.returncode == 0, done.stderr
        assert f"round/{deployment_name(project)}: 0 6 1 1 *" in done.stdout

        with PrefectApi(known_server(project.prefect_home, patience=60)) as api:
            ids = deployment_ids(api, project)
            assert set(ids) == {"ingest", "round", "campaign", "report", "export"}
            first = api.begin(ids["round"])
            until(lambda: [r.flow_run_id for r in runs(api, ids, ["COMPLETED"])] == [first], "it asks and ends")
            assert len(ledger.requests(1, "open")) == 2
            assert not is_run(project.root)
            assert not runs(api, ids, ["PENDING", "RUNNING"])
            assert {run.due_at.month for run in runs(api, {"round": ids["round"]}, ["SCHEDULED"])} == {1}

            server, worker = kept(served, "uvicorn"), kept(served, "work")
            for process in (server, worker):
                process.send_signal(signal.SIGKILL)
            until(lambda: kept(served, "uvicorn") not in (None, server), "the server comes back")
            until(lambda: kept(served, "work") not in (None, worker), "the worker comes back")
            until(api.healthy, "the server answers")

            assert label_all(owner, key, ledger.truth(1)) == 2
            limit = f"/v2/concurrency_limits/{training_limit()}"
            until(lambda: api._ask("GET", limit)["active_slots"] == 1, "the last answer lets the round go on and train")
            kept(served, "work").send_signal(signal.SIGKILL)
            until(lambda: ledger.step(1, "predict"), "it goes on without the worker")
            (going_on,) = runs(api, {"campaign": ids["campaign"]}, ["RUNNING"])
            if (worker := kept(served, "work")) is not None:
                worker.send_signal(signal.SIGKILL)
            os.kill(holder(note_of_run(project.prefect_home, going_on.flow_run_id)), signal.SIGKILL)
            until(lambda: ledger.round(1).status == "finished", "the run is found dead and begun again")
            until(lambda: runs(api, {"campaign": ids["campaign"]}, ["COMPLETED"]), "the run ends")
            until(lambda: not runs(api, ids, ["RUNNING", "PENDING"]), "no dead run is left")
            assert not runs(api, ids, ["FAILED"])
            # Server and worker may both find the run dead: one begins another, one restarts it, and one finds all done.
            over = [run.flow_run_id for run in runs(api, {"campaign": ids["campaign"]}, ["COMPLETED"])]
            told = "round 1 is finished"
            until(lambda: any(told in line for run in over for line in log_of(api, run)), "a page says how it ended")

    assert [(s.name, s.status) for s in ledger.steps()] == [(name, "finished") for name in STEPS]
    assert ledger.last_round().stop_reason == "all rounds are done: 1 of 1"
    assert ledger.frames_covered(1) == 12
    assert [(told["event"], told["round"]) for told in hook.heard] == [("round_ready", 1), ("round_finished", 1)]
    assert hook.heard[0]["link"] == owner.url
    assert hook.heard[1]["counts"]["answered"] == 2
