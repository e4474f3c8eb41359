"""What stands before every route, over a real connection."""

import socket

import pytest

from tasks.web.middleware import BODY_LIMIT
from tests.tasks.web.desk import CHANGING


@pytest.mark.parametrize("path", ["/healthz", "/nix", "/test/BadLabel", "/test/bug"])
def test_every_answer_tells_browsers_what_not_to_do(trial_client, path):
    headers = trial_client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_a_bug_is_logged_and_not_shown(trial_client, caplog):
    answer = trial_client.get("/test/bug")
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
def test_a_name_that_was_bent_to_this_address_gets_nothing(trial_client, host, allowed):
    answer = trial_client.get("/healthz", headers={"Host": host})
    assert answer.status_code == (200 if allowed else 400)
    if not allowed:
        assert "does not go by that name" in answer.json()["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_another_site_cannot_change_anything(trial_client, method):
    answer = trial_client.request(method, "/test/size", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 403
    assert "X-Fewframes" in answer.json()["error"]
    assert trial_client.post("/test/size", content=b"x", headers=CHANGING).json() == 1


def test_no_other_site_is_allowed_to_send_the_header(trial_client):
    asked = {"Origin": "http://evil.example.org", "Access-Control-Request-Headers": "x-fewframes"}
    answer = trial_client.options("/test/size", headers=asked | {"Access-Control-Request-Method": "POST"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


class TestSize:
    def test_a_body_may_be_as_large_as_the_limit(self, trial_client):
        assert trial_client.post("/test/size", content=bytes(BODY_LIMIT), headers=CHANGING).json() == BODY_LIMIT

    @pytest.mark.parametrize("length", [str(BODY_LIMIT + 1), "99999999999999999999", "-1", "many", "²"])
    def test_a_larger_one_is_refused_by_what_it_announces(self, trial_client, length):
        head = f"POST /test/size HTTP/1.1\r\nHost: localhost\r\nX-Fewframes: 1\r\nContent-Length: {length}\r\n\r\nx"
        with socket.create_connection((trial_client.base_url.host, trial_client.base_url.port)) as line:
            line.sendall(head.encode("latin-1"))
            assert line.recv(100).split()[1] in (b"400", b"413")

    def test_and_by_what_comes_if_it_announces_nothing(self, trial_client):
        chunks = (bytes(2**20) for _ in range(BODY_LIMIT // 2**20 + 1))
        answer = trial_client.post("/test/size", content=chunks, headers=CHANGING)
        assert answer.status_code == 413
        assert answer.json()["mend"] == "Send at most 16,777,216 bytes at a time."

    def test_half_a_body_reaches_no_route(self, trial_client, trial):
        before = len(trial.sizes)
        head = b"POST /test/size HTTP/1.1\r\nHost: localhost\r\nX-Fewframes: 1\r\nContent-Length: 9\r\n\r\nhalf"
        with socket.create_connection((trial_client.base_url.host, trial_client.base_url.port)) as line:
            line.sendall(head)
        assert trial_client.post("/test/size", content=b"x", headers=CHANGING).json() == 1
        assert trial.sizes[before:] == [1]

    def test_one_that_never_comes_whole_is_given_up(self, trial_client, monkeypatch):
        monkeypatch.setattr("tasks.web.middleware.BODY_SECONDS", 0.2)
        head = b"POST /test/size HTTP/1.1\r\nHost: localhost\r\nX-Fewframes: 1\r\nContent-Length: 9\r\n\r\nslow"
        with socket.create_connection((trial_client.base_url.host, trial_client.base_url.port)) as line:
            line.sendall(head)
            assert line.recv(100).split()[1] == b"408"

    def test_a_process_with_the_secret_may_send_more(self, trial_client, trial):
        headers = {"Authorization": f"Bearer {trial.context.secret}"}
        answer = trial_client.post("/ledger/videos", content=bytes(BODY_LIMIT + 1), headers=headers)
        assert answer.status_code == 400
        assert "no call of 'videos'" in answer.json()["error"]


def test_a_log_line_has_no_query_which_may_hold_a_token(trial_client, caplog):
    caplog.set_level("INFO")
    trial_client.get("/enter?token=hush")
    assert "GET /enter 4" in caplog.text
    assert not any("hush" in record.getMessage() for record in caplog.records if record.name.startswith("tasks"))


@pytest.mark.parametrize("given", [None, "", "Bearer wrong", "bearer SECRET", "SECRET"])
def test_only_who_knows_the_secret_reaches_the_ledger(trial_client, trial, given):
    secret = trial.context.secret
    headers = {} if given is None else {"Authorization": given.replace("SECRET", secret)}
    answer = trial_client.post("/ledger/videos", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "the secret is wrong")
    assert trial_client.post("/ledger/videos", headers={"Authorization": f"Bearer {secret}"}).status_code == 400
