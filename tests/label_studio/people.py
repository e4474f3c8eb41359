"""People at a real Label Studio, who do over its HTTP interface what its editor does."""

from contextlib import contextmanager

from al_core.exchange.label_studio import prediction
from tasks.backends.label_studio import LabelStudioBackend
from tests.label_studio.server import LabelStudio
from tests.tasks.backends.conformance.suite import People
from tests.toys.masks import FULL


class LabelStudioPeople(People):
    """Each test has a project of its own on the server."""

    name = "label_studio"

    def __init__(self, folder, server: LabelStudio) -> None:
        super().__init__(folder)
        self.server = server

    @property
    def settings(self):
        return super().settings.changed({"annotator.label_studio_url": self.server.url})

    def backend(self):
        return LabelStudioBackend(self.context)

    def sent(self):
        tasks = self.tasks()
        assert all(self.server.http.get(task["data"]["image"]).content[1:4] == b"PNG" for task in tasks)
        return [task["data"]["request_id"] for task in tasks]

    def draw_label(self, request_id, label):
        self.annotate(self.task(request_id), self._result(label))

    def accept(self, request_id):
        task = self.task(request_id)
        (shown,) = task["predictions"]
        self.annotate(task, shown["result"], parent_prediction=shown["id"])

    def revise(self, request_id, masks):
        (annotation,) = self.task(request_id)["annotations"]
        result = self._result(self.label(0, masks))
        done = self.server.http.patch(f"/api/annotations/{annotation['id']}/", json={"result": result})
        assert done.is_success, done.text

    def delete(self, request_id):
        (annotation,) = self.task(request_id)["annotations"]
        assert self.server.http.delete(f"/api/annotations/{annotation['id']}/").is_success

    def answer_unknown(self):
        done = self.server.http.post(f"/api/projects/{self.number}/import", json=[{"image": "/data/upload/x.png"}])
        assert done.is_success
        (task,) = [task for task in self.tasks() if "request_id" not in task["data"]]
        self.annotate(task, [])

    def answer_in_wrong_size(self, request_id):
        self.annotate(self.task(request_id), self._result(self.label(0, {1: FULL[:, :-1]})))

    @contextmanager
    def down(self):
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()

    def trouble(self):
        self.server.kill()

    def recover(self):
        super().recover()
        self.server.start()

    @property
    def number(self) -> int:
        """Our project on the server."""
        projects = self.server.http.get("/api/projects/", params={"page_size": 1000}).json()["results"]
        key = self.backend()._key()
        (mine,) = [project["id"] for project in projects if project["description"] == key]
        return mine

    def tasks(self):
        params = {"project": self.number, "fields": "all", "page_size": 100}
        return self.server.http.get("/api/tasks/", params=params).json()["tasks"]

    def task(self, request_id):
        (found,) = [task for task in self.tasks() if task["data"].get("request_id") == request_id]
        return found

    def annotate(self, task, result, **more):
        done = self.server.http.post(
            f"/api/tasks/{task['id']}/annotations/", json={"result": result, "lead_time": 12.5, **more}
        )
        assert done.is_success, done.text
        return done.json()

    def _result(self, label):
        return prediction(label, self.ledger.categories(), "drawn")["result"]
