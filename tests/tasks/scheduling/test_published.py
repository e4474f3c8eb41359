"""What people see of a run on the pages of a real Prefect server."""

import time

import pytest
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from al_core.records import Progress
from tasks.progress import progress_of
from tasks.scheduling.prefect_api import PrefectApi
from tasks.scheduling.prefect_server import without_heartbeat
from tasks.scheduling.published import Publisher, publish_summary, published


@pytest.fixture(scope="module")
def server(prefect_url, tmp_path_factory):
    """(API URL, its client) of the server that all use; Prefect of this process uses it too."""
    with (
        PrefectApi(prefect_url) as api,
        temporary_settings({PREFECT_API_URL: prefect_url, PREFECT_HOME: tmp_path_factory.mktemp("prefect")}),
        without_heartbeat(),
    ):
        yield prefect_url, api


@task(name="train", cache_policy=NO_CACHE)
def train(n):
    """A step that tells how far it is and ends with a summary."""
    tell = progress_of("train")
    for i in range(n):
        tell(Progress(i + 1, n, f"loss 0.{i}"))
    publish_summary("# Round 1")


@flow(name="toy")
def toy(n):
    train(n)
    progress_of("collect")(Progress(1, 4))


def artifacts(api, kind, project="my-project-1"):
    """Everything of a kind that the server shows of a project, by key."""
    wanted = {"type": {"any_": [kind]}, "key": {"like_": project}}
    found = api._ask("POST", "/artifacts/filter", {"artifacts": wanted})
    return {artifact["key"]: artifact for artifact in found}


def test_progress_and_summary_are_on_the_page_of_the_run(server):
    url, api = server
    with published(url, "My Project_1"):
        toy(8)
    bars = artifacts(api, "progress")
    assert set(bars) == {"my-project-1-train", "my-project-1-collect"}
    bar = bars["my-project-1-train"]
    assert (bar["data"], bar["description"]) == (100, "train: 8 of 8, loss 0.7")
    assert bar["task_run_id"] is not None
    assert bars["my-project-1-collect"]["data"] == 25
    assert bars["my-project-1-collect"]["flow_run_id"] == bar["flow_run_id"]
    summary = artifacts(api, "markdown")["my-project-1-round"]
    assert (summary["data"], summary["task_run_id"]) == ("# Round 1", bar["task_run_id"])


class Counted(PrefectApi):
    """A client of the real server that counts its calls."""

    calls = 0

    def _ask(self, *arguments, **options):
        self.calls += 1
        return super()._ask(*arguments, **options)


def test_many_steps_forward_are_few_calls(server):
    @flow(name="busy")
    def busy():
        tell = progress_of("predict a")
        for i in range(500):
            tell(Progress(i + 1, 500))
            time.sleep(0.002)

    from tasks.progress import listening

    with Counted(server[0]) as api:
        began = time.monotonic()
        with Publisher(api, "busy", every=0.25) as publisher, listening(publisher.tell):
            busy()
        lasted = time.monotonic() - began
        assert 2 <= api.calls <= 4 + 2 * lasted / 0.25
        assert api.calls < 500
        assert artifacts(api, "progress", "busy")["busy-predict"]["data"] == 100


def test_outside_of_a_run_nothing_is_shown(server):
    url, api = server
    with published(url, "nobody"):
        progress_of("train")(Progress(1, 2))
        publish_summary("# Round 1")
    assert artifacts(api, "progress", "nobody") == {}
    assert artifacts(api, "markdown", "nobody") == {}


def test_a_server_that_is_gone_holds_nobody_up(server, monkeypatch):
    made = []

    def client(*arguments, **options):
        made.append(Counted(*arguments, **options))
        return made[-1]

    monkeypatch.setattr("tasks.scheduling.published.PrefectApi", client)
    monkeypatch.setattr("tasks.scheduling.published._PAUSE", 1e6)
    with published("http://127.0.0.1:9/api", "gone"):
        toy(50)
    assert [api.calls for api in made] == [1]
