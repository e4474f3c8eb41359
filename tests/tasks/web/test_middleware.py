"""What stands before every route, over a real connection."""

import asyncio
import json
import socket

import pytest

from tasks.web.middleware import BODY_LIMIT, LEDGER_BODY_LIMIT, Guard
from tests.toys.web.desk import CHANGING
from tests.toys.web.trial import served_trial


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """A served project that also has routes for tests."""
    with served_trial(tmp_path_factory.mktemp("app")) as trial:
        yield trial


@pytest.mark.parametrize("path", ["/healthz", "/nix", "/test/BadLabel", "/test/bug"])
def test_every_answer_tells_browsers_what_not_to_do(trial, path):
    headers = trial.client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_a_bug_is_logged_and_not_shown(trial, caplog):
    answer = trial.client.get("/test/bug")
    assert answer.status_code == 500
    assert "bug happened" not in answer.text
    assert "bug happened" in caplog.text


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
def test_a_name_that_was_bent_to_this_address_gets_nothing(trial, host, allowed):
    answer = trial.client.get("/healthz", headers={"Host": host})
    assert answer.status_code == (200 if allowed else 400)
    if not allowed:
        assert "does not go by that name" in answer.json()["error"]


def test_a_wrong_name_is_told_with_the_option_that_lets_it_in(trial):
    told = {host: trial.client.get("/", headers={"Host": host}).json()["mend"] for host in ("fewframes:80", "<b>")}
    assert told["fewframes:80"].endswith("fewframes serve --name fewframes")
    assert told["<b>"].endswith("fewframes serve --name NAME")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_another_site_cannot_change_anything(trial, method):
    answer = trial.client.request(method, "/test/size", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 403
    assert "X-Fewframes" in answer.json()["error"]
    assert trial.client.post("/test/size", content=b"x", headers=CHANGING).json() == 1


def test_no_other_site_is_allowed_to_send_the_header(trial):
    asked = {"Origin": "http://evil.example.org", "Access-Control-Request-Headers": "x-fewframes"}
    answer = trial.client.options("/test/size", headers=asked | {"Access-Control-Request-Method": "POST"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


class TestSize:
    def test_a_body_may_be_as_large_as_the_limit(self, trial):
        assert trial.client.post("/test/size", content=bytes(BODY_LIMIT), headers=CHANGING).json() == BODY_LIMIT

    @pytest.mark.parametrize("length", [str(BODY_LIMIT + 1), "99999999999999999999", "-1", "many", "²"])
    def test_a_larger_one_is_refused_by_what_it_announces(self, trial, length):
        head = f"POST /test/size HTTP/1.1\r\nHost: localhost\r\nX-Fewframes: 1\r\nContent-Length: {length}\r\n\r\nx"
        with socket.create_connection((trial.client.base_url.host, trial.client.base_url.port)) as line:
            line.sendall(head.encode("latin-1"))
            assert line.recv(100).split()[1] in (b"400", b"413")

    def test_and_by_what_comes_if_it_announces_nothing(self, trial):
        chunks = (bytes(2**20) for _ in range(BODY_LIMIT // 2**20 + 1))
        answer = trial.client.post("/test/size", content=chunks, headers=CHANGING)
        assert answer.status_code == 413
        assert answer.json()["mend"] == "Send at most 16,777,216 bytes at a time."

    def test_half_a_body_reaches_no_route(self, trial):
        before = len(trial.sizes)
        head = b"POST /test/size HTTP/1.1\r\nHost: localhost\r\nX-Fewframes: 1\r\nContent-Length: 9\r\n\r\nhalf"
        with socket.create_connection((trial.client.base_url.host, trial.client.base_url.port)) as line:
            line.sendall(head)
        assert trial.client.post("/test/size", content=b"x", headers=CHANGING).json() == 1
        assert trial.sizes[before:] == [1]

    def test_one_that_never_comes_whole_is_given_up(self, trial, monkeypatch):
        monkeypatch.setattr("tasks.web.middleware.BODY_SECONDS", 0.2)
        head = b"POST /test/size HTTP/1.1\r\nHost: localhost\r\nX-Fewframes: 1\r\nContent-Length: 9\r\n\r\nslow"
        with socket.create_connection((trial.client.base_url.host, trial.client.base_url.port)) as line:
            line.sendall(head)
            assert line.recv(100).split()[1] == b"408"

    def test_a_process_with_the_secret_may_send_more(self, trial):
        headers = {"Authorization": f"Bearer {trial.context.secret}"}
        answer = trial.client.post("/ledger/videos", content=bytes(BODY_LIMIT + 1), headers=headers)
        assert answer.status_code == 400
        assert "no call of 'videos'" in answer.json()["error"]


def test_a_log_line_has_no_query_which_may_hold_a_token(trial, caplog):
    caplog.set_level("INFO")
    trial.client.get("/enter?token=hush")
    assert "GET /enter 200" in caplog.text
    assert not any("hush" in record.getMessage() for record in caplog.records if record.name.startswith("tasks"))


@pytest.mark.parametrize("given", [None, "", "Bearer wrong", "bearer SECRET", "SECRET"])
def test_only_who_knows_the_secret_reaches_the_ledger(trial, given):
    secret = trial.context.secret
    headers = {} if given is None else {"Authorization": given.replace("SECRET", secret)}
    answer = trial.client.post("/ledger/videos", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "the secret is wrong")
    assert trial.client.post("/ledger/videos", headers={"Authorization": f"Bearer {secret}"}).status_code == 400


class Call:
    """One call of the middleware around an application that answers what it was sent, or fails."""

    def __init__(self, path="/x", method="GET", chunks=(b"",), fail=None, **headers):
        self.seen, self.sent = [], []
        self.scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [
                (k.replace("_", "-").encode(), v.encode()) for k, v in ({"host": "localhost"} | headers).items()
            ],
        }
        last = len(chunks) - 1
        self.incoming = [
            {"type": "http.request", "body": chunk, "more_body": i < last} for i, chunk in enumerate(chunks)
        ]
        self.fail = fail
        asyncio.run(Guard(self.app, "s3cret", ["labels.example.org"])(self.scope, self.receive, self.send))

    async def app(self, scope, receive, send):
        if self.fail == "at once":
            raise RuntimeError("secret words")
        message = await receive()
        self.seen.append(message["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if self.fail == "half way":
            raise RuntimeError("secret words")
        await send({"type": "http.response.body", "body": b"done"})

    async def receive(self):
        return self.incoming.pop(0) if self.incoming else {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def answer(self):
        return json.loads(b"".join(message.get("body", b"") for message in self.sent))


class TestGuard:
    def test_a_route_gets_the_body_whole_that_came_in_pieces(self):
        call = Call(method="POST", chunks=(b"ab", b"", b"cd"), x_fewframes="1")
        assert (call.status, call.seen) == (200, [b"abcd"])

    def test_reading_needs_no_header_and_changing_does(self):
        assert Call(method="GET").status == 200
        refused = Call(method="POST")
        assert (refused.status, refused.seen) == (403, [])
        assert Call(method="POST", x_fewframes="0").status == 403

    @pytest.mark.parametrize(
        ("authorization", "status"), [("Bearer s3cret", 200), ("Bearer s3cre", 401), ("s3cret", 401), ("", 401)]
    )
    def test_the_ledger_is_for_those_who_know_the_secret(self, authorization, status):
        call = Call("/ledger/videos", "POST", authorization=authorization)
        assert call.status == status
        assert len(call.seen) == (status == 200)

    def test_the_header_of_pages_does_not_open_the_ledger(self):
        assert Call("/ledger/videos", "POST", x_fewframes="1").status == 401

    def test_people_may_send_less_than_processes(self):
        assert LEDGER_BODY_LIMIT > BODY_LIMIT
        length = str(BODY_LIMIT + 1)
        assert Call(method="POST", x_fewframes="1", content_length=length).status == 413
        assert Call("/ledger/videos", "POST", authorization="Bearer s3cret", content_length=length).status == 200

    def test_a_line_that_breaks_reaches_no_route(self):
        call = Call(method="POST", chunks=(b"half", b""), x_fewframes="1")
        assert call.status == 200
        broken = Call(method="POST", chunks=(), x_fewframes="1")
        assert (broken.status, broken.seen) == (400, [])

    def test_a_bug_before_the_answer_is_answered_without_its_words(self):
        call = Call(fail="at once")
        assert call.status == 500
        assert "secret words" not in str(call.answer)
        assert "serve.log" in call.answer["mend"]

    def test_a_bug_in_the_middle_of_an_answer_is_raised(self):
        with pytest.raises(RuntimeError, match="secret words"):
            Call(fail="half way")

    @pytest.mark.parametrize("path", ["/x", "/ledger/x"])
    def test_refusals_carry_the_headers_for_browsers_too(self, path):
        headers = dict(Call(path, "POST").sent[0]["headers"])
        assert headers[b"x-content-type-options"] == b"nosniff"
        assert headers[b"cache-control"] == b"no-store"

    def test_what_is_no_http_passes_untouched(self):
        seen = []

        async def app(scope, receive, send):
            seen.append(scope["type"])

        asyncio.run(Guard(app, "s3cret")({"type": "lifespan"}, None, None))
        assert seen == ["lifespan"]
