import numpy as np
import pytest

from al_core.benchmark.arms import Aim, ArmComparison, curves_of
from al_core.benchmark.curve_points import CurvePoint, VideoFigures
from al_core.errors import BadRecords
from tests.toys import curves

FRAMES = tuple(range(1, 61))


@pytest.fixture(scope="module")
def comparison():
    points = curves.single(frames=FRAMES) + curves.pool(frames=tuple(5 * n for n in FRAMES))
    return ArmComparison(tuple(points), draws=200)


def test_baselines_come_last(comparison):
    assert comparison.sets == ["single", "pool"]
    assert comparison.arms("pool") == ["value", "value, all", "random, click", "uniform", "random"]


@pytest.mark.parametrize("name", ["single", "pool"])
def test_the_ratio_is_that_of_the_speeds(comparison, name):
    """A curve that rises 1.5 times as fast is there with 1.5 times fewer frames."""
    found = comparison.ratio(name, "value", "uniform", "human_frames")
    assert found.least == found.most == pytest.approx(1.5, rel=0.01)
    assert found.low == pytest.approx(1.5, rel=0.02)
    seconds = comparison.ratio(name, "value, all", "uniform", "human_seconds")
    assert seconds.least == pytest.approx(1.5 * 80 / 20, rel=0.01)


def test_a_summary_has_a_line_per_strategy(comparison):
    entries = {entry.arm: entry for entry in comparison.summary("pool")}
    value, uniform = entries["value"], entries["uniform"]
    assert (value.n_videos, value.n_seeds) == (5, 2)
    assert (value.human_frames, value.human_seconds) == (300, 300 * 80)
    assert value.final.value > uniform.final.value
    assert value.area.value > uniform.area.value
    assert value.final.low < value.final.value < value.final.high
    assert value.good == pytest.approx(value.final.value**2, abs=0.01)
    assert set(uniform.ratios) == {("human_frames", "random"), ("human_seconds", "random")}
    assert value.reach["human_seconds"].least == pytest.approx(80 * value.reach["human_frames"].least)


def test_aims_are_reached_or_not(comparison):
    aims = (
        Aim("easy", "human_frames", "value", "uniform", 1.2),
        Aim("too much", "human_frames", "value", "uniform", 2.0, "pool"),
        Aim("not there", "human_frames", "oracle", "uniform", 2.0, "pool"),
    )
    found = [(r.aim.text, r.set_name, r.reached, r.certain) for r in comparison.results(aims)]
    assert found == [
        ("easy", "single", True, True),
        ("easy", "pool", True, True),
        ("too much", "pool", False, True),
        ("not there", "pool", None, False),
    ]


def test_a_curve_that_ends_early_leaves_an_aim_open():
    points = curves.pool(frames=(5, 10))
    (found,) = ArmComparison(tuple(points), draws=50).results((Aim("", "human_frames", "value", "uniform", 1.2),))
    assert (found.reached, found.certain) == (None, False)


def point(number, *videos, campaign="all"):
    return CurvePoint("pool", campaign, "value", "mask", 0, number, 4 * number, 320.0 * number, videos)


def test_a_video_of_a_pool_has_the_effort_of_the_pool():
    points = [point(n, VideoFigures("dog", jf=0.1 * n), VideoFigures("swan", jf=0.2 * n)) for n in (2, 1)]
    found = curves_of(points, "human_frames", "jf")
    assert found.videos == ("all: dog", "all: swan")
    np.testing.assert_allclose(found.cost, [[4, 8], [4, 8]])
    np.testing.assert_allclose(found.value, [[0.1, 0.2], [0.2, 0.4]])


def test_a_video_that_is_labelled_whole_counts_with_all_its_frames():
    points = [point(1, VideoFigures("dog", jf=0.5)), point(2, VideoFigures("dog", jf_all=1.0))]
    np.testing.assert_allclose(curves_of(points, "human_frames", "jf").value, [[0.5, 1.0]])


def test_a_video_without_a_figure_is_left_out():
    points = [point(1, VideoFigures("dog", jf=0.5), VideoFigures("swan"))]
    assert curves_of(points, "human_frames", "jf").videos == ("all: dog",)
    assert curves_of(points, "human_frames", "good_share") is None


def test_no_records_cannot_be_compared():
    with pytest.raises(BadRecords, match="no records"):
        ArmComparison(())
