"""Index images, good ones and every bad one with its message."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, DrawnMask
from al_core.exchange.label_files import read_label_file
from al_core.export.palette import davis_palette
from al_core.masks.rle import encode
from tests.al_core.exchange.readers.asked_frame import CORNER, asked_by, read
from tests.toys.ledgers import SQUARE
from tests.toys.soft_masks import soft_disk


def png(folder: Path, values: np.ndarray, palette: bool = False, name: str = "r1.png") -> Path:
    image = Image.fromarray(values)
    if palette:
        image.putpalette([c for i in range(256) for c in (i, 255 - i, 7)])
    image.save(folder / name)
    return folder / name


class TestIndexImage:
    @pytest.mark.parametrize("palette", [False, True])
    def test_values_are_tracks_and_255_is_ignored(self, tmp_path, palette):
        values = np.where(SQUARE, 3, 0).astype(np.uint8)
        values[0, 0] = 255
        frame = read(png(tmp_path, values, palette))
        assert frame.masks == (DrawnMask(3, None, encode(SQUARE)), DrawnMask(0, None, encode(CORNER)))
        assert frame.objects == frame.masks[:1]

    def test_zeros_say_that_nothing_is_there(self, tmp_path):
        assert read(png(tmp_path, np.zeros((4, 4), np.uint8))).masks == ()

    def test_plain_white_is_one_object(self, tmp_path):
        assert read(png(tmp_path, np.where(SQUARE, 255, 0).astype(np.uint8))).masks[0].track_id == 1

    def test_whether_255_alone_in_a_palette_image_is_the_object_is_asked(self, tmp_path):
        with pytest.raises(BadLabel, match=r"r1\.png: every marked pixel has the value 255, .* is 255 the object\?"):
            read(png(tmp_path, np.where(SQUARE, 255, 0).astype(np.uint8), palette=True))

    def test_255_alone_in_the_colour_of_ignore_regions_is_ignored_and_told(self, tmp_path):
        path = png(tmp_path, np.where(SQUARE, 255, 0).astype(np.uint8), palette=True)
        with Image.open(path) as image:
            image.putpalette(davis_palette().tobytes())
            image.save(path)
        content = read_label_file(path, asked_by, ["cat"])
        assert content.frames["r1"].masks == (DrawnMask(0, None, encode(SQUARE)),)
        assert content.notes == ("r1.png: nothing but a region to ignore, the frame is left without an object",)

    def test_soft_edges_are_asked_about(self, tmp_path):
        values = soft_disk(40, 12)
        asked = Asked("r1", 40, 40, lasting=True)
        with pytest.raises(BadLabel, match=r"r1\.png: \d+ objects in one frame, \d+ of them rims .* soft edges\?"):
            read_label_file(png(tmp_path, values), lambda name: asked, ["cat"])

    def test_sixteen_bits_hold_more_than_254_objects(self, tmp_path):
        values = np.where(SQUARE, 300, 0).astype(np.uint16)
        values[0, 0] = 255
        assert [m.track_id for m in read(png(tmp_path, values)).masks] == [255, 300]

    def test_another_size(self, tmp_path):
        with pytest.raises(BadLabel, match=r"r1.png: the image is 4x5 pixels .* its frame is 4x4 pixels"):
            read(png(tmp_path, np.zeros((4, 5), np.uint8)))

    def test_colours(self, tmp_path):
        with pytest.raises(BadLabel, match="indexed or grey image .* got a RGB image"):
            read(png(tmp_path, np.zeros((4, 4, 3), np.uint8)))

    def test_cut_short(self, tmp_path):
        path = png(tmp_path, np.random.default_rng(0).integers(0, 9, (4, 4), np.uint8))
        path.write_bytes(path.read_bytes()[:-30])
        with pytest.raises(BadLabel, match=r"cannot be read as a mask .* Copy or download it again"):
            read(path)

    def test_a_frame_that_nobody_asked_for(self, tmp_path):
        with pytest.raises(BadLabel, match="nobody asked for r2"):
            read(png(tmp_path, np.zeros((4, 4), np.uint8), name="r2.png"))

    def test_another_kind_of_file(self, tmp_path):
        (tmp_path / "r1.jpg").write_bytes(b"")
        with pytest.raises(BadLabel, match=r"r1.jpg: expected an index image \(.png\) or COCO \(.json\), got '.jpg'"):
            read(tmp_path / "r1.jpg")
