import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from al_core.export.contents import ExportOptions
from al_core.export.exporters import write_export
from al_core.records import Identities
from tests.toys.footage.export_clips import CORNER, HUMAN, RING, TEACHER, delivered, make_clip, usual_clip

NAMES = {1: "dog", 2: "cat"}


@pytest.fixture
def written(tmp_path):
    write_export("youtube-vis", [usual_clip()], NAMES, tmp_path / "out")
    return json.loads((tmp_path / "out" / "instances.json").read_text())


def decoded(segmentation):
    return None if segmentation is None else coco_mask.decode(segmentation).astype(bool)


def test_a_video_lists_its_frames(written):
    (video,) = written["videos"]
    assert video["file_names"] == [f"toy/{i:05d}.jpg" for i in range(4)]
    assert (video["length"], video["width"], video["height"]) == (4, 6, 5)


def test_a_track_has_a_mask_or_null_for_each_frame(written):
    dog, cat = written["annotations"]
    assert [s is None for s in dog["segmentations"]] == [False, False, True, True]
    assert [s is None for s in cat["segmentations"]] == [True, False, True, False]
    np.testing.assert_array_equal(decoded(dog["segmentations"][0]), RING)
    np.testing.assert_array_equal(decoded(cat["segmentations"][3]), CORNER)
    assert cat["areas"] == [None, 4.0, None, 4.0]
    assert cat["bboxes"] == [None, [4.0, 0.0, 2.0, 2.0], None, [4.0, 0.0, 2.0, 2.0]]
    assert (dog["category_id"], cat["category_id"]) == (1, 2)
    assert dog["provenances"] == ["human", "propagated", None, None]


def test_only_the_frames_that_go_out_are_in_the_video(tmp_path):
    options = ExportOptions(provenances=frozenset([TEACHER]), extra_fields=False)
    write_export("youtube-vis", [usual_clip()], NAMES, tmp_path / "out", options)
    written = json.loads((tmp_path / "out" / "instances.json").read_text())
    assert written["videos"][0]["frame_indices"] == [1, 2, 3]
    (cat,) = written["annotations"]
    assert [s is None for s in cat["segmentations"]] == [False, True, False]
    assert "track_id" not in cat
    images = tmp_path / "out" / "JPEGImages" / "toy"
    assert sorted(p.name for p in images.iterdir()) == ["00001.jpg", "00002.jpg", "00003.jpg"]


def test_a_track_of_several_categories_takes_the_most_frequent_and_says_so(tmp_path):
    masks = [delivered(0, 1, RING, category_id=1), *(delivered(i, 1, RING, category_id=2) for i in (1, 2))]
    report = write_export("youtube-vis", [make_clip(masks)], NAMES, tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["annotations"][0]["category_id"] == 2
    assert report.warnings == (
        "toy: object 1 has 2 categories over time; the format holds one, the most frequent was taken",
    )


def test_numbers_that_do_not_persist_are_told(tmp_path):
    clip = usual_clip(identities=Identities.PER_FRAME)
    report = write_export("youtube-vis", [clip], NAMES, tmp_path / "a.json")
    assert "object numbers do not persist" in report.warnings[0]


def test_ids_are_unique_over_videos(tmp_path):
    clips = [usual_clip(), usual_clip(name="other", video_id=2)]
    write_export("youtube-vis", clips, NAMES, tmp_path / "a.json")
    written = json.loads((tmp_path / "a.json").read_text())
    assert [(a["id"], a["video_id"]) for a in written["annotations"]] == [(1, 1), (2, 1), (3, 2), (4, 2)]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), hnp.arrays(bool, (4, 5))), max_size=6))
def test_every_mask_is_in_its_track_at_its_frame(tmp_path_factory, items):
    by_key = {(frame, track): mask for frame, track, mask in items if mask.any()}
    masks = [delivered(frame, track, mask, HUMAN) for (frame, track), mask in by_key.items()]
    path = tmp_path_factory.mktemp("vis") / "a.json"
    write_export("youtube-vis", [make_clip(masks, size=(4, 5))], NAMES, path)
    read = {
        (frame, annotation["track_id"]): decoded(segmentation)
        for annotation in json.loads(path.read_text())["annotations"]
        for frame, segmentation in enumerate(annotation["segmentations"])
        if segmentation is not None
    }
    assert set(read) == set(by_key)
    for key, mask in by_key.items():
        np.testing.assert_array_equal(read[key], mask)
