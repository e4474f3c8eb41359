"""YouTube-VIS files, good ones and bad ones with their messages."""

import json

import pytest

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, DrawnMask
from al_core.exchange.readers.video_json import read_youtube_vis
from al_core.masks.rle import encode, run_lengths
from tests.toys.ledgers import SQUARE

OBJECT = {"id": 9, "video_id": 1, "category_id": 2, "segmentations": [encode(SQUARE).to_coco(), None]}
VIDEO = {"id": 1, "height": 4, "width": 4, "file_names": ["v/a.jpg", "v/b.jpg"]}


def asked_by(name):
    if "lost" in name.path:
        raise BadLabel(f"{name.path}: nothing")
    return Asked(f"{name.video or '-'}:{name.stem if name.index is None else name.index}", 4, 4, lasting=False)


def read(folder, objects=(OBJECT,), video=VIDEO, **more):
    content = {"videos": [video], "annotations": list(objects), "categories": [{"id": 2, "name": "cat"}]} | more
    (folder / "a.json").write_text(json.dumps(content))
    return read_youtube_vis(folder / "a.json", asked_by)


def test_every_listed_frame_is_labelled(tmp_path):
    content = read(tmp_path, [OBJECT, OBJECT | {"track_id": 7}])
    square = encode(SQUARE)
    assert content.frames["-:a"].masks == (DrawnMask(1, "cat", square), DrawnMask(7, "cat", square))
    assert content.frames["-:b"].masks == ()


def test_uncompressed_run_lengths(tmp_path):
    listed = {"size": [4, 4], "counts": run_lengths(encode(SQUARE)).tolist()}
    content = read(tmp_path, [OBJECT | {"segmentations": [listed, None]}])
    assert content.frames["-:a"].masks == (DrawnMask(1, "cat", encode(SQUARE)),)


def test_our_own_files_say_which_frames_they_are(tmp_path):
    content = read(tmp_path, video=VIDEO | {"name": "clip", "frame_indices": [3, 8]})
    assert list(content.frames) == ["clip:3", "clip:8"]


def test_a_bad_mask_costs_its_frame_and_a_strange_name_is_told(tmp_path):
    small = {"size": [3, 4], "counts": [12]}
    content = read(tmp_path, [OBJECT | {"segmentations": [None, small]}])
    assert list(content.frames) == ["-:a"]
    assert "a.json: -:b: annotation 9: its segmentation cannot be read: an RLE of size [3, 4]" in content.faults[0]
    lost = read(tmp_path, video=VIDEO | {"file_names": ["v/lost.jpg", "v/b.jpg"]})
    assert lost.faults == ("a.json: v/lost.jpg: nothing",)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"objects": [OBJECT | {"segmentations": [None]}]}, "has 1 masks, its video lists 2 frames"),
        ({"objects": [OBJECT | {"video_id": 3}]}, "annotation 9 belongs to video 3, which is not listed"),
        ({"objects": [OBJECT | {"category_id": 3}]}, "has category 3, which is not listed"),
        ({"objects": [OBJECT | {"track_id": "x"}]}, "a track_id is a number from 1, got 'x'"),
        ({"videos": [VIDEO, VIDEO]}, "video id 1 is there twice"),
        ({"video": VIDEO | {"height": 5}}, "the file says 5x4 pixels"),
    ],
)
def test_what_cannot_be_used(tmp_path, more, message):
    with pytest.raises(BadLabel, match=f"a.json: .*{message}"):
        read(tmp_path, **more)


def test_a_file_cut_short(tmp_path):
    (tmp_path / "a.json").write_text('{"videos": [')
    with pytest.raises(BadLabel, match=r"a\.json: cannot be read as JSON .* Copy it again"):
        read_youtube_vis(tmp_path / "a.json", asked_by)
