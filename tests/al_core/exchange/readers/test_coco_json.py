"""COCO files, good ones and every bad one with its message."""

import json
from pathlib import Path

import numpy as np
import pytest

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, DrawnFrame, DrawnMask, FileContent
from al_core.exchange.label_files import read_label_file
from al_core.masks.rle import decode, encode, run_lengths
from tests.al_core.exchange.readers.asked_frame import CORNER, asked_by, read
from tests.toys.ledgers import SQUARE


def coco(folder: Path, annotations: list, images=None, categories=None, **more) -> Path:
    content = {
        "images": images or [{"id": 5, "file_name": "r1.jpg"}],
        "annotations": [{"id": n, "image_id": 5, "category_id": 2} | a for n, a in enumerate(annotations, 1)],
        "categories": categories or [{"id": 2, "name": "cat"}],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(content | more))
    return path


def rle_text(mask: np.ndarray) -> dict:
    return encode(mask).to_coco()


def rle_list(mask: np.ndarray) -> dict:
    return {"size": list(mask.shape), "counts": run_lengths(encode(mask)).tolist()}


class TestCoco:
    @pytest.mark.parametrize("coded", [rle_text, rle_list])
    def test_rle(self, tmp_path, coded):
        frame = read(coco(tmp_path, [{"segmentation": coded(SQUARE), "track_id": 7}]))
        assert frame.masks == (DrawnMask(7, "cat", encode(SQUARE)),)
        assert frame.seconds is None

    def test_what_is_true_of_an_object_is_an_attribute(self, tmp_path):
        said = {"occluded": True, "truncated": False, "track_id": 3, "area": 1}
        (mask,) = read(coco(tmp_path, [{"segmentation": rle_text(SQUARE), "attributes": said}])).masks
        assert (mask.track_id, mask.attributes) == (3, ("occluded",))

    def test_polygons(self, tmp_path):
        square, corner = [1, 1, 3, 1, 3, 3, 1, 3], [0, 0, 1, 0, 1, 1, 0, 1]
        frame = read(coco(tmp_path, [{"segmentation": [square, corner]}]))
        assert (decode(frame.masks[0].rle) == (SQUARE | CORNER)).all()

    def test_an_image_without_annotations_is_empty(self, tmp_path):
        image = {"id": 5, "file_name": "sub/r1.jpg", "height": 4, "width": 4, "seconds": 12.5}
        assert read(coco(tmp_path, [], images=[image])) == DrawnFrame((), 12.5)

    def test_crowd_without_track_and_category_is_ignored_and_one_object_needs_no_number(self, tmp_path):
        annotations = [
            {"segmentation": rle_list(CORNER), "iscrowd": 1, "category_id": None},
            {"segmentation": rle_text(SQUARE), "category_id": None},
        ]
        frame = read(coco(tmp_path, annotations))
        assert frame.masks == (DrawnMask(1, None, encode(SQUARE)), DrawnMask(0, None, encode(CORNER)))

    @pytest.mark.parametrize(
        ("given", "track", "category"),
        [
            ({"track_id": 3}, 3, "cat"),
            ({}, 1, "cat"),
            ({"track_id": 3, "category_id": None}, 3, None),
            ({"attributes": {"track_id": 4}, "category_id": None}, 4, None),
        ],
    )
    def test_crowd_with_a_track_or_a_category_is_an_object(self, tmp_path, given, track, category):
        """As CVAT writes every mask of its brush."""
        content = read_label_file(
            coco(tmp_path, [{"segmentation": rle_list(SQUARE), "iscrowd": 1} | given]), asked_by, ["cat"]
        )
        assert content.frames["r1"].masks == (DrawnMask(track, category, encode(SQUARE)),)
        assert content.notes == content.faults == ()

    @pytest.mark.parametrize("given", [{"iscrowd": 1, "category_id": 7}, {"ignore": 1, "track_id": 1}])
    def test_what_is_surely_ignored_is_counted(self, tmp_path, given):
        listed = [{"id": 2, "name": "cat"}, {"id": 7, "name": "crowd of dogs"}]
        path = coco(tmp_path, [{"segmentation": rle_list(SQUARE)} | given], categories=listed)
        content = read_label_file(path, asked_by, ["cat"])
        assert content.frames["r1"].objects == ()
        (note,) = content.notes
        assert "1 annotation taken as regions to ignore" in note
        assert "1 frame left without an object" in note

    def test_a_polygon_that_reaches_out_is_clipped_and_told(self, tmp_path):
        content = read_label_file(coco(tmp_path, [{"segmentation": [[1, 1, 7, 1, 7, 3, 1, 3]]}]), asked_by, ["cat"])
        assert decode(content.frames["r1"].masks[0].rle).sum() == 6
        assert content.notes == ("labels.json: 1 polygon reaching out of the frame, clipped at its edge",)

    def test_where_identities_do_not_last_numbers_may_be_left_out(self, tmp_path):
        path = coco(tmp_path, [{"segmentation": rle_text(SQUARE)}, {"segmentation": rle_text(CORNER)}])
        loose = Asked("r1", 4, 4, lasting=False)
        frame = read_label_file(path, lambda name: loose, ["cat"]).frames["r1"]
        assert [m.track_id for m in frame.masks] == [1, 2]

    @pytest.mark.parametrize(
        ("annotations", "message"),
        [
            ([{"segmentation": rle_text(SQUARE)}] * 2, r"each needs a track_id .* got \[None, None\]"),
            ([{"segmentation": rle_text(SQUARE), "track_id": 1}] * 2, r"appears once in a frame"),
            ([{"segmentation": rle_text(SQUARE), "track_id": 0}], r"each needs a track_id .* got \[0\]"),
            ([{"segmentation": rle_text(SQUARE), "image_id": 6}], "belongs to image 6, which is not listed"),
            ([{"segmentation": rle_text(SQUARE), "category_id": 3}], "has category 3, which is not listed"),
            ([{"segmentation": rle_text(SQUARE & False)}], "r1: annotation 1 has no pixels within the frame"),
            ([{"segmentation": rle_text(SQUARE[:3])}], r"of size \[3, 4\], expected \[4, 4\]"),
            ([{"segmentation": {"size": [4, 4], "counts": [3, 2]}}], "over 5 pixels, expected 16"),
            ([{"segmentation": {"size": [4, 4], "counts": "a b"}}], "no run lengths in COCO's compressed form"),
            ([{"segmentation": {"size": [4, 4], "counts": "`"}}], "no run lengths in COCO's compressed form"),
            ([{"segmentation": {"counts": [16]}}], "segmentation cannot be read: 'size'"),
            ([{"segmentation": [[1, 1, 2, 2]]}], "at least three corners of x and y"),
            ([{"segmentation": [[0, 0, 1e9, 0, 1, 1]]}], "corners far outside of the frame"),
            ([{"segmentation": [[0, 0, None, 0, 1, 1]]}], "segmentation cannot be read|far outside"),
            ([{"segmentation": []}], "has no pixels"),
            ([{}], "segmentation cannot be read"),
        ],
    )  # fmt: skip
    def test_bad_annotations(self, tmp_path, annotations, message):
        with pytest.raises(BadLabel, match=f"labels.json: .*({message})"):
            read(coco(tmp_path, annotations))

    def test_an_unknown_category_lists_the_known_ones(self, tmp_path):
        path = coco(tmp_path, [{"segmentation": rle_text(SQUARE)}], categories=[{"id": 2, "name": "cats"}])
        with pytest.raises(BadLabel, match=r"unknown category 'cats'; known: cat, object. Did you mean 'cat'\?"):
            read(path)

    @pytest.mark.parametrize(
        ("image", "message"),
        [
            ({"id": 5, "file_name": "r9.jpg"}, "nobody asked for r9"),
            ({"id": 5}, "an image lacks 'file_name'"),
            ({"file_name": "r1.jpg"}, "an image lacks 'id'"),
            ({"id": 5, "file_name": "r1.jpg", "height": 8}, "listed as 8x4 pixels .* its frame is 4x4"),
            ({"id": 5, "file_name": "r1.jpg", "seconds": "long"}, "a number of at least 0, got 'long'"),
        ],
    )
    def test_bad_images(self, tmp_path, image, message):
        with pytest.raises(BadLabel, match=message):
            read(coco(tmp_path, [], images=[image]))

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_a_byte_order_mark(self, tmp_path, encoding):
        path = coco(tmp_path, [{"segmentation": rle_text(SQUARE)}])
        path.write_bytes(path.read_text().encode(encoding))
        assert read(path).masks == (DrawnMask(1, "cat", encode(SQUARE)),)

    def test_another_encoding_is_told_with_what_mends_it(self, tmp_path):
        path = coco(tmp_path, [{"segmentation": rle_text(SQUARE)}])
        path.write_bytes(path.read_bytes().replace(b"cat", "k\u00e4fer".encode("cp1252")))
        with pytest.raises(BadLabel, match=r"cannot be read as JSON \('utf-8' codec .*\)\. Save it as UTF-8$"):
            read(path)

    def test_a_path_as_windows_writes_it(self, tmp_path):
        image = {"id": 5, "file_name": "images\\round-0001\\r1.jpg"}
        assert read(coco(tmp_path, [{"segmentation": rle_text(SQUARE)}], images=[image])).objects


def two_frames(folder: Path, images: list, annotations: list, **more) -> FileContent[DrawnFrame]:
    path = coco(folder, annotations, images=images, **more)
    return read_label_file(path, lambda name: Asked(name.stem, 4, 4, lasting=True), ["cat"])


IMAGES = [{"id": 5, "file_name": "r1.jpg"}, {"id": 6, "file_name": "r2.jpg"}]
GOOD = {"segmentation": rle_text(SQUARE), "track_id": 1}


class TestSeveralFrames:
    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            ({"segmentation": []}, "labels.json: r2: annotation 3 has no pixels"),
            ({"segmentation": rle_text(SQUARE[:3])}, r"labels.json: r2: annotation 3: its segmentation cannot be read"),
            ({"segmentation": rle_text(SQUARE), "category_id": 9}, "r2: annotation 3 has category 9"),
        ],
    )
    def test_a_bad_annotation_costs_its_frame_and_no_other(self, tmp_path, bad, message):
        second = [GOOD | {"image_id": 6}, {"image_id": 6, "track_id": 2} | bad]
        content = two_frames(tmp_path, IMAGES, [GOOD, *second])
        assert content.frames == {"r1": DrawnFrame((DrawnMask(1, "cat", encode(SQUARE)),))}
        (fault,) = content.faults
        assert message.replace("\\", "") in fault

    def test_frames_that_nobody_asked_for_are_one_fault(self, tmp_path):
        images = [{"id": i, "file_name": name} for i, name in enumerate(("r1.jpg", "other1.jpg", "other2.jpg"), 5)]
        content = read_label_file(coco(tmp_path, [GOOD], images=images), asked_by, ["cat"])
        assert list(content.frames) == ["r1"]
        assert content.faults == ("labels.json: nobody asked for other1 (and 1 other image like it)",)

    def test_an_image_id_that_is_there_twice_belongs_to_no_image(self, tmp_path):
        images = [{"id": 5, "file_name": "r1.jpg"}, *IMAGES[1:], {"id": 5, "file_name": "r3.jpg"}]
        content = two_frames(tmp_path, images, [GOOD, GOOD | {"track_id": 2}, GOOD | {"image_id": 6}])
        assert list(content.frames) == ["r2"]
        (fault,) = content.faults
        assert fault.startswith("labels.json: image id 5 is there 2 times (r1.jpg, r3.jpg)")

    def test_a_frame_that_is_listed_twice_is_joined_where_one_listing_has_the_annotations(self, tmp_path):
        images = [{"id": 5, "file_name": "r1.jpg"}, {"id": 6, "file_name": "batch2/r1.jpg"}]
        assert two_frames(tmp_path, images, [GOOD]).frames["r1"].objects
        assert two_frames(tmp_path, images[::-1], [GOOD]).frames["r1"].objects
        assert two_frames(tmp_path, images, [GOOD, GOOD | {"image_id": 6}]).frames["r1"].objects
        with pytest.raises(BadLabel, match=r"r1: the frame is listed 2 times \(image ids 5, 6\) with different"):
            two_frames(tmp_path, images, [GOOD, {"segmentation": rle_text(CORNER), "image_id": 6}])

    def test_an_image_that_is_listed_twice_as_it_is_counts_once(self, tmp_path):
        content = two_frames(tmp_path, [IMAGES[0], IMAGES[0]], [GOOD])
        assert len(content.frames["r1"].objects) == 1
        assert content.faults == ()

    def test_a_category_id_with_two_names_is_refused(self, tmp_path):
        listed = [{"id": 2, "name": "cat"}, {"id": 2, "name": "dog"}]
        with pytest.raises(BadLabel, match="category id 2 is both 'cat' and 'dog'"):
            two_frames(tmp_path, IMAGES, [GOOD], categories=listed)


class TestNoCoco:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"images": [', "cannot be read as JSON .* Copy it again"),
            ("[]", "expected a COCO file with images and annotations, got a list"),
            ("{}", "its 'images' is no list of objects"),
            ('{"images": [], "annotations": [3]}', "its 'annotations' is no list of objects"),
        ],
    )
    def test_no_coco_at_all(self, tmp_path, text, message):
        (tmp_path / "labels.json").write_text(text)
        with pytest.raises(BadLabel, match=f"labels.json: .*{message}"):
            read(tmp_path / "labels.json")
