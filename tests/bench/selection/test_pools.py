import math

import numpy as np
import pytest

from al_core.evaluation.learning_curve import Curves
from tests.bench.selection.pools import by_round, jackknifed


def curves(*rows: tuple[float, ...]) -> Curves:
    """Curves of clips whose J&F is that of the rows, after 4 and 8 frames."""
    return Curves(tuple(f"clip {n}" for n in range(len(rows))), np.tile([4.0, 8.0], (len(rows), 1)), np.array(rows))


def test_what_a_pool_reached_is_told_by_round_and_held_against_value_clip_by_clip():
    value, uniform = curves((0.8, 0.9), (0.6, 0.7)), curves((0.7, 0.9), (0.5, 0.8))
    assert list(by_round({"uniform": uniform, "value": value})) == [
        "uniform: J&F after 4 frames 0.600, 8 frames 0.850",
        "value: J&F after 4 frames 0.700, 8 frames 0.800",
        "value above uniform: +0.100 (+0.100 to +0.100), -0.050 (-0.100 to +0.000)",
    ]


def test_without_value_nothing_is_held_against_it():
    assert list(by_round({"random": curves((0.5, 0.5))})) == ["random: J&F after 4 frames 0.500, 8 frames 0.500"]


@pytest.mark.parametrize(
    ("parts", "told"),
    [([1.0, 1.0], "1.00 to 1.00 over 2 clips left out (1.000 to 1.000)"), ([1.0, math.inf], "no interval")],
)
def test_the_interval_of_a_ratio_is_none_where_a_pool_without_a_clip_does_not_get_there(parts, told):
    assert jackknifed(1.0, parts) == told
