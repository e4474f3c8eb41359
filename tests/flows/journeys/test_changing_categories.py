"""A campaign in which categories and videos change between rounds: plain footage, our page, two rounds."""

import numpy as np
import pytest
import torch

from al_core.ledger.labelling.people import Role
from al_core.masks.rle import encode
from al_core.project import Project
from tasks.ledger.client import open_ledger
from tests.toys.ledgers import mask_answer
from tests.toys.projects import fewframes, write_clip, write_settings


def told(*arguments):
    """What a command prints; it has to end well."""
    done = fewframes(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def footage(tmp_path):
    """Frames of a clip, without the masks that are drawn of it."""
    write_clip(tmp_path / "data")
    plain = tmp_path / "plain" / "toy"
    plain.parent.mkdir()
    (tmp_path / "data" / "JPEGImages" / "480p" / "toy").rename(plain)
    return plain


def answer_all(ledger):
    """Somebody draws the lower half of each frame that waits, as the video's own category."""
    mask = np.zeros((64, 64), bool)
    mask[32:] = True
    while (task := ledger.claim("ann", 300.0)) is not None:
        request = task.question.request
        ledger.submit(mask_answer(request, f"a-{request.request_id}", encode(mask)), task.lease, 0)


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_the_student_grows_and_shrinks_with_the_categories(footage, tmp_path):
    root = tmp_path / "project"
    assert ", of box, rim" in told("ingest", footage, "--category", "box", "--category", "rim", "--project", root)
    settings = write_settings(tmp_path)
    run = ("run", "--project", root, "--settings", settings, "--set", "annotator.backend=page")
    told(*run)
    ledger = open_ledger(Project.at(root))
    ledger.add_annotator("ann", Role.ANNOTATOR)
    answer_all(ledger)
    told(*run)
    told("category", "merge", "rim", "box", "--project", root)
    told("category", "add", "wheel", "--project", root)
    told("category", "add", "nut", "--project", root)
    answer_all(ledger)
    told(*run)
    first, second = (
        torch.load(root / "rounds" / f"{number:04d}" / "student" / "student.pth", weights_only=True)["categories"]
        for number in (1, 2)
    )
    assert first == {1: "box", 2: "rim"}
    assert second == {1: "box", 3: "wheel", 4: "nut"}
    told("video", "exclude", "toy", "--project", root)
    assert ledger.pool_lengths() == {}
    assert len(ledger.human_labels()) >= 2
