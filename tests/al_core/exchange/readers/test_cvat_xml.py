"""CVAT's files for images and for video."""

import pytest

from al_core.errors import BadLabel
from al_core.exchange.cvat import encode_cvat
from al_core.exchange.drawn import Asked, DrawnMask
from al_core.exchange.readers.cvat_xml import read_cvat_labels
from al_core.masks.rle import encode
from tests.toys.ledgers import SQUARE

META = "<meta><task><name>shift</name><source>holiday.mp4</source></task></meta>"


def asked_by(name):
    if name.video and name.video not in ("holiday.mp4", "clip"):
        raise BadLabel(f"no video {name.video}")
    return Asked(f"{name.video or name.stem}:{name.index}", 4, 4, lasting=False)


def read(folder, inner, name="a.xml"):
    (folder / name).write_text(f"<annotations>{inner}</annotations>")
    return read_cvat_labels(folder / name, asked_by)


def square(frame, **more):
    runs, left, top, width, height = encode_cvat(SQUARE)
    place = f'left="{left}" top="{top}" width="{width}" height="{height}"'
    others = " ".join(f'{key}="{value}"' for key, value in more.items())
    return f'<mask frame="{frame}" rle="{", ".join(map(str, runs))}" {place} {others}/>'


def test_tracks_keep_their_numbers_over_frames(tmp_path):
    tracks = (
        f'<track id="0" label="cat">{square(0, keyframe=1)}{square(1, keyframe=0)}{square(2, outside=1)}</track>'
        f'<track id="1" label="dog">{square(1)}</track>'
    )
    content = read(tmp_path, META + tracks)
    masks = {key: [(m.track_id, m.category) for m in frame.masks] for key, frame in content.frames.items()}
    assert masks == {
        "holiday.mp4:0": [(1, "cat")],
        "holiday.mp4:1": [(1, "cat"), (2, "dog")],
        "holiday.mp4:2": [],
    }
    assert content.frames["holiday.mp4:0"].masks[0].rle == encode(SQUARE)
    assert content.notes == ("a.xml: shapes that CVAT interpolated between key frames, taken as they stand: 1",)


def test_a_polygon_and_a_number_of_ours(tmp_path):
    polygon = '<polygon frame="3" points="1,1;3,1;3,3;1,3"><attribute name="number">7</attribute></polygon>'
    content = read(tmp_path, f'{META}<track label="cat">{polygon}</track>')
    assert content.frames["holiday.mp4:3"].masks == (DrawnMask(7, "cat", encode(SQUARE)),)


def test_what_is_said_of_an_object_in_one_frame(tmp_path):
    parked = '<attribute name="parked">true</attribute><attribute name="full">false</attribute>'
    polygon = f'<polygon frame="3" points="1,1;3,1;3,3;1,3">{parked}</polygon>'
    content = read(tmp_path, f'{META}<track label="cat">{polygon}{square(4, occluded=1)}</track>')
    assert [frame.masks[0].attributes for frame in content.frames.values()] == [("parked",), ("occluded",)]


def test_a_region_to_ignore(tmp_path):
    content = read(tmp_path, f'{META}<track label="(ignore)">{square(0)}</track>')
    assert content.frames["holiday.mp4:0"].masks == (DrawnMask(0, None, encode(SQUARE)),)


def test_the_name_of_the_file_stands_in_for_that_of_the_video(tmp_path):
    meta = META.replace("holiday", "elsewhere")
    assert list(read(tmp_path, f'{meta}<track label="cat">{square(5)}</track>', "clip.xml").frames) == ["clip:5"]


def test_a_box_is_no_mask(tmp_path):
    with pytest.raises(BadLabel, match=r"a\.xml: holiday\.mp4:0: track 1: expected masks and polygons, got a box"):
        read(tmp_path, f'{META}<track label="cat"><box frame="0" xtl="0"/></track>')


def test_images_that_nobody_has_looked_at_are_passed_over(tmp_path):
    image = '<image id="{0}" name="sub/f{0}.png" width="4" height="4">{1}</image>'
    shape = square(0).replace("<mask ", '<mask label="cat" ')
    done = '<tag label="frame done"/>'
    content = read(tmp_path, image.format(0, shape) + image.format(1, "") + image.format(2, done))
    assert {key: len(frame.masks) for key, frame in content.frames.items()} == {"f0:None": 1, "f2:None": 0}
    assert content.notes == ("a.xml: frames without a shape, which nobody may have looked at, passed over: 1",)
    with pytest.raises(BadLabel, match="no frame has a shape"):
        read(tmp_path, image.format(1, ""))
