from datetime import UTC, datetime

import pytest

from al_core.errors import ToolUnreachable
from tasks.scheduling import prefect_api
from tasks.scheduling.prefect_api import FlowRun, PrefectApi
from tests.toys.prefect.stub_server import flow_run, stub_server


@pytest.fixture
def stub():
    with stub_server() as found:
        yield found


@pytest.fixture
def api(stub, monkeypatch):
    monkeypatch.setattr(prefect_api, "_BUSY_WAITS", (0.0, 0.0, 0.0))
    with PrefectApi(stub.url, timeout=5.0) as found:
        yield found


def test_it_is_healthy_only_when_it_says_so(api, stub):
    stub.says("GET", "/health", True, {"detail": "starting"})
    assert api.healthy()
    assert not api.healthy()
    with PrefectApi("http://127.0.0.1:9/api") as nobody:
        assert not nobody.healthy()


def test_a_deployment_has_an_id_or_there_is_none(api, stub):
    stub.says("GET", "/deployments/name/round/work-1", {"id": "d7"})
    assert api.deployment("round", "work-1") == "d7"
    assert api.deployment("round", "another") is None


def test_schedules_are_known_by_their_ids(api, stub):
    stub.says("GET", "/deployments/d7/schedules", [{"id": "s1"}, {"id": "s2"}])
    assert api.schedule_ids("d7") == {"s1", "s2"}


def test_a_run_of_a_schedule_names_it(api, stub):
    stub.says("POST", "/flow_runs/filter", [flow_run(auto_scheduled=True, created_by={"id": "s1"})])
    (run,) = api.flow_runs(["d1"], ["RUNNING"])
    assert run.schedule_id == "s1"


def test_a_worker_counts_while_it_is_online(api, stub):
    stub.says("POST", "/work_pools/work/workers/filter", [{"status": "OFFLINE"}], [{"status": "ONLINE"}])
    assert not api.has_worker("work")
    assert api.has_worker("work")
    assert not api.has_worker("another")


def test_a_limit_is_there_or_not(api, stub):
    stub.says("GET", "/v2/concurrency_limits/training", {"limit": 1})
    assert api.has_limit("training")
    assert not api.has_limit("another")


def test_runs_are_asked_for_by_deployment_state_and_time(api, stub):
    stub.says("POST", "/flow_runs/filter", [flow_run()])
    before = datetime(2026, 11, 26, 7, tzinfo=UTC)
    started, changed = datetime(2026, 11, 26, 6, tzinfo=UTC), datetime(2026, 11, 26, 6, 0, 5, tzinfo=UTC)
    found = api.flow_runs(["d1"], ["RUNNING"], due_before=before, limit=3)
    assert found == [FlowRun("r1", "d1", "RUNNING", "Running", None, {"project": "/work"}, started, changed)]
    (asked,) = stub.bodies("/flow_runs/filter")
    assert asked == {
        "flow_runs": {
            "deployment_id": {"any_": ["d1"]},
            "state": {"type": {"any_": ["RUNNING"]}},
            "expected_start_time": {"before_": before.isoformat()},
        },
        "sort": "EXPECTED_START_TIME_DESC",
        "limit": 3,
    }


def test_without_a_time_all_runs_are_asked_for(api, stub):
    stub.says("POST", "/flow_runs/filter", [])
    assert api.flow_runs(["d1"], ["RUNNING"]) == []
    assert "expected_start_time" not in stub.bodies("/flow_runs/filter")[0]["flow_runs"]


def test_only_crashes_are_counted(api, stub):
    states = [{"type": kind} for kind in ("SCHEDULED", "CRASHED", "RUNNING", "CRASHED", "COMPLETED")]
    stub.says("GET", "/flow_run_states/?flow_run_id=r1", states)
    assert api.crashes("r1") == 2


def test_a_state_is_set_whatever_rules_there_are(api, stub):
    stub.says("POST", "/flow_runs/r1/set_state", {})
    api.set_state("r1", "SCHEDULED", "again", name="AwaitingRetry")
    assert stub.bodies("/flow_runs/r1/set_state") == [
        {"state": {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "again"}, "force": True}
    ]


def test_artifacts_are_put_and_changed(api, stub):
    stub.says("POST", "/artifacts/", {"id": "a1"})
    stub.says("PATCH", "/artifacts/a1", None)
    assert api.put_artifact("progress", 5.0, "work-train", "train", {"flow_run_id": "r1"}) == "a1"
    api.change_artifact("a1", 50.0, "half")
    assert stub.asked[0][2]["flow_run_id"] == "r1"
    assert stub.asked[1] == ("PATCH", "/artifacts/a1", {"data": 50.0, "description": "half"})


def test_a_busy_server_is_asked_again(api, stub):
    stub.answers["POST", "/deployments/d1/create_flow_run"] = [(503, {}), (503, {}), (201, {"id": "r9"})]
    assert api.begin("d1") == "r9"
    assert len(stub.asked) == 3


def test_one_that_stays_busy_is_given_up(api, stub):
    stub.says("POST", "/deployments/d1/create_flow_run", {}, status=503)
    with pytest.raises(ToolUnreachable, match=f"the Prefect server at {stub.url} was asked for .*: 503"):
        api.begin("d1")
    assert len(stub.asked) == 4


def test_a_refusal_ends_with_its_words(api, stub):
    stub.says("POST", "/deployments/d1/create_flow_run", {"detail": "no such thing"}, status=422)
    with pytest.raises(ToolUnreachable, match="422 .*no such thing"):
        api.begin("d1")
    assert len(stub.asked) == 1


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"PREFECT_API_KEY": "k3y"}, "Bearer k3y"),
        ({"PREFECT_API_AUTH_STRING": "me:secret"}, "Basic bWU6c2VjcmV0"),
        ({}, None),
    ],
)
def test_it_signs_in_as_prefects_own_client_does(stub, monkeypatch, variables, expected):
    for name in ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stub.says("GET", "/health", True)
    with PrefectApi(stub.url) as api:
        api.healthy()
    assert stub.headers.get("Authorization") == expected


def test_its_own_machine_is_not_asked_through_a_proxy(stub, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    stub.says("GET", "/health", True)
    with PrefectApi(stub.url) as api:
        assert api.healthy()
