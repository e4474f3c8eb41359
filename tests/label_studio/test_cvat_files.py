"""CVAT's files as others read and write them: datumaro reads what we send and writes what we read, and CVAT's SDK takes
the payloads of an upload."""

import json
import zipfile

import numpy as np
import pytest

from al_core.exchange.cvat import encode_cvat, label_specs, read_cvat
from al_core.exchange.drawn import Asked
from al_core.masks.rle import decode
from tasks.backends.cvat_upload import data_request, task_request
from tests.label_studio.environments import CVAT, ran
from tests.tasks.backends.conformance.people import CvatPeople
from tests.tasks.backends.conformance.suite import Masks
from tests.toys.masks import FULL, HOLED, OVER

pytestmark = pytest.mark.label_studio

SHOWN: list[Masks] = [{1: HOLED, 2: OVER, 9: FULL}, {4: HOLED}, {}]
"""What is sent for each request, by track."""


@pytest.fixture
def theirs():
    """Runs Python in the environment of CVAT's tools; what it prints last is JSON."""

    def run(program, *arguments):
        return json.loads(ran(CVAT, program, *arguments).splitlines()[-1])

    return run


@pytest.fixture
def people(tmp_path):
    people = CvatPeople(tmp_path / "project")
    shown = {r.request_id: people.label(r.frame.frame_idx, m) for r, m in zip(people.requests, SHOWN, strict=True) if m}
    people.submit(shown)
    return people


READ = """
import json, sys
import datumaro
dataset = datumaro.Dataset.import_from(sys.argv[1], "cvat")
names = [label.name for label in dataset.categories()[datumaro.AnnotationType.label]]
print(json.dumps({item.id: {
    str(a.attributes["number"]): [names[a.label], a.image.astype(int).tolist()]
    for a in item.annotations} for item in dataset}))
"""

WRITE = """
import json, sys
import datumaro
dataset = datumaro.Dataset.import_from(sys.argv[1], "cvat")
dataset.export(sys.argv[2], "cvat", save_media=False)
print(json.dumps(None))
"""


def test_datumaro_reads_what_is_sent_exactly(people, theirs):
    found = theirs(READ, people.project.outbox / "round-0001")
    assert set(found) == set(people.ids)
    for request_id, masks in zip(people.ids, SHOWN, strict=True):
        read = {int(float(number)): np.array(pixels, bool) for number, (_, pixels) in found[request_id].items()}
        assert read.keys() == masks.keys()
        assert all(np.array_equal(read[track], masks[track]) for track in masks)
        assert {name for name, _ in found[request_id].values()} <= {"object"}


def test_what_datumaro_writes_is_read_exactly(people, theirs, tmp_path):
    theirs(WRITE, people.project.outbox / "round-0001", tmp_path / "theirs")
    (written,) = (tmp_path / "theirs").glob("*.xml")
    people.drop(written.read_bytes(), ".xml")
    backend = people.backend()
    assert backend.collect(people.ids) == []  # as it was sent, and without the tag: nobody has looked
    assert backend.rejected() == []
    asked = {request_id: people.label(0, masks) for request_id, masks in zip(people.ids, SHOWN, strict=True)}
    frames = read_cvat(people.project.inbox / "accepted/answer-001.xml", _asked_by(people)).frames
    for request_id, label in asked.items():
        back = {mask.track_id: decode(mask.rle) for mask in frames[request_id].drawn.masks}
        assert back.keys() == {mask.track_id for mask in label.masks}
        assert all(np.array_equal(back[mask.track_id], decode(mask.rle)) for mask in label.masks)


def test_an_export_of_the_server_is_a_zip_and_comes_back_exactly(people, tmp_path):
    """The server packs its XML; the frame that is accepted carries the tag."""
    people.accept(people.ids[0])
    (dropped,) = people.project.inbox.glob("*.xml")
    with zipfile.ZipFile(people.project.inbox / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(dropped, "annotations.xml")
    dropped.unlink()
    (answer,) = people.backend().collect(people.ids)
    assert answer.label == people.label(8, SHOWN[0])


ENCODE = """
import json, sys
import numpy as np
from cvat_sdk import masks
stack = np.load(sys.argv[1])
print(json.dumps([[int(n) for n in masks.encode_mask(mask)] for mask in stack]))
"""


def test_the_sdk_codes_a_mask_as_we_do(theirs, tmp_path):
    rng = np.random.default_rng(0)
    stack = np.stack([HOLED, OVER, FULL, *(rng.random((60, *HOLED.shape)) < 0.4)])
    stack = stack[stack.any(axis=(1, 2))]
    np.save(tmp_path / "stack.npy", stack)
    for mask, coded in zip(stack, theirs(ENCODE, tmp_path / "stack.npy"), strict=True):
        runs, left, top, width, height = encode_cvat(mask)
        assert [*runs, left, top, left + width - 1, top + height - 1] == coded


PAYLOAD = """
import inspect, json, sys
from cvat_sdk import models
from cvat_sdk.core.proxies.tasks import TasksRepo
request, data = json.loads(sys.argv[1]), json.loads(sys.argv[2])
labels = [models.PatchedLabelRequest(**label) for label in request["labels"]]
made = models.TaskWriteRequest(name=request["name"], labels=labels)
inspect.signature(TasksRepo.create_from_data).bind(None, request, **data, annotation_path="a", annotation_format="b")
print(json.dumps([made.name, [[label.name, str(label.type)] for label in made.labels]]))
"""


def test_the_sdk_takes_the_payload_of_an_upload(people, theirs):
    folder = people.project.outbox / "round-0001"
    request = task_request("project, round 1", label_specs(["object", "cat"]))
    data = data_request(folder)
    assert [path.stem for path in data["resources"]] == sorted(people.ids)
    sent = {**data, "resources": [str(path) for path in data["resources"]]}
    name, labels = theirs(PAYLOAD, json.dumps(request), json.dumps(sent))
    assert name == "project, round 1"
    assert labels == [["object", "any"], ["cat", "any"], ["(ignore)", "any"], ["frame done", "tag"]]


def _asked_by(people):
    return lambda name: Asked(name.stem, *HOLED.shape, lasting=True)
