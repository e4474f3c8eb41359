"""Each round's labels are a version; two of them are compared."""

from dataclasses import replace

import pytest

from al_core.errors import BadVideo, UnknownName
from al_core.records import FrameRef
from al_core.stores.delivered import read_delivered, write_delivered
from tasks.project.label_versions import compare_rounds, frame_of, versions
from tests.toys.labelled_project import copied, finished_project
from tests.toys.ledgers import clip, times_us


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Round 1 has a human mask in frame 0, round 2 in frame 3 as well; 5 of 6 frames are delivered."""
    return finished_project(tmp_path_factory.mktemp("versions"))


def test_every_round_is_a_version(project):
    first, second = versions(*project[:2])
    assert (first.round_id, first.human_frames, first.masks) == (1, 1, {"human": 1, "propagated": 1, "teacher": 3})
    assert (second.round_id, second.human_frames, second.masks) == (2, 2, {"human": 2, "propagated": 2, "teacher": 1})
    assert first.sha256 != second.sha256
    assert versions(*project[:2]) == [first, second]


def test_what_changed_between_two_rounds(project):
    (found,) = compare_rounds(*project[:2], 1, 2).values()
    assert (found.n_masks, found.mean_iou) == (5, 1.0)
    assert [(c.frame_idx, c.before.value, c.after.value) for c in found.changes] == [
        (3, "teacher", "human"), (4, "teacher", "propagated"),
    ]  # fmt: skip
    assert compare_rounds(*project[:2], 2, 2)["clip"].changes == ()


@pytest.mark.parametrize(
    ("arguments", "message"), [((1, 3), "round with delivered masks '3'; known: 1, 2"), ((1, 2, "clap"), "'clip'")]
)
def test_what_is_not_there_is_named(project, arguments, message):
    with pytest.raises(UnknownName, match=message):
        compare_rounds(*project[:2], *arguments)


def test_a_video_without_masks_is_told_with_those_that_have_some(project, tmp_path):
    changed, ledger, _ = copied(project, tmp_path)
    ledger.add_video(clip("bare"), times_us())
    with pytest.raises(UnknownName, match="unknown video with delivered masks 'bare'; known: clip"):
        compare_rounds(changed, ledger, 1, 2, "bare")


def test_a_frame_by_name(project):
    assert frame_of(project[1], "clip", 3) == FrameRef(1, 3)


def test_a_frame_that_the_video_does_not_have(project):
    with pytest.raises(BadVideo, match="clip has the frames 0 to 5, got 99"):
        frame_of(project[1], "clip", 99)


def test_equal_masks_have_an_equal_hash_however_sure_they_are(project, tmp_path):
    _, ledger, _ = project
    path = project[0].round_dir(2) / "delivered" / "1.parquet"
    masks = [mask for _, found in read_delivered(path) for mask in found]
    copy, ledger, _ = copied(project, tmp_path)
    (before,) = (v for v in versions(copy, ledger) if v.round_id == 2)
    copied_path = copy.round_dir(2) / "delivered" / "1.parquet"
    write_delivered(copied_path, [replace(mask, confidence=0.25) for mask in masks])
    assert versions(copy, ledger)[1].sha256 == before.sha256
    write_delivered(copied_path, [replace(mask, category_id=2) for mask in masks])
    assert versions(copy, ledger)[1].sha256 != before.sha256
