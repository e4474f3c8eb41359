"""The figures that compare strategies."""

import numpy as np
import pytest

from al_core.benchmark.arms import ArmComparison
from al_core.evaluation.learning_curve import Curves
from tasks.report.figures.simulation_figures import MAX_BANDS, Styles, curves, video_curves, widest_apart
from tests.toys import curves as toys
from tests.toys.web.html_page import checked

FRAMES = [1, 2, 4, 8, 16, 32]


@pytest.fixture(scope="module")
def comparison():
    return ArmComparison(tuple(toys.single()), draws=100)


def expected(speed, hardness):
    """Quality of a strategy on a video after each round, over seeds."""
    curves = [[toys.quality(n, hardness, toys.pace(speed, seed)) for n in FRAMES] for seed in (0, 1)]
    return np.mean(curves, axis=0)


def of_arm(comparison, arm):
    found = comparison.curves("single", arm, "human_frames")
    assert found is not None
    return found


def test_a_strategy_has_one_line_in_each_panel_and_one_entry_in_the_legend(comparison):
    figure = checked(curves(comparison, "single", Styles(comparison)))
    lines = [t for t in figure["data"] if t.get("name") == "value" and t["mode"] == "lines+markers"]
    assert len({t["xaxis"] for t in lines}) == len(lines) == 4
    assert [t["showlegend"] for t in lines].count(True) == 1
    assert {t["legendgroup"] for t in lines} == {"value"}


def test_a_line_is_the_mean_over_videos_and_its_interval_is_told(comparison):
    figure = curves(comparison, "single", Styles(comparison))
    line = next(t for t in figure["data"] if t.get("name") == "uniform" and t["mode"] != "lines")
    assert line["x"] == FRAMES
    mean = np.mean([expected(1.0, hardness) for hardness in toys.VIDEOS.values()], axis=0)
    np.testing.assert_allclose(line["y"], mean, rtol=1e-3)
    low, high = (float(word.strip(" ()")) for word in line["customdata"][0].split(" to "))
    assert low < line["y"][0] < high


def test_time_is_told_in_minutes(comparison):
    figure = curves(comparison, "single", Styles(comparison))
    frames, minutes = (
        next(t for t in figure["data"] if t.get("name") == "uniform" and t["xaxis"] == axis and t["mode"] != "lines")
        for axis in ("x1", "x2")
    )
    np.testing.assert_allclose(minutes["x"], np.array(frames["x"]) * 80 / 60, rtol=1e-4)


def test_a_set_that_was_not_run_has_no_figure(comparison):
    assert curves(comparison, "long", Styles(comparison)) is None


def test_names_are_text_for_plotly():
    arms = {("<b>x", "mask"): (1.0, 80.0), ("uniform", "mask"): (1.0, 80.0)}
    comparison = ArmComparison(tuple(toys.single(arms)), draws=20)
    names = {t.get("name") for t in curves(comparison, "single", Styles(comparison))["data"]}
    assert "&lt;b&gt;x" in names
    assert "<b>x" not in names


def test_one_video_is_drawn_for_each_strategy_that_labelled_it(comparison):
    found = {arm: of_arm(comparison, arm) for arm in ("value", "uniform")}
    figure = checked(video_curves(found, "dog", "human_frames", 0.85, Styles(comparison)))
    *lines, target = figure["data"]
    assert [t["name"] for t in lines] == ["value", "uniform"]
    np.testing.assert_allclose(lines[1]["y"], expected(1.0, toys.VIDEOS["dog"]), rtol=1e-3)
    assert target["y"] == [0.85, 0.85]


def test_the_videos_on_which_strategies_end_furthest_apart():
    ends = {"a": (0.9, 0.8), "b": (0.9, 0.4), "c": (0.7, 0.65), "d": (0.2, 0.9)}
    cost = np.array([[1.0, 2.0]] * 4)
    found = {
        str(arm): Curves(tuple(ends), cost, np.array([[0.1, last[arm]] for last in ends.values()])) for arm in (0, 1)
    }
    assert widest_apart(found, 2) == ["b", "d"]
    assert widest_apart(found, 9) == ["a", "b", "c", "d"]


def test_baselines_are_in_ink_and_others_have_a_colour_each(comparison):
    styles = Styles(comparison)
    assert {styles.line(arm)["color"] for arm in comparison.baselines if arm in comparison.arms()} == {"ink"}
    others = [arm for arm in comparison.arms() if arm not in comparison.baselines]
    assert len({styles.line(arm)["color"] for arm in others}) == len(others)
    assert styles.line("value", 1.5)["width"] == 1.5
    assert styles.fill("uniform").startswith("rgba(")


def test_of_many_strategies_only_those_of_an_aim_have_a_band():
    arms = {(f"other{i}", "mask"): (1.0, 80.0) for i in range(MAX_BANDS)} | {("value", "mask"): (1.5, 80.0)}
    styles = Styles(ArmComparison(tuple(toys.single(arms, seeds=1)), draws=20))
    assert styles.banded == {"value"}
