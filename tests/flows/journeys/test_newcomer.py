"""The journey of a team with plain videos, from the first command to exports: nothing is simulated, nothing is lost."""

import json
import re
from uuid import uuid4

import httpx
import pytest

from al_core.export import FORMATS
from al_core.masks.rle import encode
from al_core.project import Project
from tasks.ledger.client import open_ledger
from tests.flows.serving import serving, until
from tests.toys.footage.clips import write_clip
from tests.toys.footage.movers import line, mover_clip
from tests.toys.processes.prepared import PreparedCommand
from tests.toys.projects import fewframes

SIZE = (48, 64)
STARTS = {"left.mp4": (12, 14), "middle.mp4": (16, 24), "right.mp4": (20, 34)}
"""Where the disk of each video begins; it moves right by 2 pixels a frame."""

TINY = (
    "student.long_side=64",
    "student.iterations=4",
    "student.first_round_iterations=6",
    "student.checkpoint_interval=2",
    "propagation.flow_long_side=64",
    "propagation.seconds_per_frame=0",
    "frames.working_long_side=64",
)
"""A student of a few steps, no propagator that has to learn; nothing of it is needed before people have answered."""


class Labeller:
    """Somebody who draws the disk in whatever frame comes, over the HTTP API.

    Args:
        link: as ``fewframes annotator add`` printed it.
        url: where the project is served.
        truth: video's name -> mask of each frame.
    """

    def __init__(self, link, url, truth):
        self._page = httpx.Client(base_url=url, headers={"X-Fewframes": "1"}, timeout=60, follow_redirects=True)
        self._page.post("/enter", json={"token": link.partition("#")[2]}).raise_for_status()
        self._truth = truth
        self.drew = []

    def next(self):
        """The next frame, or None."""
        answer = self._page.post("/api/next").raise_for_status()
        return None if answer.status_code == httpx.codes.NO_CONTENT else answer.json()

    def draw(self):
        """Label one frame in 20 seconds; returns whether there was one."""
        if (task := self.next()) is None:
            return False
        video, frame_idx = task["frame"]["video"], task["frame"]["frame_idx"]
        rle = encode(self._truth[video][frame_idx]).to_coco()
        body = {
            "lease": task["lease"]["token"],
            "answer_id": str(uuid4()),
            "base_revision": task["base_revision"],
            "kind": "mask",
            "seconds": 20.0,
            "masks": [{"track_id": 1, "category_id": task["categories"][0]["category_id"], "rle": rle}],
        }
        self._page.post(f"/api/requests/{task['request_id']}/submit", json=body).raise_for_status()
        self.drew.append((video, frame_idx))
        return True

    def state(self):
        """What the page knows of the rounds."""
        return self._page.get("/api/state").raise_for_status().json()


@pytest.fixture
def truth(tmp_path, monkeypatch):
    """Three videos without masks in the folder ``clips`` of the current folder; returns their disks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    disks = {}
    for seed, (name, start) in enumerate(STARTS.items()):
        clip = mover_clip({1: line(start, (2, 0))}, radius=8, size=SIZE, seed=seed)
        write_clip(tmp_path / "clips" / name, images=clip.images, size=SIZE)
        disks[name.partition(".")[0]] = [masks[1] for masks in clip.truth]
    return disks


def said(*arguments):
    """What a command prints about the project ``work``; it must succeed."""
    done = fewframes(*arguments, "--project", "work")
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def check_the_first_round(ledger, printed):
    """Plain defaults: people are asked at the page, for as many frames as a team of one labels a round."""
    assert re.search(r"Round 1 of about \d+ asks for 4 frames: people need about .*, then the machine about ", printed)
    assert "Left of the budget: 12 of 12 frames (0 of 36 frames are labelled by people)" in printed
    assert "Other numbers: fewframes run --project " in printed
    assert "round 1 waits for 4 labels: people label while it is served" in printed
    assert ledger.round(1).settings.annotator.backend == "page"


def change_the_budget(ledger):
    """While people label: what the round is past holds from the next one on, and that is said."""
    printed = said("run", "--budget", 4, "--set", "selection.frames_per_round=2")
    assert "The change of stopping.max_human_frames holds from now on, for the steps of round 1 that are not" in printed
    assert "The change of selection.frames_per_round holds from round 2 on." in printed
    assert len(ledger.requests(1)) == 4


def pause_and_resume(ada):
    """Nobody is handed a frame meanwhile."""
    assert "is paused since " in said("pause")
    assert ada.next() is None
    assert ada.state()["paused"].startswith("paused since ")
    assert "is over" in said("resume")
    assert ada.state()["paused"] is None


def export_everything(folder):
    """Every format, side by side; returns the COCO file."""
    started = {
        name: PreparedCommand("export", "--project", "work", "--format", name, "--out", folder / name)
        for name in FORMATS
    }
    for name, process in started.items():
        printed, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert "next: " in printed
        assert any(path.is_file() for path in (folder / name).rglob("*")), name
    return next((folder / "coco").rglob("*.json"))


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_a_team_labels_plain_videos_from_the_first_command_to_the_exports(truth, tmp_path):
    assert said("ingest", "clips", "--category", "disk").count("stored: ") == len(STARTS)
    project = Project.at(tmp_path / "work")
    ledger = open_ledger(project)
    check_the_first_round(ledger, said("run"))
    assert "from now on, for the steps of round 1" in said("run", *(w for s in TINY for w in ("--set", s)))
    links = [said("annotator", "add", name) for name in ("Ada", "Ben")]

    with serving(project) as (process, owner):
        ada, ben = (Labeller(link, owner.url, truth) for link in links)
        assert ada.draw()
        assert ben.draw()
        change_the_budget(ledger)
        pause_and_resume(ada)
        printed = said("round", "--abandon", "--yes")
        assert "Round 1 is abandoned. Its 2 answers are labels of the next round." in printed

        until(lambda: [s.status for s in ledger.steps(2) if s.name == "request"] == ["finished"], process)
        assert len(ledger.requests(2, "open")) == 2
        assert ada.draw()
        assert ben.draw()
        until(lambda: ada.state()["over"], process)
        status = said("status")
        coco = json.loads(export_everything(tmp_path / "out").read_text())
        log = project.root / "serve.log"
        until(lambda: "The campaign is over: " in log.read_text(), process)
    told = log.read_text()

    labels = {(label.frame.video_id, label.frame.frame_idx) for label in ledger.human_labels()}
    assert len(labels) == len({*ada.drew, *ben.drew}) == 4
    assert {name for name, *_ in ledger.effort_by_person()} == {"Ada", "Ben"}
    assert "Next: the campaign is over (" in status
    assert "Ada" in status
    assert len(coco["videos"]) == len(STARTS)
    assert told.count("The campaign is over: ") == 1
    assert "Round 1 was abandoned; round 2 begins." in told
