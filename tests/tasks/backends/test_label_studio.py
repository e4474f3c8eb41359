"""The back-end of Label Studio passes the shared tests with a server that is kept in memory, without its HTTP.

A real Label Studio is asked in ``tests/label_studio``.
"""

import shutil
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from al_core.errors import BadSettings, ToolUnreachable
from al_core.exchange.label_studio import prediction
from al_core.project import Project
from al_core.settings import Settings
from tasks.backends import label_studio
from tasks.backends.label_studio import LabelStudioBackend
from tests.tasks.backends.conformance.suite import People, PeopleConformance
from tests.toys.ledgers import context_of
from tests.toys.masks import FULL


class Server:
    """What the client of the server can do, done at once; every change is dated a second after the one before."""

    def __init__(self):
        self.known_projects, self.known_uploads, self.known_tasks = [], [], []
        self.away = False
        self._time = datetime(2026, 1, 1, tzinfo=UTC)
        self._numbers = 0

    def __call__(self, url, token_variable):
        return self

    def number(self):
        self._numbers += 1
        return self._numbers

    def now(self):
        self._time += timedelta(seconds=1)
        return self._time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def projects(self):
        self._answer()
        return iter(self.known_projects)

    def create_project(self, fields):
        self._answer()
        self.known_projects.append({"id": self.number(), **fields})
        return self.known_projects[-1]

    def change_project(self, project, fields):
        self._answer()
        next(p for p in self.known_projects if p["id"] == project).update(fields)

    def check_config(self, label_config):
        assert "<View>" in label_config

    def uploads(self, project):
        self._answer()
        return self.known_uploads

    def upload(self, project, name, png):
        self._answer()
        assert png[1:4] == b"PNG"
        self.known_uploads.append({"id": self.number(), "file": f"upload/{project}/{self.number():08d}-{name}"})
        return self.known_uploads[-1]["file"]

    def import_tasks(self, project, tasks):
        self._answer()
        for task in tasks:
            shown = [p | {"id": self.number(), "created_at": self.now()} for p in task["predictions"]]
            made = {"id": self.number(), "data": task["data"], "predictions": shown, "annotations": []}
            self.known_tasks.append(made | {"updated_at": self.now()})

    def add_prediction(self, task, content):
        raise AssertionError("all masks are of one round")

    def tasks(self, project, updated_after=None, whole=False):
        self._answer()
        return [task for task in self.known_tasks if updated_after is None or task["updated_at"] > updated_after]

    def _answer(self):
        if self.away:
            raise ToolUnreachable("Label Studio does not answer")


class InMemoryPeople(People):
    """People who annotate at the server in memory."""

    name = "label_studio"

    def __init__(self, folder):
        super().__init__(folder)
        self.server = Server()

    def backend(self):
        return LabelStudioBackend(self.context)

    def sent(self):
        return [task["data"]["request_id"] for task in self.server.known_tasks]

    def draw_label(self, request_id, label):
        self._annotate(self._task(request_id), self._result(label))

    def accept(self, request_id):
        task = self._task(request_id)
        self._annotate(task, task["predictions"][0]["result"])

    def revise(self, request_id, masks):
        task = self._task(request_id)
        (annotation,) = task["annotations"]
        annotation |= {"result": self._result(self.label(0, masks)), "updated_at": self.server.now()}
        task["annotations"], task["updated_at"] = [annotation], self.server.now()

    def delete(self, request_id):
        task = self._task(request_id)
        task["annotations"], task["updated_at"] = [], self.server.now()

    def answer_unknown(self):
        self.server.import_tasks(1, [{"data": {"image": "x.png"}, "predictions": []}])
        self._annotate(self.server.known_tasks[-1], [])

    def answer_in_wrong_size(self, request_id):
        self._annotate(self._task(request_id), self._result(self.label(0, {1: FULL[:, :-1]})))

    @contextmanager
    def down(self):
        self.server.away = True
        yield
        self.server.away = False

    def trouble(self):
        self.server.away = True

    def recover(self):
        super().recover()
        self.server.away = False

    def _task(self, request_id):
        return next(task for task in self.server.known_tasks if task["data"].get("request_id") == request_id)

    def _annotate(self, task, result):
        now = self.server.now()
        given = {"id": self.server.number(), "task": task["id"], "completed_by": 7, "lead_time": 12.5}
        task["annotations"] = [*task["annotations"], given | {"result": result, "updated_at": now}]
        task["updated_at"] = self.server.now()

    def _result(self, label):
        return prediction(label, self.ledger.categories(), "drawn")["result"]


class TestInMemory(PeopleConformance):
    @pytest.fixture
    def people(self, tmp_path, monkeypatch):
        monkeypatch.setattr(label_studio, "_IMPORT_PAUSES", (0.0, 0.0))
        people = InMemoryPeople(tmp_path)
        monkeypatch.setattr(label_studio, "LabelStudioApi", people.server)
        return people

    def test_an_import_whose_answer_is_lost_is_not_made_twice(self, people, monkeypatch):
        import_tasks = people.server.import_tasks

        def lost(project, tasks):
            import_tasks(project, tasks)
            raise ToolUnreachable("the line was cut")

        monkeypatch.setattr(people.server, "import_tasks", lost)
        people.submit()
        assert people.sent() == people.ids

    def test_who_answered_and_how_long_it_took(self, people):
        backend = people.submit()
        people.draw(people.ids[0], {1: FULL})
        (answer,) = backend.collect(people.ids)
        assert (answer.annotator, answer.seconds) == ("label_studio:7", 12.5)

    def test_a_copy_sends_to_a_project_of_its_own_which_it_keeps_when_it_is_moved(self, people, tmp_path):
        def submitted(folder):
            project = Project.at(folder)
            backend = LabelStudioBackend(context_of(project, people.ledger, 1, people.settings, frames=people.frames))
            backend.submit(people.requests, {})
            return len({known["description"] for known in people.server.known_projects}), backend.rejected()

        people.submit()
        copy = shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-copy"))
        number, (said,) = submitted(copy)
        assert number == 2
        assert said.endswith(f"is that of {tmp_path}; this copy gets its own")
        assert submitted(copy) == (2, [])
        assert submitted(copy.rename(copy.with_name(f"{copy.name}-moved"))) == (2, [])
        assert submitted(tmp_path) == (2, [])

    def test_before_anything_was_sent_nothing_is_asked(self, people):
        people.server.away = True
        backend = people.backend()
        assert backend.collect(people.ids) == []
        assert backend.rejected() == []


@pytest.mark.parametrize("url", ["http://me:secret@host", "file:///etc", "host:8080"])
def test_an_address_holds_no_secrets(url):
    with pytest.raises(BadSettings, match="without user and password"):
        Settings().changed({"annotator.label_studio_url": url})
