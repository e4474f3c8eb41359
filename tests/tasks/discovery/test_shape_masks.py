"""Masks of other pictures, from folders and projects."""

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadLabel
from al_core.masks.rle import decode, encode
from al_core.project import Project
from al_core.records import Answer, FrameLabel, FrameRef, LabelKind, LabelRequest, MaskLabel, Selected
from tasks.discovery.shape_masks import MOST, shapes_from
from tasks.ledger.client import open_ledger
from tasks.project.ingest import ingest_paths
from tests.toys.footage.movers import line, mover_clip, write_frames

SIZE = (20, 30)


def write(path, values, numbered=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(values, np.uint8))
    if numbered:
        image.putpalette([value // 3 for value in range(3 * 256)])
    image.save(path)


def marks(*values):
    mask = np.zeros(SIZE, np.uint8)
    for n, value in enumerate(values):
        mask[2:5, 6 * n : 6 * n + 4] = value
    return mask


def test_the_objects_of_a_mask_image_are_one_shape(tmp_path):
    write(tmp_path / "deep" / "a.png", marks(1, 2, 255), numbered=True)
    write(tmp_path / "b.png", marks(255))
    write(tmp_path / "c.png", marks())
    (tmp_path / "a.jpg").write_bytes(b"no mask")
    assert [int(decode(shape).sum()) for shape in shapes_from(tmp_path)] == [12, 24]


def test_of_many_some_are_used(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.discovery.shape_masks.MOST", 3)
    for n in range(5):
        write(tmp_path / f"{n}.png", marks(*[255] * (n + 1)))
    assert [int(decode(shape).sum()) // 12 for shape in shapes_from(tmp_path)] == [1, 3, 5]
    assert MOST > 3


def test_a_mask_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(BadLabel, match=r"a\.png: cannot be read as a mask"):
        shapes_from(tmp_path)


@pytest.mark.parametrize("what", ["nowhere", "empty", "blank", "small"])
def test_a_place_without_shapes_is_refused_in_one_line(tmp_path, what):
    place = tmp_path / what
    if what != "nowhere":
        place.mkdir()
    if what == "blank":
        write(place / "a.png", marks())
    if what == "small":
        write(place / "a.png", np.full((4, 4), 255))
    words = (
        "there is no such folder" if what == "nowhere" else "of at least 16 pixels that show an object, and found none"
    )
    with pytest.raises(BadLabel, match=words) as caught:
        shapes_from(place)
    assert "\n" not in str(caught.value)


def test_of_a_project_those_frames_count_that_people_drew_as_a_whole(tmp_path):
    project, clip = Project.at(tmp_path / "other"), mover_clip({1: line((20, 36), (5, 0), 4)})
    ledger = open_ledger(project)
    ingest_paths(ledger, [write_frames(tmp_path / "moving", clip)], categories=("disk",))
    with pytest.raises(BadLabel, match="a project with frames in which people drew all objects, and found none"):
        shapes_from(project.root)
    for index, (kind, complete) in enumerate([(LabelKind.MASK, True), (LabelKind.MASK, False), (LabelKind.BOX, True)]):
        request = LabelRequest.of(1, Selected(FrameRef(1, index), 0, 0.0, ""))
        ledger.put_requests([request])
        said = FrameLabel(request.frame, (MaskLabel(1, 1, encode(clip.truth[index][1])),), complete)
        ledger.put_answer(Answer(f"a{index}", request.request_id, said, kind, 7.0, "ann"))
    assert shapes_from(project.root) == (encode(clip.truth[0][1]),)
