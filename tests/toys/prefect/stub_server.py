"""An address that answers as a Prefect server would, as far as a test says."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Stub:
    """What it answers, and what it was asked.

    Attributes:
        answers: (status, body) by method and path; of several the first is used up first, the last one stays.
        asked: (method, path, body), in order.
        headers: of the last call.
    """

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], list[tuple[int, object]]] = defaultdict(list)
        self.asked: list[tuple[str, str, object]] = []
        self.headers: dict[str, str] = {}
        self.url = ""

    def says(self, method: str, path: str, *answers: object, status: int = 200) -> None:
        """Answer a call with these bodies, one after the other."""
        self.answers[method, path] += [(status, body) for body in answers]

    def bodies(self, path: str) -> list[object]:
        """What was sent to a path."""
        return [body for _, asked, body in self.asked if asked == path]


@contextmanager
def stub_server() -> Iterator[Stub]:
    """A stub for the length of the block."""
    stub = Stub()

    class Answering(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.removeprefix("/api")
            stub.asked.append((self.command, path, json.loads(sent) if sent else None))
            stub.headers = dict(self.headers)
            known = stub.answers[self.command, path]
            status, body = (known.pop(0) if len(known) > 1 else known[0]) if known else (404, {"detail": "not found"})
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        stub.url = f"http://127.0.0.1:{server.server_port}/api"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield stub
        server.shutdown()
        thread.join()


def flow_run(number: str = "r1", **changes: object) -> dict[str, object]:
    """A run as the server describes it."""
    row = {
        "id": number,
        "deployment_id": "d1",
        "state_type": "RUNNING",
        "state_name": "Running",
        "auto_scheduled": False,
        "parameters": {"project": "/work"},
        "expected_start_time": "2026-11-26T06:00:00+00:00",
        "state": {"timestamp": "2026-11-26T06:00:05+00:00"},
    }
    return row | changes
