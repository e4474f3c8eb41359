"""Index masks that cannot be what they are taken for."""

import cv2
import numpy as np
import pytest
from PIL import Image

from al_core.errors import BadLabel
from al_core.export.palette import davis_palette
from al_core.footage.mask_checks import check_soft_edges, says_ignore
from tests.toys.soft_masks import many_cells, soft_disk, through_jpeg

HARD = np.where(soft_disk(96, 30) > 127, 255, 0).astype(np.uint8)


@pytest.mark.parametrize(
    "values",
    [
        soft_disk(96, 30),
        soft_disk(96, 30, blur=4.0),
        np.uint16(257) * soft_disk(96, 30),
        through_jpeg(HARD),
        through_jpeg(np.where(HARD, 1, 0).astype(np.uint8) * 200, 75),
        cv2.resize(HARD, (48, 48), interpolation=cv2.INTER_AREA),
        cv2.resize(HARD, (200, 200), interpolation=cv2.INTER_LINEAR),
        255 - soft_disk(96, 30),
    ],
    ids=["soft", "softer", "sixteen bits", "jpeg", "jpeg of 200", "halved", "enlarged", "inverted"],
)
def test_soft_edges_are_refused_with_the_question(values):
    with pytest.raises(BadLabel, match=r"m\.png: \d+ objects in one frame, \d+ of them rims one pixel wide: is this"):
        check_soft_edges(values, "m.png")


@pytest.mark.parametrize("seed", range(5))
def test_many_cells_pass(seed):
    values = many_cells(seed=seed)
    assert len(np.unique(values)) == 337
    check_soft_edges(values, "m.png")


def test_tiles_and_thin_objects_pass():
    tiles = np.arange(1, 101, dtype=np.uint16).reshape(10, 10).repeat(4, axis=0).repeat(4, axis=1)
    check_soft_edges(tiles, "tiles.png")
    threads = np.zeros((60, 60), np.uint8)
    for number in range(1, 13):
        cv2.line(threads, (0, 5 * number - 3), (59, 5 * number - 1), number, 1)
    check_soft_edges(threads, "threads.png")
    crossing = threads.copy()
    cv2.line(crossing, (30, 0), (30, 59), 200, 1)
    check_soft_edges(crossing, "crossing.png")


def test_few_small_neighbours_pass():
    values = np.zeros((6, 8), np.uint8)
    values[:, :3], values[:, 5:7], values[:, 7] = 1, 2, 255
    check_soft_edges(values, "m.png")


def test_real_masks_pass(shared_data):
    from al_core.footage.images import read_indices

    masks = sorted((shared_data / "video_masks").rglob("Annotations/**/*.png"))
    assert masks
    for path in masks[::7]:
        check_soft_edges(read_indices(path)[0], path)


@pytest.mark.parametrize(("palette", "expected"), [(davis_palette().tobytes(), True), (bytes(range(256)) * 3, False)])
def test_the_palette_may_say_that_255_is_ignored(tmp_path, palette, expected):
    image = Image.fromarray(np.full((4, 4), 255, np.uint8))
    image.save(tmp_path / "grey.png")
    image.putpalette(palette)
    image.save(tmp_path / "m.png")
    assert says_ignore(tmp_path / "m.png") is expected
    assert not says_ignore(tmp_path / "grey.png")
