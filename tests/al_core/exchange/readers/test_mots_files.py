"""MOTS as images and as lines, of ours and of others."""

import json

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, DrawnMask
from al_core.exchange.readers.mots_files import mots_sources, read_mots_text
from al_core.masks.rle import encode
from tests.toys.ledgers import SQUARE

CORNER = np.zeros((4, 4), bool)
CORNER[0, 0] = True


def asked_by(name):
    if name.video == "lost":
        raise BadLabel("no video lost")
    return Asked(f"{name.video}:{name.index}", 4, 4, lasting=False)


def images(folder, *pictures, video="clip"):
    place = folder / "instances" / video
    place.mkdir(parents=True)
    for number, values in enumerate(pictures, start=1):
        Image.fromarray(values.astype(np.uint16)).save(place / f"{number:06d}.png")
    return folder


def read(folder):
    (source,) = mots_sources(folder)
    return source.read(asked_by, None)


def line(frame, value, mask=SQUARE, kind=None):
    return f"{frame} {value} {value // 1000 if kind is None else kind} 4 4 {encode(mask).counts}\n"


def test_pixels_are_class_and_instance(tmp_path):
    both = 1005 * SQUARE + 10_000 * CORNER
    content = read(images(tmp_path, both, 0 * SQUARE))
    assert content.frames["clip:0"].masks == (DrawnMask(5, "car", encode(SQUARE)), DrawnMask(0, None, encode(CORNER)))
    assert content.frames["clip:1"].masks == ()


def test_a_frame_that_is_ignored_as_a_whole_is_not_labelled(tmp_path):
    assert list(read(images(tmp_path, 1001 * SQUARE, np.full((4, 4), 10_000))).frames) == ["clip:0"]


def test_an_instance_of_two_classes_keeps_its_whole_value(tmp_path):
    content = read(images(tmp_path, 1001 * SQUARE + 2001 * CORNER))
    assert [(m.track_id, m.category) for m in content.frames["clip:0"].masks] == [(1001, "car"), (2001, "pedestrian")]


def test_classes_have_names_of_their_own(tmp_path):
    (tmp_path / "classes.json").write_text(json.dumps({"1": "owl"}))
    content = read(images(tmp_path, 1001 * SQUARE + 3002 * CORNER))
    assert [m.category for m in content.frames["clip:0"].masks] == ["owl", "class 3"]


def test_lines_label_frames_that_they_name(tmp_path):
    (tmp_path / "clip.txt").write_text(line(2, 2007) + line(2, 10_000, CORNER) + line(3, 10_000, SQUARE | True))
    content = read_mots_text(tmp_path / "clip.txt", asked_by)
    assert content.frames == {"clip:1": content.frames["clip:1"]}
    assert [(m.track_id, m.category) for m in content.frames["clip:1"].masks] == [(7, "pedestrian"), (0, None)]


def test_byte_order_marks(tmp_path):
    (tmp_path / "clip" / "gt").mkdir(parents=True)
    (tmp_path / "clip" / "gt" / "gt.txt").write_text(line(2, 1001), encoding="utf-8-sig")
    (tmp_path / "clip" / "seqinfo.ini").write_text("[Sequence]\nseqLength=2\n", encoding="utf-8-sig")
    assert {key: len(frame.masks) for key, frame in read(tmp_path).frames.items()} == {"clip:0": 0, "clip:1": 1}


def test_with_the_length_of_the_video_other_frames_are_empty(tmp_path):
    (tmp_path / "clip" / "gt").mkdir(parents=True)
    (tmp_path / "clip" / "gt" / "gt.txt").write_text(line(2, 1001) + line(4, 10_000, SQUARE | True))
    (tmp_path / "clip" / "seqinfo.ini").write_text("[Sequence]\nname=clip\nseqLength=4\n")
    content = read(tmp_path)
    assert {key: len(frame.masks) for key, frame in content.frames.items()} == {"clip:0": 0, "clip:1": 1, "clip:2": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 1001 1 4 4\n", r"line 1 cannot be read .*expected: frame object class"),
        ("1 1001 1 4 4 ~~\n", "line 1 cannot be read"),
        (line(1, 1001) * 2, "object 1001 is there twice"),
        ("1 1001 1 4 5 d0\n", r"clip\.txt"),
    ],
)
def test_lines_that_cannot_be_used(tmp_path, text, message):
    (tmp_path / "clip.txt").write_text(text)
    with pytest.raises(BadLabel, match=message):
        read_mots_text(tmp_path / "clip.txt", asked_by)


def test_a_video_that_is_not_there(tmp_path):
    (tmp_path / "lost.txt").write_text(line(1, 1001) + line(2, 1001))
    with pytest.raises(BadLabel, match=r"lost\.txt: no video lost \(and 1 like it\)"):
        read_mots_text(tmp_path / "lost.txt", asked_by)


def test_an_image_without_a_number(tmp_path):
    folder = images(tmp_path, SQUARE)
    (folder / "instances" / "clip" / "000001.png").rename(folder / "instances" / "clip" / "first.png")
    with pytest.raises(BadLabel, match="named by the number of its frame, from 1"):
        read(folder)
