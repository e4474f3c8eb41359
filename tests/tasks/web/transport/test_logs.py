import logging
import re

import pytest

from tasks.web.transport.logs import REQUESTS, FloodGate, place_of_trouble, refusal, server_logs

requests = logging.getLogger(REQUESTS)
others = logging.getLogger("asyncio")


def ask(status, times=1):
    """Note requests as the middleware does."""
    for _ in range(times):
        requests.info("GET /label %d", status, extra={"status": status})


def lines(path):
    """The messages of a log."""
    return [re.sub(r"^\S+ \S+ ", "", line) for line in path.read_text().splitlines()]


def test_what_was_asked_stands_apart_from_how_the_server_does(tmp_path):
    with server_logs(tmp_path):
        ask(200)
        others.error("no file can be opened")
    assert lines(tmp_path / "requests.log") == ["INFO fewframes.requests: GET /label 200"]
    assert lines(tmp_path / "serve.log") == ["ERROR asyncio: no file can be opened"]
    ask(200)
    assert len(lines(tmp_path / "requests.log")) == 1


def test_a_flood_of_errors_is_a_line_a_second_and_pushes_nothing_out(tmp_path):
    with server_logs(tmp_path):
        ask(200, 3)
        for i in range(20_000):
            others.error("no file can be opened %d", i, exc_info=ValueError("x" * 1000))
        ask(401, 1000)
        ask(200, 3)
    assert len(list(tmp_path.glob("serve.log*"))) == 1
    assert (tmp_path / "serve.log").stat().st_size < 50_000
    written = lines(tmp_path / "requests.log")
    assert sum(line.endswith("200") for line in written) == 6
    assert 20 <= sum("401" in line for line in written) <= 200


@pytest.fixture
def gate():
    """A gate, what passed it, and the hands of its clock."""
    now, passed = [0.0], []
    gate = FloodGate(place_of_trouble, clock=lambda: now[0])

    def send(text, level=logging.WARNING, line=1):
        record = logging.LogRecord("asyncio", level, "a.py", line, text, ("it",), None)
        if gate.filter(record):
            passed.append(record.getMessage())

    return send, passed, now


def test_the_next_second_says_what_was_held_back(gate):
    send, passed, now = gate
    for _ in range(5):
        send("not %s")
    now[0] = 1.0
    send("not %s")
    now[0] = 2.5
    send("not %s")
    assert passed == ["not it", "not it (and 4 like it before)", "not it"]


def test_other_troubles_and_what_is_no_trouble_pass(gate):
    send, passed, _ = gate
    for line in (1, 2):
        send("not %s", line=line)
    for _ in range(3):
        send("well %s", logging.INFO)
    assert passed == ["not it", "not it", "well it", "well it", "well it"]


def test_refusals_are_told_apart_by_their_status():
    record = logging.makeLogRecord({"status": 401})
    assert refusal(record) == 401
    assert refusal(logging.makeLogRecord({"status": 204})) is None
