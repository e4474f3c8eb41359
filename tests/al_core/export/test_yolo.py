from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from al_core.errors import BadSettings
from al_core.export.contents import ExportOptions
from al_core.export.exporters import write_export
from al_core.export.yolo import polygon, polygon_mask, polygon_text
from tests.toys.footage.export_clips import CORNER, HUMAN, RING, delivered, make_clip, usual_clip

NAMES = {3: "dog", 8: 'the "cat"'}


def round_trip(mask):
    return polygon_mask(polygon_text(polygon(mask), *mask.shape), *mask.shape)


def one_piece(mask):
    count, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return count == 2


TWO_HOLES = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [1, 0, 1, 1, 1, 0, 1],
        [1, 1, 1, 1, 1, 1, 1],
    ],
    bool,
)
NESTED = np.ones((7, 7), bool)
NESTED[1:6, 1:6] = False
NESTED[3, 3] = True
COMB = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], bool)
PIXEL = np.array([[0, 0], [0, 1]], bool)
LINE = np.array([[1, 1, 1, 1]], bool)
BORDER = ~np.pad(np.ones((2, 3), bool), 1)


@pytest.mark.parametrize("mask", [RING, CORNER, TWO_HOLES, COMB, PIXEL, LINE, BORDER, np.ones((3, 3), bool)])
def test_an_object_in_one_piece_comes_back_whole_holes_and_all(mask):
    np.testing.assert_array_equal(round_trip(mask), mask)


def test_a_square_is_its_four_corners():
    assert sorted(map(tuple, polygon(CORNER).tolist())) == [(4, 0), (4, 1), (5, 0), (5, 1)]


@pytest.mark.parametrize("mask", [PIXEL, LINE])
def test_an_outline_has_at_least_three_points(mask):
    assert len(polygon(mask)) >= 3


@given(hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.booleans()).filter(one_piece))
def test_any_object_in_one_piece_is_lossless(mask):
    np.testing.assert_array_equal(round_trip(mask), mask)


@given(st.integers(0, 10**6), st.floats(0.5, 0.9))
def test_a_large_object_full_of_holes_is_lossless(seed, share):
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random((60, 80), np.float32), (0, 0), 2.0)
    mask = noise > np.quantile(noise, 1 - share)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    largest = labels == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])
    np.testing.assert_array_equal(round_trip(largest), largest)


@given(hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))).filter(np.any))
def test_parts_lose_nothing_and_gain_only_the_lines_that_join_them(mask):
    back = round_trip(mask)
    assert back[mask].all()


def test_a_nested_object_gains_the_line_between_its_parts(tmp_path):
    clip = make_clip([delivered(0, 1, NESTED, HUMAN, category_id=8)], n_frames=1, size=(7, 7))
    report = write_export("yolo-seg", [clip], NAMES, tmp_path / "out")
    assert report.lossy_pixels == np.count_nonzero(round_trip(NESTED) != NESTED) == 2
    assert report.warnings[-1] == "polygons cannot hold every mask: 2 of 25 mask pixels differ"


def test_lines_name_their_class_and_stay_within_the_frame(tmp_path):
    clip = make_clip([delivered(0, 1, CORNER, category_id=8), delivered(0, 2, RING, category_id=3)], n_frames=2)
    report = write_export("yolo-seg", [clip], NAMES, tmp_path / "out", ExportOptions(empty=True))
    lines = (tmp_path / "out" / "labels" / "train" / "toy" / "00000.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["1", "0"]
    for line, mask in zip(lines, (CORNER, RING), strict=True):
        text = line.split(" ", 1)[1]
        assert all(0 < float(value) < 1 for value in text.split())
        np.testing.assert_array_equal(polygon_mask(text, 5, 6), mask)
    assert (tmp_path / "out" / "labels" / "val" / "toy" / "00001.txt").read_text() == ""
    assert report.lossy_pixels == 0


def test_the_data_file_names_classes_in_order_and_places_beside_itself(tmp_path):
    write_export("yolo-seg", [usual_clip()], {1: "dog", 2: 'the "cat"'}, tmp_path / "out")
    assert (tmp_path / "out" / "data.yaml").read_text() == (
        'train: images/train\nval: images/val\nnames:\n  0: "dog"\n  1: "the \\"cat\\""\n'
    )


def names_below(folder):
    """Files below a folder of splits, without their endings."""
    return sorted(str(p.relative_to(folder).with_suffix("")) for p in folder.rglob("*") if p.is_file())


def ring_clip(**fields):
    """Ten frames, an object in each."""
    return make_clip([delivered(i, 1, RING) for i in range(10)], n_frames=10, **fields)


def test_one_video_gives_its_end_to_val_and_says_so(tmp_path):
    report = write_export("yolo-seg", [ring_clip()], {1: "a"}, tmp_path / "out")
    assert names_below(tmp_path / "out" / "labels") == names_below(tmp_path / "out" / "images")
    assert sorted(p.stem for p in (tmp_path / "out" / "labels" / "val").rglob("*.txt")) == ["00008", "00009"]
    assert "toy: val is the end of the same video, from frame 8 on" in report.warnings[0]


def test_videos_of_splits_stay_whole_in_one_folder(tmp_path):
    clips = [
        ring_clip(name="a", split="train"),
        ring_clip(name="images", split="val"),
        ring_clip(name="c", split="test"),
    ]
    report = write_export("yolo-seg", clips, {1: "a"}, tmp_path / "out")
    assert report.warnings == ()
    text = (tmp_path / "out" / "data.yaml").read_text()
    assert text.startswith("train: images/train\nval: images/val\ntest: images/test\n")
    assert len(names_below(tmp_path / "out" / "images")) == 30
    for image in (tmp_path / "out" / "images").rglob("*.jpg"):
        # The rule by which readers find the labels of an image.
        before, after = str(image).rsplit("/images/", 1)
        assert Path(f"{before}/labels/{after}").with_suffix(".txt").is_file()


def test_splits_without_train_and_val_are_refused(tmp_path):
    with pytest.raises(BadSettings, match="splits that are called train and val, got train, test"):
        write_export("yolo-seg", [ring_clip(split="train"), ring_clip(split="test")], {1: "a"}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_one_labelled_frame_makes_no_val(tmp_path):
    report = write_export("yolo-seg", [make_clip([delivered(0, 1, RING)])], {1: "a"}, tmp_path / "out")
    assert report.warnings == ("there is no val split: no labelled frame is left for it",)
    assert (tmp_path / "out" / "data.yaml").read_text().startswith("train: images/train\nnames:")


def test_images_may_be_left_out(tmp_path):
    options = ExportOptions(images=False, empty=True)
    report = write_export("yolo-seg", [usual_clip()], {1: "a", 2: "b"}, tmp_path / "out", options)
    assert not (tmp_path / "out" / "images").exists()
    assert report.files == 4 + 2
