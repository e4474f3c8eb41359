"""What is known of a project's runs on a real Prefect server, and what is done about those that died.

One server for all: it takes ten seconds to start.
"""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from al_core.errors import ToolUnreachable
from tasks.processes.heartbeat import Patience
from tasks.scheduling.deployed_runs import noted_run
from tasks.scheduling.deployments import begin_rounds, deployment_ids, deployment_name, training_limit
from tasks.scheduling.prefect_api import PrefectApi
from tasks.scheduling.prefect_watch import GIVEN_UP, MOST_ATTEMPTS, Watch
from tasks.scheduling.training_slot import training_slot
from tests.toys.prefect.registered import lasting, registered

HANGS = """
import sys, time
from pathlib import Path
from tasks.scheduling.deployed_runs import noted_run
with noted_run(Path(sys.argv[1]), sys.argv[2]):
    print("noted", flush=True)
    time.sleep(100)
"""

STATES = ("SCHEDULED", "PENDING", "RUNNING", "CRASHED", "COMPLETED", "CANCELLED")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """(API URL, its client)."""
    with lasting(tmp_path_factory.mktemp("server")) as served:
        yield served


@pytest.fixture
def api(server):
    return server[1]


@pytest.fixture(scope="module")
def registered_project(server, tmp_path_factory):
    """A registered project whose rounds have a schedule far away."""
    return registered(server[0], tmp_path_factory.mktemp("project") / "work", {"round": ["0 6 1 1 *"]})


@pytest.fixture
def project(api, registered_project):
    """The same without any run that was begun before."""
    for run in api.flow_runs(list(deployment_ids(api, registered_project).values()), STATES):
        if run.schedule_id is None:
            api._ask("DELETE", f"/flow_runs/{run.flow_run_id}")
    return registered_project


@pytest.fixture
def ids(api, project):
    return deployment_ids(api, project)


class Lead:
    """Looks after a project, hears what is given up, and may look from a later time."""

    def __init__(self, url, project):
        self.told, self.ahead = [], timedelta(0)
        self.look = Watch(url, project, self.told.append, lambda: datetime.now(UTC) + self.ahead).look


@pytest.fixture
def watch(server, project):
    return Lead(server[0], project)


def state_of(api, ids, flow_run_id):
    """(type, name) of the state of a run."""
    (run,) = [run for run in api.flow_runs(list(ids.values()), STATES) if run.flow_run_id == flow_run_id]
    return run.state, run.state_name


class TestApi:
    def test_it_knows_deployments_by_name(self, api, project, ids):
        assert set(ids) == {"ingest", "round", "campaign", "report", "export"}
        assert api.deployment("round", "another") is None

    def test_a_run_that_is_begun_is_due_at_once_and_one_of_a_schedule_later(self, api, ids):
        begun = api.begin(ids["round"])
        soon = datetime.now(UTC) + timedelta(minutes=1)
        (run,) = api.flow_runs([ids["round"]], ["SCHEDULED"], due_before=soon)
        assert (run.flow_run_id, run.state, run.schedule_id) == (begun, "SCHEDULED", None)
        assert run.deployment_id == ids["round"]

    def test_the_parameters_are_plain(self, api, project, ids):
        api.begin(ids["export"])
        (run,) = api.flow_runs([ids["export"]], ["SCHEDULED"])
        assert run.parameters == {"project": str(project.root), "form": "coco", "out": ""}

    def test_training_is_limited_on_this_machine(self, api, project):
        assert not api.has_limit("another")
        assert api.has_limit(training_limit())
        found = api._ask("GET", f"/v2/concurrency_limits/{training_limit()}")
        assert (found["limit"], found["active_slots"]) == (1, 0)

    def test_a_training_takes_its_gpu_and_leaves_the_others(self, server, api, project, monkeypatch):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
        registered(server[0], project.root)
        limits = [training_limit("0"), training_limit("1"), training_limit()]

        def taken():
            return [api._ask("GET", f"/v2/concurrency_limits/{name}")["active_slots"] for name in limits]

        with temporary_settings({PREFECT_API_URL: server[0]}):
            for gpus, expected in (["1"], [0, 1, 0]), (["0", "1"], [1, 1, 0]), ([], [0, 0, 1]), (["7"], [0, 0, 1]):
                with training_slot(gpus):
                    assert taken() == expected
        assert taken() == [0, 0, 0]

    def test_a_server_that_is_not_there_is_named(self):
        with PrefectApi("http://127.0.0.1:9/api") as nobody:
            assert not nobody.healthy()
            with pytest.raises(ToolUnreachable, match="the Prefect server at http://127.0.0.1:9/api"):
                nobody.deployment("round", "work")

    def test_what_it_refuses_is_told(self, api):
        with pytest.raises(ToolUnreachable, match="404"):
            api.begin("01a206ca-0000-7000-8000-000000000000")


class TestBeginning:
    def test_without_a_worker_nothing_is_begun(self, api, project, ids):
        assert not begin_rounds(project)
        assert not api.flow_runs([ids["campaign"]], ["SCHEDULED"])

    def test_with_a_worker_it_is_begun_once(self, api, project, ids):
        pool = deployment_name(project)
        api._ask("POST", f"/work_pools/{pool}/workers/heartbeat", {"name": "a worker"})
        assert api.has_worker(pool)
        assert begin_rounds(project)
        assert begin_rounds(project)
        assert len(api.flow_runs([ids["campaign"]], ["SCHEDULED"])) == 1

    def test_a_project_that_is_not_registered_has_none(self, server, tmp_path):
        from al_core.project import Project

        assert not begin_rounds(Project.at(tmp_path))


class TestWatch:
    def test_a_run_whose_process_is_gone_is_begun_again(self, api, project, ids, watch):
        run = api.begin(ids["campaign"])
        api.set_state(run, "RUNNING", "")
        path = project.prefect_home / "runs" / f"{run}.lock"
        with noted_run(project.prefect_home, run):
            watch.look()
            assert state_of(api, ids, run) == ("RUNNING", "Running")
            path.rename(path.with_suffix(".dead"))
        path.with_suffix(".dead").rename(path)
        watch.look()
        assert state_of(api, ids, run) == ("SCHEDULED", "AwaitingRetry")
        assert not path.exists()

    def test_a_run_may_take_its_time_to_begin_but_not_for_ever(self, api, ids, watch):
        run = api.begin(ids["report"])
        api.set_state(run, "PENDING", "")
        watch.look()
        assert state_of(api, ids, run) == ("PENDING", "Pending")
        watch.ahead = timedelta(minutes=5)
        watch.look()
        assert state_of(api, ids, run) == ("SCHEDULED", "AwaitingRetry")

    def test_a_process_that_hangs_is_ended_and_its_run_begun_again(self, server, api, project, ids, tmp_path):
        run = api.begin(ids["campaign"])
        api.set_state(run, "RUNNING", "")
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", HANGS, str(project.prefect_home), run]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert process.stdout.readline() == "noted\n"
        process.send_signal(signal.SIGSTOP)
        watch = Watch(server[0], project, patience=Patience(warn=0.1, kill=0.3))
        watch.look()
        assert process.poll() is None
        time.sleep(0.5)
        watch.look()
        assert process.wait(10) == -signal.SIGKILL
        watch.look()
        assert state_of(api, ids, run) == ("SCHEDULED", "AwaitingRetry")
        process.stdout.close()

    def test_what_a_later_run_did_is_not_done_again(self, api, ids, watch):
        first, second = api.begin(ids["round"]), api.begin(ids["round"])
        api.set_state(first, "CRASHED", "")
        api.set_state(second, "COMPLETED", "")
        watch.look()
        assert state_of(api, ids, first) == ("CRASHED", "Crashed")

    def test_what_a_worker_takes_while_we_look_is_not_done_twice(self, api, ids, watch, monkeypatch):
        first, second = api.begin(ids["campaign"]), api.begin(ids["campaign"])
        api.set_state(first, "CRASHED", "")
        look = PrefectApi.flow_runs

        def taken_meanwhile(self, deployment_ids, states, **limits):
            found = look(self, deployment_ids, states, **limits)
            if deployment_ids == [ids["campaign"]] and states != ["RUNNING", "PENDING"]:
                api.set_state(second, "PENDING", "")
            return found

        monkeypatch.setattr(PrefectApi, "flow_runs", taken_meanwhile)
        watch.look()
        assert state_of(api, ids, first) == ("CRASHED", "Crashed")

    def test_one_that_dies_again_and_again_is_given_up_and_told_once(self, api, ids, watch):
        run = api.begin(ids["campaign"])
        for _ in range(MOST_ATTEMPTS):
            api.set_state(run, "PENDING", "")
            api.set_state(run, "CRASHED", "out of memory")
            watch.look()
        assert state_of(api, ids, run) == ("CRASHED", GIVEN_UP)
        watch.look()
        assert watch.told == ["the process of campaign died 3 times, so it is not restarted"]

    def test_of_the_missed_runs_of_a_schedule_one_is_left_and_registering_again_replaces(self, server, api, tmp_path):
        project = registered(server[0], tmp_path / "often", {"report": ["* * * * *"]})
        ids = deployment_ids(api, project)
        api._ask("POST", f"/deployments/{ids['report']}/schedule", {"min_runs": 5})
        # The clock stands still, or another minute would begin, and another run be missed.
        now = datetime.now(UTC) + timedelta(minutes=6)
        missed = api.flow_runs([ids["report"]], ["SCHEDULED"], due_before=now - timedelta(minutes=1))
        assert len(missed) >= 4
        Watch(server[0], project, now=lambda: now).look()
        late = api.flow_runs([ids["report"]], ["SCHEDULED"], due_before=now - timedelta(minutes=1))
        assert len(late) == 1
        assert len(api.flow_runs([ids["report"]], ["CANCELLED"])) == len(missed) - 1
        registered(server[0], project.root)
        assert deployment_ids(api, project) == ids

    def test_what_a_replaced_schedule_planned_is_dropped(self, server, api, tmp_path):
        project = registered(server[0], tmp_path / "replaced", {"report": ["* * * * *"]})
        report = deployment_ids(api, project)["report"]
        # Plans of the past outlive their schedule, as do those that the server writes down while it is replaced.
        before = (datetime.now(UTC) - timedelta(minutes=3)).isoformat()
        api._ask("POST", f"/deployments/{report}/schedule", {"start_time": before, "min_runs": 2})
        registered(server[0], project.root, {"report": ["0 6 1 1 *"]})
        assert any(run.schedule_id not in api.schedule_ids(report) for run in api.flow_runs([report], ["SCHEDULED"]))
        deadline = time.monotonic() + 30.0
        while any(run.schedule_id not in api.schedule_ids(report) for run in api.flow_runs([report], ["SCHEDULED"])):
            assert time.monotonic() < deadline
            Watch(server[0], project).look()
