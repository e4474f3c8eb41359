from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from al_core.errors import BadLabel
from al_core.exchange.brush_rle import ALPHA, decode_brush, encode_brush
from tests.toys.masks import EXAMPLES, masks

HEAD = f"{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))


def code(bits):
    """Bits as the bytes of a code."""
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


@given(masks)
def test_there_and_back(mask):
    assert np.array_equal(decode_brush(encode_brush(mask), *mask.shape), mask)


@pytest.mark.parametrize("name", EXAMPLES)
def test_masks_that_were_lost_elsewhere(name):
    mask = EXAMPLES[name]
    assert np.array_equal(decode_brush(encode_brush(mask), *mask.shape), mask)


def test_the_code_of_one_pixel_by_hand():
    """Four bytes of 255: a run, length in three bits, 4 - 1, and the byte."""
    assert encode_brush(np.ones((1, 1), bool)) == code(f"{4:032b}" + HEAD + "1" + "00" + "011" + "1" * 8)


def test_runs_longer_than_a_length_can_tell():
    mask = np.zeros((300, 200), bool)
    mask[290:] = True
    coded = encode_brush(mask)
    assert len(coded) < 30
    assert np.array_equal(decode_brush(coded, 300, 200), mask)


@given(arrays(np.uint8, (3, 4)))
def test_soft_edges_told_byte_by_byte(alpha):
    """What the editor writes after a brush stroke: every alpha from 0 to 255, not as runs."""
    pixels = np.zeros((3, 4, 4), np.uint8)
    pixels[..., 3] = alpha
    body = "".join(f"{value:08b}" for value in pixels.ravel())
    coded = code(f"{48:032b}" + HEAD + "0" + "10" + f"{48 - 1:08b}" + body)
    assert np.array_equal(decode_brush(coded, 3, 4), alpha >= ALPHA)


@pytest.mark.parametrize(
    ("coded", "message"),
    [
        ([], "does not begin as one"),
        ([300], "list of bytes"),
        (["a"], "list of bytes"),
        (encode_brush(np.ones((2, 3), bool)), "holds 6 pixels, its frame 2x2"),
        (encode_brush(np.ones((2, 2), bool))[:-2], "ends too early"),
        (code(f"{16:032b}" + HEAD + "1" + "11" + "1" * 16 + "1" * 8), "more pixels than it announces"),
        (code(f"{16:032b}" + HEAD + "0" + "10" + "1" * 8), "ends too early"),
        ([0] * 1000, "too long for 2x2"),
    ],
)
def test_what_is_no_such_code_is_refused(coded, message):
    with pytest.raises(BadLabel, match=message):
        decode_brush(coded, 2, 2)


@settings(max_examples=300)
@given(st.lists(st.integers(0, 255), max_size=40), st.booleans())
def test_no_bytes_do_anything_else_than_decode_or_be_refused(tail, headed):
    coded = code(f"{24:032b}" + HEAD)[:7] + tail if headed else tail
    with suppress(BadLabel):
        assert decode_brush(coded, 2, 3).shape == (2, 3)
