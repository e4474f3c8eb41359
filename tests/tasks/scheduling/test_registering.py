"""Deployments on a real Prefect server find their flows."""

from importlib import import_module

import httpx
import pytest

from tasks.scheduling.deployments import FLOWS, deployment_ids
from tasks.scheduling.registering import ENTRYPOINTS, renew_entrypoints
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
