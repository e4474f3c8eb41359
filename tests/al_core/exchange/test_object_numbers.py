"""Objects without numbers, in frames of one video."""

from al_core.exchange.drawn import DrawnFrame, DrawnMask
from al_core.exchange.object_numbers import number_objects
from al_core.masks.rle import Rle

PIXELS = Rle(2, 2, "04")


def frame(*objects, numbered=False):
    """Objects as (number, category)."""
    return DrawnFrame(tuple(DrawnMask(number, name, PIXELS) for number, name in objects), numbered=numbered)


def shown(numbered):
    return {i: [(m.track_id, m.category) for m in drawn.masks] for i, drawn in numbered.frames.items()}


def test_numbers_of_the_file_hold():
    frames = {3: frame((7, "car"), numbered=True)}
    numbered = number_objects(frames, {"car": 1})
    assert numbered.lasting
    assert numbered.frames == frames


def test_an_object_is_told_by_its_category_where_no_frame_shows_two():
    frames = {0: frame((1, "car"), (2, "dog")), 4: frame((1, "dog")), 5: frame((1, "owl"), (0, None))}
    numbered = number_objects(frames, {"dog": 9})
    assert numbered.lasting
    assert shown(numbered) == {0: [(1, "car"), (9, "dog")], 4: [(9, "dog")], 5: [(2, "owl"), (0, None)]}


def test_a_new_number_is_none_that_the_file_gives():
    numbered = number_objects({0: frame((1, "car"), numbered=True), 1: frame((1, "dog"))}, {})
    assert shown(numbered) == {0: [(1, "car")], 1: [(2, "dog")]}


def test_two_of_a_category_cannot_be_told_apart():
    frames = {0: frame((1, "car"), (2, "car"))}
    numbered = number_objects(frames, {})
    assert not numbered.lasting
    assert numbered.frames == frames
