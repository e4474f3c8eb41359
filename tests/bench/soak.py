"""A long day at one server: people label, hundreds of clients send half a request, a webhook drips, nothing is lost.

    python -m tests.bench.soak --minutes 30 --people 20 --slow 300

A real ``fewframes serve`` is asked over HTTP by people who answer frames and by a lead who looks at the dashboard. Slow
clients hold as many connections as they get, and messages go to an address that answers a byte at a time. It ends with
figures, and with exit code 1 when an acknowledged answer is not in the ledger, a frame was in two people's hands, a
message took longer than it may, memory grew, or the log cannot be read.
"""

import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median

import click
import httpx
import numpy as np
import psutil

from al_core.ledger.labelling.people import Role
from al_core.project import Project
from al_core.settings import NotifySettings
from tasks.scheduling.notify import BUDGET, Event, notify, undelivered
from tests.bench.load.serve_load import Load, Person, Record, free_port, prepare, problems, start
from tests.toys.web.rude_hooks import drips, rude

LATE = 2.0
"""Seconds that a message may take beyond its five: threads of a busy machine wait for their turn."""
GROWTH = 1.25
"""Memory at the end, as a multiple of that at the start; Python keeps what it needed once."""
LOG_LINES_A_SECOND = 200
_HALF = b"POST /api/next HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Fewframes: 1\r\nContent-Type: application/json\r\n"


@dataclass(frozen=True)
class Soak:
    """What is put on the server.

    Attributes:
        slow: clients that send half a request and wait.
        delay: mean seconds from a frame to its answer.
        every: seconds between two messages, two looks at the dashboard, and two readings of memory.
    """

    minutes: float = 30.0
    people: int = 20
    slow: int = 300
    delay: float = 1.0
    every: float = 5.0


@dataclass
class Seen:
    """What was seen on the way.

    Attributes:
        memory: (seconds since the start, bytes) of the server.
        messages: seconds that each message took.
        pages: seconds that each look at the dashboard took.
        reconnected: how often the server ended a slow client, which came again.
        log: lines of the server's log by level; what is no line of a log counts as "unreadable".
    """

    record: Record = field(default_factory=Record)
    memory: list[tuple[float, int]] = field(default_factory=list)
    messages: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)
    reconnected: int = 0
    log: Counter[str] = field(default_factory=Counter)
    wall: float = 0.0
    problems: list[str] = field(default_factory=list)

    def level(self, last: bool) -> float:
        """The server's memory, MB: the median of the first or last quarter of its readings."""
        part = max(1, len(self.memory) // 4)
        return median(size for _, size in (self.memory[-part:] if last else self.memory[:part])) / 1e6

    def describe(self) -> str:
        """In words and figures."""
        calls = {name: [seconds for _, seconds in self.record.calls[name]] for name in ("next", "submit")}
        lines = [
            f"{len(self.record.acknowledged):,} answers acknowledged in {self.wall:.0f} s",
            *(f"{name}: {_times(seconds)}" for name, seconds in calls.items()),
            f"dashboard: {_times(self.pages)}",
            f"messages that nobody took: {len(self.messages)}, the longest {max(self.messages, default=0.0):.2f} s",
            f"slow clients that were ended and came again: {self.reconnected:,}",
            f"memory: {self.level(False):.0f} MB at the start, {self.level(True):.0f} MB at the end",
            f"log: {', '.join(f'{n:,} {level}' for level, n in self.log.most_common())}",
        ]
        return "\n".join([*lines, *(self.problems or ["nothing lost, nothing shared"])])


def run_soak(folder: Path, soak: Soak) -> Seen:
    """Serve a project and let everybody at it; returns what was seen."""
    requests = int(soak.people * soak.minutes * 60 / soak.delay) + 100
    load = Load(people=soak.people, requests=requests, kills=0, delay=soak.delay)
    ledger, links = prepare(folder, load)
    lead = ledger.add_annotator("lea", Role.LEAD)
    seen, over, port = Seen(), threading.Event(), free_port()
    url = f"http://127.0.0.1:{port}"
    people = [Person(name, url, link, load, seen.record, over) for name, link in sorted(links.items())]
    server = start(folder, port)
    began = time.monotonic()
    seen.record.starts.append(began)
    others = [
        lambda: _hold_half_requests(port, soak.slow, seen, over),
        lambda: _tell(Project.at(folder), soak.every, seen, over),
        lambda: _look(url, lead, soak.every, seen, over),
        lambda: _weigh(server.pid, soak.every / 5, seen, over, began),
    ]
    threads = [*people, *(threading.Thread(target=work, daemon=True) for work in others)]
    try:
        for thread in threads:
            thread.start()
        while time.monotonic() - began < soak.minutes * 60:
            time.sleep(0.2)
            assert server.poll() is None, "the server ended"
            for person in people:
                assert person.is_alive(), f"{person.name} could not go on"
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=60)
        seen.wall = time.monotonic() - began
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    seen.log = _levels(folder)
    seen.problems += [*problems(ledger, seen.record, load, whole=False), *_judge(Project.at(folder), seen)]
    return seen


def _judge(project: Project, seen: Seen) -> Iterator[str]:
    if max(seen.messages, default=0.0) > BUDGET + LATE:
        yield f"a message took {max(seen.messages):.1f} s"
    if seen.messages and undelivered(project) is None:
        yield "the message that nobody took is not noted"
    if seen.level(True) > GROWTH * seen.level(False):
        yield f"memory grew from {seen.level(False):.0f} to {seen.level(True):.0f} MB"
    if seen.log["unreadable"] or seen.log["ERROR"]:
        yield f"the log has {seen.log['ERROR']} errors and {seen.log['unreadable']} lines that are none"
    if seen.log.total() > LOG_LINES_A_SECOND * seen.wall:
        yield f"the log has {seen.log.total()} lines"


def _hold_half_requests(port: int, slow: int, seen: Seen, over: threading.Event) -> None:
    """Keep so many connections open with half a request on each, every second one with half a body."""
    numbers, held = count(), []
    while not over.wait(0.1):
        held = [client for client in held if _is_open(client, seen)]
        for number in (next(numbers) for _ in range(min(50, slow - len(held)))):
            with suppress(OSError):
                client = socket.create_connection(("127.0.0.1", port), timeout=5)
                client.sendall(_HALF + (b"Content-Length: 1000\r\n\r\nhalf" if number % 2 else b""))
                client.setblocking(False)
                held.append(client)
    for client in held:
        client.close()


def _is_open(client: socket.socket, seen: Seen) -> bool:
    try:
        if client.recv(2**16):
            return True
    except BlockingIOError:
        return True
    except OSError:
        pass
    client.close()
    seen.reconnected += 1
    return False


def _tell(project: Project, every: float, seen: Seen, over: threading.Event) -> None:
    """Send messages to an address that answers a byte at a time."""
    with rude(drips) as (url, _):
        while not over.wait(every):
            began = time.monotonic()
            notify(project, NotifySettings(url=url), Event.ROUND_READY, "A round is ready.", round_id=1)
            seen.messages.append(time.monotonic() - began)


def _look(url: str, token: str, every: float, seen: Seen, over: threading.Event) -> None:
    """Look at the dashboard now and then, as a lead does."""
    with httpx.Client(base_url=url, headers={"X-Fewframes": "1"}, timeout=60, trust_env=False) as page:
        page.post("/enter", json={"token": token}).raise_for_status()
        while not over.wait(every):
            began = time.monotonic()
            page.get("/dashboard/overview").raise_for_status()
            seen.pages.append(time.monotonic() - began)


def _weigh(pid: int, every: float, seen: Seen, over: threading.Event, began: float) -> None:
    process = psutil.Process(pid)
    while not over.wait(every):
        seen.memory.append((time.monotonic() - began, process.memory_info().rss))


def _levels(folder: Path) -> Counter[str]:
    """Count the lines of the server's log by level."""
    levels = ("DEBUG", "INFO", "WARNING", "ERROR")
    found: Counter[str] = Counter()
    for path in sorted([*folder.glob("serve.log*"), *folder.glob("requests.log*")]):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            found[next((level for level in levels if f" {level} " in line[:40]), "unreadable")] += 1
    return found


def _times(seconds: list[float]) -> str:
    p50, p99 = np.percentile(seconds or [np.nan], [50, 99]) * 1e3
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms ({len(seconds):,} calls)"


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as temporary:
        yield folder or Path(temporary)


@click.command()
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--people", default=20, show_default=True)
@click.option("--slow", default=300, show_default=True, help="Clients that send half a request.")
@click.option("--delay", default=1.0, show_default=True, help="Mean seconds from a frame to its answer.")
@click.option("--project", "folder", type=click.Path(path_type=Path), help="A new folder that is kept.")
def main(minutes: float, people: int, slow: int, delay: float, folder: Path | None) -> None:
    """Put the load on a server and print what came of it."""
    with _place(folder) as place:
        seen = run_soak(place, Soak(minutes, people, slow, delay))
    print(seen.describe())
    raise SystemExit(bool(seen.problems))


if __name__ == "__main__":
    main()
