"""Files that other tools write themselves, imported as labels: Label Studio's own export, and what datumaro, which CVAT
exports with, writes in each format."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from al_core.masks.rle import decode
from tasks.imports.import_plan import Wish
from tasks.imports.storing import plan_files, store
from tests.label_studio.environments import CVAT, LABEL_STUDIO, ran
from tests.toys.labelled_project import HEIGHT, WIDTH, mask_at, new_project

pytestmark = pytest.mark.label_studio

FRAMES = (1, 4)

CONFIG = """<View><Image name="image" value="$image"/>
<BrushLabels name="brush" toName="image"><Label value="square"/></BrushLabels>
<PolygonLabels name="polygon" toName="image"><Label value="outline"/></PolygonLabels></View>"""

BRUSH = """
import json, sys
import numpy as np
from label_studio_sdk.converter.brush import mask2rle
print(json.dumps([mask2rle(np.array(mask, np.uint8) * 255) for mask in json.loads(sys.argv[1])]))
"""

WRITE = """
import json, sys
import numpy as np
from datumaro import Dataset, DatasetItem, Image, Mask
out, form, masks = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
items = [
    DatasetItem(f"{int(i):05d}", media=Image.from_numpy(np.zeros((len(mask), len(mask[0]), 3), np.uint8)),
        attributes={"frame": int(i)},
        annotations=[Mask(np.array(mask, bool), label=0, id=1, group=1, attributes={"track_id": 1})])
    for i, mask in masks.items()
]
Dataset.from_iterable(items, categories=["square"]).export(out, form, save_media=form in ("mots_png", "yolo"))
"""


def drawn():
    return {i: mask_at(i) for i in FRAMES}


def taken(ledger, *paths):
    """Frame -> (name of the category, mask) of its only object, after the files were imported."""
    plan = plan_files(ledger, paths, Wish("label", "kim"))
    assert plan.faults == ()
    store(ledger, plan)
    names = ledger.categories()
    return {
        label.frame.frame_idx: (names[mask.category_id], decode(mask.rle))
        for label in ledger.human_labels()
        for mask in label.masks
    }


class TestLabelStudio:
    @pytest.fixture
    def project(self, server):
        """A project of its own on the server, with the frames uploaded through the server's own form."""
        made = server.http.post("/api/projects/", json={"title": "frames", "label_config": CONFIG}).json()["id"]
        for i in FRAMES:
            picture = io.BytesIO()
            Image.fromarray(np.full((HEIGHT, WIDTH, 3), 40 + i, np.uint8)).save(picture, "PNG")
            files = {"file": (f"{i:05d}.png", picture.getvalue(), "image/png")}
            done = server.http.post(f"/api/projects/{made}/import", files=files)
            assert done.is_success, done.text
        return made

    def annotate(self, server, project, result_of):
        params = {"project": project, "fields": "all"}
        for task in server.http.get("/api/tasks/", params=params).json()["tasks"]:
            index = int(task["data"]["image"].rsplit("-", 1)[1].removesuffix(".png"))
            shared = {"to_name": "image", "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
            body = {"result": [shared | result_of(index)]}
            done = server.http.post(f"/api/tasks/{task['id']}/annotations/", json=body)
            assert done.is_success, done.text

    def exported(self, server, project, folder, form="JSON"):
        done = server.http.get(f"/api/projects/{project}/export", params={"exportType": form})
        assert done.is_success, done.text
        path = folder / "export.json"
        path.write_bytes(done.content)
        return path

    def test_masks_of_the_brush_come_back_exactly(self, server, project, tmp_path):
        masks = json.dumps([drawn()[i].astype(int).tolist() for i in FRAMES])
        coded = dict(zip(FRAMES, json.loads(ran(LABEL_STUDIO, BRUSH, masks)), strict=True))

        def brushed(index):
            value = {"format": "rle", "rle": coded[index], "brushlabels": ["square"]}
            return {"from_name": "brush", "type": "brushlabels", "value": value}

        self.annotate(server, project, brushed)
        found = taken(new_project(tmp_path)[1], self.exported(server, project, tmp_path))
        assert {i: name for i, (name, _) in found.items()} == dict.fromkeys(FRAMES, "square")
        assert all(np.array_equal(found[i][1], drawn()[i]) for i in FRAMES)

    def test_polygons_come_back_as_their_inside(self, server, project, tmp_path):
        corners = [(4, 8), (12, 8), (12, 16), (4, 16)]
        percent = [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in corners]

        def outlined(index):
            return {
                "from_name": "polygon",
                "type": "polygonlabels",
                "value": {"points": percent, "closed": True, "polygonlabels": ["outline"]},
            }

        self.annotate(server, project, outlined)
        ledger = new_project(tmp_path)[1]
        found = taken(ledger, self.exported(server, project, tmp_path))
        square = np.zeros((HEIGHT, WIDTH), bool)
        square[8:16, 4:12] = True
        assert {i: name for i, (name, _) in found.items()} == dict.fromkeys(FRAMES, "outline")
        assert all(np.array_equal(found[i][1], square) for i in FRAMES)


@pytest.mark.parametrize("form", ["cvat", "coco_instances"])
def test_what_datumaro_writes_comes_back_exactly(tmp_path, form):
    masks = json.dumps({i: mask.astype(int).tolist() for i, mask in drawn().items()})
    ran(CVAT, WRITE, tmp_path / "theirs", form, masks)
    (path,) = [p for p in (tmp_path / "theirs").rglob("*") if p.suffix in {".xml", ".json"}]
    found = taken(new_project(tmp_path)[1], path)
    assert {i: name for i, (name, _) in found.items()} == dict.fromkeys(FRAMES, "square")
    assert all(np.array_equal(found[i][1], drawn()[i]) for i in FRAMES)
