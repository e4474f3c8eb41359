"""What a round for CVAT looks like on disk. What people answer is tested in
``test_conformance.py``, other programs that read the files in ``tests/label_studio``."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.tasks.backends.conformance.people import CvatPeople
from tests.toys.masks import HOLED, OVER


@pytest.fixture
def people(tmp_path):
    return CvatPeople(tmp_path)


def tree(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_round_on_disk(people):
    people.submit({people.ids[0]: people.label(8, {1: HOLED})})
    folder = people.project.outbox / "round-0001"
    images = {f"images/{request_id}.png" for request_id in people.ids}
    assert tree(folder) == {"README.txt", "annotations.xml", "labels.json", *images}
    assert (np.asarray(Image.open(folder / f"images/{people.ids[0]}.png")) == 80).all()
    assert [label["name"] for label in json.loads((folder / "labels.json").read_text())] == [
        "object", "cat", "(ignore)", "frame done",
    ]  # fmt: skip
    assert (folder / "annotations.xml").read_text().count("<mask") == 1
    assert "CVAT for images 1.1" in (folder / "README.txt").read_text()


def test_what_lies_there_is_left_as_it_is(people):
    people.submit({people.ids[0]: people.label(8, {1: HOLED})})
    folder = people.project.outbox
    before = {name: (folder / name).read_bytes() for name in tree(folder)}
    people.submit({people.ids[0]: people.label(8, {1: OVER})})
    assert {name: (folder / name).read_bytes() for name in tree(folder)} == before


def test_a_category_that_nobody_knows(people):
    backend = people.submit()
    people.draw(people.ids[0], {1: HOLED})
    (file,) = people.project.inbox.glob("*.xml")
    file.write_text(file.read_text().replace('label="object"', 'label="dog"'))
    assert backend.collect(people.ids) == []
    assert "unknown category 'dog'; known: cat, object" in backend.rejected()[0]


class AskingPeople(CvatPeople):
    """People who may also say more of an object than where it is."""

    @property
    def settings(self):
        return super().settings.changed({"annotator.attributes": ["occluded", "cat: asleep"]})


def test_a_frame_of_whose_object_something_else_is_said_is_answered(tmp_path):
    people = AskingPeople(tmp_path)
    backend = people.submit({people.ids[0]: people.label(0, {1: HOLED})})
    folder = people.project.outbox / "round-0001"
    _, cat, *_ = json.loads((folder / "labels.json").read_text())
    assert [attribute["name"] for attribute in cat["attributes"]] == ["number", "asleep"]
    content = (folder / "annotations.xml").read_text()
    people.drop(content.encode(), ".xml")
    assert backend.collect(people.ids) == []
    people.drop(content.replace('occluded="0"', 'occluded="1"').encode(), ".xml")
    (answer,) = backend.collect(people.ids)
    assert answer.label.masks[0].attributes == ("occluded",)


def test_another_file(people):
    backend = people.submit()
    people.drop(b"hello", ".txt")
    assert backend.collect(people.ids) == []
    assert "expected what CVAT exports (.xml or .zip), got '.txt'" in backend.rejected()[0]
