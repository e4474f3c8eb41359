import logging

import pytest

from al_core.project import Project
from tasks.processes.run_lock import only_run
from tasks.scheduling.deployments import FLOWS, begin_rounds, deployment_ids, deployment_name, training_limit
from tasks.scheduling.prefect_api import PrefectApi
from tests.toys.prefect.stub_server import flow_run, stub_server


@pytest.fixture
def stub(monkeypatch):
    """A server that the environment names, and that is healthy."""
    with stub_server() as found:
        found.says("GET", "/health", True)
        monkeypatch.setenv("PREFECT_API_URL", found.url)
        yield found


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "my work"
    root.mkdir()
    return Project.at(root)


def deployed(stub, project, *flows, worker="ONLINE", runs=()):
    """Let the server know deployments of a project, its worker, and runs of it."""
    name = deployment_name(project)
    for flow in flows:
        stub.says("GET", f"/deployments/name/{flow}/{name}", {"id": f"id of {flow}"})
    stub.says("POST", f"/work_pools/{name}/workers/filter", [{"status": worker}])
    stub.says("POST", "/flow_runs/filter", list(runs))
    stub.says("POST", "/deployments/id of campaign/create_flow_run", {"id": "r1"})
    stub.says("POST", "/deployments/id%20of%20campaign/create_flow_run", {"id": "r1"})


def begun(stub):
    """How often a run was begun."""
    return sum("create_flow_run" in path for _, path, _ in stub.asked)


def test_names_differ_by_folder_and_say_whose_they_are(tmp_path):
    first, second = Project.at(tmp_path / "a" / "my work"), Project.at(tmp_path / "b" / "my work")
    assert deployment_name(first).startswith("my-work-")
    assert deployment_name(first) != deployment_name(second)
    assert deployment_name(first) == deployment_name(Project.at(tmp_path / "a" / "my work"))
    assert training_limit() == training_limit()


def test_only_what_the_server_has_has_an_id(stub, project):
    deployed(stub, project, "round", "export")
    with PrefectApi(stub.url) as api:
        assert deployment_ids(api, project) == {"round": "id of round", "export": "id of export"}


def test_with_a_worker_and_no_run_one_is_begun(stub, project):
    deployed(stub, project, *FLOWS)
    assert begin_rounds(project)
    assert begun(stub) == 1


def test_beside_a_run_that_is_about_to_begin_none_is(stub, project):
    deployed(stub, project, *FLOWS, runs=[flow_run()])
    assert begin_rounds(project)
    assert begun(stub) == 0


@pytest.mark.parametrize("at_work", [False, True])
def test_a_run_that_is_known_as_running_counts_while_its_process_lives(stub, project, at_work):
    deployed(stub, project, *FLOWS)
    if at_work:
        with only_run(project.root):
            begin_rounds(project)
    else:
        begin_rounds(project)
    (asked,) = stub.bodies("/flow_runs/filter")
    assert ("RUNNING" in asked["flow_runs"]["state"]["type"]["any_"]) is at_work


def test_without_a_worker_or_a_deployment_of_the_rounds_others_have_to(stub, project):
    deployed(stub, project, *FLOWS, worker="OFFLINE")
    assert not begin_rounds(project)
    assert begun(stub) == 0


def test_where_only_reports_are_deployed_others_have_to(stub, project):
    deployed(stub, project, "report", "campaign")
    assert not begin_rounds(project)


def test_without_a_server_others_have_to(project, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert not begin_rounds(project)


def test_a_server_that_fails_in_the_middle_is_told_and_not_waited_for(stub, project, caplog):
    stub.says("GET", f"/deployments/name/ingest/{deployment_name(project)}", {"detail": "broken"}, status=500)
    with caplog.at_level(logging.WARNING):
        assert not begin_rounds(project)
    assert "the rounds go on without it" in caplog.text
