"""Our own page passes the shared tests: people sign in, get frames and answer over the API, as the page does."""

from contextlib import contextmanager
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from al_core.records import DeliveredMask, Provenance
from al_core.stores.delivered import write_delivered
from tasks.backends.page import PageBackend
from tasks.web.app import create_app
from tasks.web.state import WebContext
from tests.tasks.backends.conformance.suite import People, PeopleConformance
from tests.toys.masks import FULL
from tests.toys.web.desk import ADDRESS, CHANGING, answer, sent


class PagePeople(People):
    """Three people, so that every frame is in somebody's hands."""

    name = "page"
    round_id = 2
    sends = False

    def __init__(self, folder):
        super().__init__(folder)
        self.given: dict[str, tuple[TestClient, str]] = {}
        self.taken_in: set[str] = set()
        self.refusals: list[str] = []
        with self.ledger.owned():
            for _ in range(self.round_id):
                self.ledger.begin_round(self.settings)
            self.tokens = [self.ledger.add_annotator(name) for name in ("ada", "bo", "cyd")]
            self.open_page()

    def at_work(self):
        """As ``fewframes serve`` has it: threads work side by side."""
        return self.ledger.owned()

    def open_page(self):
        app = create_app(WebContext(self.project, self.ledger))
        self.clients = [TestClient(app, base_url=ADDRESS, headers=CHANGING) for _ in self.tokens]
        for client, token in zip(self.clients, self.tokens, strict=True):
            assert client.post("/enter", json={"token": token}).status_code == 200

    def backend(self):
        return PageBackend(self.context)

    def submit(self, proposals=None):
        """Masks to start from are those that the last round delivered."""
        delivered = [
            DeliveredMask(label.frame.frame_idx, m.track_id, m.category_id, Provenance.PROPAGATED, 0.5, m.rle)
            for label in sorted((proposals or {}).values(), key=lambda label: label.frame)
            for m in label.masks
        ]
        if delivered:
            path = self.project.round_dir(1) / "delivered" / "clip.parquet"
            self.ledger.put_delivered(1, 1, self.project.relative(path), 12, write_delivered(path, delivered))
        return super().submit(proposals)

    def sent(self):
        return [request.request_id for request in self.ledger.requests()]

    def draw_label(self, request_id, label):
        self._answer(request_id, sent(label.masks), "mask" if label.masks else "absent")

    def accept(self, request_id):
        client, task = self._task(request_id)
        self._send(client, task, task["masks"], "accept")

    def delete(self, request_id):
        client, answer_id = self.given.pop(request_id)
        assert client.post(f"/api/answers/{answer_id}/undo").status_code == 200

    def answer_unknown(self):
        task = {"lease": {"token": uuid4().hex}, "base_revision": 0, "request_id": "r0002-v00001-f0000099"}
        self._send(self.clients[0], task, [], "absent")

    def answer_in_wrong_size(self, request_id):
        self._answer(request_id, sent(self.label(0, {1: FULL[:, :-1]}).masks), "mask")

    @contextmanager
    def down(self):
        """The server goes and comes back."""
        self.clients = []
        yield
        self.open_page()

    def collect(self, backend):
        assert backend.collect(self.ids) == []
        found = {given.answer.request_id: given.answer for given in self.ledger.answers_given()}
        return [found[i] for i in self.ids if i in found]

    def take_in(self, backend):
        fresh = {answer.answer_id for answer in self.collect(backend)} - self.taken_in
        self.taken_in |= fresh
        return len(fresh)

    def rejected(self, backend):
        told, self.refusals = self.refusals, []
        return told + backend.rejected()

    def _answer(self, request_id, masks, kind):
        if request_id in self.given:
            client, answer_id = self.given[request_id]
            task = client.post(f"/api/answers/{answer_id}/undo").json()
        else:
            client, task = self._task(request_id)
        self._send(client, task, masks, kind)

    def _task(self, request_id):
        """Who has a frame in hand, and the frame."""
        for client in self.clients:
            reply = client.post("/api/next")
            if reply.status_code == 200 and reply.json()["request_id"] == request_id:
                return client, reply.json()
        raise AssertionError(f"nobody gets {request_id}")

    def _send(self, client, task, masks, kind):
        shown = [{name: mask[name] for name in ("track_id", "category_id", "rle")} for mask in masks]
        reply = client.post(f"/api/requests/{task['request_id']}/submit", json=answer(task, shown, kind))
        if reply.status_code == 200:
            self.given[task["request_id"]] = (client, reply.json()["answer_id"])
        else:
            self.refusals.append(reply.json()["error"])


class TestPage(PeopleConformance):
    @pytest.fixture
    def people(self, tmp_path):
        return PagePeople(tmp_path)
