"""Many people at one server that is killed now and then: nothing that was acknowledged may be lost.

    python -m tests.bench.load.serve_load --people 20 --requests 2000 --kills 5

Simulated people ask a real ``fewframes serve`` for frames over HTTP, take their time, click on some, and answer. Every
fifth also reviews what others answered: approves it, returns it, or corrects it. Some go away with a frame in their
hands and answer too late; some send an answer or a review twice. The server is killed with -9 and started again. At the
end every acknowledged answer and review must be in the ledger once, no frame and no answer may have been in the hands
of two people at a time, and nothing may be left over.

How long people wait is told beside the processor's seconds that the server took, which a busy machine changes less.
``--beside TREE`` puts the same load in turn on the server of a checkout of another revision.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import click
import httpx
import numpy as np
import psutil
import pyarrow
from cv2 import imwrite

from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.masks.rle import decode, encode
from al_core.records import FrameRef, LabelRequest, Selected
from al_core.settings import Settings
from tasks.processes.children import end, start_child
from tasks.processes.rounds import NICENESS
from tasks.project.ingest import ingest_paths
from tests.toys.projects import command

AWAY = 0.02
"""Share of frames that somebody leaves lying until the lease is over."""
TWICE = 0.1
"""Share of answers that are sent twice."""
PARTLY = 0.1
"""Share of answers that say where one object is, and nothing of others."""
GESTURES = [
    {"tool": "click", "track_id": 1, "adds": True, "points": [[1.5, 1.5]]},
    {"tool": "brush", "track_id": 1, "adds": False, "points": [[float(i), 2.0] for i in range(40)]},
]
"""How every answer was made."""
REVIEWERS = 5
"""One of so many people reviews, half of the time."""
RETURNED, CORRECTED = 0.1, 0.1
"""Shares of the reviews that send an answer back, and that correct it."""
CLICKED = 0.25
"""Share of frames on which somebody clicks first."""
LEASE_SECONDS = 10.0
SETTLING_SECONDS = 5.0
"""So long after a start everybody who waited comes at once; such calls are also left out of figures."""


SIZE = (48, 64)
_SQUARE = np.zeros(SIZE, bool)
_SQUARE[12:28, 14:34] = True
MASK = encode(_SQUARE)
"""What everybody draws."""


@dataclass(frozen=True)
class Load:
    """What is put on the server.

    Attributes:
        delay: mean seconds from a frame to its answer.
        kills: how often the server is killed, evenly spread over the requests.
    """

    people: int = 20
    requests: int = 2000
    kills: int = 5
    delay: float = 1.0
    seed: int = 0


@dataclass
class Record:
    """What all people saw, and the server said.

    Attributes:
        acknowledged: answer -> request.
        reviewed: review -> (request, verdict), of those that were acknowledged.
        corrections: answers of reviewers.
        held: request, or "review" and the answer -> (from, until, person) by the clock of this process, never longer
            than the server's.
        refused: answers that came too late.
        calls: (when it began, seconds that it took) of calls by name; those that had to be made again are left out.
        starts: when the server began to answer.
        processor: seconds of the processor that servers which ended took since they began to answer.
    """

    acknowledged: dict[str, str] = field(default_factory=dict)
    reviewed: dict[str, tuple[str, str]] = field(default_factory=dict)
    corrections: set[str] = field(default_factory=set)
    held: dict[str, list[tuple[float, float, str]]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0
    again: int = 0
    calls: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    starts: list[float] = field(default_factory=list)
    processor: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Outcome:
    """What came of it; ``problems`` is empty when nothing was lost and nobody shared a frame."""

    record: Record
    wall: float
    problems: tuple[str, ...]

    def describe(self) -> str:
        """In words and figures."""
        record, answers = self.record, len(self.record.acknowledged)
        lines = [
            f"{answers} answers acknowledged in {self.wall:.1f} s, {record.refused} came too late and were refused, "
            f"{record.again} were sent again and acknowledged again",
            f"reviews: {dict(sorted(Counter(verdict for _, verdict in record.reviewed.values()).items()))}",
        ]
        calls = sum(len(found) for found in record.calls.values())
        took = record.processor / max(calls, 1) * 1e3
        lines.append(f"{calls / self.wall:.1f} requests/s, each {took:.1f} ms of the server's processor")
        for name in ("next", "submit", "refine", "next review", "review"):
            quiet = [seconds for at, seconds in record.calls[name] if not _just_started(at, record.starts)]
            for what, found in (("all", [seconds for _, seconds in record.calls[name]]), ("settled", quiet)):
                p50, p99 = np.percentile(found or [np.nan], [50, 99]) * 1e3
                lines.append(f"{name}, {what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms ({len(found)} calls)")
        return "\n".join([*lines, *(self.problems or ["nothing lost, nothing shared, nothing left over"])])


class Person(threading.Thread):
    """Asks for frames and answers them until none is left; reviews too, where ``reviews`` says so."""

    def __init__(
        self, name: str, url: str, link: str, load: Load, record: Record, over: threading.Event, reviews: bool = False
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._reviews = reviews
        self._rng = random.Random(f"{load.seed} {name}")
        self._client = httpx.Client(base_url=url, headers={"X-Fewframes": "1"}, timeout=30, trust_env=False)
        self._link, self._load, self._record, self._over = link, load, record, over

    def run(self) -> None:
        """Work."""
        self._call("enter", "POST", "/enter", json={"token": self._link})
        while not self._over.is_set():
            asked = time.monotonic()
            looks = self._reviews and self._rng.random() < 0.5
            name, path = ("next review", "/api/review/next") if looks else ("next", "/api/next")
            reply = self._call(name, "POST", path)
            if reply.status_code == 204:
                time.sleep(self._load.delay / 4)
            elif looks:
                self._look_at(reply.json(), asked, time.monotonic())
            else:
                self._work_on(reply.json(), asked, time.monotonic())

    def _take_time(self) -> None:
        if self._rng.random() < AWAY:
            time.sleep(LEASE_SECONDS + self._rng.random())
        else:
            time.sleep(self._rng.uniform(0, 2 * self._load.delay))

    def _look_at(self, task: dict, asked: float, got: float) -> None:
        """Review an answer."""
        self._take_time()
        said, key = self._rng.random(), f"review {task['review']['answer_id']}"
        if said < CORRECTED:
            self._answer(task, asked, got, key)
            return
        how, note = ("return", {"note": "Look again."}) if said < CORRECTED + RETURNED else ("approve", {})
        seconds, review_id = round(time.monotonic() - got, 2), str(uuid4())
        body = {"lease": task["lease"]["token"], "review_id": review_id, "seconds": seconds, **note}
        body["base_revision"] = task["base_revision"]
        path, sent = f"/api/requests/{task['request_id']}/{how}", time.monotonic()
        reply = self._call("review", "POST", path, json=body)
        if self._hold(key, asked, got, sent, reply):
            with self._record.lock:
                self._record.reviewed[review_id] = task["request_id"], "approved" if how == "approve" else "returned"
            if self._rng.random() < TWICE:
                assert self._call("review", "POST", path, json=body).status_code == 200

    def _hold(self, key: str, asked: float, got: float, sent: float, reply: httpx.Response) -> bool:
        """Note how long something was in hand; tells whether what was sent came in time."""
        late = reply.status_code == 409
        with self._record.lock:
            until = min(sent, asked + LEASE_SECONDS) if late else sent
            self._record.held[key].append((got, max(got, until), self.name))
            self._record.refused += late
        return not late

    def _work_on(self, task: dict, asked: float, got: float) -> None:
        """Answer a frame."""
        if self._rng.random() < CLICKED:
            click = {"x": 20 + self._rng.random(), "y": 20, "positive": True}
            body = {"lease": task["lease"]["token"], "track_id": 1, "category_id": 1, "clicks": [click]}
            self._call("refine", "POST", f"/api/requests/{task['request_id']}/refine", json=body)
        self._take_time()
        self._answer(task, asked, got, task["request_id"])

    def _answer(self, task: dict, asked: float, got: float, key: str) -> None:
        corrects = "review" in task
        body = {
            "lease": task["lease"]["token"],
            "answer_id": str(uuid4()),
            "base_revision": task["base_revision"],
            "kind": "mask",
            "seconds": round(time.monotonic() - got, 2),
            "masks": [{"track_id": 1, "category_id": 1, "rle": MASK.to_coco()}],
            "gestures": GESTURES,
            "complete": corrects or self._rng.random() >= PARTLY,
        }
        path = f"/api/requests/{task['request_id']}/submit"
        sent = time.monotonic()
        reply = self._call("submit", "POST", path, json=body)
        if not self._hold(key, asked, got, sent, reply):
            return
        with self._record.lock:
            answer_id = reply.json()["answer_id"]
            self._record.acknowledged[answer_id] = task["request_id"]
            if corrects:
                self._record.corrections.add(answer_id)
                self._record.reviewed[answer_id] = task["request_id"], "corrected"
        if self._rng.random() < TWICE:
            again = self._call("submit", "POST", path, json=body)
            assert again.json() == reply.json(), (reply.text, again.text)
            with self._record.lock:
                self._record.again += 1

    def _call(self, name: str, method: str, path: str, **more: object) -> httpx.Response:
        """A call that is made again until the server answers; one that had to be is not timed."""
        tried = 0
        while True:
            started = time.monotonic()
            try:
                reply = self._client.request(method, path, **more)
                break
            except httpx.TransportError:
                tried += 1
                time.sleep(0.1)
        if not tried:
            with self._record.lock:
                self._record.calls[name].append((started, time.monotonic() - started))
        assert reply.status_code in (200, 204, 303, 409), reply.text
        return reply


def run_load(folder: Path, load: Load) -> Outcome:
    """Serve a project, let people work on it, kill the server now and then, and look what is in the ledger."""
    ledger, links = prepare(folder, load)
    port = free_port()
    record, over = Record(), threading.Event()
    people = [
        Person(name, f"http://127.0.0.1:{port}", link, load, record, over, name in reviewers(load))
        for name, link in sorted(links.items())
    ]
    server = start(folder, port)
    started = time.monotonic()
    record.starts.append(started)
    before = _processor(server)
    try:
        for person in people:
            person.start()
        marks = [load.requests * (i + 1) // (load.kills + 1) for i in range(load.kills)]
        while not _done(record, load):
            if marks and len(record.acknowledged) >= marks[0]:
                marks.pop(0)
                record.processor += _processor(server) - before
                server.kill()
                server.wait()
                server = start(folder, port)
                before = _processor(server)
                record.starts.append(time.monotonic())
            for person in people:
                assert person.is_alive(), f"{person.name} could not go on"
            time.sleep(0.02)
        wall = time.monotonic() - started
        record.processor += _processor(server) - before
        over.set()
        for person in people:
            person.join(timeout=60)
    finally:
        over.set()
        server.send_signal(signal.SIGTERM)
        server.wait()
    return Outcome(record, wall, tuple(problems(ledger, record, load)))


@contextmanager
def training_beside() -> Iterator[None]:
    """Train a student until the block ends."""
    # Longer than anybody labels here.
    words = [sys.executable, "-m", "tests.bench.speed.predict_overhead", "--iterations", "1000000"]
    with Path(os.devnull).open("wb") as nothing:
        child = start_child(words, nothing, NICENESS)
        try:
            yield
            assert child.poll() is None, "the training ended"
        finally:
            end(child)


def _processor(server: subprocess.Popen) -> float:
    times = psutil.Process(server.pid).cpu_times()
    return times.user + times.system


def _done(record: Record, load: Load) -> bool:
    """Tell whether every frame has an answer that nobody sent back."""
    with record.lock:
        returned = sum(verdict == "returned" for _, verdict in record.reviewed.values())
        return len(record.acknowledged) - len(record.corrections) >= load.requests + returned


def people_of(load: Load) -> list[str]:
    """The names of all."""
    return [f"p{i:02d}" for i in range(load.people)]


def reviewers(load: Load) -> list[str]:
    """The names of those who review."""
    return people_of(load)[::REVIEWERS]


def prepare(folder: Path, load: Load) -> tuple[Ledger, dict[str, str]]:
    """A project that asks for as many frames as there are requests; returns its ledger and everybody's link."""
    ledger = Ledger(folder / "ledger.duckdb")
    _write_frames(folder / "long", load.requests)
    ingest_paths(ledger, [folder / "long"], categories=["object"])
    changes = {"annotator.backend": "page", "annotator.lease_seconds": LEASE_SECONDS, "annotator.review": "after"}
    ledger.begin_round(Settings().changed(changes))
    # A round that is over is not taken on when its last request is answered.
    ledger.finish_round(1, "it is only about labelling")
    requests = [LabelRequest.of(1, Selected(FrameRef(1, i), i, 0.5, "it is asked for")) for i in range(load.requests)]
    columns = {
        "request_id": [request.request_id for request in requests],
        "frame_idx": [request.frame.frame_idx for request in requests],
        "kind": [request.kind.value for request in requests],
    }
    with ledger.held():
        with ledger._connector.transaction() as connection:
            # One by one, as rounds of some dozen are asked for, these would take half an hour.
            connection.register("asked", pyarrow.table(columns))
            connection.execute(
                "INSERT INTO label_request(request_id, round_id, video_id, frame_idx, rank, reason, status, "
                "created_at, updated_at, kind) SELECT request_id, 1, 1, frame_idx, frame_idx, 'it is asked for', "
                "'open', ?, ?, kind FROM asked",
                [datetime.now(UTC).replace(tzinfo=None)] * 2,
            )
        roles = {name: Role.REVIEWER if name in reviewers(load) else Role.ANNOTATOR for name in people_of(load)}
        return ledger, {name: ledger.add_annotator(name, role) for name, role in roles.items()}


def _write_frames(folder: Path, n_frames: int) -> None:
    """Pictures of a bright square before a dark ground, each a little different."""
    folder.mkdir()
    picture = np.full((*SIZE, 3), 40, np.uint8)
    picture[decode(MASK)] = 200
    for index in range(n_frames):
        picture[0, 0] = divmod(index, 256)[0], index % 256, 0
        imwrite(str(folder / f"{index:05d}.png"), picture)


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(folder: Path, port: int) -> subprocess.Popen:
    """A server that answers."""
    server = subprocess.Popen(
        command("serve", "--project", folder, "--port", str(port)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, server.stderr.read().decode()
        try:
            if httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200:
                return server
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError("the server does not answer")


def problems(ledger: Ledger, record: Record, load: Load, whole: bool = True) -> Iterator[str]:
    """What should not be.

    Args:
        whole: whether every request should have its answer.
    """
    given = [g.answer for g in ledger.answers_given()]
    bare = sum([gesture.to_json() for gesture in answer.gestures or ()] != _AS_STORED for answer in given)
    if bare:
        yield f"{bare} answers do not say how they were made"
    with ledger._connector.session() as connection:
        stored = dict(connection.execute("SELECT answer_id, request_id FROM answer").fetchall())
    over = len(stored) - len(given) - sum(verdict != "approved" for _, verdict in record.reviewed.values())
    if over:
        yield f"{over} answers were stored over others"
    reviews = {review.review_id: (review.request_id, review.verdict.value) for review in ledger.reviews()}
    if reviews.items() ^ record.reviewed.items():
        yield f"{len(reviews.items() ^ record.reviewed.items())} reviews differ from those that were acknowledged"
    lost = record.acknowledged.items() - stored.items()
    if lost:
        yield f"{len(lost)} acknowledged answers are not in the ledger"
    unknown = stored.keys() - record.acknowledged.keys()
    if unknown:
        yield f"{len(unknown)} answers are in the ledger that nobody was told of"
    # Somebody may have sent an answer back when all was done.
    returned = {request_id for request_id, verdict in record.reviewed.values() if verdict == "returned"}
    forgotten = {request.request_id for request in ledger.requests(status="open")} - returned
    if whole and (len(set(stored.values())) != load.requests or forgotten):
        yield f"{load.requests - len(set(stored.values()))} requests are left over, {len(forgotten)} are open"
    for request, holds in record.held.items():
        for first, second in pairwise(sorted(holds)):
            if second[0] < first[1] and first[2] != second[2]:
                yield f"{request} was in the hands of {first[2]} and {second[2]} at the same time"


_AS_STORED = [[g["tool"], g["track_id"], g["adds"], g["points"]] for g in GESTURES]


def _just_started(at: float, starts: list[float]) -> bool:
    """Whether everybody came at once then, because the server had just begun to answer."""
    return any(start - 1 <= at < start + SETTLING_SECONDS for start in starts)


def _in_turn(beside: Path, times: int) -> int:
    """Put this load, as it was asked for, on the servers of two checkouts; returns how often something was wrong."""
    options = list(sys.argv[1:])
    for name in ("--beside", "--times"):
        if name in options:
            del options[options.index(name) : options.index(name) + 2]
    wrong = 0
    for of, tree in [("here", Path.cwd()), ("beside", beside.resolve())] * times:
        print(f"---- {of}", flush=True)
        words = [sys.executable, "-P", str(Path(__file__).resolve()), *options]
        wrong += subprocess.run(words, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, check=False).returncode
    return wrong


@click.command()
@click.option("--people", default=20, show_default=True)
@click.option("--requests", default=2000, show_default=True)
@click.option("--kills", default=5, show_default=True)
@click.option("--delay", default=1.0, show_default=True, help="Mean seconds from a frame to its answer.")
@click.option("--seed", default=0, show_default=True)
@click.option("--training", is_flag=True, help="Train a student beside the server.")
@click.option("--beside", type=click.Path(exists=True, path_type=Path), help="A checkout of another revision.")
@click.option("--times", default=1, show_default=True, help="How often, in turn, with --beside.")
def main(
    people: int, requests: int, kills: int, delay: float, seed: int, training: bool, beside: Path | None, times: int
) -> None:
    """Put the load on a server and print what came of it."""
    if beside is not None:
        raise SystemExit(_in_turn(beside, times))
    with tempfile.TemporaryDirectory() as folder, training_beside() if training else nullcontext():
        outcome = run_load(Path(folder), Load(people, requests, kills, delay, seed))
    print(outcome.describe())
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    raise SystemExit(bool(outcome.problems))


if __name__ == "__main__":
    main()
