"""What a lead shows to people who label."""

import cv2
import numpy as np
import pytest

from al_core.errors import BadSettings
from tasks.curation.example_pictures import LONGEST_GUIDE, example_picture, guide_text


def test_a_picture_is_made_small(tmp_path):
    cv2.imwrite(str(tmp_path / "big.png"), np.full((1024, 2048, 3), 90, np.uint8))
    data = example_picture(tmp_path / "big.png")
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (256, 512, 3)
    assert data.startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no such file"), (b"no picture", "expected a picture"), (b"", "expected a picture")],
)
def test_what_is_no_picture(tmp_path, content, message):
    if content is not None:
        (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(BadSettings, match=message):
        example_picture(tmp_path / "x.jpg")


def test_a_guide_is_text(tmp_path):
    (tmp_path / "guide.md").write_bytes(b"\xef\xbb\xbf# Dogs\n")
    assert guide_text(tmp_path / "guide.md") == "# Dogs\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no such file"),
        (b"\xff\xfe\x00", "expected a text in UTF-8"),
        (b"  \n", "this is empty or no text"),
        (b"a\x00b", "this is empty or no text"),
        (b"x" * (LONGEST_GUIDE + 1), "at most 100,000 letters, got 100,001"),
        (b"x" * (4 * LONGEST_GUIDE + 1), "at most 400,000 are read"),
    ],
)
def test_what_is_no_guide(tmp_path, content, message):
    if content is not None:
        (tmp_path / "guide.md").write_bytes(content)
    with pytest.raises(BadSettings, match=message):
        guide_text(tmp_path / "guide.md")
