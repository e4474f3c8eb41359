"""A real address that is told of rounds."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Webhook:
    """Answers as it is told to, and keeps what it heard.

    Attributes:
        heard: bodies, in order.
        asked: method and path of each call, those too that a proxy would get.
        answers: statuses of the next answers; 200 when there are none left.
        delay: seconds until it answers.
        silent: whether it answers nobody until the block ends.
    """

    def __init__(self) -> None:
        self.heard: list[dict] = []
        self.asked: list[tuple[str, str]] = []
        self.answers: list[int] = []
        self.delay, self.silent = 0.0, False
        self.url = ""


@contextmanager
def webhook() -> Iterator[Webhook]:
    """An address for the length of the block."""
    told, over = Webhook(), threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            time.sleep(told.delay)
            if told.silent:
                over.wait()
            self.send_response(told.answers.pop(0) if told.answers else 200)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(403)
            self.end_headers()

        do_CONNECT = do_GET

        def log_request(self, *_: object) -> None:
            told.asked.append((self.command, self.path))

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        told.url = f"http://127.0.0.1:{server.server_port}/hook/s3cret"
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield told
        over.set()
        server.shutdown()
        thread.join()
