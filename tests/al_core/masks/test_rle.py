import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from al_core.errors import BadLabel
from al_core.masks import rle
from tests.toys.ledgers import SQUARE, square

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans())


@given(masks)
def test_decode_undoes_encode(mask):
    assert np.array_equal(rle.decode(rle.encode(mask)), mask)


@given(masks)
def test_area_counts_the_set_pixels(mask):
    assert rle.area(rle.encode(mask)) == mask.sum()


def test_the_coding_is_pycocotools_own():
    ours = square().to_coco()
    theirs = coco_mask.encode(np.asfortranarray(SQUARE, np.uint8))
    assert ours == {"size": [4, 4], "counts": theirs["counts"].decode()}


def test_box_is_tight():
    assert rle.box(square()) == (1, 1, 2, 2)
    assert rle.box(rle.encode(np.zeros((4, 4), bool))) == (0, 0, 0, 0)


def test_iou_is_pairwise():
    left = np.zeros((4, 4), bool)
    left[1:3, 1:2] = True
    empty = np.zeros((4, 4), bool)
    table = rle.iou([square(), rle.encode(empty)], [square(), rle.encode(left), rle.encode(empty)])
    assert table.tolist() == [[1.0, 0.5, 0.0], [0.0, 0.0, 0.0]]
    assert rle.iou([], [square()]).shape == (0, 1)


@pytest.mark.parametrize("shape", [(4,), (4, 4, 3)])
def test_a_mask_that_is_no_image_is_refused(shape):
    with pytest.raises(ValueError, match=r"shape \[height, width\]"):
        rle.encode(np.zeros(shape, bool))


def test_a_mask_without_pixels_is_refused():
    with pytest.raises(BadLabel, match="at least 1x1"):
        rle.Rle(0, 4, "")


def runs_of(mask):
    """Lengths of the runs of 0 and of 1 in turn, counted one by one."""
    runs, value = [0], False
    for pixel in mask.T.reshape(-1):
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


@given(masks)
def test_run_lengths_are_those_of_the_mask(mask):
    coded = rle.encode(mask)
    assert rle.run_lengths(coded).tolist() == runs_of(mask)
    assert rle.run_lengths(coded)[1::2].sum() == rle.area(coded)


@given(st.text(max_size=40), st.integers(1, 9), st.integers(1, 9))
def test_any_text_is_refused_or_fills_the_frame(text, height, width):
    try:
        runs = rle.run_lengths(rle.Rle(height, width, text))
    except BadLabel:
        return
    assert runs.sum() == height * width
    assert runs.min() >= 0
    assert rle.decode(rle.Rle(height, width, text)).shape == (height, width)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ("", "no run lengths"),
        ("P", "no run lengths"),
        ("\x00", "no run lengths"),
        ("oooooo?", "do not add up"),
        ("o" * 50 + "0", "longer than any frame"),
        ("0" * 100, "do not add up"),
        ("1O1", "do not add up"),
    ],
    ids=["empty", "cut", "no digit", "2^34 pixels", "250 bits", "too few", "below zero"],
)
def test_counts_that_would_not_fill_the_frame_are_refused(counts, said):
    with pytest.raises(BadLabel, match=said):
        rle.run_lengths(rle.Rle(4, 4, counts))


@given(masks, st.integers(0, 12))
def test_run_lengths_lead_back_to_the_same_code_with_empty_runs_too(mask, at):
    runs = rle.run_lengths(rle.encode(mask))
    padded = np.insert(runs, min(at, len(runs)), [0, 0])
    assert rle.from_run_lengths(runs, *mask.shape) == rle.encode(mask)
    assert rle.from_run_lengths(padded, *mask.shape) == rle.encode(mask)
