"""A round becomes a task of a CVAT server once; the server is a stand-in, its SDK too."""

import json
import sys
from types import ModuleType, SimpleNamespace

import pytest

from al_core.errors import MissingDependency, ToolUnreachable
from al_core.settings import Settings
from tasks.backends.cvat_upload import upload_round

URL = "http://127.0.0.1:9"


class Server:
    """Keeps tasks by name; ``away`` answers nothing."""

    def __init__(self):
        self.tasks = []
        self.removed = []
        self.away = False

    def list(self):
        if self.away:
            raise sys.modules["cvat_sdk.exceptions"].ApiException("no answer")
        return list(self.tasks)

    def add(self, name, size):
        task = SimpleNamespace(id=len(self.tasks) + 1, name=name, size=size)
        task.remove = lambda: (self.removed.append(task.id), self.tasks.remove(task))
        self.tasks.append(task)
        return task

    def create_from_data(self, spec, *, resources, data_params, annotation_path, annotation_format):
        self.made = (spec, [path.name for path in resources], data_params, annotation_format)
        assert annotation_path.endswith("annotations.xml")
        return self.add(spec["name"], len(resources))


@pytest.fixture
def server(monkeypatch):
    """The SDK is a stand-in that knows one server and one token."""
    server = Server()

    class Client:
        tasks = server

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    def make_client(url, access_token):
        assert (url, access_token) == (URL, "secret")
        return Client()

    errors = {name: type(name, (Exception,), {}) for name in ("CvatSdkException", "ApiException")}
    modules = {
        "cvat_sdk": {"make_client": make_client},
        "cvat_sdk.core": {},
        "cvat_sdk.core.exceptions": {"CvatSdkException": errors["CvatSdkException"]},
        "cvat_sdk.exceptions": {"ApiException": errors["ApiException"]},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv("CVAT_TOKEN", "secret")
    return server


@pytest.fixture
def settings():
    return Settings().changed({"annotator.cvat_url": URL}).annotator


@pytest.fixture
def folder(tmp_path):
    """A round of two frames, as it is laid out."""
    folder = tmp_path / "round-0001"
    (folder / "images").mkdir(parents=True)
    for name in ("b.png", "a.png"):
        (folder / "images" / name).write_bytes(b"png")
    (folder / "labels.json").write_text('[{"name": "cat"}]')
    return folder


def test_a_round_becomes_a_task_with_its_frames_by_name(server, folder, settings):
    upload_round(folder, "work, round 1", settings)
    spec, names, data, form = server.made
    assert spec == {"name": "work, round 1", "labels": [{"name": "cat"}]}
    assert (names, form) == (["a.png", "b.png"], "CVAT 1.1")
    assert data == {"image_quality": 100, "sorting_method": "predefined"}
    assert json.loads((folder / "cvat-task.json").read_text()) == {"url": URL, "task": 1}


def test_a_round_that_is_noted_is_not_sent_again(server, folder, settings, monkeypatch):
    upload_round(folder, "work, round 1", settings)
    monkeypatch.delenv("CVAT_TOKEN")
    upload_round(folder, "work, round 1", settings)
    assert len(server.tasks) == 1


def test_a_task_that_is_there_but_not_noted_is_taken(server, folder, settings):
    """The process died between the two."""
    server.add("another", 2)
    there = server.add("work, round 1", 2)
    upload_round(folder, "work, round 1", settings)
    assert json.loads((folder / "cvat-task.json").read_text())["task"] == there.id
    assert len(server.tasks) == 2


def test_a_task_that_was_left_without_frames_is_replaced(server, folder, settings):
    half = server.add("work, round 1", 0)
    upload_round(folder, "work, round 1", settings)
    assert server.removed == [half.id]
    assert [task.size for task in server.tasks] == [2]


def test_a_server_that_is_away_is_told_and_asked_again_later(server, folder, settings):
    server.away = True
    with pytest.raises(ToolUnreachable, match=f"CVAT at {URL} does not take the round .no answer.; the files are in"):
        upload_round(folder, "work, round 1", settings)
    assert not (folder / "cvat-task.json").exists()
    server.away = False
    upload_round(folder, "work, round 1", settings)
    assert len(server.tasks) == 1


def test_a_token_is_needed(server, folder, settings, monkeypatch):
    monkeypatch.delenv("CVAT_TOKEN")
    with pytest.raises(MissingDependency, match="CVAT_TOKEN does not hold an access token"):
        upload_round(folder, "work, round 1", settings)


def test_the_sdk_is_needed(folder, settings, monkeypatch):
    monkeypatch.setenv("CVAT_TOKEN", "secret")
    monkeypatch.setitem(sys.modules, "cvat_sdk", None)
    with pytest.raises(MissingDependency, match=r"pip install 'fewframes\[cvat\]'"):
        upload_round(folder, "work, round 1", settings)
