"""Projects that earlier versions made open and go on: nobody's campaign ends with an upgrade.

The archives in ``tests/projects`` were made by the code of the time, see ``make.py`` there.
"""

import json
import shutil
import tarfile
from pathlib import Path

import cv2
import duckdb
import numpy as np
import pytest

from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import Answer, FrameLabel, LabelKind, MaskLabel
from tests.toys.projects import fewframes

ARCHIVES = Path(__file__).resolve().parents[1] / "projects"
RUN = ("run", "--project", "project", "--settings", "tiny.toml")
STEPS = ["select", "request", "collect", "train", "predict", "propagate", "audit"]


@pytest.fixture
def unpack(tmp_path, monkeypatch, tried):
    """Unpack an archive, go into its folder as its makers did, and let the ledger find the footage there."""

    def unpacked(name):
        with tarfile.open(ARCHIVES / f"{name}.tar.xz") as archive:
            archive.extractall(tmp_path, filter="data")
        monkeypatch.chdir(tmp_path / name)
        monkeypatch.setenv("PYTHONPATH", str(ARCHIVES.parents[1]))
        ingested = fewframes("ingest", "data", "--project", "project")
        assert ingested.returncode == 0
        tried(Project.at(Path("project").absolute()))
        assert "ledger.duckdb: brought from schema " in ingested.stderr
        return Ledger(Path("project/ledger.duckdb").absolute())

    return unpacked


def told(*arguments):
    """What a command printed, as one line; it must succeed."""
    done = fewframes(*arguments)
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def done_steps(ledger):
    """{(round, step): (hash of its inputs, how often it was begun)} of the finished ones."""
    return {(s.round_id, s.name): (s.inputs_sha256, s.attempts) for s in ledger.steps() if s.status == "finished"}


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("finished", "all rounds are done: 2 of 2"),
        ("waiting_page", "waits for 2 labels"),
        ("waiting_inbox", "waits for 2 labels"),
        ("schema_1_inbox", "waits for 2 labels"),
        ("schema_2_inbox", "waits for 2 labels"),
        ("schema_3_inbox", "waits for 2 labels"),
    ],
)
def test_the_footage_is_found_where_it_lies_now_and_status_tells_the_state(unpack, name, state):
    (video,) = unpack(name).videos()
    assert Path(video.uri) == Path("data/JPEGImages/480p/toy").absolute()
    assert state in told("status", "--project", "project")
    assert len(list(Path("project").glob("ledger-schema-?.duckdb"))) == 1


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_a_finished_campaign_is_exported_recognises_its_steps_and_takes_another_round(unpack):
    ledger = unpack("finished")
    before = done_steps(ledger)
    told("export", "--format", "coco", "--out", "exported.json", "--project", "project")
    assert len(json.loads(Path("exported.json").read_text())["annotations"]) == 12
    # With its last round open again, every step of that round must recognise what it did.
    with duckdb.connect(str(ledger.path)) as connection:
        connection.execute("UPDATE round SET status = 'running', finished_at = NULL WHERE round_id = 2")
    assert "campaign is over after round 2" in told(*RUN)
    assert done_steps(ledger) == before
    told(*RUN, "--set", "stopping.max_rounds=3", "--set", "annotator.backend=simulated")
    after = done_steps(ledger)
    assert before.items() <= after.items()
    assert set(after) - set(before) == {(3, name) for name in STEPS}
    assert [r.status for r in ledger.rounds()] == ["finished"] * 3
    assert len(ledger.human_labels()) == 6
    assert ledger.frames_covered(3) == 12


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
@pytest.mark.parametrize("name", ["schema_1_inbox", "waiting_inbox"])
def test_a_round_that_waits_for_drawn_masks_takes_them_and_ends(unpack, name):
    ledger = unpack(name)
    before = done_steps(ledger)
    labels = ledger.human_labels()
    requests = ledger.requests(2, "open")
    for request in requests:
        shutil.copy(f"drawn/{request.frame.frame_idx:05d}.png", f"project/inbox/{request.request_id}.png")
    assert "campaign is over after round 2" in told(*RUN, "--set", "annotator.backend=inbox")
    after = done_steps(ledger)
    assert before.items() <= after.items()
    assert set(after) == {(number, name) for number in (1, 2) for name in STEPS}
    assert {request.frame for request in requests} <= {label.frame for label in ledger.human_labels()}
    assert ledger.human_labels(up_to_round=1) == labels


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_a_round_that_waits_for_people_takes_what_they_do_and_the_next_one_asks(unpack):
    ledger = unpack("waiting_page")
    before = done_steps(ledger)
    for number in range(2):
        task = ledger.claim("ada", 60.0)
        request = task.question.request
        drawn = cv2.imread(f"drawn/{request.frame.frame_idx:05d}.png", cv2.IMREAD_GRAYSCALE)
        label = FrameLabel(request.frame, (MaskLabel(1, 1, encode(np.asfortranarray(drawn > 0))),))
        answer = Answer(f"answer-{number}", request.request_id, label, LabelKind.MASK, 9.0, "ada")
        ledger.submit(answer, task.lease, task.base_revision)
    assert "round 2 waits for 2 labels" in told(*RUN, "--set", "annotator.backend=page")
    after = done_steps(ledger)
    assert before.items() <= after.items()
    assert set(after) == {(1, name) for name in STEPS} | {(2, "select"), (2, "request")}
    assert ledger.human_effort() == [(1, 2, 18.0)]
