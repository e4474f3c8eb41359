import socket

import httpx
import pytest
from fastapi import APIRouter, Request
from pydantic import BaseModel

from al_core import errors
from al_core.project import Project
from tasks.web import app as application
from tasks.web.error_responses import ApiError
from tasks.web.middleware import BODY_LIMIT
from tests.tasks.web.serving import served
from tests.toys.ledgers import ledger_with_clip

SIZES = []
"""Of every body that reached the route below."""
CHANGING = {"X-Fewframes": "1"}


class Drawing(BaseModel):
    """What a test sends."""

    seconds: float


def routes():
    """Routes that fail in every way, and one that measures what it was sent."""
    router = APIRouter()

    @router.get("/test/{name}")
    def fail(name: str):
        if name == "ApiError":
            raise ApiError(409, "stale", "load it again", owner="ann")
        if name == "UnknownName":
            raise errors.UnknownName("video", "clpi", ["clip"])
        raise getattr(errors, name, RuntimeError)(f"{name} happened")

    @router.post("/test/size")
    async def size(request: Request):
        SIZES.append(len(await request.body()))
        return SIZES[-1]

    @router.post("/test/drawing")
    def drawing(drawing: Drawing):
        return drawing.seconds

    return router


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The context and the owner of a served project that also has the routes above."""
    project = Project.at(tmp_path_factory.mktemp("app"))
    ledger_with_clip(project.root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "ROUTERS", (*application.ROUTERS, routes()))
        with served(project, names=frozenset({"labels.example.org"})) as both:
            yield both


@pytest.fixture
def context(server):
    return server[0]


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server[1].url) as client:
        yield client


def test_it_says_that_it_lives_and_which_one_it_is(client, context):
    assert client.get("/healthz").json() == {"status": "ok", "instance": context.instance}
    assert context.secret not in client.get("/healthz").text


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/openapi.json", "/nix", "/static/../app.py", "/..%2f..%2fetc/passwd"]
)
def test_strangers_find_no_description_of_the_api(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert set(answer.json()) == {"error", "mend"}


@pytest.mark.parametrize("path", ["/healthz", "/nix", "/test/BadLabel", "/test/bug"])
def test_every_answer_tells_browsers_what_not_to_do(client, path):
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("UnknownName", 404),
        ("BadLabel", 422),
        ("BadVideo", 422),
        ("LedgerConflict", 409),
        ("LedgerBusy", 503),
        ("LedgerCorrupt", 503),
        ("NoSpace", 507),
        ("EmptyPool", 409),
    ],
)
def test_the_products_errors_are_answered_with_what_to_do(client, name, status):
    answer = client.get(f"/test/{name}")
    assert answer.status_code == status
    assert answer.json()["error"]
    assert answer.json()["mend"].endswith(".")


def test_a_refusal_keeps_what_else_it_says(client):
    answer = client.get("/test/ApiError")
    assert (answer.status_code, answer.json()) == (409, {"error": "stale", "mend": "load it again", "owner": "ann"})


def test_a_bug_is_logged_and_not_shown(client, caplog):
    answer = client.get("/test/bug")
    assert answer.status_code == 500
    assert "bug happened" not in answer.text
    assert "bug happened" in caplog.text


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"seconds": "soon"}', b'{"seconds": []}', b"[" * 100_000, b"\xff\xfe"])
def test_malformed_json_is_refused_and_named(client, body):
    headers = CHANGING | {"Content-Type": "application/json"}
    answer = client.post("/test/drawing", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"error", "mend"}


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:8600", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("[::1]:8600", True),
        ("192.168.1.7:8600", True),
        ("labels.example.org", True),
        ("evil.example.org", False),
        ("127.0.0.1.evil.example.org:8600", False),
        ("localhost.evil.example.org", False),
        ("", False),
        ("[::1", True),
        ("127.0.0.1:8600@evil.example.org", True),
    ],
)
def test_a_name_that_was_bent_to_this_address_gets_nothing(client, host, allowed):
    answer = client.get("/healthz", headers={"Host": host})
    assert answer.status_code == (200 if allowed else 400)
    if not allowed:
        assert "does not go by that name" in answer.json()["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_another_site_cannot_change_anything(client, method):
    answer = client.request(method, "/test/size", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 403
    assert "X-Fewframes" in answer.json()["error"]
    assert client.post("/test/size", content=b"x", headers=CHANGING).json() == 1


def test_no_other_site_is_allowed_to_send_the_header(client):
    asked = {"Origin": "http://evil.example.org", "Access-Control-Request-Headers": "x-fewframes"}
    answer = client.options("/test/size", headers=asked | {"Access-Control-Request-Method": "POST"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


class TestSize:
    def test_a_body_may_be_as_large_as_the_limit(self, client):
        assert client.post("/test/size", content=bytes(BODY_LIMIT), headers=CHANGING).json() == BODY_LIMIT

    @pytest.mark.parametrize("length", [str(BODY_LIMIT + 1), "99999999999999999999", "-1", "many", "²"])
    def test_a_larger_one_is_refused_by_what_it_announces(self, client, length):
        head = f"POST /test/size HTTP/1.1\r\nHost: localhost\r\nX-Fewframes: 1\r\nContent-Length: {length}\r\n\r\nx"
        with socket.create_connection((client.base_url.host, client.base_url.port)) as line:
            line.sendall(head.encode("latin-1"))
            assert line.recv(100).split()[1] in (b"400", b"413")

    def test_and_by_what_comes_if_it_announces_nothing(self, client):
        chunks = (bytes(2**20) for _ in range(BODY_LIMIT // 2**20 + 1))
        answer = client.post("/test/size", content=chunks, headers=CHANGING)
        assert answer.status_code == 413
        assert answer.json()["mend"] == "Send at most 16,777,216 bytes at a time."

    def test_half_a_body_reaches_no_route(self, client):
        before = len(SIZES)
        head = b"POST /test/size HTTP/1.1\r\nHost: localhost\r\nX-Fewframes: 1\r\nContent-Length: 9\r\n\r\nhalf"
        with socket.create_connection((client.base_url.host, client.base_url.port)) as line:
            line.sendall(head)
        assert client.post("/test/size", content=b"x", headers=CHANGING).json() == 1
        assert SIZES[before:] == [1]

    def test_one_that_never_comes_whole_is_given_up(self, client, monkeypatch):
        monkeypatch.setattr("tasks.web.middleware.BODY_SECONDS", 0.2)
        head = b"POST /test/size HTTP/1.1\r\nHost: localhost\r\nX-Fewframes: 1\r\nContent-Length: 9\r\n\r\nslow"
        with socket.create_connection((client.base_url.host, client.base_url.port)) as line:
            line.sendall(head)
            assert line.recv(100).split()[1] == b"408"

    def test_a_process_with_the_secret_may_send_more(self, client, context):
        headers = {"Authorization": f"Bearer {context.secret}"}
        answer = client.post("/ledger/videos", content=bytes(BODY_LIMIT + 1), headers=headers)
        assert answer.status_code == 400
        assert "no call of 'videos'" in answer.json()["error"]


def test_a_log_line_has_no_query_which_may_hold_a_token(client, caplog):
    caplog.set_level("INFO")
    client.get("/enter?token=hush")
    assert "GET /enter 4" in caplog.text
    assert not any("hush" in record.getMessage() for record in caplog.records if record.name.startswith("tasks"))
