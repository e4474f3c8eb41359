import zipfile

import numpy as np
import pytest
from hypothesis import given, settings

from al_core.errors import BadLabel
from al_core.exchange import cvat
from al_core.exchange.cvat import DONE, SentFrame, decode_cvat, encode_cvat, label_specs, read_cvat, write_cvat
from al_core.exchange.drawn import IGNORE_NAME, Asked, frame_label
from al_core.masks.rle import decode, encode
from al_core.records import FrameLabel, FrameRef, MaskLabel
from tests.toys.masks import EMPTY, EXAMPLES, FULL, HOLED, OVER, masks, same_sized

FRAME = FrameRef(1, 3)
NAMES = {1: "car", 2: 'a "b" & <c>'}
IDS = {name: category for category, name in NAMES.items()}


def label(*masks):
    return FrameLabel(FRAME, tuple(MaskLabel(track, category, encode(mask)) for track, category, mask in masks))


def asked_by(height=4, width=6):
    def find(name):
        if name.stem != "r1":
            raise BadLabel(f"no frame {name.stem}")
        return Asked("r1", height, width, True)

    return find


def read(tmp_path, content, name="a.xml"):
    path = tmp_path / name
    path.write_bytes(content)
    return read_cvat(path, asked_by()).frames


@given(masks)
def test_a_mask_there_and_back(mask):
    coded = encode_cvat(mask)
    assert (coded is None) == (not mask.any())
    if coded is not None:
        assert np.array_equal(decode_cvat(*coded, mask.shape), mask)


def test_runs_by_hand():
    """The box begins with painted pixels, so that the first run is of length 0."""
    assert encode_cvat(HOLED[:3, :3]) == ([0, 4, 1, 4], 0, 0, 3, 3)
    assert encode_cvat(OVER) == ([0, 8], 1, 1, 4, 2)


@settings(max_examples=50)
@given(same_sized)
def test_a_file_there_and_back(tmp_path_factory, stack):
    sent = label(*((i + 1, 1 + i % 2, mask) for i, mask in enumerate(stack)))
    path = tmp_path_factory.mktemp("cvat") / "a.xml"
    path.write_bytes(write_cvat("round", [SentFrame("r1.png", 5, 7, sent)], NAMES))
    kept = tuple(mask for mask in sent.masks if decode(mask.rle).any())
    back = read_cvat(path, asked_by(5, 7)).frames["r1"]
    assert frame_label(FRAME, back.drawn, IDS) == FrameLabel(FRAME, kept)


@pytest.mark.parametrize("zipped", [False, True])
def test_holes_speckles_overlaps_and_full_frames(tmp_path, zipped):
    sent = label((1, 1, HOLED), (2, 2, OVER), (5, 1, FULL), (0, 0, OVER))
    content = write_cvat("round", [SentFrame("r1.png", 4, 6, sent)], NAMES)
    path = tmp_path / "answer.xml"
    path.write_bytes(content)
    if zipped:
        path = tmp_path / "answer.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images/r1.png", b"")
            archive.writestr("annotations.xml", content)
    back = read_cvat(path, asked_by()).frames["r1"]
    assert frame_label(FRAME, back.drawn, IDS) == sent
    assert not back.done


def test_an_empty_mask_has_no_element():
    content = write_cvat("round", [SentFrame("r1.png", 4, 6, label((1, 1, EMPTY)))], NAMES)
    assert b"<mask" not in content
    assert b'<image id="0" name="r1.png" width="6" height="4"' in content


def test_labels_of_a_task_have_a_number_and_there_is_a_tag():
    car, ignore, done = label_specs(["car"])
    assert (car["name"], [a["name"] for a in car["attributes"]]) == ("car", ["number"])
    assert (ignore["name"], ignore["attributes"]) == (IGNORE_NAME, [])
    assert (done["name"], done["type"]) == (DONE, "tag")


def test_what_is_said_of_objects_there_and_back(tmp_path):
    said = ["occluded", "truncated", "car: parked", "bus: full"]
    car, ignore, _ = label_specs(["car"], said)
    assert [a["name"] for a in car["attributes"]] == ["number", "truncated", "parked"]
    assert ignore["attributes"] == []
    one, other = (MaskLabel(t, 1, encode(HOLED), attributes=a) for t, a in ((1, ("occluded", "parked")), (2, ())))
    sent = FrameLabel(FRAME, (one, other, MaskLabel(0, 0, encode(OVER))))
    content = write_cvat("round", [SentFrame("r1.png", 4, 6, sent)], NAMES, said)
    assert b'occluded="1"' in content
    back = frame_label(FRAME, read(tmp_path, content)["r1"].drawn, IDS)
    assert back == sent
    assert [mask.attributes for mask in back.masks] == [("occluded", "parked"), (), ()]


def image(inside, size='width="6" height="4"', name="r1.png"):
    return f'<annotations><image id="0" name="{name}" {size}>{inside}</image></annotations>'.encode()


BOX = 'left="1" top="1" width="4" height="2"'


def test_as_people_return_it(tmp_path):
    """A folder before the name, a polygon, a mask without number, and the tag."""
    polygon = '<polygon label="car" points="1.0,1.0;5.0,1.0;5.0,3.0;1.0,3.0"/>'
    back = read(tmp_path, image(f'<tag label="{DONE}"/>{polygon}', name="round/r1.png"))["r1"]
    assert back.done
    (mask,) = back.drawn.masks
    assert (mask.track_id, mask.category) == (1, "car")
    assert np.array_equal(decode(mask.rle), OVER)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<nothing/>", "a.xml: expected <annotations>, got <nothing>"),
        (b"<annotations><track/></annotations>", "it holds tracks"),
        (b"<!DOCTYPE x><annotations/>", "a.xml: XML with a document type"),
        (b'<!DOCTYPE a [<!ENTITY x "xxxx"><!ENTITY y "&x;&x;">]><a>&y;</a>', "document type or entities"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>', "document type or entities"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>', "document type or entities"),
        (b"<a>" * 100_000, "cannot be read as XML"),
        (b"", "cannot be read as XML"),
        (b"<a>&y;</a>", "cannot be read as XML"),
        (b'<?xml version="1.0" encoding="nowhere"?><a/>', "cannot be read as XML"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "cannot be read"),
        (image("", name="other.png"), "a.xml: no frame other"),
        (image("", size='width="6" height="5"'), "r1: the image is 5x6 pixels .* its frame is 4x6"),
        (image("", size='width="6"'), "cannot be read"),
        (image('<box label="car"/>'), "expected masks and polygons, got a box"),
        (image(f'<mask label="car" rle="0,8" {BOX.replace("1", "3")}/>'), "leaves the frame"),
        (image(f'<mask label="car" rle="0,9" {BOX}/>'), "tell 9 pixels, its box has 8"),
        (image(f'<mask label="car" rle="-1,9" {BOX}/>'), "its box has 8"),
        (image(f'<mask label="car" rle="0,x" {BOX}/>'), "cannot be read"),
        (image(f'<mask rle="0,8" {BOX}/>'), "cannot be read"),
        (image(f'<mask label="car" rle="0,8" {BOX}><attribute name="number">-1</attribute></mask>'), "whole number"),
        (image(f'<mask label="car" rle="0,8" {BOX}><attribute name="number">nan</attribute></mask>'), "whole number"),
        (image(f'<mask label="car" rle="0,8" {BOX}><attribute name="number">1.5</attribute></mask>'), "whole number"),
        (image('<polygon label="car" points="1,1;2,2"/>'), "at least three corners"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path, content, message):
    with pytest.raises(BadLabel, match=message):
        read(tmp_path, content)


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(cvat, "LARGEST_FILE", 1 << 20)
    with pytest.raises(BadLabel, match="larger than 1 MiB"):
        read(tmp_path, b" " * (2 << 20))
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations.xml", b" " * (50 << 20))
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(BadLabel, match="larger than 1 MiB"):
        read_cvat(bomb, asked_by())


def test_a_zip_without_annotations(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../r1.png", b"")
    with pytest.raises(BadLabel, match="holds no annotations.xml"):
        read_cvat(path, asked_by())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip(tmp_path, method):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("annotations.xml", write_cvat("round", [SentFrame("r1.png", 4, 6)], NAMES))
    whole = path.read_bytes()
    for damaged in (whole[:60], whole[:60] + bytes(40) + whole[100:]):
        path.write_bytes(damaged)
        with pytest.raises(BadLabel, match="a.zip: the zip cannot be read"):
            read_cvat(path, asked_by())


def test_numbers_may_be_told_with_a_point(tmp_path):
    """datumaro writes them so."""
    number = '<attribute name="number">3.0</attribute>'
    back = read(tmp_path, image(f'<mask label="car" rle="0,8" {BOX}>{number}</mask>'))["r1"]
    assert back.drawn.masks[0].track_id == 3


@pytest.mark.parametrize("name", EXAMPLES)
def test_masks_that_were_lost_elsewhere(name):
    coded = encode_cvat(EXAMPLES[name])
    assert coded is None or np.array_equal(decode_cvat(*coded, (4, 6)), EXAMPLES[name])


def images_of(*images):
    return f"<annotations>{''.join(images)}</annotations>".encode()


def one(name, inside):
    return f'<image id="0" name="{name}.png" width="6" height="4">{inside}</image>'


def found(tmp_path, content):
    path = tmp_path / "a.xml"
    path.write_bytes(content)
    return read_cvat(path, lambda name: Asked(name.stem, 4, 6, True))


SQUARE_POLYGON = '<polygon label="car" points="1,1;5,1;5,3;1,3"/>'


def test_an_image_with_a_fault_leaves_the_others(tmp_path):
    content = found(tmp_path, images_of(one("r1", SQUARE_POLYGON), one("r2", '<box label="car"/>')))
    assert list(content.frames) == ["r1"]
    assert content.faults == (
        "a.xml: r2: expected masks and polygons, got a box; remove it, or draw the object as a mask",
    )


def test_a_frame_that_is_there_twice_is_refused_unless_it_says_the_same(tmp_path):
    again = one("r1", SQUARE_POLYGON)
    assert list(found(tmp_path, images_of(again, again)).frames) == ["r1"]
    content = found(tmp_path, images_of(again, one("r2", SQUARE_POLYGON), one("r1", "")))
    assert list(content.frames) == ["r2"]
    assert content.faults == ("a.xml: r1: the frame is there twice with different masks. Keep one of them",)


def test_polygons_that_reach_out_are_clipped_and_told(tmp_path):
    content = found(tmp_path, images_of(one("r1", '<polygon label="car" points="1,1;9,1;9,3;1,3"/>')))
    assert decode(content.frames["r1"].drawn.masks[0].rle).sum() == 10
    assert content.notes == ("a.xml: r1: polygons reaching out of the frame, clipped at its edge: 1",)
