"""Each round's labels are a version; two of them are compared."""

import pytest

from al_core.errors import BadSettings, UnknownName
from al_core.records import FrameRef
from tasks.project.versions import compare_rounds, frame_of, versions
from tests.toys.labelled_project import finished_project


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Round 1 has a human mask in frame 0, round 2 in frame 3 as well; 5 of 6 frames are delivered."""
    project, ledger, _ = finished_project(tmp_path_factory.mktemp("versions"))
    return project, ledger


def test_every_round_is_a_version(project):
    first, second = versions(*project)
    assert (first.round_id, first.human_frames, first.masks) == (1, 1, {"human": 1, "propagated": 1, "teacher": 3})
    assert (second.round_id, second.human_frames, second.masks) == (2, 2, {"human": 2, "propagated": 2, "teacher": 1})
    assert first.sha256 != second.sha256
    assert versions(*project) == [first, second]


def test_what_changed_between_two_rounds(project):
    (found,) = compare_rounds(*project, 1, 2).values()
    assert (found.n_masks, found.mean_iou) == (5, 1.0)
    assert [(c.frame_idx, c.before.value, c.after.value) for c in found.changes] == [
        (3, "teacher", "human"), (4, "teacher", "propagated"),
    ]  # fmt: skip
    assert compare_rounds(*project, 2, 2)["clip"].changes == ()


@pytest.mark.parametrize(
    ("arguments", "message"), [((1, 3), "round with delivered masks '3'; known: 1, 2"), ((1, 2, "clap"), "'clip'")]
)
def test_what_is_not_there_is_named(project, arguments, message):
    with pytest.raises(UnknownName, match=message):
        compare_rounds(*project, *arguments)


@pytest.mark.parametrize("text", ["clip", "clip:x", ":3", "clip:99"])
def test_a_frame_has_a_video_and_a_number(project, text):
    with pytest.raises(BadSettings, match="VIDEO:FRAME|0 to 5"):
        frame_of(project[1], text)


def test_a_frame_by_name(project):
    assert frame_of(project[1], "clip:3") == FrameRef(1, 3)
