import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.errors import UnknownName
from al_core.uncertainty.augment import VIEWS, View, views_named

SIDES = st.integers(1, 12)
MASKS = hnp.arrays(bool, st.tuples(st.just(2), SIDES, SIDES))
IMAGE = np.array([[[10, 10, 10], [200, 200, 200], [30, 30, 30]]], np.uint8)
"""One row of three grey pixels."""


def nearest(masks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Masks [n, h, w] as a detector would see them in another size: nearest pixel."""
    rows = ((np.arange(size[0]) + 0.5) * masks.shape[1] / size[0]).astype(int)
    columns = ((np.arange(size[1]) + 0.5) * masks.shape[2] / size[1]).astype(int)
    return masks[:, rows][:, :, columns]


def test_views_by_eye() -> None:
    def grey(name: str) -> list[int]:
        return VIEWS[name].apply(IMAGE, (1, 3))[0, :, 0].tolist()

    assert grey("identity") == [10, 200, 30]
    assert grey("flip") == [30, 200, 10]
    assert grey("bright") == [12, 250, 38]
    assert grey("dark") == [8, 160, 24]
    assert VIEWS["scale_small"].apply(np.zeros((8, 12, 3), np.uint8), (8, 12)).shape == (6, 9, 3)
    assert VIEWS["scale_large"].apply(np.zeros((8, 12, 3), np.uint8), (4, 8)).shape == (5, 10, 3)


def test_brightness_is_clipped_not_wrapped() -> None:
    assert VIEWS["bright"].apply(np.full((1, 1, 3), 240, np.uint8), (1, 1)).max() == 255


def test_shrinking_takes_the_mean() -> None:
    assert View(scale=0.5).apply(np.array([[[0] * 3, [100] * 3]] * 2, np.uint8), (2, 2)).tolist() == [[[50, 50, 50]]]


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@given(hnp.arrays(np.uint8, st.tuples(SIDES, SIDES, st.just(3))))
def test_an_image_is_seen_at_the_size_of_the_view(view: View, image: np.ndarray) -> None:
    before = image.copy()
    seen = view.apply(image, image.shape[:2])
    assert seen.shape == (*view.seen_size(image.shape[:2]), 3)
    assert seen.flags.c_contiguous
    assert np.array_equal(image, before)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@given(
    hnp.arrays(float, (3, 4), elements=st.floats(-20, 20)),
    st.tuples(st.integers(8, 40), st.integers(8, 40)),
)
def test_boxes_come_back(view: View, boxes: np.ndarray, size: tuple[int, int]) -> None:
    height, width = view.seen_size(size)
    x0, y0, x1, y1 = boxes.T * np.array([[width / size[1]], [height / size[0]]] * 2)
    seen = np.stack([width - x1, y0, width - x0, y1] if view.flip else [x0, y0, x1, y1], axis=1)
    assert np.allclose(view.invert_boxes(seen, (height, width), size), boxes)


@pytest.mark.parametrize("name", ["identity", "flip", "bright", "dark"])
@given(MASKS)
def test_masks_come_back_exactly(name: str, masks: np.ndarray) -> None:
    view = VIEWS[name]
    seen = masks[:, :, ::-1] if view.flip else masks
    assert np.array_equal(view.invert_masks(seen, masks.shape[1:]), masks)


@given(MASKS, st.floats(1, 3), st.booleans())
def test_masks_come_back_exactly_from_larger_views(masks: np.ndarray, scale: float, flip: bool) -> None:
    view = View(scale, flip)
    seen = nearest(masks, view.seen_size(masks.shape[1:]))
    seen = seen[:, :, ::-1] if flip else seen
    assert np.array_equal(view.invert_masks(seen, masks.shape[1:]), masks)


@given(st.integers(4, 40), st.integers(0, 3), st.floats(0.5, 1))
def test_an_edge_comes_back_within_a_pixel_from_smaller_views(width: int, edge: int, scale: float) -> None:
    mask = (np.arange(width) >= edge)[None, None]
    view = View(scale)
    back = view.invert_masks(nearest(mask, view.seen_size((1, width))), (1, width))
    assert abs(int(back.sum()) - int(mask.sum())) <= 1


def test_a_coarse_grid_samples_the_mirrored_mask() -> None:
    mask = np.array([[[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]], bool)
    assert VIEWS["flip"].invert_masks(mask, (2, 2)).tolist() == [[[False, True], [False, False]]]


def test_an_unknown_view_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="unknown view 'flipp'.*Did you mean 'flip'"):
        views_named(["identity", "flipp"])
    assert views_named(("dark", "flip")) == (VIEWS["dark"], VIEWS["flip"])
