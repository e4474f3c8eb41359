import base64
import io

import numpy as np
from PIL import Image

from al_core.masks.rle import encode
from al_core.records import DeliveredMask, FrameLabel, FrameRef, MaskLabel, Provenance
from tasks.report.thumbnails import THUMBNAIL_SIDE, Shown, data_uri, picture, shown_masks
from tests.toys.labelled_project import mask_at, new_project

RLE = encode(mask_at(0))


def test_a_persons_label_comes_before_what_was_delivered():
    labels = {3: FrameLabel(FrameRef(1, 3), (MaskLabel(7, 1, RLE), MaskLabel(0, 0, RLE)))}
    delivered = {3: [DeliveredMask(3, 1, 1, Provenance.TEACHER, 0.5, RLE)]}
    assert shown_masks(3, labels, delivered) == Shown(((7, RLE),), "human")


def test_delivered_masks_go_by_their_least_founded_and_least_confident():
    delivered = {
        3: [
            DeliveredMask(3, 1, 1, Provenance.TEACHER, 0.8, RLE),
            DeliveredMask(3, 2, 1, Provenance.PROPAGATED, 0.6, RLE),
        ]
    }
    assert shown_masks(3, {}, delivered) == Shown(((1, RLE), (2, RLE)), "teacher", 0.6)
    assert shown_masks(4, {}, delivered) == Shown()


def test_a_picture_shows_the_frame_and_the_outline(tmp_path):
    _, _, frames = new_project(tmp_path)
    uri = picture(frames, FrameRef(1, 3), Shown(((1, encode(mask_at(3))),), "human"))
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))))
    assert image.shape == (THUMBNAIL_SIDE * 24 // 32, THUMBNAIL_SIDE, 3)
    np.testing.assert_allclose(image[-1, -1], [70] * 3, atol=6)
    assert image[100, 130].std() > 10, "within the mask the grey is tinted"


def test_a_frame_that_is_gone_has_no_picture(tmp_path):
    _, _, frames = new_project(tmp_path)
    for file in (tmp_path / "source" / "clip").iterdir():
        file.unlink()
    assert picture(frames, FrameRef(1, 3), Shown()) is None


def test_a_data_uri_is_a_jpeg():
    uri = data_uri(np.zeros((4, 5, 3), np.uint8))
    assert uri.startswith("data:image/jpeg;base64,/9j/")
