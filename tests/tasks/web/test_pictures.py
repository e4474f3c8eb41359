import cv2
import numpy as np
import pytest

from al_core.masks.soft import SoftMask
from al_core.records import FrameRef
from al_core.stores.predictions import FramePrediction, PredictedObject, write_predictions
from tasks.web.pictures import disagreement, encoded, frame_at, heat_map, picture_of

SIZE = (6, 8)
FEATURE = np.ones(1, np.float32)


def seen(probability, existence_disagreement=0.0):
    """An object with a mean mask."""
    mask = SoftMask.of(np.asarray(probability, np.float32))
    return PredictedObject(1, (0.9, 0.1), 0.9, 4, (0, 0, 8, 6), 0.0, 1.0, 0.0, 0.0, mask, existence_disagreement)


def part(value, columns):
    """A mask that has one value in some columns and 0 elsewhere."""
    mask = np.zeros(SIZE, np.float32)
    mask[:, columns] = value
    return mask


@pytest.fixture
def doubt(tmp_path):
    """Returns where teachers disagree in a frame that holds some objects."""

    def measure(*objects):
        write_predictions(tmp_path / "a.parquet", [FramePrediction(3, objects, FEATURE)], SIZE)
        return disagreement(tmp_path / "a.parquet", 3)

    return measure


class TestDisagreement:
    def test_it_is_1_where_half_of_them_say_yes_and_0_where_they_agree(self, doubt):
        found = doubt(seen(part(0.5, slice(0, 2)) + part(1.0, slice(2, 4))))
        assert found.shape == SIZE
        assert found[:, :2] == pytest.approx(1.0, abs=0.01)
        assert found[:, 2:] == pytest.approx(0.0, abs=0.01)

    def test_an_object_that_some_of_them_miss_is_doubtful_as_a_whole(self, doubt):
        assert doubt(seen(part(1.0, slice(0, 4)), 0.75))[:, :4] == pytest.approx(0.75, abs=0.01)

    def test_of_several_objects_the_most_doubtful_counts(self, doubt):
        found = doubt(seen(part(0.9, slice(0, 4))), seen(part(0.6, slice(2, 6))))
        expected = [0.36, 0.36, 0.96, 0.96, 0.96, 0.96, 0, 0]
        assert found[0] == pytest.approx(expected, abs=0.02)

    def test_nothing_is_known_of_a_frame_without_objects_or_predictions(self, doubt, tmp_path):
        assert doubt() is None
        assert disagreement(tmp_path / "a.parquet", 2) is None


class TestHeatMap:
    def test_certain_places_are_transparent_and_doubtful_ones_are_not(self):
        values = np.zeros((2, 2), np.float32)
        values[:, 1] = 1.0
        rgba = heat_map(values, (2, 2))
        assert (rgba.shape, rgba.dtype) == ((2, 2, 4), np.uint8)
        assert (rgba[:, 0, 3] == 0).all()
        assert (rgba[:, 1, 3] > 128).all()
        assert rgba[0, 1, :3].sum() > rgba[0, 0, :3].sum()

    def test_it_has_the_size_of_the_frame_and_stays_within_its_range(self):
        rgba = heat_map(np.full((3, 4), 1.5, np.float32), (30, 40))
        assert rgba.shape == (30, 40, 4)
        assert np.array_equal(rgba, heat_map(np.ones((3, 4), np.float32), (30, 40)))


class Store:
    """Frames at working size."""

    def __init__(self):
        self.reads = 0

    def read(self, frame):
        self.reads += 1
        return np.full((6, 8, 3), frame.frame_idx, np.uint8)


class TestFrameAt:
    def test_a_small_picture_comes_from_the_working_size(self):
        store = Store()
        image = frame_at(store, None, FrameRef(1, 7), 4)
        assert (image.shape, store.reads) == ((3, 4, 3), 1)
        assert (image == 7).all()

    def test_a_large_one_comes_from_the_full_frame_and_is_never_made_larger(self):
        store, full = Store(), np.full((60, 80, 3), 9, np.uint8)
        assert frame_at(store, full, FrameRef(1, 7), 40).shape == (30, 40, 3)
        assert frame_at(store, full, FrameRef(1, 7), 800) is full
        assert store.reads == 0


class TestEncoded:
    def test_png_keeps_every_pixel_and_the_order_of_colours(self):
        image = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
        back = cv2.imdecode(np.frombuffer(encoded(image, "png"), np.uint8), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(cv2.cvtColor(back, cv2.COLOR_BGRA2RGBA), image)

    def test_jpg_is_smaller_and_nearly_the_same(self):
        image = np.full((50, 70, 3), (200, 10, 60), np.uint8)
        back = cv2.imdecode(np.frombuffer(encoded(image, "jpg"), np.uint8), cv2.IMREAD_COLOR)
        assert np.abs(cv2.cvtColor(back, cv2.COLOR_BGR2RGB).astype(int) - image).max() < 6


def test_a_picture_of_an_object_has_its_surroundings_and_is_small():
    image = np.zeros((60, 400, 3), np.uint8)
    image[20:30, 40:60] = 200
    small = picture_of(image, (40, 20, 20, 10), long_side=200)
    assert small.shape == (10 + 2 * 5, 20 + 2 * 5, 3)
    assert (small[5:15, 5:25] == 200).all()
    assert picture_of(image, (0, 0, 400, 2), long_side=50).shape[1] == 50
    assert picture_of(image, (399, 59, 1, 1)).shape == (2, 2, 3)
