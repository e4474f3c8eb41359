"""Addresses that misbehave when they are told of something: each is a function of the connection."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

OK = b"HTTP/1.1 200 OK\r\n"


def drips(connection: socket.socket) -> None:
    """Send a header that never ends, a byte at a time: every read is in time."""
    connection.sendall(OK + b"X-Wait: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.05)


def says_nothing(connection: socket.socket) -> None:
    """Take the message and be silent."""
    while connection.recv(2**16):
        time.sleep(0.01)


def never_stops(connection: socket.socket) -> None:
    """Answer well, with a body without end."""
    connection.sendall(OK + b"Content-Type: text/plain\r\n\r\n")
    while True:
        connection.sendall(b"x" * 2**16)


def leads_elsewhere(connection: socket.socket) -> None:
    """Send whoever asks to another address."""
    connection.sendall(b"HTTP/1.1 308 Permanent Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")


def speaks_otherwise(connection: socket.socket) -> None:
    """Answer in another protocol."""
    connection.sendall(b"220 mail.example.org ESMTP\r\n")


@contextmanager
def rude(behaviour: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[float]]]:
    """An address that behaves so for the length of the block; yields its URL, and when it was asked."""
    asked: list[float] = []

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(2**16)
            asked.append(time.monotonic())
            behaviour(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook/s3cret", asked
        listener.shutdown(socket.SHUT_RDWR)
