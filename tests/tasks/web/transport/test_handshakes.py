"""Handshakes of a real server, some of which never come."""

import socket
import ssl
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager

import pytest
import uvicorn

from tasks.web.transport import handshakes
from tasks.web.transport.connections import FileLimit, patient_protocol
from tests.toys.web.tls import write_certificate


async def answer(scope, receive, send):
    """Answer with the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    length = str(len(body)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(folder, most=8):
    """Serve with TLS; yields the address, and what trusts the certificate."""
    certificate, key = write_certificate(folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            answer,
            http=patient_protocol(FileLimit(1024)),
            loop="tasks.web.transport.handshakes:HandshakeLoop",
            ws="none",
            log_config=None,
            lifespan="off",
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        config.get_loop_factory = lambda: lambda: handshakes.HandshakeLoop(most)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.005)
        trust = ssl.create_default_context(cafile=certificate)
        trust.check_hostname = False
        yield listener.getsockname(), trust
        server.should_exit = server.force_exit = True
        thread.join()


def echoed(address, trust, body=b"hello"):
    """What comes back."""
    url = f"https://{address[0]}:{address[1]}/"
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60, context=trust) as response:
        return response.read()


def ended(client):
    """Whether the server ends a connection within ten seconds."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("size", [5, 200_000])
def test_what_is_sent_comes_whole(tmp_path, size):
    with serving(tmp_path) as (address, trust):
        for _ in range(3):
            assert echoed(address, trust, b"x" * size) == b"x" * size


def test_a_crowd_that_sends_no_handshake_keeps_nobody_out(tmp_path):
    with serving(tmp_path) as (address, trust), ExitStack() as stack:
        crowd = [stack.enter_context(socket.create_connection(address, timeout=60)) for _ in range(40)]
        assert echoed(address, trust) == b"hello"
        assert all(ended(client) for client in crowd[:30])


def test_a_handshake_that_does_not_come_or_is_none_ends(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(handshakes, "HANDSHAKE_SECONDS", 0.1)
    with serving(tmp_path) as (address, trust), ExitStack() as stack:
        for sent in (b"", b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"):
            client = stack.enter_context(socket.create_connection(address, timeout=60))
            client.sendall(sent)
            while client.recv(100):
                pass
        monkeypatch.setattr(handshakes, "HANDSHAKE_SECONDS", 60.0)
        assert echoed(address, trust) == b"hello"
    assert caplog.text == ""
