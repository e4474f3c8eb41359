import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.records import QualityRow
from al_core.settings import Settings
from tasks.report.round_rows import frames_by_provenance, mean_quality, round_rows
from tests.toys.labelled_project import (
    answer,
    new_project,
    select,
    train_and_predict,
)


@pytest.fixture(scope="module")
def rows(finished):
    return round_rows(finished[1])


def test_a_row_has_the_sums_of_the_ledger(rows):
    first, second = rows
    assert (first.human_frames, second.human_frames) == (1, 2)
    assert (first.human_seconds, second.human_seconds) == (80.0, 160.0)
    assert (second.requested, second.answered, second.n_frames) == (1, 1, 6)


def test_coverage_counts_each_frame_once(rows):
    assert rows[1].covered == 5
    assert rows[1].coverage == 5 / 6
    assert rows[0].frames_by == {"human": 1, "propagated": 1, "teacher": 3, "accepted": 0}
    assert rows[1].frames_by == {"human": 2, "propagated": 2, "teacher": 1, "accepted": 0}
    assert rows[1].masks_by == {"human": 2, "propagated": 2, "teacher": 1}


def test_quality_is_that_of_all_masks(rows):
    assert [row.jf for row in rows] == [0.6, 0.7]
    assert [row.ap50 for row in rows] == pytest.approx([0.65, 0.75])


def test_seconds_are_those_of_the_steps(rows):
    assert (rows[0].seconds_train, rows[0].seconds_predict) == (40.0, 20.0)
    assert rows[0].seconds_other == 0.5 + 0.25 + 0.25 + 9.5 + 1.5


def test_the_last_row_says_why_the_campaign_ended(rows):
    assert [row.state for row in rows] == ["finished", "2 of 2 rounds are done"]


def test_an_unfinished_round_says_what_it_waits_for(tmp_path):
    _, ledger, _ = new_project(tmp_path)
    assert round_rows(ledger) == []
    ledger.begin_round(Settings())
    assert round_rows(ledger)[0].state == "started"
    request = select(ledger, 1)
    (row,) = round_rows(ledger)
    assert row.state == "waits for 1 label"
    assert (row.coverage, row.jf, row.seconds_train) == (None, None, None)
    answer(ledger, 1, request)
    ledger.begin_step(1, "train", "0" * 64)
    assert round_rows(ledger)[0].state == "in progress: train"


def test_a_round_between_two_steps_says_which_is_done(tmp_path):
    _, ledger, _ = new_project(tmp_path)
    ledger.begin_round(Settings())
    answer(ledger, 1, select(ledger, 1))
    train_and_predict(ledger, 1)
    assert round_rows(ledger)[0].state == "in progress, done: predict"


def test_videos_weigh_the_same():
    rows = [
        QualityRow(1, 1, None, "all", "jf", 0.5, 100),
        QualityRow(1, 2, None, "all", "jf", 0.9, 10),
        QualityRow(1, 2, 1, "all", "jf", 0.1, 10),
    ]
    assert mean_quality(rows, "jf") == pytest.approx(0.7)
    assert mean_quality(rows, "ap50") is None


@pytest.mark.parametrize(
    ("delivered", "covered", "human", "expected"),
    [
        ({"human": (2, 2), "propagated": (5, 5)}, 7, 2, (2, 5, 0, 0)),
        ({"human": (2, 2), "propagated": (5, 9), "teacher": (5, 5)}, 7, 2, (2, 0, 5, 0)),
        ({"human": (2, 2), "propagated": (5, 9), "teacher": (3, 3)}, 8, 2, (2, 3, 3, 0)),
        ({"human": (1, 2), "accepted": (4, 4), "teacher": (1, 1)}, 7, 2, (2, 0, 1, 4)),
        ({}, 3, 3, (3, 0, 0, 0)),
    ],
)
def test_a_frame_counts_under_its_least_founded_mask(delivered, covered, human, expected):
    split = frames_by_provenance(delivered, covered, human)
    assert (split["human"], split["propagated"], split["teacher"], split["accepted"]) == expected


def test_after_an_answer_was_taken_back_what_was_delivered_still_adds_up():
    split = frames_by_provenance({"human": (2, 2), "propagated": (4, 4)}, covered=6, human_frames=1)
    assert (split["human"], split["propagated"], sum(split.values())) == (2, 4, 6)


@given(st.lists(st.sets(st.sampled_from(["teacher", "propagated"]), min_size=1), max_size=20), st.integers(0, 5))
def test_the_split_agrees_with_counting_frame_by_frame(frames, human):
    delivered = {n: (sum(n in f for f in frames), 0) for n in ("teacher", "propagated") if any(n in f for f in frames)}
    split = frames_by_provenance(delivered, len(frames) + human, human)
    assert split["teacher"] == sum("teacher" in f for f in frames)
    assert split["propagated"] == sum(f == {"propagated"} for f in frames)
    assert split["human"] == human
    assert sum(split.values()) == len(frames) + human
