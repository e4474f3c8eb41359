import numpy as np
import pytest

from al_core.export.palette import PROVENANCE_COLOURS
from al_core.records import QualityRow
from tasks.report.figures import round_figures
from tasks.report.round_rows import round_rows
from tests.toys.web.html_page import checked, traces


@pytest.fixture(scope="module")
def ledger(finished):
    return finished[1]


def test_frames_are_split_to_the_last(ledger):
    found = traces(round_figures.frame_coverage(round_rows(ledger)))
    assert {name: [row[0] for row in trace["customdata"]] for name, trace in found.items()} == {
        "human": ["1", "2"],
        "propagated": ["1", "2"],
        "teacher": ["3", "1"],
        "no mask": ["1", "1"],
    }
    np.testing.assert_allclose(sum(np.array(t["y"]) for t in found.values()), [1, 1], atol=1e-4)
    assert found["human"]["marker"]["color"] == PROVENANCE_COLOURS["human"]


def test_masks_are_split_to_the_last(ledger):
    found = traces(round_figures.mask_coverage(round_rows(ledger)))
    assert {name: [row[0] for row in trace["customdata"]] for name, trace in found.items()} == {
        "human": ["1", "2"],
        "propagated": ["1", "2"],
        "teacher": ["3", "1"],
    }


def test_coverage_over_time_adds_up_to_what_each_round_covered(ledger):
    rows = round_rows(ledger)
    found = traces(round_figures.coverage_over_time(rows))
    assert all(t["x"][:2] == [f"{r.delivered_at:%Y-%m-%d %H:%M:%S}" for r in rows] for t in found.values())
    np.testing.assert_allclose(sum(np.array(t["y"]) for t in found.values()), [5 / 6] * 3, rtol=1e-4)


def test_categories_are_stacked_by_provenance_the_most_frequent_on_top():
    masks = [("cat", "human", 1), ("cat", "teacher", 2), ("dog", "teacher", 9)]
    found = traces(round_figures.category_coverage(masks))
    assert {name: dict(zip(t["y"], t["x"], strict=True)) for name, t in found.items()} == {
        "human": {"cat": 1, "dog": 0},
        "teacher": {"cat": 2, "dog": 9},
    }
    assert found["human"]["y"][-1] == "dog"


@pytest.mark.parametrize(("against", "effort"), [("frames", [1, 2]), ("minutes", [80 / 60, 160 / 60])])
def test_quality_is_drawn_over_effort_and_named_by_provenance(ledger, against, effort):
    rows = round_rows(ledger)
    found = traces(round_figures.quality(ledger.quality(), rows, {1: "clip"}, "jf", against))
    assert set(found) == {"all masks", "propagated masks", "teacher masks"}
    np.testing.assert_allclose(found["all masks"]["x"], effort, rtol=1e-4)
    assert found["all masks"]["y"] == [0.6, 0.7]
    assert found["teacher masks"]["y"] == [0.55, 0.65]
    assert found["teacher masks"]["line"]["color"] == PROVENANCE_COLOURS["teacher"]


def test_several_videos_have_a_line_each_and_their_mean():
    class Row:
        round_id, human_frames, human_seconds = 1, 4, 320.0

    quality = [QualityRow(1, 1, None, "all", "jf", 0.5, 9), QualityRow(1, 2, None, "all", "jf", 0.9, 9)]
    figure = checked(round_figures.quality(quality, [Row], {1: "one", 2: "two"}, "jf", "frames"))
    assert [t.get("text") for t in figure["data"]] == ["one", "two", None]
    assert figure["data"][-1]["y"] == [0.7]


def test_each_round_has_its_curve(ledger):
    figure = checked(round_figures.training({r: ledger.training_curve(r) for r in (1, 2)}))
    assert [(t["name"], t["x"], t["y"]) for t in figure["data"]] == [
        ("round 1", [1, 2, 3, 4], [4.0, 2.0, 1.3333, 1.0]),
        ("round 2", [1, 2, 3, 4], [2.0, 1.0, 0.66667, 0.5]),
    ]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.01, 100, [0.01, 0.1, 1, 10, 100]),
        (0.3, 6, [0.5, 1, 2, 5]),
        (1.4, 3.3, [1.5, 2, 3]),
        (1.9, 2.3, [1.9, 2.0, 2.1, 2.2, 2.3]),
        (0.31, 0.334, [0.31, 0.32, 0.33]),
    ],
)
def test_a_logarithmic_axis_has_at_least_three_ticks(low, high, ticks):
    assert round_figures.log_ticks(low, high) == pytest.approx(ticks)


def test_the_loss_has_ticks_however_little_it_falls():
    axis = round_figures.training({1: [(1, 2.1, 0.1), (2, 1.9, 0.1)]})["layout"]["yaxis"]
    assert axis["type"] == "log"
    assert len(axis["ticktext"]) >= 3


def test_a_loss_without_a_value_above_zero_is_an_empty_axis():
    assert "range" not in round_figures.training({1: [(1, 0.0, 0.1)]})["layout"]["yaxis"]


def test_running_means():
    np.testing.assert_allclose(round_figures.running_mean(np.array([2.0, 4.0, 6.0, 8.0]), 2), [2, 3, 5, 7])
    np.testing.assert_allclose(round_figures.running_mean(np.array([2.0, 4.0]), 1), [2, 4])


def test_time_is_stacked_by_step(ledger):
    found = traces(round_figures.durations(ledger.steps()))
    assert list(found)[:3] == ["train", "predict", "propagate"]
    assert found["train"]["y"] == [40.0, 40.0]
    assert found["audit"]["y"] == [1.5, 1.5]


def test_the_parts_of_a_loss_are_told_apart_by_what_taught_them():
    losses = {"loss_cls": [(1, 2.0), (2, 1.0)], "unlabelled_loss_cls": [(2, 3.0)]}
    labelled, unlabelled = checked(round_figures.loss_parts(losses))["data"]
    assert (labelled["name"], labelled["y"], labelled["line"]["dash"]) == ("cls, labelled", [2.0, 1.0], "solid")
    assert (unlabelled["name"], unlabelled["x"], unlabelled["line"]["dash"]) == ("cls, unlabelled", [2], "dash")
