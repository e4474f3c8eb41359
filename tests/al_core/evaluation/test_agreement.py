import numpy as np
import pytest

from al_core.evaluation.agreement import likeness
from al_core.masks.rle import encode
from al_core.records import MaskLabel


def bar(start, end, track_id=1):
    """An object that fills columns of a 1x10 frame."""
    mask = np.zeros((1, 10), bool)
    mask[0, start:end] = True
    return MaskLabel(track_id, 1, encode(mask))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([bar(0, 4)], [bar(0, 4)], 1.0),
        ([bar(0, 4)], [bar(2, 6)], 1 / 3),
        ([bar(0, 4)], [], 0.0),
        ([], [], 1.0),
        ([bar(0, 4), bar(6, 9, 2)], [bar(6, 9, 1), bar(0, 4, 2)], 1.0),
        ([bar(0, 4), bar(6, 9, 2)], [bar(0, 4)], 0.5),
    ],
    ids=["same", "a third", "only one sees it", "both see nothing", "numbered differently", "one more"],
)
def test_likeness(first, second, expected):
    assert likeness(first, second) == pytest.approx(expected)


def test_ignore_regions_are_left_out():
    region = MaskLabel(0, 0, bar(0, 9).rle)
    assert likeness([bar(0, 4), region], [bar(0, 4)]) == 1.0
