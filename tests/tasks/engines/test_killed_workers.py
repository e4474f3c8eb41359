"""A worker is killed in the middle of looking for objects, and of the page's refiner: another one does it, once."""

import os
import signal
import threading
import time
from pathlib import Path

import distributed
import pytest

from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import FrameLabel, FrameRef, MaskLabel
from al_core.settings import Settings
from tasks.discovery.finding import discover
from tasks.ledger.client import open_ledger
from tasks.models.page_refiner import train_page_refiner
from tasks.project.ingest import ingest_paths, open_frames
from tests.toys.engines.cluster import Cluster, dask_cluster
from tests.toys.footage.movers import MoverClip, line, mover_clip, write_frames
from tests.toys.ledgers import context_of

N_FRAMES = 60

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory):
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as made:
        made.wait_for(2)
        yield made


@pytest.fixture
def clip() -> MoverClip:
    return mover_clip({1: line((20, 36), (1, 0), N_FRAMES)})


@pytest.fixture
def project(tmp_path: Path, clip: MoverClip) -> Project:
    made = Project.at(tmp_path / "project")
    assert not ingest_paths(open_ledger(made), [write_frames(tmp_path / "moving", clip)]).failed
    return made


def on(cluster: Cluster, **changes: object) -> Settings:
    where = {"compute.engine": "dask", "compute.address": cluster.address, "compute.threads": 1}
    return Settings().changed(where | {name.replace("_", ".", 1): value for name, value in changes.items()})


class Killed:
    """The first worker that is given something is killed soon after."""

    def __init__(self, cluster: Cluster, after: float) -> None:
        self.pids: list[int] = []
        self._thread = threading.Thread(target=self._watch, args=(cluster, after), daemon=True)
        self._thread.start()

    def _watch(self, cluster: Cluster, after: float) -> None:
        with distributed.Client(cluster.address, set_as_default=False, timeout=60) as client:
            pids = client.run(os.getpid)
            while not self.pids:
                busy = [worker for worker, keys in client.processing().items() if keys]
                if busy:
                    time.sleep(after)
                    os.kill(pids[busy[0]], signal.SIGKILL)
                    self.pids.append(pids[busy[0]])
                time.sleep(0.01)

    def over(self) -> list[int]:
        self._thread.join(30)
        return self.pids


def test_another_worker_finds_what_one_looked_for(project: Project, cluster: Cluster) -> None:
    ledger = open_ledger(project)
    list(discover(project, ledger, Settings().changed({"compute.threads": 1}), ledger.videos()))
    file = project.absolute(ledger.prediction_path(0, 1))
    found = file.read_bytes()
    file.unlink()
    killed = Killed(cluster, 0.1)
    (there,) = discover(project, ledger, on(cluster), ledger.videos())
    assert len(killed.over()) == 1
    assert (there.known, file.read_bytes()) == (False, found)


def test_another_worker_trains_the_same_refiner(project: Project, clip: MoverClip, cluster: Cluster) -> None:
    ledger = Ledger(project.ledger_path)
    settings = on(cluster, annotator_refiner_steps=6)
    labels = [FrameLabel(FrameRef(1, i), (MaskLabel(1, 1, encode(clip.truth[i][1])),)) for i in range(0, N_FRAMES, 5)]
    frames = open_frames(project, ledger, settings.frames)
    context = context_of(project, ledger, 1, settings, labels_collected=labels, frames=frames)
    killed = Killed(cluster, 0.5)
    found = train_page_refiner(context, None)
    assert len(killed.over()) == 1
    assert found.objects > 0
    (file,) = (project.round_dir(1) / "refiner").iterdir()
    assert file == project.absolute(found.file)
    network = file.read_bytes()
    file.unlink()
    context.__dict__["settings"] = settings.changed({"compute.engine": "local", "compute.address": ""})
    assert train_page_refiner(context, None) == found
    assert file.read_bytes() == network
