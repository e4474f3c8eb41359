"""What a worker calls, without Prefect's engine around it; the engine runs it in the end-to-end test of deployments."""

import json
from types import SimpleNamespace

import pytest

from tasks.processes.run_lock import only_run
from tests.toys.labelled_project import finished_project
from tests.webhook import webhook


@pytest.fixture
def deployed(monkeypatch, tmp_path):
    """The flows, loaded where nobody's Prefect is."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    from flows import deployed

    return deployed


@pytest.fixture
def project(tmp_path):
    return finished_project(tmp_path / "work")[0]


def test_the_report_is_written(deployed, project):
    said = deployed.write_report.fn(str(project.root))
    assert said.message == str(project.root / "report.html")
    assert "<html" in (project.root / "report.html").read_text()[:2000]


def test_an_export_replaces_the_one_before(deployed, project, tmp_path):
    for _ in range(2):
        said = deployed.export.fn(str(project.root), "coco", str(tmp_path / "labels.json"))
    assert "labels.json" in said.message
    assert json.loads((tmp_path / "labels.json").read_text())["annotations"]


@pytest.mark.parametrize("name", ["take_round", "take_campaign"])
def test_beside_another_run_nothing_is_begun(deployed, project, name):
    with only_run(project.root):
        said = getattr(deployed, name).fn(str(project.root))
    assert said.message == "another process takes the rounds of this project on already"


def test_a_run_that_failed_for_good_is_told(deployed, project, monkeypatch):
    with webhook() as hook:
        monkeypatch.setenv("FEWFRAMES_NOTIFY_URL", hook.url)
        run = SimpleNamespace(parameters={"project": str(project.root)})
        deployed._failed(None, run, SimpleNamespace(message="out of luck"))
    assert [told["event"] for told in hook.heard] == ["failed"]
    assert "out of luck" in hook.heard[0]["text"]
