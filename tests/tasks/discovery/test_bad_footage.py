"""Footage in which nothing can be seen to move, and tags that cannot be: each is told in a line."""

import numpy as np
import pytest
from click.testing import CliRunner

from al_core.masks.rle import encode
from al_core.project import Project
from flows.cli.main import main
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tests.toys.footage.movers import MoverClip, line, mover_clip, write_frames
from tests.toys.ledgers import asked, mask_answer

N_FRAMES = 8


def run(project, *arguments):
    result = CliRunner().invoke(main, [*map(str, arguments), "--project", str(project.root)])
    return result.exit_code, result.output.strip().splitlines()


def project_of(folder, **clips):
    project = Project.at(folder / "project")
    folders = [write_frames(folder / name, MoverClip(images, [{}] * len(images))) for name, images in clips.items()]
    assert not ingest_paths(open_ledger(project), folders, categories=("ball",)).failed
    return project


@pytest.fixture
def images():
    return mover_clip({1: line((20, 36), (5, 0), N_FRAMES)}).images


def test_where_nothing_can_be_seen_to_move_it_is_told_video_by_video(tmp_path, images):
    black = [np.zeros_like(images[0])] * N_FRAMES
    clips = {"black": black, "goes_dark": [*images[:5], *black[5:]], "one": images[:1], "still": [images[0]] * N_FRAMES}
    assert run(project_of(tmp_path, **clips), "discover") == (
        0,
        [
            "black: nothing was found that moves by itself",
            "goes_dark: 1 object in 5 of 8 frames",
            "one: one frame, in which nothing can be seen to move",
            "still: nothing was found that moves by itself",
        ],
    )


def test_a_student_without_a_teacher_is_told(tmp_path, images):
    project = project_of(tmp_path, still=[images[0]] * 3, one=images[:1])
    told = "Error: discovery by 'granularity' learns from what moves, and nothing was found to move in 2 videos; "
    assert run(project, "discover", "--method", "granularity") == (1, [told + "label some frames instead"])
    assert open_ledger(project).prediction_paths(0) == {}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("moving,0,4,ball,1\nmoving,3,6,ball,0", "frame 3 is said both to show 'ball' and not to"),
        ("moving,0,40,ball,1", "has the frames 0 to 7"),
        ("moving,0,7,ball,0", "somebody drew one in frame 4"),
    ],
    ids=["against each other", "beyond the end", "against a mask"],
)
def test_tags_that_cannot_be_are_refused_in_a_line(tmp_path, images, rows, words):
    project = project_of(tmp_path, moving=images)
    ledger = open_ledger(project)
    (request,) = asked(ledger, 4)
    ledger.put_answer(mask_answer(request, rle=encode(images[4][..., 0] > 0)))
    (tmp_path / "tags.csv").write_text(f"video,first,last,category,present\n{rows}\n")
    code, told = run(project, "import", tmp_path / "tags.csv", "--as", "tags")
    assert code == 1
    assert [words in line for line in told].count(True) == 1, told
    assert ledger.category_tags() == {}
