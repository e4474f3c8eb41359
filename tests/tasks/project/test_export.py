import json
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadSettings, NotReady, OutputExists, UnknownName
from al_core.export import FORMATS
from al_core.export.contents import ExportOptions, parse_provenances
from al_core.export.overlay import write_video
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.ledger.client import open_ledger
from tasks.project.export import export_project, export_splits
from tasks.project.ingest import ingest_paths
from tests.toys.export_clips import read_coco
from tests.toys.labelled_project import (
    HEIGHT,
    N_FRAMES,
    WIDTH,
    deliver,
    delivered_masks,
    finished_project,
    frames_of,
    mask_at,
    new_project,
    select,
)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("labelled"))


def written_masks(folder):
    """Frame -> [(track, category, mask)] of a COCO export."""
    return read_coco(folder / "annotations.json", (HEIGHT, WIDTH), ["square"])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_the_newest_masks(labelled, tmp_path, name):
    seen = []
    report = export_project(*labelled, name, tmp_path / "out", on_progress=seen.append)
    assert report.masks_by_provenance == {"human": 2, "propagated": 2, "teacher": 1}
    assert (report.videos, report.frames, report.empty_frames) == (1, 6, 1)
    assert report.lossy_pixels == 0
    assert seen[-1].done == seen[-1].total


def test_an_earlier_round_can_be_asked_for(labelled, tmp_path):
    report = export_project(*labelled, "coco", tmp_path / "out", round_id=1)
    assert report.masks_by_provenance == {"human": 1, "propagated": 1, "teacher": 3}


def test_provenances_are_chosen_by_name(labelled, tmp_path):
    report = export_project(*labelled, "coco", tmp_path / "out", ExportOptions(parse_provenances("human,propagated")))
    assert report.masks_by_provenance == {"human": 2, "propagated": 2}
    assert list(written_masks(tmp_path / "out")) == [0, 1, 3, 4, 5]


def test_only_the_frames_of_people(labelled, tmp_path):
    report = export_project(*labelled, "yolo-seg", tmp_path / "out", ExportOptions(human_frames_only=True))
    assert report.frames == 2
    images = tmp_path / "out" / "images" / "clip"
    assert sorted(p.name for p in images.iterdir()) == ["00000.jpg", "00003.jpg"]


def test_human_masks_are_those_that_people_drew(labelled, tmp_path):
    export_project(*labelled, "coco", tmp_path / "out", ExportOptions(parse_provenances("human")))
    assert written_masks(tmp_path / "out") == {n: [(1, "square", encode(mask_at(n)))] for n in (0, 3)}


def test_times_come_from_the_ledger(labelled, tmp_path):
    export_project(*labelled, "coco", tmp_path / "a.json")
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
        export_project(*labelled, options.pop("format"), tmp_path / "out", **options)
    assert list(tmp_path.iterdir()) == []


def test_nothing_delivered_says_what_to_do(tmp_path):
    with pytest.raises(NotReady, match="no round has delivered masks yet; run one first"):
        export_project(*new_project(tmp_path), "coco", tmp_path / "out")


def test_an_earlier_export_is_replaced_only_when_asked(labelled, tmp_path):
    export_project(*labelled, "coco", tmp_path / "out")
    with pytest.raises(OutputExists):
        export_project(*labelled, "coco", tmp_path / "out")
    report = export_project(*labelled, "coco", tmp_path / "out", ExportOptions(overwrite=True, images=False))
    assert report.files == 2


def test_only_some_videos(tmp_path):
    project, ledger, frames = new_project(tmp_path, ["one", "two"])

    ledger.begin_round(Settings())
    for video_id in (1, 2):
        path = project.round_dir(1) / f"{video_id}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)

        ledger.put_delivered(1, video_id, project.relative(path), 5, write_delivered(path, delivered_masks(1)))
    report = export_project(project, ledger, frames, "overlay-mp4", tmp_path / "two.mp4", videos=["two"])
    assert report.videos == 1
    assert (tmp_path / "two.mp4").is_file()


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
    export_project(*labelled, "coco", tmp_path / "out")
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
    export_project(project, ledger, frames_of(project, ledger), "coco", tmp_path / "out")
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
    assert all(report.frames == 6 for report in done.reports.values())
    (leak,) = done.leaks
    assert (leak.first, leak.second, leak.distance) == ("one", "two", 0.0)
    assert "warning: one frame 1 and two frame 1 are almost the same" in done.describe()


def test_a_split_needs_enough_videos(labelled, tmp_path):
    with pytest.raises(BadSettings, match="has 1"):
        export_splits(*labelled, "coco", tmp_path / "sets", {"train": 0.5, "val": 0.5}, seed=0)
    assert not (tmp_path / "sets").exists()


@pytest.mark.parametrize("name", ["coco", "davis", "youtube-vis", "yolo-seg"])
def test_a_version_is_exported_again_byte_for_byte(labelled, tmp_path, name):
    for folder in ("first", "second"):
        export_project(*labelled, name, tmp_path / folder, round_id=1)
    first, second = (
        {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
        for root in (tmp_path / "first", tmp_path / "second")
    )
    assert first == second
