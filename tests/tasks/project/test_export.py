import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from al_core.errors import BadSettings, NotReady, OutputExists, UnknownName
from al_core.export import FORMATS
from al_core.export.contents import ExportOptions, parse_provenances
from al_core.export.overlay import write_video
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel, Selected
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.ledger.client import open_ledger
from tasks.project.export import Choice, export_project, export_splits
from tasks.project.ingest import ingest_paths
from tests.toys.footage.export_clips import read_coco
from tests.toys.labelled_project import (
    HEIGHT,
    N_FRAMES,
    WIDTH,
    answer,
    copied,
    deliver,
    delivered_masks,
    finished_project,
    frames_of,
    mask_at,
    new_project,
    select,
    write_frames,
)
from tests.toys.ledgers import import_tables


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("labelled"))


def written_masks(folder):
    """Frame -> [(track, category, mask)] of a COCO export."""
    return read_coco(folder / "annotations.json", (HEIGHT, WIDTH), ["square"])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_the_newest_masks(labelled, tmp_path, name):
    seen = []
    report = export_project(*labelled, name, tmp_path / "out", ExportOptions(empty=True), on_progress=seen.append)
    assert report.masks_by_provenance == {"human": 2, "propagated": 2, "teacher": 1}
    assert (report.videos, report.frames, report.empty_frames) == (1, 6, 1)
    assert report.lossy_pixels == 0
    assert seen[-1].done == seen[-1].total


def test_an_earlier_round_can_be_asked_for(labelled, tmp_path):
    report = export_project(*labelled, "coco", tmp_path / "out", choice=Choice(round_id=1))
    assert report.masks_by_provenance == {"human": 1, "propagated": 1, "teacher": 3}


def test_what_people_said_of_held_out_frames_is_exported_by_itself(labelled, tmp_path):
    project, ledger, frames = copied(labelled, tmp_path)
    choice = Choice(held_out=True)
    with pytest.raises(NotReady, match="no held-out frame has a label: hold frames out with"):
        export_project(project, ledger, frames, "coco", tmp_path / "none", choice=choice)
    tables = import_tables(1, 4, category="square")
    counts = pa.array([encode(mask_at(i)).counts.encode() for i in (1, 4)])
    tables["masks"] = tables["masks"].set_column(4, "rle_counts", counts)
    ledger.put_import("holdout", "kim", ["held.json"], **tables)
    report = export_project(project, ledger, frames, "coco", tmp_path / "out", choice=choice)
    assert (report.frames, report.masks_by_provenance) == (2, {"human": 2})
    assert list(written_masks(tmp_path / "out")) == [1, 4]
    with pytest.raises(UnknownName, match="video with labels of held-out frames"):
        export_project(project, ledger, frames, "coco", tmp_path / "no", choice=Choice(videos=["x"], held_out=True))
    with pytest.raises(BadSettings, match="leave --round and --fresh out"):
        Choice(fresh=True, held_out=True)


def test_provenances_are_chosen_by_name(labelled, tmp_path):
    options = ExportOptions(parse_provenances("human,propagated"), empty=True)
    report = export_project(*labelled, "coco", tmp_path / "out", options)
    assert report.masks_by_provenance == {"human": 2, "propagated": 2}
    assert list(written_masks(tmp_path / "out")) == [0, 1, 3, 4, 5]


def test_only_the_frames_of_people(labelled, tmp_path):
    report = export_project(*labelled, "yolo-seg", tmp_path / "out", ExportOptions(human_frames_only=True))
    assert report.frames == 2
    images = tmp_path / "out" / "images"
    assert sorted(str(p.relative_to(images)) for p in images.rglob("*.jpg")) == [
        "train/clip/00000.jpg",
        "val/clip/00003.jpg",
    ]


def test_human_masks_are_those_that_people_drew(labelled, tmp_path):
    export_project(*labelled, "coco", tmp_path / "out", ExportOptions(parse_provenances("human")))
    assert written_masks(tmp_path / "out") == {n: [(1, "square", encode(mask_at(n)))] for n in (0, 3)}


def test_times_come_from_the_ledger(labelled, tmp_path):
    export_project(*labelled, "coco", tmp_path / "a.json", ExportOptions(empty=True))
    images = json.loads((tmp_path / "a.json").read_text())["images"]
    assert [image["time_us"] for image in images] == [0, 40_000, 80_000, 120_000, 160_000, 200_000]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "coca"}, "unknown export format 'coca'.*Did you mean 'coco'"),
        ({"videos": ["clap"]}, "unknown video with masks of round 2 'clap'; known: clip"),
        ({"round_id": 7}, "unknown round with delivered masks '7'; known: 1, 2"),
    ],
)
def test_unknown_names_list_the_known_ones(labelled, tmp_path, options, message):
    options = {"format": "coco", **options}
    with pytest.raises(UnknownName, match=message):
        export_project(*labelled, options.pop("format"), tmp_path / "out", choice=Choice(**options))
    assert list(tmp_path.iterdir()) == []


def test_nothing_delivered_says_what_to_do(tmp_path):
    project, *others = new_project(tmp_path)
    with pytest.raises(NotReady, match=f"delivered masks yet; run one first: fewframes run --project {project.root}"):
        export_project(project, *others, "coco", tmp_path / "out")


def test_an_earlier_export_is_replaced_only_when_asked(labelled, tmp_path):
    export_project(*labelled, "coco", tmp_path / "out")
    with pytest.raises(OutputExists):
        export_project(*labelled, "coco", tmp_path / "out")
    report = export_project(*labelled, "coco", tmp_path / "out", ExportOptions(overwrite=True, images=False))
    assert report.files == 2


def test_footage_and_ledger_are_never_replaced(labelled):
    project, ledger, frames = labelled
    (video,) = ledger.videos()
    for precious in (Path(video.uri), Path(video.uri).parent, project.ledger_path, project.root):
        with pytest.raises(OutputExists):
            export_project(project, ledger, frames, "coco", precious, ExportOptions(overwrite=True))
    for precious in (Path(video.uri), project.ledger_path):
        with pytest.raises(OutputExists, match="which would be lost: choose another name"):
            export_project(project, ledger, frames, "overlay-mp4", precious, ExportOptions(overwrite=True))
    assert Path(video.uri).exists()
    assert ledger.videos() == [video]


def test_only_some_videos(tmp_path):
    project, ledger, frames = new_project(tmp_path, ["one", "two"])

    ledger.begin_round(Settings())
    for video_id in (1, 2):
        path = project.round_dir(1) / f"{video_id}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)

        ledger.put_delivered(1, video_id, project.relative(path), 5, write_delivered(path, delivered_masks(1)))
    report = export_project(project, ledger, frames, "overlay-mp4", tmp_path / "two.mp4", choice=Choice(videos=["two"]))
    assert report.videos == 1
    assert (tmp_path / "two.mp4").is_file()


def test_an_excluded_video_goes_out_only_by_name(labelled, tmp_path):
    project, ledger, frames = copied(labelled, tmp_path)
    ledger.exclude_video(1, "lea")
    report = export_project(project, ledger, frames, "coco", tmp_path / "all")
    assert report.videos == 0
    assert "video clip is left out: it is excluded; name it to export it" in report.notes
    named = export_project(project, ledger, frames, "coco", tmp_path / "named", choice=Choice(videos=["clip"]))
    assert named.videos == 1


def test_masks_have_the_categories_of_today(labelled, tmp_path):
    project, ledger, frames = copied(labelled, tmp_path)
    ledger.set_category("shape", "lea")
    ledger.merge_category("square", "shape", "lea")
    report = export_project(project, ledger, frames, "coco", tmp_path / "merged")
    assert report.masks_by_provenance == {"human": 2, "propagated": 2, "teacher": 1}
    content = json.loads((tmp_path / "merged" / "annotations.json").read_text())
    names = {c["id"]: c["name"] for c in content["categories"]}
    assert "square" not in names.values()
    assert {names[a["category_id"]] for a in content["annotations"]} == {"shape"}
    assert not [note for note in report.notes if "answers came" in note]
    ledger.remove_category("shape", "lea")
    assert not export_project(project, ledger, frames, "coco", tmp_path / "removed").masks_by_provenance


def test_davis_ingested_again_gives_identical_masks(labelled, tmp_path):
    report = export_project(*labelled, "davis", tmp_path / "davis")
    assert report.lossy_pixels == 0
    again = open_ledger(Project.at(tmp_path / "again"))
    assert not ingest_paths(again, [tmp_path / "davis"]).failed
    truth = again.truth(1)
    assert sorted(truth) == list(range(N_FRAMES))
    for i in range(N_FRAMES - 1):
        assert [(m.track_id, m.rle) for m in truth[i].masks] == [(1, encode(mask_at(i)))]
    assert truth[N_FRAMES - 1].masks == ()
    assert again.categories() == {1: "square"}


def test_coco_read_again_gives_identical_masks(labelled, tmp_path):
    export_project(*labelled, "coco", tmp_path / "out", ExportOptions(empty=True))
    assert written_masks(tmp_path / "out") == {
        **{i: [(1, "square", encode(mask_at(i)))] for i in range(N_FRAMES - 1)},
        N_FRAMES - 1: [],
    }


def test_frames_of_a_video_file_go_out_at_full_size(tmp_path):

    file = tmp_path / "film.mp4"
    grey = (np.full((48, 64, 3), 40 + 20 * i, np.uint8) for i in range(5))
    write_video(file, grey, Fraction(30000, 1001))
    project = Project.at(tmp_path / "project")
    ledger = open_ledger(project)
    ledger.add_categories(["square"])
    assert not ingest_paths(ledger, [file]).failed
    ledger.begin_round(Settings().changed({"frames.working_long_side": 16}))
    path = project.round_dir(1) / "1.parquet"
    path.parent.mkdir(parents=True)

    ledger.put_delivered(1, 1, project.relative(path), 0, write_delivered(path, []))
    export_project(project, ledger, frames_of(project, ledger), "coco", tmp_path / "out", ExportOptions(empty=True))
    images = sorted((tmp_path / "out" / "images" / "film").iterdir())
    assert [Image.open(p).size for p in images] == [(64, 48)] * 5
    levels = [np.asarray(Image.open(p)).mean() for p in images]
    np.testing.assert_allclose(levels, [40 + 20 * i for i in range(5)], atol=4)


def test_a_frame_that_people_found_empty_goes_out_with_theirs(tmp_path):

    project, ledger, frames = new_project(tmp_path)

    ledger.begin_round(Settings())
    request = select(ledger, 1)
    ledger.put_answer(Answer("a", request.request_id, FrameLabel(FrameRef(1, 0), ()), LabelKind.ABSENT, 3.0, "ann"))
    deliver(project, ledger, 1)
    report = export_project(project, ledger, frames, "coco", tmp_path / "out", ExportOptions(human_frames_only=True))
    assert report.frames == 1


def test_splits_hold_whole_videos_and_tell_what_leaks(tmp_path):
    """Both clips show the same but for their first frame."""
    project, ledger, frames = new_project(tmp_path, ("one", "two"))
    ledger.begin_round(Settings())
    deliver(project, ledger, 1)
    (path,) = ledger.delivered_paths(1).values()
    ledger.put_delivered(1, 2, path, N_FRAMES - 1, [])
    shares = {"train": 0.5, "val": 0.5}
    done = export_splits(project, ledger, frames, "coco", tmp_path / "sets", shares, seed=0)
    assert sorted(name for names in done.videos.values() for name in names) == ["one", "two"]
    assert {p.name for p in (tmp_path / "sets").iterdir()} == {"train", "val"}
    assert all(report.frames == 5 for report in done.reports.values())
    (leak,) = done.leaks
    assert (leak.first, leak.second, leak.distance) == ("one", "two", 0.0)
    assert "warning: one frame 1 and two frame 1 are almost the same" in done.describe()


def test_splits_are_written_all_or_none(tmp_path):
    project = two_videos(tmp_path)
    (tmp_path / "sets" / "val").mkdir(parents=True)
    (tmp_path / "sets" / "val" / "mine.txt").write_text("mine")
    with pytest.raises(OutputExists):
        export_splits(*project, "coco", tmp_path / "sets", {"train": 0.5, "val": 0.5}, seed=0)
    assert [p.name for p in (tmp_path / "sets").iterdir()] == ["val"]


def test_a_split_needs_enough_videos(labelled, tmp_path):
    with pytest.raises(BadSettings, match="has 1"):
        export_splits(*labelled, "coco", tmp_path / "sets", {"train": 0.5, "val": 0.5}, seed=0)
    assert not (tmp_path / "sets").exists()


def square_at(x):
    """A person's mask that no round delivered."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[1:5, x : x + 4] = True
    return encode(mask)


def answer_late(ledger, frames, masks=(), round_id=2, kind=LabelKind.MASK):
    """A person answers for frames after the round was delivered."""
    for frame_idx in frames:
        chosen = Selected(FrameRef(1, frame_idx), 0, 0.5, "late")
        request = LabelRequest.of(round_id, chosen)
        ledger.put_requests([request])
        label = FrameLabel(request.frame, tuple(masks))
        ledger.put_answer(Answer(f"late-{frame_idx}", request.request_id, label, kind, 9.0, "ann"))


@pytest.fixture
def with_news(labelled, tmp_path):
    """After the last round: frames 1 and 5 answered, frame 3 of round 2 corrected, frame 4 found empty."""
    project, ledger, frames = copied(labelled, tmp_path)
    answer_late(ledger, [1, 5], [MaskLabel(1, 1, square_at(2)), MaskLabel(2, 1, square_at(20))])
    answer_late(ledger, [3], [MaskLabel(1, 1, square_at(8))])
    answer_late(ledger, [4], kind=LabelKind.ABSENT)
    return project, ledger, frames


def test_answers_newer_than_the_round_are_told(with_news, tmp_path):
    report = export_project(*with_news, "coco", tmp_path / "out")
    assert report.notes == ("4 answers came after round 2 was delivered: --fresh uses them",)
    assert report.masks_by_provenance == {"human": 2, "propagated": 2, "teacher": 1}
    images = json.loads((tmp_path / "out" / "annotations.json").read_text())["images"]
    assert [image["frame_id"] for image in images if image["human"]] == [0, 3]


def test_fresh_answers_stand_in_for_what_was_delivered_in_their_frames(with_news, tmp_path):
    report = export_project(*with_news, "coco", tmp_path / "out", choice=Choice(fresh=True))
    two = [(1, "square", square_at(2)), (2, "square", square_at(20))]
    assert written_masks(tmp_path / "out") == {
        0: [(1, "square", encode(mask_at(0)))],
        1: two,
        2: [(1, "square", encode(mask_at(2)))],
        3: [(1, "square", square_at(8))],
        4: [],
        5: two,
    }
    assert report.masks_by_provenance == {"human": 6, "teacher": 1}
    assert report.notes[0].endswith("was delivered: they stand in for what it delivered in their frames")


def test_only_the_frames_of_people_with_fresh_ones(with_news, tmp_path):
    options = ExportOptions(human_frames_only=True)
    export_project(*with_news, "coco", tmp_path / "old", options)
    assert list(written_masks(tmp_path / "old")) == [0, 3]
    report = export_project(*with_news, "coco", tmp_path / "new", options, Choice(fresh=True))
    assert list(written_masks(tmp_path / "new")) == [0, 1, 3, 4, 5]
    assert (report.empty_frames, report.unseen_empty) == (1, 0)


def test_an_answer_that_was_taken_back_is_told_and_fresh_leaves_its_frame_out(labelled, tmp_path):
    project, ledger, frames = copied(labelled, tmp_path)
    ledger.withdraw(["a2"], "lead", "wrong")
    told = export_project(project, ledger, frames, "coco", tmp_path / "old")
    assert told.notes == ("1 answers were taken back after round 2 was delivered: --fresh leaves their frames out",)
    export_project(project, ledger, frames, "coco", tmp_path / "new", choice=Choice(fresh=True))
    assert list(written_masks(tmp_path / "new")) == [0, 1, 2, 4]


def test_fresh_answers_go_out_before_any_round_delivered(tmp_path):
    project, ledger, frames = new_project(tmp_path)
    ledger.begin_round(Settings())
    answer(ledger, 1, select(ledger, 1))
    with pytest.raises(NotReady):
        export_project(project, ledger, frames, "coco", tmp_path / "out")
    report = export_project(project, ledger, frames, "davis", tmp_path / "out", choice=Choice(fresh=True))
    assert (report.frames, report.masks_by_provenance) == (1, {"human": 1})
    assert report.notes[0].startswith("1 answers came and no round has delivered masks yet")


def test_videos_without_masks_are_named(labelled, tmp_path):
    project, ledger, _ = copied(labelled, tmp_path)
    added = write_frames(tmp_path / "more", "other", 3)
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(added / "00000.png")
    assert not ingest_paths(ledger, [added]).failed
    report = export_project(project, ledger, frames_of(project, ledger), "coco", tmp_path / "out")
    assert report.notes == ("video other is left out: round 2 delivered no masks for it",)
    assert "note: video other is left out" in report.describe()


def two_videos(folder):
    """A project of two delivered videos of six frames."""
    project, ledger, frames = new_project(folder, ("one", "two"))
    ledger.begin_round(Settings())
    deliver(project, ledger, 1)
    (path,) = ledger.delivered_paths(1).values()
    ledger.put_delivered(1, 2, path, N_FRAMES - 1, [])
    return project, ledger, frames


def test_yolo_gets_train_and_val_of_whole_videos_unasked(tmp_path):
    report = export_project(*two_videos(tmp_path), "yolo-seg", tmp_path / "out")
    text = (tmp_path / "out" / "data.yaml").read_text()
    assert text.startswith("train: images/train\nval: images/val\n")
    train, val = (sorted(p.name for p in (tmp_path / "out" / "images" / s).iterdir()) for s in ("train", "val"))
    assert sorted(train + val) == ["one", "two"]
    assert f"whole videos make the splits: train {train[0]}; val {val[0]}" in report.notes[0]
    assert "are almost the same and in different splits" in report.notes[1]


def test_yolo_in_splits_is_one_folder_with_one_data_file(tmp_path):
    shares = {"val": 0.5, "train": 0.5}
    done = export_splits(*two_videos(tmp_path), "yolo-seg", tmp_path / "out", shares, seed=1)
    assert [p.name for p in (tmp_path / "out").rglob("data.yaml")] == ["data.yaml"]
    assert list(done.reports) == ["val, train"]
    assert (done.reports["val, train"].videos, len(done.leaks)) == (2, 1)
    assert sorted(p.name for p in (tmp_path / "out" / "labels").iterdir()) == ["train", "val"]


@pytest.mark.parametrize("name", ["coco", "davis", "mots", "youtube-vis", "yolo-seg"])
def test_a_version_is_exported_again_byte_for_byte(labelled, tmp_path, name):
    for folder in ("first", "second"):
        export_project(*labelled, name, tmp_path / folder, choice=Choice(round_id=1))
    first, second = (
        {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
        for root in (tmp_path / "first", tmp_path / "second")
    )
    assert first == second


def test_a_fresh_answer_about_one_object_leaves_the_others_as_they_were_delivered(labelled, tmp_path):
    project, ledger, frames = copied(labelled, tmp_path)
    request = LabelRequest.of(2, Selected(FrameRef(1, 1), 0, 1.0, ""))
    ledger.put_requests([request])
    label = FrameLabel(request.frame, (MaskLabel(7, 1, encode(~mask_at(1))),), complete=False)
    ledger.put_answer(Answer("partly", request.request_id, label, LabelKind.ACCEPT, 1.0, "ann"))
    export_project(project, ledger, frames, "coco", tmp_path / "out", choice=Choice(fresh=True))
    found = {track: rle for track, _, rle in written_masks(tmp_path / "out")[1]}
    assert found == {1: encode(mask_at(1)), 7: encode(~mask_at(1))}
