"""Jobs on a real Dask scheduler, reached over TCP; its workers are threads of this process, which start at once."""

import logging
from collections.abc import Iterator
from pathlib import Path

import distributed
import pytest

from al_core.errors import BadCheckpoint, MissingDependency, VersionsDiffer, WorkerLost
from al_core.project import Project
from al_core.settings import ComputeSettings
from tasks.engines import runners
from tasks.engines.engine import Workers, engine_of
from tasks.engines.jobs import Place
from tasks.engines.runners import RUNNERS, dask_runner
from tasks.engines.shared_folder import HandedFile, SharedFolder
from tests.toys.engines.cluster import free_port


class Writing:
    """A job that reads a file that is handed over, and writes another."""

    name = "write one"

    def __init__(self, key: int, given: HandedFile, target: Path) -> None:
        self.key, self.given, self.target = key, given, target

    def work(self, place: Place) -> tuple[HandedFile, int]:
        words = place.files.open(self.given).read_text()
        if words == "broken":
            raise BadCheckpoint("this is no student")
        return place.files.made(self.target, lambda path: path.write_text(f"{words} {self.key}"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=":0",
        silence_logs=logging.CRITICAL,
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address


def written(folder: Path, address: str, words: str = "job") -> list[str]:
    """What three jobs wrote, at home."""
    (folder / "given.txt").write_text(words)
    project = Project.at(folder)
    with engine_of(ComputeSettings(engine="dask", address=address), project, "write", lambda: None) as engine:
        assert isinstance(engine, Workers)
        assert isinstance(engine.files, SharedFolder)
        given = engine.files.give(folder / "given.txt")
        for job, (file, _) in engine.each("write", [Writing(k, given, folder / "home" / f"{k}.txt") for k in range(3)]):
            engine.files.take(file, job.target)
    assert list((folder / "exchange").iterdir()) == []
    return [path.read_text() for path in sorted((folder / "home").iterdir())]


def test_files_go_to_workers_and_come_home(tmp_path: Path, address: str) -> None:
    assert written(tmp_path, address) == ["job 0", "job 1", "job 2"]


def test_what_is_wrong_with_the_work_is_told_as_it_is(tmp_path: Path, address: str) -> None:
    with pytest.raises(BadCheckpoint, match="this is no student"):
        written(tmp_path, address, "broken")


def test_every_worker_is_asked_for_its_versions(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(runners, "check_versions", lambda wanted, found: asked.extend(found))
    with dask_runner(ComputeSettings(engine="dask", address=address)) as runner:
        assert runner.slots() == 2
        assert runner.slots() == 2
    assert len(asked) == 2


def test_a_worker_of_another_version_is_refused(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(wanted: object, found: dict[str, object]) -> None:
        raise VersionsDiffer(f"worker {next(iter(found))} has torch 1.0")

    monkeypatch.setattr(runners, "check_versions", other)
    with pytest.raises(VersionsDiffer, match="has torch 1.0"):
        written(tmp_path, address)
    assert not (tmp_path / "home").exists()


def test_workers_without_gpus_are_given_nothing_that_needs_one(address: str) -> None:
    with dask_runner(ComputeSettings(engine="dask", address=address, gpus_per_task=1)) as runner:
        assert runner.slots() == 0


def test_a_scheduler_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "_CONNECT_SECONDS", 1)
    nobody = ComputeSettings(engine="dask", address=f"tcp://127.0.0.1:{free_port()}")
    with pytest.raises(WorkerLost, match=r"compute\.address: no Dask scheduler answers"), dask_runner(nobody):
        pass


def test_an_engine_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "find_spec", lambda package: None)
    for name, runner in RUNNERS.items():
        with pytest.raises(MissingDependency, match=rf"fewframes\[{name}\]"), runner(ComputeSettings(engine=name)):
            pass
