"""Jobs are given away until each is done once, whatever workers do; with workers of this test's own."""

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from al_core.errors import BadCheckpoint, WorkerLost
from al_core.project import Project
from al_core.settings import ComputeSettings
from tasks.engines import engine
from tasks.engines.engine import ATTEMPTS, GRACE_SECONDS, OwnProcess, Workers, engine_of, shared_folder
from tasks.engines.jobs import Place, carry_out
from tasks.engines.shared_folder import OwnFiles


@dataclass(frozen=True)
class Square:
    """A job that can be checked by eye."""

    key: int

    @property
    def name(self) -> str:
        return f"square {self.key}"

    def work(self, place: Place) -> int:
        return self.key**2


@dataclass
class Clock:
    """Seconds that pass only when the test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Script:
    """Workers that do with an order what the test says: by job, a word for each attempt ("done" when left out).

    A "late" one lands when its successor lands, before it.
    """

    clock: Clock
    words: dict[int, list[str]] = field(default_factory=dict)
    n_slots: int = 2
    at_a_time: int = 0
    submitted: list[int] = field(default_factory=list)
    _flying: int = 0
    _late: list[Callable[[], None]] = field(default_factory=list)

    def slots(self) -> int:
        if not self.n_slots:
            self.clock.now += 10
        return self.n_slots

    def submit(self, name: str, packed: bytes, landed: Callable[[engine.Outcome], None]) -> None:
        order = pickle.loads(packed)
        self.submitted.append(order.job.key)
        self._flying += 1
        self.at_a_time = max(self.at_a_time, self._flying)
        words = self.words.get(order.job.key, [])
        word = words[order.attempt - 1] if order.attempt <= len(words) else "done"
        if word == "hangs":
            self.clock.now += order.seconds + GRACE_SECONDS + 1
            return
        if word == "late":
            self.clock.now += order.seconds + GRACE_SECONDS + 1
            self._late.append(lambda: landed(engine.Outcome(lambda: carry_out(packed))))
            return
        for late in self._late:
            late()
        self._late.clear()

        def read() -> bytes:
            self._flying -= 1
            if word == "dies":
                raise WorkerLost("the worker died")
            if word == "cannot":
                raise BadCheckpoint("no student")
            return carry_out(packed)

        landed(engine.Outcome(read))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_LOOK_SECONDS", 0.01)


def run(words: dict[int, list[str]], n_jobs: int = 3, **parts: int) -> tuple[Script, list[tuple[int, int]]]:
    clock = Clock()
    script = Script(clock, words, **parts)
    workers = Workers(script, OwnFiles(), limit=100.0, clock=clock)
    return script, [(job.key, value) for job, value in workers.each("square", [Square(k) for k in range(n_jobs)])]


def test_every_job_is_done_once_and_no_more_at_a_time_than_there_are_workers() -> None:
    script, found = run({}, 6)
    assert sorted(found) == [(k, k * k) for k in range(6)]
    assert sorted(script.submitted) == list(range(6))
    assert script.at_a_time <= 2


@pytest.mark.parametrize("trouble", ["dies", "hangs"])
def test_a_job_whose_worker_is_lost_is_given_to_another(trouble: str) -> None:
    script, found = run({1: [trouble]})
    assert sorted(found) == [(0, 0), (1, 1), (2, 4)]
    assert script.submitted.count(1) == 2


def test_what_comes_back_late_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """The first attempt of job 1 lands after it was given up: it is not counted beside the second."""
    _, found = run({1: ["late"]})
    assert sorted(found) == [(0, 0), (1, 1), (2, 4)]
    assert "square 1: attempt 1 came back late and is refused" in caplog.text


def test_a_job_that_never_comes_back_ends_the_step() -> None:
    with pytest.raises(WorkerLost, match=f"square 1: given to workers {ATTEMPTS} times"):
        run({1: ["dies"] * ATTEMPTS})


def test_a_job_that_cannot_be_done_is_told_as_it_is() -> None:
    with pytest.raises(BadCheckpoint, match="no student"):
        run({0: ["cannot"]})


def test_without_any_worker_the_step_ends_and_says_what_to_do() -> None:
    with pytest.raises(WorkerLost, match="no worker came within 60 s; start some"):
        run({}, n_slots=0)


def test_this_process_does_everything_where_nothing_else_is_asked_for(tmp_path: Path) -> None:
    project = Project.at(tmp_path)
    with engine_of(ComputeSettings(), project, "square", lambda: None) as own:
        assert isinstance(own, OwnProcess)
        assert [value for _, value in own.each("square", [Square(2), Square(3)])] == [4, 9]
    assert shared_folder(ComputeSettings(), project) == tmp_path / "exchange"
    assert shared_folder(ComputeSettings(shared="/mnt/team"), project) == Path("/mnt/team")


def test_processes_side_by_side_where_there_are_several_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that see a GPU each; no GPU is needed to start them."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    with engine_of(ComputeSettings(gpus_per_task=1), Project.at(tmp_path), "see", lambda: None) as workers:
        seen = {job.key: value for job, value in workers.each("see", [Seen(k) for k in range(4)])}
    assert set(seen.values()) == {("4", str(tmp_path / "cache")), ("6", str(tmp_path / "cache"))}


@dataclass(frozen=True)
class Seen(Square):
    """Tells which GPU its process sees, and where it keeps frames."""

    def work(self, place: Place) -> tuple[str, str]:
        import os

        return os.environ["CUDA_VISIBLE_DEVICES"], str(place.cache)
