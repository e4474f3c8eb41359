"""The client's patience, against a server that answers as told; ``tests/label_studio`` asks a real Label Studio."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from al_core.errors import MissingDependency, ToolUnreachable
from tasks.backends import label_studio_api
from tasks.backends.label_studio_api import LabelStudioApi

PERSONAL = "aaa.bbb.ccc"


class Handler(BaseHTTPRequestHandler):
    def respond(self):
        length = int(self.headers.get("Content-Length", 0))
        self.rfile.read(length)
        self.server.seen.append((self.command, self.path.split("?")[0], self.headers.get("Authorization")))
        status, content = self.server.answers.pop(0)
        if status is None:
            self.close_connection = True
            return
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = respond

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """Gives the next of ``answers`` (status, content), whatever is asked; no status: the line is cut."""
    monkeypatch.setattr(label_studio_api, "_PAUSES", (0.0, 0.0))
    monkeypatch.setenv("A_TOKEN", "0123abc")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.seen = [], []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def api(server):
    return LabelStudioApi(f"http://127.0.0.1:{server.server_port}", "A_TOKEN")


def test_a_server_that_is_away_for_a_moment_is_asked_again(server, api):
    server.answers = [(None, ""), (503, "busy"), (200, [{"id": 1}])]
    assert api.uploads(3) == [{"id": 1}]
    assert server.seen == [("GET", "/api/projects/3/file-uploads", "Token 0123abc")] * 3


def test_what_must_not_be_done_twice_is_not_repeated(server, api):
    server.answers = [(503, "database is locked"), (201, {})]
    with pytest.raises(ToolUnreachable, match="does not answer .status 503"):
        api.import_tasks(3, [])
    assert len(server.seen) == 1


def test_a_server_that_stays_away_is_told(server, api):
    server.answers = [(502, "")] * 3
    with pytest.raises(ToolUnreachable, match="does not answer"):
        api.uploads(3)
    assert len(server.seen) == 3


def test_tasks_come_page_by_page(server, api):
    server.answers = [(200, {"tasks": [{"id": 1}, {"id": 2}], "total": 3}), (200, {"tasks": [{"id": 3}], "total": 3})]
    assert [task["id"] for task in api.tasks(1)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("status", "content", "error", "message"),
    [
        (401, {}, MissingDependency, "refuses the token in A_TOKEN"),
        (400, {"detail": "no such label"}, ToolUnreachable, "refuses GET .*400 .*no such label"),
        (200, b"<html>", ToolUnreachable, "not as Label Studio does"),
    ],
)
def test_a_refusal_says_why(server, api, status, content, error, message):
    server.answers = [(status, content)]
    with pytest.raises(error, match=message):
        api.uploads(1)


def test_a_personal_token_is_exchanged_and_exchanged_again_when_it_ran_out(server, api, monkeypatch):
    monkeypatch.setenv("A_TOKEN", PERSONAL)
    server.answers = [(200, {"access": "one"}), (200, []), (401, {}), (200, {"access": "two"}), (200, [])]
    api.uploads(1)
    api.uploads(1)
    assert [authorization for _, path, authorization in server.seen if "refresh" not in path] == [
        "Bearer one", "Bearer one", "Bearer two",
    ]  # fmt: skip


def test_without_a_token_it_says_where_to_get_one(api, monkeypatch):
    monkeypatch.delenv("A_TOKEN")
    with pytest.raises(MissingDependency, match="A_TOKEN does not hold a token.*Account & Settings"):
        api.uploads(1)
