"""Deployments on a real Prefect server find their flows."""

from importlib import import_module

import httpx
import pytest

from al_core.errors import BadSettings
from tasks.scheduling.deployments import FLOWS, deployment_ids
from tasks.scheduling.registering import ENTRYPOINTS, planned, renew_entrypoints
from tests.toys.prefect.registered import lasting, registered


def entrypoints(url, ids):
    """Where the server says that each flow is."""
    return {flow: httpx.get(f"{url}/deployments/{i}").json()["entrypoint"] for flow, i in ids.items()}


@pytest.mark.parametrize("flow", FLOWS)
def test_every_flow_is_where_the_worker_looks_for_it(flow, monkeypatch, tmp_path):
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    module, _, name = ENTRYPOINTS[flow].rpartition(".")
    assert getattr(import_module(module), name).name == flow


def test_what_an_earlier_version_registered_is_renewed_when_a_worker_begins(tmp_path):
    with lasting(tmp_path) as (url, api):
        project = registered(url, tmp_path / "project")
        ids = deployment_ids(api, project)
        assert entrypoints(url, ids) == ENTRYPOINTS
        for deployment_id in ids.values():
            api.change_entrypoint(deployment_id, "flows.deployed.take_round")
        renew_entrypoints(url, project)
        assert entrypoints(url, ids) == ENTRYPOINTS


@pytest.mark.parametrize("cron", ["0 6 31 2 *", "0 6 31 2,4,6 *", "0 6 30 2 1"])
def test_a_date_that_never_comes_is_refused(cron):
    with pytest.raises(BadSettings, match="there is no such date, it would never run"):
        planned({"round": ["0 6 * * *"], "report": [cron]}, "UTC")


def test_a_date_that_comes_in_leap_years_only_is_a_date():
    (schedule,) = planned({"round": ["0 6 29 2 *"]}, "Europe/Berlin")["round"]
    assert (schedule.schedule.cron, schedule.schedule.timezone) == ("0 6 29 2 *", "Europe/Berlin")


@pytest.mark.parametrize(
    ("cron", "timezone", "message"),
    [("0 26 * * *", "UTC", "Invalid cron string"), ("0 6 * * *", "Europe/Brlin", "Invalid timezone")],
)
def test_what_is_no_schedule_is_told_in_one_line(cron, timezone, message):
    with pytest.raises(BadSettings, match=message) as refused:
        planned({"round": [cron]}, timezone)
    assert "\n" not in str(refused.value)
