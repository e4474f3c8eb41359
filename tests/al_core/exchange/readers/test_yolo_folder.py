"""YOLO-seg folders: names of classes, outlines, and lines that cannot be used."""

import pytest

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked
from al_core.exchange.readers.yolo_folder import class_names, read_yolo, yolo_source
from al_core.masks.rle import decode
from tests.toys.ledgers import SQUARE

OUTLINE = "0.3 0.3 0.6 0.3 0.6 0.6 0.3 0.6"


def asked_by(name):
    return Asked(name.path, 4, 4, lasting=False)


def folder(place, **files):
    (place / "labels" / "train" / "clip").mkdir(parents=True)
    (place / "data.yaml").write_text('train: images/train\nnames:\n  0: "cat"\n  1: dog\n')
    for name, text in files.items():
        (place / "labels" / "train" / "clip" / f"{name}.txt").write_text(text)
    return place


def test_outlines_are_masks_without_numbers(tmp_path):
    content = yolo_source(folder(tmp_path, f1=f"1 {OUTLINE}\n\n0 {OUTLINE}\n", f2="")).read(asked_by, None)
    first = content.frames["train/clip/f1.jpg"]
    assert [(m.track_id, m.category) for m in first.masks] == [(1, "dog"), (2, "cat")]
    assert (decode(first.masks[0].rle) == SQUARE).all()
    assert not first.numbered
    assert content.frames["train/clip/f2.jpg"].masks == ()


def test_a_byte_order_mark(tmp_path):
    place = folder(tmp_path, f1=f"\N{ZERO WIDTH NO-BREAK SPACE}1 {OUTLINE}\r\n")
    assert [m.category for m in read_yolo(place, asked_by).frames["train/clip/f1.jpg"].masks] == ["dog"]


@pytest.mark.parametrize(
    "text",
    [
        "names:\n  0: cat\n  1: 'big dog'\nnc: 2\n",
        "nc: 2\nnames:\n- cat\n- big dog\n",
        "names: [cat, 'big dog']\n",
        "names: {0: cat, 1: 'big dog'}\n",
    ],
)
def test_classes_are_named_in_any_way_that_yaml_has(tmp_path, text):
    (tmp_path / "data.yaml").write_text(text)
    assert class_names(tmp_path / "data.yaml") == {0: "cat", 1: "big dog"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.2 0.2", "at least three corners, got 2: is it a box"),
        ("0 0.5 0.5 0.2", "expected a class and pairs of x and y"),
        ("cat 0.5 0.5 0.2 0.2 0.1 0.1", "expected a class and pairs of x and y"),
        ("0 0.5 0.5 1.5 0.2 0.1 0.1", r"coordinates in \[0, 1\]"),
        (f"7 {OUTLINE}", "has class 7, which data.yaml does not name"),
    ],
)
def test_a_line_that_cannot_be_used_costs_its_frame(tmp_path, line, message):
    content = read_yolo(folder(tmp_path, f1=f"0 {OUTLINE}\n{line}\n", f2=f"0 {OUTLINE}"), asked_by)
    assert list(content.frames) == ["train/clip/f2.jpg"]
    (fault,) = content.faults
    with pytest.raises(BadLabel, match=message):
        raise BadLabel(fault)


def test_a_folder_that_lacks_something(tmp_path):
    with pytest.raises(BadLabel, match=r"data\.yaml: cannot be read"):
        read_yolo(tmp_path, asked_by)
    (tmp_path / "data.yaml").write_text("train: a\n")
    with pytest.raises(BadLabel, match="expected the names of the classes"):
        read_yolo(tmp_path, asked_by)
    (tmp_path / "data.yaml").write_text("names: [a]\n")
    with pytest.raises(BadLabel, match="expected label files"):
        read_yolo(tmp_path, asked_by)
