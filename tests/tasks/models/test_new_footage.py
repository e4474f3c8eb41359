"""Footage that no project holds is labelled by a real student of three steps, and the project is only read."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadCheckpoint, BadSettings, OutputExists, RunLocked, UnknownName
from al_core.export import FORMATS
from al_core.export.contents import ExportOptions
from al_core.footage.unseen import frame_choice, unseen
from al_core.ledger.store import Ledger
from al_core.records import COMPONENTS
from al_core.stores.delivered import read_delivered
from al_core.stores.predictions import read_predictions
from tasks.models import new_footage
from tasks.models.new_footage import Wanted, label_footage
from tasks.models.round_students import chosen_student
from tasks.processes.run_lock import held
from tasks.project.ingest import open_frames
from tasks.steps.predict import load_members_for, predict_video
from tests.toys.ledgers import context_of
from tests.toys.models.trained_project import SIZE, trained_project, write_squares
from tests.toys.privileges import read_only

SURE_OF_ALL = ExportOptions(images=False, overwrite=True, empty=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """(project, ledger, student) of a trained round."""
    project, ledger = trained_project(tmp_path_factory.mktemp("trained") / "work")
    return project, ledger, chosen_student(project, ledger)


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """A folder of frames that the project does not know."""
    return write_squares(tmp_path_factory.mktemp("new") / "walk", n_frames=5, ground=70)


def wanted(*formats, **options):
    return Wanted(formats or ("coco",), threshold=options.pop("threshold", 0.0), options=SURE_OF_ALL, **options)


def label(built, paths, out, how=None):
    return label_footage(built[1], built[2], unseen(paths).sources, out, how or wanted())


def rows(out):
    return list(csv.DictReader((out / "uncertainty.csv").open()))


def test_every_frame_gets_masks_and_an_uncertainty(built, footage, tmp_path):
    done = label(built, [footage], tmp_path / "out")
    assert done.labelled == ("walk: 5 of 5 frames",)
    assert (done.known, done.failed) == ((), ())
    assert [(row["video"], row["frame"], row["seconds"]) for row in rows(tmp_path / "out")] == [
        ("walk", str(i), f"{i / 25:.6f}") for i in range(5)
    ]
    assert all(0 <= float(row[name]) <= 1 for row in rows(tmp_path / "out") for name in ("uncertainty", *COMPONENTS))
    coco = json.loads((tmp_path / "out" / "coco" / "annotations.json").read_text())
    assert len(coco["images"]) == 5
    assert {tuple(one["segmentation"]["size"]) for one in coco["annotations"]} == {SIZE}
    assert [category["name"] for category in coco["categories"]] == ["square"]


def test_the_project_is_only_read_also_where_it_cannot_be_written(built, footage, tmp_path):
    project, ledger, student = built
    before = {path: path.stat().st_mtime_ns for path in project.root.rglob("*")}
    with read_only(project.root):
        label_footage(Ledger(project.ledger_path), student, unseen([footage]).sources, tmp_path / "out", wanted())
    assert {path: path.stat().st_mtime_ns for path in project.root.rglob("*")} == before
    assert len(ledger.videos()) == 1


def test_a_video_of_the_project_gets_the_predictions_that_the_round_makes(built, tmp_path):
    project, ledger, student = built
    (video,) = ledger.videos()
    label(built, [video.uri], tmp_path / "out")
    frames = open_frames(project, ledger, student.settings.frames)
    context = context_of(project, ledger, 9, student.settings, frames=frames)
    path = predict_video(context, video, load_members_for(student.checkpoint, student.settings))
    assert (tmp_path / "out" / "videos" / "clip" / "predictions.parquet").read_bytes() == path.read_bytes()
    expected = ledger.predictions(9, 1)["uncertainty"]
    assert [float(row["uncertainty"]) for row in rows(tmp_path / "out")] == pytest.approx(expected.tolist(), abs=1e-6)


def test_every_format_is_written(built, footage, tmp_path):
    done = label(built, [footage], tmp_path / "out", wanted(*FORMATS))
    assert [report.format for report in done.exports] == list(FORMATS)
    assert all((tmp_path / "out" / name).is_dir() for name in FORMATS)


def test_only_some_frames_are_looked_at(built, footage, tmp_path):
    done = label(built, [footage], tmp_path / "out", wanted(stride=2))
    assert done.labelled == ("walk: 3 of 5 frames",)
    assert [row["frame"] for row in rows(tmp_path / "out")] == ["0", "2", "4"]
    coco = json.loads((tmp_path / "out" / "coco" / "annotations.json").read_text())
    assert len(coco["images"]) == 3
    label(built, [footage], tmp_path / "other", wanted(choice=frame_choice("1,3-9")))
    assert [row["frame"] for row in rows(tmp_path / "other")] == ["1", "3", "4"]


def test_tracks_go_on_from_frame_to_frame(built, footage, tmp_path):
    label(built, [footage], tmp_path / "out")
    place = tmp_path / "out" / "videos" / "walk"
    masks = [mask for _, found in read_delivered(place / "masks.parquet") for mask in found]
    seen = sum(len(frame.objects) for frame in read_predictions(place / "predictions.parquet"))
    assert masks
    assert len({mask.track_id for mask in masks}) < seen


def test_nothing_is_linked_over_a_cut(built, footage, tmp_path):
    joined = tmp_path / "joined"
    joined.mkdir()
    other = np.random.default_rng(3).integers(0, 255, (*SIZE, 3), np.uint8)
    for number in range(8):
        frame = joined / f"{number:05d}.png"
        if number < 4:
            shutil.copy(footage / f"{number:05d}.png", frame)
        else:
            Image.fromarray(np.roll(other, number, 1)).save(frame)
    said = "joined: 8 of 8 frames, 1 cut at 4"
    assert label(built, [joined], tmp_path / "out").labelled == (said,)
    assert label(built, [joined], tmp_path / "out").known == (said,)
    masks = dict(read_delivered(tmp_path / "out" / "videos" / "joined" / "masks.parquet"))
    before, after = ({m.track_id for i in part for m in masks.get(i, ())} for part in (range(4), range(4, 8)))
    assert before
    assert not before & after


def test_pictures_of_different_sizes_are_labelled_one_by_one(built, tmp_path):
    for name, size in (("cat.png", (80, 60)), ("dog.png", (40, 50))):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(tmp_path / "pictures" / name)
    done = label(built, [tmp_path / "pictures"], tmp_path / "out")
    assert done.labelled == ("cat: 1 of 1 frames", "dog: 1 of 1 frames")


def test_a_call_that_was_cut_off_goes_on_with_the_next_video(built, footage, tmp_path, monkeypatch):
    second = write_squares(tmp_path / "second", n_frames=3)
    real = new_footage.predict_to_file

    def dies_at_the_second(path, *arguments):
        if path.parent.name.startswith(".second"):
            raise KeyboardInterrupt
        return real(path, *arguments)

    monkeypatch.setattr(new_footage, "predict_to_file", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        label(built, [footage, second], tmp_path / "out")
    monkeypatch.setattr(new_footage, "predict_to_file", real)
    done = label(built, [footage, second], tmp_path / "out")
    assert (done.known, done.labelled) == (("walk: 5 of 5 frames",), ("second: 3 of 3 frames",))
    assert sorted(path.name for path in (tmp_path / "out" / "videos").iterdir()) == ["second", "walk"]
    assert not (tmp_path / "out" / "cache").exists()


def test_other_frames_of_the_same_video_are_labelled_anew(built, footage, tmp_path):
    label(built, [footage], tmp_path / "out")
    assert label(built, [footage], tmp_path / "out").known
    assert label(built, [footage], tmp_path / "out", wanted(stride=3)).labelled == ("walk: 2 of 5 frames",)


def test_a_video_that_cannot_be_read_stops_no_other(built, footage, tmp_path):
    broken = write_squares(tmp_path / "broken", n_frames=3)
    (broken / "00001.png").write_bytes(b"no image")
    done = label(built, [broken, footage], tmp_path / "out")
    assert done.labelled == ("walk: 5 of 5 frames",)
    (line,) = done.failed
    assert "00001.png: cannot be read as an image" in line


def test_frames_beyond_the_end_are_told(built, footage, tmp_path):
    done = label(built, [footage], tmp_path / "out", wanted(choice=frame_choice("20-30")))
    assert done.failed == (f"{footage}: has 5 frames, from 0; none of --frames is in it",)
    assert done.exports == ()


def test_a_folder_with_other_files_stays_as_it_is(built, footage, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("...")
    with pytest.raises(OutputExists, match="holds something else"):
        label(built, [footage], tmp_path / "mine")
    with pytest.raises(BadSettings, match="expected a folder that can be written"):
        label(built, [footage], tmp_path / "mine" / "thesis.txt" / "out")


def test_what_another_student_labelled_is_replaced_only_when_asked(built, footage, tmp_path):
    label(built, [footage], tmp_path / "out")
    with pytest.raises(OutputExists, match="another student labelled, or this one with other settings"):
        label(built, [footage], tmp_path / "out", wanted(threshold=0.5))
    done = label(built, [footage], tmp_path / "out", wanted(threshold=0.5, again=True))
    assert done.labelled


def test_one_process_writes_to_a_folder(built, footage, tmp_path):
    label(built, [footage], tmp_path / "out")
    with held(tmp_path / "out" / ".lock"), pytest.raises(RunLocked, match="another process labels footage into"):
        label(built, [footage], tmp_path / "out")


def test_a_damaged_student_is_told_at_once(built, footage, tmp_path):
    project, ledger, _ = built
    copy = shutil.copytree(project.root, tmp_path / "copy")
    (copy / "rounds" / "0001" / "student" / "student.pth").write_bytes(b"...")
    student = chosen_student(type(project).at(copy), Ledger(copy / "ledger.duckdb"))
    with pytest.raises(BadCheckpoint, match="expected a whole checkpoint"):
        label_footage(ledger, student, unseen([footage]).sources, tmp_path / "out", wanted())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(stride=0), "--stride: expected 1"),
        (dict(stride=2, choice=(range(3),)), "not both"),
        (dict(threshold=1.5), "--threshold: expected a share from 0 to 1, got 1.5"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, message):
    with pytest.raises(BadSettings, match=message):
        Wanted(("coco",), **options)


def test_an_unknown_format_is_refused():
    with pytest.raises(UnknownName, match="unknown export format 'cocoo'"):
        Wanted(("cocoo",))
