import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from al_core.errors import BadLabel, BadVideo
from al_core.footage.images import bits_in_use, check_image, png_bytes, read_image, read_indices, resized, working_size

RAMP = np.arange(0, 240, 10, np.uint8).reshape(4, 6)


def test_grey_becomes_three_equal_channels(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.dstack([RAMP] * 3))


def test_channels_are_red_green_blue_and_alpha_is_dropped(tmp_path):
    colours = np.dstack([RAMP, 255 - RAMP, RAMP // 2, np.full_like(RAMP, 7)])
    Image.fromarray(colours, "RGBA").save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.png"), colours[..., :3])


def test_sixteen_bits_keep_their_high_byte(tmp_path):
    cv2.imwrite(str(tmp_path / "deep.png"), RAMP.astype(np.uint16) * 256)
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png")[..., 0], RAMP)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("colours", [False, True])
def test_the_low_bits_of_sixteen_are_shown_in_full_brightness(tmp_path, bits, suffix, colours):
    wide = RAMP.astype(np.uint16) << (bits - 8)
    image = np.dstack([wide, wide // 2, wide // 4]) if colours else wide
    dark, bright = tmp_path / f"0.{suffix}", tmp_path / f"1.{suffix}"
    cv2.imwrite(str(dark), image // 2)
    cv2.imwrite(str(bright), image)
    assert bits_in_use([dark, bright]) == bits
    found = read_image(bright, bits)
    expected = np.dstack([RAMP // 4, RAMP // 2, RAMP]) if colours else np.dstack([RAMP] * 3)
    np.testing.assert_array_equal(found, expected)
    # One scale for the whole video: half the light stays half.
    half = (image // 2 >> (bits - 8)).reshape(4, 6, -1)[..., ::-1]
    np.testing.assert_array_equal(read_image(dark, bits), np.broadcast_to(half, (4, 6, 3)))


def test_images_without_sixteen_bits_have_no_bits_to_find(tmp_path):
    cv2.imwrite(str(tmp_path / "plain.png"), RAMP)
    (tmp_path / "text.png").write_text("hello")
    assert bits_in_use([tmp_path / "plain.png", tmp_path / "text.png", tmp_path / "photo.jpg"]) == 16
    np.testing.assert_array_equal(read_image(tmp_path / "plain.png", 10)[..., 0], RAMP)


def test_values_beyond_the_bits_in_use_are_white(tmp_path):
    cv2.imwrite(str(tmp_path / "later.png"), np.full((4, 6), 5000, np.uint16))
    assert read_image(tmp_path / "later.png", 12).min() == 255


def test_a_photograph_taken_on_its_side_is_upright(tmp_path):
    image = Image.fromarray(np.dstack([RAMP] * 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    image.save(tmp_path / "phone.jpg", exif=exif, quality=100, subsampling=0)
    upright = np.rot90(RAMP, -1)
    assert check_image(tmp_path / "phone.jpg") == (6, 4)
    assert np.abs(read_image(tmp_path / "phone.jpg")[..., 0].astype(int) - upright).max() <= 3


@pytest.mark.parametrize("name", ["cut.jpg", "cut.png"])
def test_an_image_that_was_cut_short_is_an_error(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    cv2.imwrite(str(tmp_path / name), noise)
    content = (tmp_path / name).read_bytes()
    assert check_image(tmp_path / name) == (40, 60)
    (tmp_path / name).write_bytes(content[: len(content) * 3 // 4])
    with pytest.raises(BadVideo, match=f"{name}: cannot be read as an image .* Copy or download it again"):
        check_image(tmp_path / name)


def test_what_is_no_image_is_an_error(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(BadVideo, match=r"text\.png: cannot be read as an image \(it is no image\)"):
        check_image(tmp_path / "text.png")
    with pytest.raises(BadVideo, match=r"text\.png: cannot be read as an image"):
        read_image(tmp_path / "text.png")
    with pytest.raises(BadVideo, match=r"none\.png: there is no such file"):
        read_image(tmp_path / "none.png")


@pytest.mark.parametrize(
    ("made", "values", "plain_grey"),
    [
        (np.uint8([[0, 1], [2, 255]]), [[0, 1], [2, 255]], True),
        (np.uint16([[0, 1], [300, 255]]), [[0, 1], [300, 255]], False),
        (np.array([[False, True]]), [[0, 1]], False),
    ],
)
def test_masks_give_their_values(tmp_path, made, values, plain_grey):
    Image.fromarray(made).save(tmp_path / "mask.png")
    found, grey = read_indices(tmp_path / "mask.png")
    assert found.tolist() == values
    assert grey == plain_grey


def test_a_palette_mask_gives_indices_and_not_colours(tmp_path):
    image = Image.frombytes("P", (3, 1), bytes([0, 2, 255]))
    image.putpalette([200] * 768)
    image.save(tmp_path / "mask.png")
    found, grey = read_indices(tmp_path / "mask.png")
    assert found.tolist() == [[0, 2, 255]]
    assert not grey


def test_a_mask_in_colours_is_an_error(tmp_path):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "mask.png")
    with pytest.raises(BadLabel, match=r"mask\.png: expected an indexed or grey image .* got a RGB image"):
        read_indices(tmp_path / "mask.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(BadLabel, match=r"text\.png: cannot be read as a mask \(it is no image\)"):
        read_indices(tmp_path / "text.png")


def test_a_png_keeps_every_pixel(tmp_path):
    colours = np.dstack([RAMP, 255 - RAMP, RAMP // 2])
    (tmp_path / "a.png").write_bytes(png_bytes(colours))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours)


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [
        ((480, 854), 448, (252, 448)),
        ((854, 480), 448, (448, 252)),
        ((144, 176), 448, (144, 176)),
        ((1, 1000), 10, (1, 10)),
        ((37, 51), 20, (15, 20)),
    ],
)
def test_working_sizes(size, long_side, expected):
    assert working_size(*size, long_side) == expected


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 5000))
def test_a_working_size_is_never_larger(height, width, long_side):
    h, w = working_size(height, width, long_side)
    assert 1 <= h <= height
    assert 1 <= w <= width
    assert max(h, w) == min(long_side, max(height, width))


def test_making_smaller_averages_and_the_same_size_is_the_same_image():
    image = np.dstack([RAMP] * 3)
    assert resized(image, (4, 6)) is image
    small = resized(image, (2, 3))
    assert small.dtype == np.uint8
    np.testing.assert_allclose(small[..., 0], RAMP.reshape(2, 2, 3, 2).mean(axis=(1, 3)), atol=0.5)
