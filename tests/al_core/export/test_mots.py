import configparser
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_masks

from al_core.errors import BadLabel
from al_core.export.contents import ExportOptions
from al_core.export.exporters import write_export
from al_core.export.mots import class_numbers
from tests.toys.footage.export_clips import CORNER, HUMAN, RING, TEACHER, delivered, make_clip

NAMES = {1: "dog", 2: "Car"}
INSIDE = np.zeros((5, 6), bool)
INSIDE[2, 2] = True
"""The hole of the ring."""


ONLY_PEOPLE = "TrackEval's MOTSChallenge measures class 2, person, alone; not dog, Car"


def lines_of(folder, video="toy"):
    """Frame -> {object: (class, mask)} as MOTS' own tools read the text: run-length codes by pycocotools."""
    frames = {}
    for line in (folder / "MOTS-train" / video / "gt" / "gt.txt").read_text().splitlines():
        frame, number, kind, height, width, counts = line.split(" ")
        mask = coco_masks.decode({"size": [int(height), int(width)], "counts": counts.encode()}).astype(bool)
        frames.setdefault(int(frame), {})[int(number)] = (int(kind), mask)
    return frames


def image_of(folder, frame, video="toy"):
    """The index image of a frame, as MOTS' own tools open it."""
    assert Image.open(folder / "instances" / video / f"{frame:06d}.png").mode == "I;16"
    return np.array(Image.open(folder / "instances" / video / f"{frame:06d}.png"))


def exported(tmp_path, masks, **fields):
    """The folder and the report of a clip with these masks."""
    report = write_export("mots", [make_clip(masks, **fields)], NAMES, tmp_path / "out")
    return tmp_path / "out", report


def test_masks_come_back_identical_from_text_and_from_pictures(tmp_path):
    masks = [
        delivered(0, 1, RING, HUMAN, category_id=1),
        delivered(0, 2, CORNER, HUMAN, category_id=2),
        delivered(2, 2, CORNER, TEACHER, category_id=2),
    ]
    out, report = exported(tmp_path, masks, human=[0, 1])
    assert report.lossy_pixels == 0
    # A dog is of no class of MOTS and gets the first free one, a car is of class 1.
    expected = {1: {3001: (3, RING), 1002: (1, CORNER)}, 3: {1002: (1, CORNER)}}
    found = lines_of(out)
    assert found.keys() == expected.keys()
    for frame, objects in expected.items():
        assert found[frame].keys() == objects.keys()
        image = image_of(out, frame)
        for number, (kind, mask) in objects.items():
            assert found[frame][number][0] == kind
            np.testing.assert_array_equal(found[frame][number][1], mask)
            np.testing.assert_array_equal(image == number, mask)
    assert not image_of(out, 2).any()
    assert json.loads((out / "classes.json").read_text()) == {"1": "Car", "3": "dog"}


def test_regions_to_ignore_are_10000_and_never_cover_an_object(tmp_path):
    region = delivered(0, 0, RING | INSIDE | CORNER, HUMAN, category_id=0)
    out, report = exported(tmp_path, [delivered(0, 1, RING, HUMAN), region], n_frames=1, human=[0])
    objects = lines_of(out)[1]
    assert {number: kind for number, (kind, _) in objects.items()} == {3001: 3, 10000: 10}
    np.testing.assert_array_equal(objects[3001][1], RING)
    np.testing.assert_array_equal(objects[10000][1], INSIDE | CORNER)
    assert (report.lossy_pixels, report.warnings) == (0, (ONLY_PEOPLE,))


def test_a_frame_that_is_not_labelled_is_ignored_as_a_whole(tmp_path):
    clip = make_clip([delivered(0, 1, RING, HUMAN), delivered(1, 1, RING, TEACHER)], n_frames=2, human=[0])
    report = write_export("mots", [clip], NAMES, tmp_path / "out", ExportOptions(frozenset({HUMAN})))
    assert report.frames == 1
    ((number, (_, mask)),) = lines_of(tmp_path / "out")[2].items()
    assert number == 10000
    assert mask.all()
    assert report.warnings == (
        ONLY_PEOPLE,
        "1 frames are not labelled and stand as one region to ignore",
    )


def test_no_two_objects_share_a_pixel(tmp_path):
    masks = [delivered(0, 1, RING, HUMAN), delivered(0, 2, RING | INSIDE, TEACHER)]
    out, report = exported(tmp_path, masks, n_frames=1)
    objects = lines_of(out)[1]
    assert not (objects[3001][1] & objects[3002][1]).any()
    np.testing.assert_array_equal(objects[3001][1], RING)
    assert report.lossy_pixels == 8


def test_the_folder_is_laid_out_as_benchmarks_read_it(tmp_path):
    clips = [make_clip([delivered(0, 1, RING)], n_frames=2, name=name) for name in ("one", "two")]
    write_export("mots", clips, NAMES, tmp_path / "out")
    assert (tmp_path / "out" / "seqmaps" / "MOTS-train.txt").read_text() == "name\none\ntwo\n"
    info = configparser.ConfigParser()
    info.read(tmp_path / "out" / "MOTS-train" / "two" / "seqinfo.ini")
    assert int(info["Sequence"]["seqLength"]) == 2
    pictures = tmp_path / "out" / "MOTS-train" / "two" / "img1"
    assert sorted(p.name for p in pictures.iterdir()) == ["000001.jpg", "000002.jpg"]


def test_classes_keep_their_numbers_and_ten_stays_free():
    names = dict(enumerate(["ant", "person", "car", *(f"kind {n}" for n in range(12))], start=1))
    numbers = class_numbers(names)
    assert (numbers[2], numbers[3], numbers[1]) == (2, 1, 3)
    assert 10 not in numbers.values()
    assert len(set(numbers.values())) == len(names)
    with pytest.raises(BadLabel, match="61 classes besides its own, the project has 70"):
        class_numbers({n: f"kind {n}" for n in range(1, 71)})


def test_object_numbers_that_do_not_fit_go_from_one(tmp_path):
    out, report = exported(tmp_path, [delivered(0, 5000, RING), delivered(0, 6000, CORNER)], n_frames=1)
    assert lines_of(out)[1].keys() == {3001, 3002}
    assert report.warnings == ("toy: object numbers go up to 6000; here they go from 1 by class", ONLY_PEOPLE)


def test_more_objects_of_a_class_than_numbers_are_refused(tmp_path):
    numbers = np.arange(40 * 40).reshape(40, 40)
    masks = [delivered(0, t, numbers == t) for t in range(1, 1002)]
    with pytest.raises(BadLabel, match="tells 999 objects of a class apart, the video has 1,001"):
        exported(tmp_path, masks, n_frames=1, size=(40, 40))
    assert list(tmp_path.iterdir()) == []
