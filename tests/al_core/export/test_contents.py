import json

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadSettings, OutputExists, UnknownName
from al_core.export.contents import ExportOptions, Tally, labelled_frames, parse_provenances, replacing
from al_core.export.exporters import write_export
from al_core.masks.rle import encode
from tests.toys.footage.export_clips import CORNER, HUMAN, PROPAGATED, RING, TEACHER, delivered, make_clip, usual_clip

NAMES = {1: "dog", 2: "cat"}


def labelled_indices(clip, options, **fields):
    return [frame.frame_idx for frame in labelled_frames(clip, options, **fields) if frame.labelled]


def only(*provenances, **fields):
    return ExportOptions(provenances=frozenset(provenances), **fields)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (ExportOptions(), [0, 1, 2, 3]),
        (only(HUMAN), [0]),
        (only(PROPAGATED), [1, 2]),
        (only(HUMAN, PROPAGATED), [0, 1, 2]),
        (only(TEACHER), [1, 2, 3]),
        (ExportOptions(human_frames_only=True), [0]),
        (only(TEACHER, human_frames_only=True), []),
    ],
)
def test_a_frame_that_the_choice_leaves_without_masks_does_not_go_out_as_empty(options, expected):
    assert labelled_indices(usual_clip(), options, whole_video=True) == expected


def test_a_frame_in_which_a_person_found_nothing_goes_out_empty():
    clip = make_clip([], n_frames=2, human=[1])
    assert labelled_indices(clip, only(HUMAN)) == [1]
    assert labelled_indices(clip, only(TEACHER, empty=True)) == [0]
    assert labelled_indices(clip, ExportOptions(empty=True)) == [0, 1]


@pytest.mark.parametrize("name", ["coco", "yolo-seg"])
def test_a_frame_that_nobody_saw_and_that_holds_nothing_is_left_out_and_told(tmp_path, name):
    clip = make_clip([delivered(0, 1, RING, HUMAN)], n_frames=4, human=[0, 2])
    report = write_export(name, [clip], NAMES, tmp_path / "out")
    assert (report.frames, report.empty_frames, report.unseen_empty, report.unseen_left_out) == (2, 1, 0, 2)
    assert "note: 2 frames are left out: nobody saw them" in report.describe()
    every = write_export(name, [clip], NAMES, tmp_path / "every", ExportOptions(empty=True))
    assert (every.frames, every.empty_frames, every.unseen_empty, every.unseen_left_out) == (4, 3, 2, 0)
    assert "1 empty by a person's word, 2 where the machine found nothing" in every.describe()


@pytest.mark.parametrize("name", ["davis", "youtube-vis", "mots", "overlay-mp4"])
def test_formats_of_whole_videos_hold_frames_that_nobody_saw(tmp_path, name):
    clip = make_clip([delivered(0, 1, RING, HUMAN)], n_frames=4, human=[0, 2])
    report = write_export(name, [clip], NAMES, tmp_path / "out")
    assert (report.frames, report.unseen_empty, report.unseen_left_out) == (4, 2, 0)


def test_where_no_round_delivered_only_what_people_labelled_goes_out():
    clip = make_clip([delivered(0, 1, RING, HUMAN)], n_frames=4, human=[0, 2], round_id=None)
    assert labelled_indices(clip, ExportOptions(empty=True), whole_video=True) == [0, 2]


def test_a_frame_whose_answer_was_taken_back_says_nothing():
    clip = make_clip([delivered(1, 1, RING)], n_frames=3, unknown_frames=frozenset({0, 1}))
    assert labelled_indices(clip, ExportOptions(), whole_video=True) == [2]


def test_masks_below_the_least_confidence_are_left_out_and_told(tmp_path):
    clip = make_clip(
        [
            delivered(0, 1, RING, HUMAN, 1.0),
            delivered(1, 1, RING, PROPAGATED, 0.75),
            delivered(1, 2, CORNER, TEACHER, 0.5),
            delivered(2, 2, CORNER, TEACHER, 0.25),
        ],
        human=[0],
    )
    report = write_export("coco", [clip], NAMES, tmp_path / "out", ExportOptions(min_confidence=0.6))
    assert report.masks_by_provenance == {"human": 1, "propagated": 1}
    assert set(report.warnings) == {
        "1 masks below the least confidence are missing in frames that went out",
        "1 frames are left out: all their masks are below the least confidence",
    }
    with pytest.raises(BadSettings, match=r"in \[0, 1\], got 1.5"):
        ExportOptions(min_confidence=1.5)


def test_masks_of_other_provenances_are_counted_as_missing():
    tally = Tally(0)
    frames = list(labelled_frames(usual_clip(), only(PROPAGATED), tally))
    assert [[m.track_id for m in f.masks] for f in frames] == [[], [1], [], []]
    assert tally.report("coco", None).warnings == (
        "1 masks of provenances that were not chosen are missing in frames that went out",
    )


def test_empty_masks_and_ignore_regions_are_no_objects_and_are_counted():
    nothing = delivered(0, 1, np.zeros((5, 6), bool))
    ignored = delivered(0, 0, RING, category_id=0)
    tally = Tally(0)
    (frame,) = labelled_frames(make_clip([nothing, ignored], n_frames=1), ExportOptions(), tally, whole_video=True)
    assert frame.labelled
    assert frame.masks == ()
    assert tally.report("coco", None).warnings == (
        "1 ignore regions are left out: the format holds objects only",
        "1 masks without a single pixel are left out",
    )


def test_at_least_one_provenance_is_chosen():
    with pytest.raises(BadSettings, match="at least one provenance"):
        ExportOptions(provenances=frozenset())


def test_an_earlier_export_stays_unless_overwriting_is_asked_for(tmp_path):
    out = tmp_path / "out"
    write_export("coco", [usual_clip()], NAMES, out)
    before = (out / "annotations.json").read_bytes()
    with pytest.raises(OutputExists, match="is there already"):
        write_export("coco", [make_clip([])], NAMES, out)
    assert (out / "annotations.json").read_bytes() == before
    write_export("coco", [make_clip([])], NAMES, out, ExportOptions(overwrite=True))
    assert json.loads((out / "annotations.json").read_text())["annotations"] == []


def test_a_folder_that_no_export_wrote_is_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.txt").write_text("dear")
    with pytest.raises(OutputExists, match="no export wrote"):
        write_export("coco", [usual_clip()], NAMES, tmp_path / "photos", ExportOptions(overwrite=True))
    assert (tmp_path / "photos" / "mine.txt").read_text() == "dear"


def test_a_failing_replacement_keeps_the_old_file(tmp_path):
    out = tmp_path / "a.txt"
    out.write_text("old")

    def write_half():
        with replacing(out, overwrite=True) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_half()
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_an_empty_folder_may_be_written_to(tmp_path):
    (tmp_path / "out").mkdir()
    write_export("coco", [usual_clip()], NAMES, tmp_path / "out")
    assert (tmp_path / "out" / "annotations.json").is_file()


def test_the_manifest_says_what_went_out(tmp_path):
    write_export("coco", [usual_clip()], NAMES, tmp_path / "out", only(HUMAN, TEACHER))
    manifest = json.loads((tmp_path / "out" / "export.json").read_text())
    assert manifest["provenances"] == ["human", "teacher"]
    assert manifest["rounds"] == {"toy": 2}
    assert manifest["masks_by_provenance"] == {"human": 1, "teacher": 2}


def test_the_report_reads_as_one_sentence_and_its_warnings(tmp_path):
    report = write_export("coco", [usual_clip()], NAMES, tmp_path / "out", only(PROPAGATED, empty=True))
    first, *warnings = report.describe().splitlines()
    assert first.endswith(
        "coco, 1 video, 2 frames (0 empty by a person's word, 1 where the machine found nothing), "
        "1 mask (1 propagated), 4 files, lossless"
    )
    assert warnings == ["warning: 1 masks of provenances that were not chosen are missing in frames that went out"]


def test_jpeg_frames_of_the_source_are_copied_byte_for_byte(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(source / "a.jpg", quality=30)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(source / "b.jpg", quality=30, exif=exif)
    Image.fromarray(pixels).save(source / "c.png")
    clip = make_clip([], n_frames=3)
    video = type(clip.video)(
        1, "toy", str(source), "folder", "0" * 64, clip.video.fps, 3, 5, 6, files=("a.jpg", "b.jpg", "c.png")
    )
    clip = type(clip)(video, clip.masks, clip.images)
    write_export("coco", [clip], NAMES, tmp_path / "out", ExportOptions(empty=True))
    images = tmp_path / "out" / "images" / "toy"
    assert (images / "00000.jpg").read_bytes() == (source / "a.jpg").read_bytes()
    for turned_or_png in ("00001.jpg", "00002.jpg"):
        written = Image.open(images / turned_or_png)
        assert written.getexif().get(0x0112, 1) == 1
        assert written.format == "JPEG"


def test_masks_stay_as_they_are_when_nothing_is_filtered():
    (frame,) = labelled_frames(make_clip([delivered(0, 3, RING)], n_frames=1), ExportOptions())
    assert frame.masks[0].rle == encode(RING)


def test_provenances_are_named_one_by_one_or_all_are_taken():
    assert parse_provenances("human,teacher") == {HUMAN, TEACHER}
    assert parse_provenances(None) == parse_provenances("") == ExportOptions().provenances


def test_a_provenance_that_no_mask_has_is_unknown():
    with pytest.raises(UnknownName, match="unknown provenance 'humans'; known: accepted, human, propagated, teacher"):
        parse_provenances("human,humans")
