"""What is found in a project's videos before anybody labels, from the command to the masks that people start from."""

import numpy as np
import pytest
from click.testing import CliRunner

from al_core.masks.rle import decode, encode
from al_core.project import Project
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel, Provenance, Selected
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from flows.cli.main import main
from tasks.backends.prelabels import delivered_masks
from tasks.discovery.finding import discover
from tasks.discovery.found_masks import discovered_tracks
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tests.toys.footage.movers import MoverClip, iou, line, mover_clip, write_frames

N_FRAMES = 8


@pytest.fixture
def clip():
    return mover_clip({1: line((20, 36), (5, 0), N_FRAMES)})


@pytest.fixture
def project(tmp_path, clip):
    """A fresh project with a clip in which a disk moves, one in which nothing does, and one frame."""
    still = MoverClip([clip.images[0]] * N_FRAMES, [{}] * N_FRAMES)
    footage = [
        write_frames(tmp_path / "footage" / name, shown)
        for name, shown in {
            "moving": clip,
            "still": still,
            "single": MoverClip(clip.images[1:2], [{}]),
        }.items()
    ]
    made = Project.at(tmp_path / "project")
    assert not ingest_paths(open_ledger(made), footage, categories=("disk",)).failed
    return made


def run(project, *arguments):
    result = CliRunner().invoke(main, ["discover", *arguments, "--project", str(project.root)])
    return result.exit_code, result.output


def shown(project, *indices, round_id=1):
    ledger = open_ledger(project)
    video = ledger.video("moving").video_id
    asked = [Selected(FrameRef(video, index), rank, 0.0, "") for rank, index in enumerate(indices)]
    requests = [LabelRequest.of(round_id, one) for one in asked]
    found = delivered_masks(project, ledger, requests)
    return {r.frame.frame_idx: found[r.request_id] for r in requests if r.request_id in found}


def test_what_moves_is_what_people_start_from(project, clip):
    code, said = run(project)
    assert code == 0, said
    assert "moving: 1 object in 8 of 8 frames" in said
    assert "still: nothing was found that moves by itself" in said
    assert "single: one frame, in which nothing can be seen to move" in said
    masks = shown(project, 0, 5)
    (mask,) = masks[5]
    assert (mask.provenance, mask.category_id, mask.track_id) == (Provenance.DISCOVERED, 1, 1)
    assert 0 < mask.confidence <= 1
    assert iou(decode(mask.rle), clip.truth[5][1]) > 0.6


def test_it_is_looked_for_once(project):
    run(project, "moving")
    path = project.root / "rounds" / "0000" / "predictions" / "00001.parquet"
    before = path.stat().st_mtime_ns
    assert "moving: 1 object in 8 of 8 frames, found before" in run(project)[1]
    assert path.stat().st_mtime_ns == before
    assert "found before" not in run(project, "moving", "--again")[1]
    assert path.stat().st_mtime_ns > before


def test_stopped_in_the_middle_it_goes_on_with_the_next_video(project):
    ledger = open_ledger(project)
    finding = discover(project, ledger, Settings(), ledger.videos())
    next(finding)
    finding.close()
    assert [found.known for found in discover(project, ledger, Settings(), ledger.videos())] == [True, False, False]


def test_nothing_of_it_counts_as_a_label_or_is_delivered(project):
    run(project)
    ledger = open_ledger(project)
    assert not ledger.human_labels()
    assert ledger.last_delivered_round() is None
    assert not ledger.delivered_paths(0)
    assert ledger.rounds() == []
    result = CliRunner().invoke(
        main, ["export", "--project", str(project.root), "--format", "coco", "--out", str(project.root / "out.json")]
    )
    assert result.exit_code == 1
    assert not (project.root / "out.json").exists()


def test_what_was_delivered_is_shown_instead(project):
    run(project)
    ledger = open_ledger(project)
    ledger.begin_round(Settings())
    path = project.round_dir(1) / "delivered" / "00001.parquet"
    write_delivered(path, [])
    ledger.put_delivered(1, ledger.video("moving").video_id, project.relative(path), N_FRAMES, [])
    ledger.finish_round(1, None)
    ledger.begin_round(Settings())
    assert shown(project, 5, round_id=2) == {}
    assert set(shown(project, 5)) == {5}


def test_numbers_of_what_people_drew_are_not_given_to_what_is_found(project, clip):
    ledger = open_ledger(project)
    frame = FrameRef(ledger.video("moving").video_id, 0)
    (request,) = [LabelRequest.of(1, Selected(frame, 0, 0.0, ""))]
    ledger.put_requests([request])
    label = FrameLabel(frame, (MaskLabel(4, 1, encode(clip.truth[0][1])),))
    ledger.put_answer(Answer("a1", request.request_id, label, LabelKind.MASK, 80.0, "ann"))
    run(project)
    assert discovered_tracks(project, ledger, frame.video_id) == {5}
    assert discovered_tracks(project, ledger, ledger.video("still").video_id) == set()


def test_a_video_that_is_gone_is_told_in_one_line(project, tmp_path):
    (tmp_path / "footage" / "moving").rename(tmp_path / "elsewhere")
    code, said = run(project)
    assert code == 1
    assert "is no longer there" in said
    assert not open_ledger(project).prediction_paths(0)


def test_a_project_without_videos_and_unknown_names_are_told(tmp_path, project):
    empty = Project.at(tmp_path / "empty")
    open_ledger(empty).add_categories(["disk"])
    assert "holds no video yet" in run(empty)[1]
    assert "mouving" in run(project, "mouving")[1]


def test_doubt_and_features_are_kept_as_of_any_prediction(project):
    run(project)
    ledger = open_ledger(project)
    rows = ledger.predictions(0, ledger.video("moving").video_id)
    assert list(rows["n_objects"]) == [1] * N_FRAMES
    assert np.all((rows["uncertainty"] >= 0) & (rows["uncertainty"] <= 1))
