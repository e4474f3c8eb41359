"""What a project gets of a request, and the browser of its answer."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from al_core.project import Project
from tasks.web.auth import cookie_name
from tasks.web.several.project_list import Front, create_front
from tests.toys.web.attacks import PATH_ATTACKS
from tests.toys.web.desk import ADDRESS, CHANGING


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked; or with two lines, the second when the first has arrived; or never."""

    protocol_version = "HTTP/1.1"
    arrived, asked, left = threading.Event(), threading.Event(), threading.Event()

    def do_GET(self):
        if "never" in self.path:
            self.asked.set()
            # Nothing more comes before the line is cut.
            assert self.rfile.read(1) == b""
            self.left.set()
            return
        if "lines" in self.path:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"6\r\nfirst\n\r\n", b"7\r\nsecond\n\r\n0\r\n\r\n"):
                self.wfile.write(part)
                self.wfile.flush()
                if part.startswith(b"6"):
                    self.arrived.wait(5)
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = json.dumps({"method": self.command, "path": self.path, "headers": headers, "body": body}).encode()
        self.send_response(201)
        for name, value in (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Length", str(len(told)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    """The address of a server that tells what it was asked."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(tmp_path, upstream):
    return SimpleNamespace(
        name="alpha", project=Project.at(tmp_path), owner=SimpleNamespace(url=upstream, secret="s"), trouble=None
    )


@pytest.fixture
def front(server):
    with TestClient(create_front(Front({"alpha": server})), base_url=ADDRESS, headers=CHANGING) as browser:
        yield browser


@contextmanager
def running(server):
    """A front of one project at a real port; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = create_front(Front({"alpha": server}))
        serving = uvicorn.Server(uvicorn.Config(app, log_config=None, proxy_headers=False))
        thread = threading.Thread(target=serving.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not serving.started:
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving.should_exit = True
        thread.join()


def test_a_request_and_its_answer_arrive_whole(front):
    answer = front.put("/p/alpha/api/tags/1?a=%20b&c=d", content=b"what was drawn", headers={"Content-Type": "x/y"})
    told = answer.json()
    assert answer.status_code == 201
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert (told["method"], told["path"], told["body"]) == ("PUT", "/api/tags/1?a=%20b&c=d", "what was drawn")
    assert told["headers"]["content-type"] == "x/y"
    assert told["headers"]["x-fewframes"] == "1"


def test_a_project_learns_who_asks_and_below_which_path_and_nothing_that_the_browser_made_up(front):
    made_up = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Prefix": "/evil", "Forwarded": "for=6.6.6.6"}
    headers = front.get("/p/alpha/label", headers={**made_up, "Authorization": "Bearer s"}).json()["headers"]
    assert headers["x-forwarded-prefix"] == "/p/alpha"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-for"] == "testclient"
    assert not {"forwarded", "authorization"} & headers.keys()


def test_a_project_gets_its_own_cookie_and_no_other(front, server):
    own = cookie_name(server.project, "/p/alpha")
    for name in (own, "fewframes_session", "fewframes_session_00000000", "fewframes_projects"):
        front.cookies.set(name, "secret")
    assert front.get("/p/alpha/label").json()["headers"]["cookie"] == f"{own}=secret"
    front.cookies.set("fewframes_language", "de")
    assert front.get("/p/alpha/label").json()["headers"]["cookie"] == f"{own}=secret; fewframes_language=de"


def test_nobody_reaches_a_ledger_from_here(front):
    for path in ("/p/alpha/ledger/videos", "/p/alpha//ledger/videos", "/p/alpha/%6cedger/videos"):
        answer = front.post(path, headers={"Authorization": "Bearer s"})
        assert answer.status_code == 404 or "authorization" not in answer.json()["headers"]
    assert front.post("/p/alpha/ledger/videos").json()["error"] == "there is no such page"


@pytest.mark.parametrize("path", PATH_ATTACKS)
def test_no_path_leads_out_of_a_project(front, path):
    answer = front.get(f"/p/alpha{path}")
    assert answer.status_code == 404 or answer.json()["path"].startswith("/")


def test_the_first_line_of_an_answer_comes_before_the_last_is_there(server):
    with running(server) as url, httpx.stream("GET", f"{url}/p/alpha/lines") as answer:
        lines = answer.iter_lines()
        assert next(lines) == "first"
        Echo.arrived.set()
        assert next(lines) == "second"


def test_who_goes_away_is_waited_for_by_nobody(server):
    with running(server) as url, socket.create_connection(url.rpartition("/")[2].split(":")) as asking:
        asking.sendall(f"GET /p/alpha/never HTTP/1.1\r\nHost: {url.rpartition('/')[2]}\r\n\r\n".encode())
        assert Echo.asked.wait(10)
        asking.close()
        assert Echo.left.wait(10)


def test_the_address_of_a_project_ends_with_a_slash(front):
    answer = front.get("/p/alpha", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/p/alpha/")
    assert front.get("/p/other/").status_code == 404


def test_one_that_went_away_is_told_and_the_page_asks_again(front, server):
    server.owner = SimpleNamespace(url="http://127.0.0.1:9", secret="s")
    answer = front.get("/p/alpha/label")
    assert answer.status_code == 503
    assert answer.json() == {
        "error": "this project does not answer at the moment",
        "mend": "Try again in a moment.",
    }
