"""The sections over rounds."""

from dataclasses import replace

import pytest

from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.learning_curve import Forecast
from al_core.records import QualityRow
from tasks.auditing.live_gain import Proof
from tasks.report.content import gather_rounds
from tasks.report.pages import sections
from tasks.report.pages.document import Charts
from tests.toys.labelled_project import new_project
from tests.toys.web.html_page import Page


@pytest.fixture(scope="module")
def content(finished):
    return gather_rounds(*finished[:2])


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return gather_rounds(*new_project(tmp_path_factory.mktemp("empty"))[:2])


def estimate(value, low=0.0, high=1.0):
    return Estimate(value, low, high)


def tile(content, name):
    return {tile[0]: tile[1:] for tile in sections.totals(content)}.get(name)


def test_totals_of_a_project_without_rounds(empty):
    assert tile(empty, "Labelled by people") == ("0 frames", "0 % of all")
    assert tile(empty, "Human time") == ("0.0 s", "nothing labelled yet")
    assert tile(empty, "AP50") == ("–", "nothing measured")
    assert tile(empty, "Machine time") == ("0.0 s", "train 0.0 s, predict 0.0 s, other 0.0 s")


def test_what_is_expected_of_labels_is_a_tile_only_where_it_is_known(content):
    assert tile(content, "Next hour brings") is None
    known = replace(
        content,
        proof=Proof(estimate(1.5, 1.25, 1.75), 9),
        forecast=Forecast(0.7, 3600.0, estimate(0.75), estimate(0.05, 0.02, 0.08), None),
    )
    assert tile(known, "Worth of a human second") == ("1.50 ×", "1.25 to 1.75 times as much as at random")
    assert tile(known, "Next hour brings") == ("+0.050", "J&F, +0.020 to +0.080")


def test_with_few_random_labels_the_tile_says_that_it_is_too_early(content):
    assert tile(replace(content, proof=Proof(None, 0)), "Worth of a human second") is None
    words = "too early to say what choosing gains: 3 of 5 random labels are known"
    assert tile(replace(content, proof=Proof(None, 3)), "Worth of a human second") == ("–", words)


def test_the_legend_names_what_exists(content):
    def legend(content):
        return [
            line
            for line in ("human", "propagated", "teacher", "accepted")
            if f"<b>{line}</b>" in sections.header(content)
        ]

    assert legend(content) == ["human", "propagated", "teacher"]
    accepted = replace(content.rounds[-1], masks_by=content.rounds[-1].masks_by | {"accepted": 3})
    assert legend(replace(content, rounds=(*content.rounds[:-1], accepted))) == [
        "human",
        "propagated",
        "teacher",
        "accepted",
    ]


def test_the_table_of_quality_is_of_the_newest_round_the_worst_videos_of_many_first(monkeypatch):
    rows = [
        QualityRow(round_id, video, None, provenance, metric, value, 5)
        for round_id, worse in ((1, 0.3), (2, 0.0))
        for video, value in ((1, 0.9 - worse), (2, 0.5 - worse), (3, 0.7 - worse))
        for provenance in ("all", "teacher")
        for metric in ("j", "f", "jf", "ap50")
    ]
    names = {1: "one", 2: "two"}
    table = sections.quality_table(rows, names)
    assert table.head == ("video", "frames measured", "J", "F", "J&F", "AP50", "J&F, teacher")
    assert [(r[0], r[4]) for r in table.rows] == [("one", "0.900"), ("two", "0.500"), ("3", "0.700")]
    assert table.rows[0] == ("one", "5", *["0.900"] * 5)
    monkeypatch.setattr(sections, "MAX_QUALITY_VIDEOS", 2)
    table = sections.quality_table(rows, names)
    assert (table.round_id, table.n_videos, [r[0] for r in table.rows]) == (2, 3, ["two", "3"])


def test_a_video_without_a_figure_has_a_dash():
    rows = [QualityRow(1, 1, None, "all", "jf", 0.5, 4), QualityRow(1, 2, None, "teacher", "jf", 0.25, 4)]
    assert sections.quality_table(rows, {}).rows == (
        ("1", "4", "–", "–", "0.500", "–", "–"),
        ("2", "0", "–", "–", "–", "–", "0.250"),
    )


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (estimate(0.0), "J&F 0.85: reached already."),
        (estimate(7200.0, 3600.0, float("inf")), "after 2.0 h more, between 60.0 min and an unknown time."),
    ],
)
def test_the_forecast_is_told_in_words(content, target, told):
    outlook = Forecast(0.7, 3600.0, estimate(0.75, 0.7, 0.8), estimate(0.05, 0.0, 0.1), target)
    text = Page(sections.quality(replace(content, forecast=outlook), Charts())).text
    assert "J&F is 0.700 now." in text
    assert told in text


def test_of_many_rounds_the_newest_steps_are_listed(content, monkeypatch):
    monkeypatch.setattr(sections, "MAX_STEP_ROUNDS", 1)
    page = Page(sections.steps(content))
    assert "The newest 1 of 2 rounds." in page.text
    assert {row[0] for row in page.tables[0][1:]} == {"2"}


def test_the_training_section_says_what_the_refiner_of_the_page_is_worth(content):
    words = "The page makes masks without learning"
    assert words not in sections.training(content.steps, content.curves, Charts())
    trained = next(step for step in reversed(content.steps) if step.name == "train")
    trained = replace(trained, result={**trained.result, "refiner": {"note": "the loss is nan"}})
    assert f"{words}: the loss is nan." in sections.training([trained], content.curves, Charts())


def test_a_step_that_is_not_done_has_no_time(content):
    running = replace(content.steps[0], status="running")
    assert Page(sections.steps(replace(content, steps=(running,)))).tables[0][1][2:5] == ["not finished", "1", "–"]


def test_the_training_section_shows_what_unlabelled_frames_taught(content):
    (trained,) = [step for step in content.steps if step.name == "train"][:1]
    losses = {"loss_cls": [[1, 2.0], [2, 1.0]], "unlabelled_loss_cls": [[2, 3.0]]}
    taught = replace(trained, result={"labels": 12, "unlabelled": 640, "losses": losses})
    shown = sections.training([taught], content.curves, Charts())
    assert f"Round {trained.round_id}: trained on 12 labelled and 640 unlabelled frames." in shown
    assert f"Parts of the loss, round {trained.round_id}" in shown
    assert "Parts of the loss" not in sections.training(content.steps, content.curves, Charts())
