"""What a file is, by what is in it."""

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadLabel
from al_core.exchange.readers.detection import label_sources


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("a.json", '{"images": [], "annotations": []}', "coco"),
        ("a.json", '{"images": [], "videos": [], "annotations": []}', "coco"),
        ("a.json", '{"annotations": [], "videos": []}', "youtube-vis"),
        ("a.json", "[]", "label-studio"),
        ("a.XML", "<annotations/>", "cvat"),
        ("gt.txt", "1 1001 1 4 4 d0\n", "mots"),
        ("data.yaml", "names: [a]", "yolo-seg"),
    ],
)
def test_a_file(tmp_path, name, text, format):
    (tmp_path / name).write_text(text)
    assert [source.format for source in label_sources([tmp_path / name])] == [format]


def test_a_folder_of_an_export(tmp_path):
    for name in ("export.json", "annotations.json"):
        (tmp_path / name).write_text('{"images": [], "annotations": []}')
    assert [source.path.name for source in label_sources([tmp_path])] == ["annotations.json"]
    (tmp_path / "clip").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "clip" / "0.png")
    assert [source.format for source in label_sources([tmp_path])] == ["davis"]
    (tmp_path / "instances" / "clip").mkdir(parents=True)
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(tmp_path / "instances" / "clip" / "1.png")
    assert [source.format for source in label_sources([tmp_path])] == ["mots"]
    (tmp_path / "data.yaml").write_text("names: [a]")
    assert [source.format for source in label_sources([tmp_path])] == ["yolo-seg"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "{", r"a\.json: cannot be read as JSON .* Copy it again"),
        ("a.txt", "0 0.1 0.2\n", r"a\.txt: expected labels, namely COCO, YouTube-VIS"),
        ("a.mp4", "", r"a\.mp4: expected labels"),
        ("empty/a.doc", "", "expected labels in this folder, namely COCO"),
        ("no.json", None, r"no\.json: there is no such file or folder"),
    ],
)
def test_what_is_none(tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    with pytest.raises(BadLabel, match=message):
        label_sources([path.parent if "/" in name else path])
