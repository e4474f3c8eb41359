"""Objects are looked for by workers as by this process: the same files, the same rows, the same errors."""

from pathlib import Path

import pytest

from al_core.errors import BadVideo
from al_core.project import Project
from al_core.settings import Settings
from tasks.discovery import finding
from tasks.discovery.finding import discover
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tests.toys.engines.worker_here import work_elsewhere
from tests.toys.footage.movers import line, mover_clip, write_frames

N_FRAMES = 8


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with two clips in each of which a disk moves."""
    clips = {"one": line((20, 36), (5, 0), N_FRAMES), "two": line((40, 30), (-4, 1), N_FRAMES)}
    footage = [write_frames(tmp_path / "footage" / name, mover_clip({1: way})) for name, way in clips.items()]
    made = Project.at(tmp_path / "project")
    assert not ingest_paths(open_ledger(made), footage).failed
    return made


def found(project: Project, **more: object) -> tuple[list[str], list[bytes], list[list[float]]]:
    """What is told, the files, and the ledger's rows."""
    ledger = open_ledger(project)
    told = [one.describe() for one in discover(project, ledger, Settings(), ledger.videos(), again=True, **more)]
    files = [project.absolute(path).read_bytes() for _, path in sorted(ledger.prediction_paths(0).items())]
    return sorted(told), files, [ledger.predictions(0, number)["uncertainty"].tolist() for number in (1, 2)]


def test_a_worker_finds_the_same_to_the_byte(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = found(project)
    worker = work_elsewhere(monkeypatch, finding, tmp_path / "elsewhere")
    assert found(project) == here
    assert worker.done == ["discover one", "discover two"]
    assert len(list((tmp_path / "elsewhere" / "worker" / "frames").iterdir())) == 2


def test_a_video_that_a_worker_does_not_see_is_passed_over_or_told(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_elsewhere(monkeypatch, finding, tmp_path / "elsewhere")
    (tmp_path / "footage" / "one").rename(tmp_path / "gone")
    ledger, told = open_ledger(project), []
    search = discover(
        project, ledger, Settings(), ledger.videos(), passed_over=lambda video, error: told.append((video.name, error))
    )
    assert [one.video.name for one in search] == ["two"]
    ((name, error),) = told
    assert (name, type(error)) == ("one", BadVideo)
    assert "does not see the video 'one'" in str(error)
    with pytest.raises(BadVideo, match="does not see the video 'one'"):
        list(discover(project, ledger, Settings(), ledger.videos()))
