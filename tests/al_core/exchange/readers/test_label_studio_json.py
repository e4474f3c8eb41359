"""Label Studio's export in its own JSON."""

import json

import pytest

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, DrawnMask
from al_core.exchange.label_studio import prediction
from al_core.exchange.readers.label_studio_json import read_label_studio
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, MaskLabel
from tests.toys.ledgers import SQUARE

LABEL = FrameLabel(FrameRef(1, 0), (MaskLabel(3, 1, encode(SQUARE)),))
RESULT = prediction(LABEL, {1: "cat"}, "v")["result"]


def asked_by(name):
    if "lost" in name.path:
        raise BadLabel(f"{name.path}: nothing")
    return Asked(name.path, 4, 4, lasting=False)


def read(folder, *tasks):
    (folder / "a.json").write_text(json.dumps(tasks))
    return read_label_studio(folder / "a.json", asked_by)


def task(image="/data/upload/3/0a1b2c3d-f1.png", *annotations):
    return {"id": 1, "data": {"why": "it moves", "image": image}, "annotations": list(annotations)}


@pytest.mark.parametrize(
    ("image", "path"),
    [
        ("/data/upload/3/0a1b2c3d-f1.png", "/data/upload/3/f1.png"),
        ("/data/local-files/?d=pool%2Fclip/00001.jpg", "pool/clip/00001.jpg"),
        ("s3://bucket/clip/00001.jpg", "/clip/00001.jpg"),
    ],
)
def test_the_address_of_a_picture_names_the_frame(tmp_path, image, path):
    content = read(tmp_path, task(image, {"result": RESULT, "lead_time": 12.0}))
    assert list(content.frames) == [path]
    (frame,) = content.frames.values()
    assert frame.masks == (DrawnMask(3, "cat", encode(SQUARE)),)
    assert (frame.seconds, frame.numbered) == (None, True)


def test_the_newest_annotation_holds(tmp_path):
    old = {"result": [], "updated_at": "2026-01-01"}
    new = {"result": RESULT, "updated_at": "2026-02-01"}
    cancelled = {"result": [], "updated_at": "2026-03-01", "was_cancelled": True}
    content = read(tmp_path, task("f1.png", new, old, cancelled), task("f2.png"))
    assert [len(frame.masks) for frame in content.frames.values()] == [1]
    assert content.notes == ("a.json: tasks without an annotation, passed over: 1",)


def test_what_does_not_fit_costs_its_frame(tmp_path):
    box = {"result": [{"type": "rectanglelabels", "value": {}}]}
    content = read(tmp_path, task("f1.png", {"result": RESULT}), task("f2.png", box), task("lost.png", {"result": []}))
    assert list(content.frames) == ["f1.png"]
    assert "a.json: f2.png: expected regions made with the brush or as polygons" in content.faults[0]
    assert content.faults[1] == "a.json: lost.png: nothing"


def test_two_tasks_of_one_frame(tmp_path):
    content = read(tmp_path, task("f1.png", {"result": RESULT}), task("f1.png", {"result": []}))
    assert content.faults == ("a.json: f1.png: two tasks say different things of this frame. Keep one",)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1]", "expected a list of tasks"), ("[", "cannot be read as JSON"), ("[]", "no task has an annotation")],
)
def test_no_export_at_all(tmp_path, text, message):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(BadLabel, match=rf"a\.json: .*{message}"):
        read_label_studio(tmp_path / "a.json", asked_by)
