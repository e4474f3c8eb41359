"""People who answer to each of the back-ends that need nothing but a folder."""

import io
import json

import numpy as np
from PIL import Image

from al_core.exchange.cvat import DONE, SentFrame, write_cvat
from tasks.backends.cvat import CvatBackend
from tasks.backends.inbox import InboxBackend
from tasks.backends.simulated import SimulatedBackend
from tests.tasks.backends.conformance.suite import HEIGHT, WIDTH, People
from tests.toys.masks import FULL


class SimulatedPeople(People):
    """Nobody: truth answers."""

    name = "simulated"
    with_truth = True

    def backend(self):
        return SimulatedBackend(self.context)

    def sent(self):
        return [request.request_id for request in self.ledger.requests()]


class FolderPeople(People):
    """People who drop files; every file has a name of its own."""

    count = 0

    def drop(self, content, suffix, name=None):
        self.count += 1
        self.project.inbox.mkdir(parents=True, exist_ok=True)
        (self.project.inbox / f"{name or f'answer-{self.count:03d}'}{suffix}").write_bytes(content)

    def delete(self, request_id):
        """The files of one answer are removed from the folder before anybody looked."""
        for path in self.project.inbox.iterdir():
            if path.is_file() and request_id.encode() in path.read_bytes():
                path.unlink()


class InboxPeople(FolderPeople):
    """COCO files, in which masks may overlap; proposals are index images."""

    name = "inbox"
    shows_overlaps = False

    def backend(self):
        return InboxBackend(self.context, settle_seconds=0)

    def sent(self):
        index = json.loads((self.project.outbox / "round-0001/index.json").read_text())["requests"]
        assert all((self.project.outbox / "round-0001" / entry["frame"]).is_file() for entry in index)
        return [entry["request_id"] for entry in index]

    def draw_label(self, request_id, label):
        self._coco(request_id, label.masks)

    def accept(self, request_id):
        self.drop((self.project.outbox / f"round-0001/proposals/{request_id}.png").read_bytes(), ".png", request_id)

    def answer_unknown(self):
        self._coco("r0001-v00001-f0000099", [])

    def answer_in_wrong_size(self, request_id):
        buffer = io.BytesIO()
        Image.fromarray(FULL[:, :5].astype(np.uint8)).save(buffer, format="PNG")
        self.drop(buffer.getvalue(), ".png", request_id)

    def _coco(self, request_id, masks):
        annotations = [
            {"id": i, "image_id": 1, "segmentation": m.rle.to_coco()}
            | ({"iscrowd": 1} if m.ignore else {"category_id": m.category_id, "track_id": m.track_id})
            for i, m in enumerate(masks)
        ]
        content = {
            "images": [{"id": 1, "file_name": f"{request_id}.jpg"}],
            "categories": [{"id": i, "name": name} for i, name in self.ledger.categories().items()],
            "annotations": annotations,
        }
        self.drop(json.dumps(content).encode(), ".json")


class CvatPeople(FolderPeople):
    """Exports of CVAT, one frame each; what is accepted carries the tag."""

    name = "cvat"

    def backend(self):
        return CvatBackend(self.context, settle_seconds=0)

    def sent(self):
        folder = self.project.outbox / "round-0001"
        text = (folder / "annotations.xml").read_text()
        ids = sorted((i for i in self.ids for _ in range(text.count(f'name="{i}.png"'))), key=text.index)
        assert sorted(path.stem for path in folder.glob("images/*.png")) == sorted(ids)
        return ids

    def draw_label(self, request_id, label):
        self._export(SentFrame(f"{request_id}.png", HEIGHT, WIDTH, label), done=not label.masks)

    def accept(self, request_id):
        lines = (self.project.outbox / "round-0001/annotations.xml").read_text().splitlines(keepends=True)
        start = next(i for i, line in enumerate(lines) if request_id in line)
        lines.insert(start + 1, f'<tag label="{DONE}" source="manual"/>\n')
        self.drop("".join(lines).encode(), ".xml")

    def answer_unknown(self):
        self._export(SentFrame("r0001-v00001-f0000099.png", HEIGHT, WIDTH))

    def answer_in_wrong_size(self, request_id):
        self._export(SentFrame(f"{request_id}.png", HEIGHT, WIDTH - 1))

    def _export(self, frame, done=False):
        content = write_cvat("round", [frame], self.ledger.categories())
        if done:
            content = content.replace(b" />\n</annotations>", f'><tag label="{DONE}"/></image></annotations>'.encode())
            assert DONE.encode() in content
        self.drop(content, ".xml")
