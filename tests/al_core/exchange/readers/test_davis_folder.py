"""Folders of index images."""

import json

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, DrawnMask
from al_core.exchange.readers.davis_folder import davis_sources
from al_core.masks.rle import encode
from tests.toys.ledgers import SQUARE


def asked_by(name):
    if "lost" in name.path:
        raise BadLabel(f"{name.path}: nothing")
    return Asked(name.path, 4, 4, lasting=False)


def png(folder, name, values=3 * SQUARE):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(folder / name)


def test_each_video_is_a_folder_and_frames_are_passed_over(tmp_path):
    png(tmp_path / "Annotations" / "480p" / "dog", "00000.png")
    png(tmp_path / "Annotations" / "480p" / "owl", "00000.png")
    png(tmp_path / "JPEGImages" / "480p" / "dog", "00000.png")
    (tmp_path / "categories.json").write_text(json.dumps({"dog": {"3": "pet"}, "owl": {}}))
    found = [source.read(asked_by, None).frames for source in davis_sources(tmp_path)]
    square = encode(SQUARE)
    assert [{k: f.masks for k, f in frames.items()} for frames in found] == [
        {"dog/00000.png": (DrawnMask(3, "pet", square),)},
        {"owl/00000.png": (DrawnMask(3, None, square),)},
    ]


def test_a_bad_image_costs_its_frame(tmp_path):
    png(tmp_path / "dog", "00000.png")
    png(tmp_path / "dog", "00001.png", np.zeros((5, 4)))
    png(tmp_path / "dog", "lost.png")
    (source,) = davis_sources(tmp_path)
    content = source.read(asked_by, None)
    assert list(content.frames) == ["dog/00000.png"]
    assert "dog/00001.png: 00001.png: the image is 5x4 pixels" in content.faults[0]
    assert content.faults[1] == "dog/lost.png: nothing"


def test_categories_that_cannot_be_read(tmp_path):
    png(tmp_path / "dog", "00000.png")
    (tmp_path / "categories.json").write_text("{")
    (source,) = davis_sources(tmp_path)
    with pytest.raises(BadLabel, match=r"categories\.json: cannot be read as JSON"):
        source.read(asked_by, None)
