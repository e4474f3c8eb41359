"""Connections of a real server, some of which send half a request and wait."""

import resource
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import pytest
import uvicorn

from tasks.web.transport.connections import FileLimit, PatientProtocol, raised_limit

HEAD = b"POST /label HTTP/1.1\r\nHost: here\r\nContent-Length: 1000\r\n"


async def answer(scope, receive, send):
    """Answer when the whole body is there."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextmanager
def serving(most=100, head_seconds=20.0):
    """Serve with limits; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        protocol = partial(PatientProtocol, most=most, head_seconds=head_seconds)
        server = uvicorn.Server(uvicorn.Config(answer, http=protocol, ws="none", log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield listener.getsockname()
        server.should_exit = server.force_exit = True
        thread.join()


def slow(address, sent):
    """A client that sends something and waits."""
    client = socket.create_connection(address, timeout=60)
    client.sendall(sent)
    return client


def answered(client):
    """Whether the server answers whole."""
    got = b""
    while not got.endswith(b"ok") and (more := client.recv(1000)):
        got += more
    return got.startswith(b"HTTP/1.1 200") and got.endswith(b"ok")


def ended(client):
    """Whether the server ends a connection within a minute."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def asked(address):
    """What the server answers to somebody who is not slow."""
    with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/", timeout=60) as response:
        return response.read()


@pytest.mark.parametrize("sent", [b"", HEAD[:10], HEAD], ids=["nothing", "half a line", "half a head"])
def test_a_head_that_does_not_come_whole_ends(sent):
    with serving(head_seconds=0.1) as address, slow(address, sent) as client:
        assert ended(client)


def test_so_does_the_second_head_of_a_connection_also_while_it_drips():
    with serving(head_seconds=1.0) as address, slow(address, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n") as client:
        assert answered(client)
        dripped = 0
        with suppress(OSError):
            while dripped < 500:
                dripped += client.send(b"G")
                time.sleep(0.02)
        assert 0 < dripped < 500


def test_a_whole_head_has_time_for_its_body_and_an_idle_connection_for_its_next_request():
    head, body = HEAD + b"\r\n", b"x" * 1000
    with serving(head_seconds=1.0) as address, slow(address, head) as client, slow(address, head + body) as idle:
        assert answered(idle)
        time.sleep(1.3)
        client.sendall(body)
        idle.sendall(head + body)
        assert answered(client)
        assert answered(idle)


@pytest.mark.parametrize("sent", [HEAD, HEAD + b"\r\nhalf a body"], ids=["heads", "bodies"])
def test_a_crowd_that_sends_half_requests_keeps_nobody_out(sent, caplog):
    with serving(most=8) as address, ExitStack() as stack:
        crowd = [stack.enter_context(slow(address, sent)) for _ in range(40)]
        assert asked(address) == b"ok"
        assert all(ended(client) for client in crowd[:30])
    assert "8 connections are open, as many as the limit of open files allows" in caplog.text


def test_who_is_idle_makes_room_after_those_who_sent_half_a_request():
    with serving(most=3) as address, ExitStack() as stack:
        idle = stack.enter_context(slow(address, HEAD + b"\r\n" + b"x" * 1000))
        assert answered(idle)
        half = stack.enter_context(slow(address, HEAD))
        time.sleep(0.05)
        others = [stack.enter_context(slow(address, HEAD)) for _ in range(2)]
        assert ended(half)
        idle.sendall(HEAD + b"\r\n" + b"x" * 1000)
        assert answered(idle)
        assert len(others) == 2


@pytest.mark.parametrize("files", [64, 256, 1024, 65_536])
def test_with_all_connections_that_may_be_open_there_are_files_left(files):
    limit = FileLimit(files)
    assert limit.waiting >= 8
    assert limit.connections >= min(16, files // 2)
    assert files < 256 or limit.connections + 3 * limit.waiting + 64 <= files


def test_the_limit_is_raised_as_far_as_the_system_lets_us():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200)); "
        "from tasks.web.transport.connections import raised_limit; "
        "print(raised_limit().files, resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "200 (200, 200)\n"
    assert raised_limit().files == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
