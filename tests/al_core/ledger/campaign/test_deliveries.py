"""Delivered masks, quality and coverage."""

import pytest

from al_core.records import (
    Provenance,
    QualityRow,
)
from al_core.settings import Settings
from tests.toys.ledgers import asked, clip, frame_rows, ledger_with_clip, mask_answer, times_us


@pytest.fixture
def ledger(tmp_path):
    """A ledger with one clip."""
    return ledger_with_clip(tmp_path)


def test_coverage_counts_each_provenance_by_itself(ledger):
    ledger.begin_round(Settings())
    ledger.put_answer(mask_answer(asked(ledger, 3, 7)[0]))
    ledger.put_predictions(1, 1, frame_rows([0.5] * 12), "a.parquet")
    ledger.put_delivered(1, 1, "d.parquet", 12, [(Provenance.HUMAN, 1, 1, 1.0), (Provenance.PROPAGATED, 11, 11, 0.8)])
    (row,) = ledger.coverage()
    assert (row["n_frames"], row["predicted"], row["requested"], row["answered"]) == (12, 12, 2, 1)
    assert (row["human_frames"], row["human_seconds"]) == (1, 80.0)
    assert row["delivered"] == {"human": (1, 1), "propagated": (11, 11)}
    assert ledger.frames_covered(1) == 12


def test_human_frames_add_up_over_rounds(ledger):
    ledger.begin_round(Settings())
    ledger.put_answer(mask_answer(asked(ledger, 3)[0], "a"))
    ledger.finish_round(1, None)
    ledger.begin_round(Settings())
    ledger.put_answer(mask_answer(asked(ledger, 7, round_id=2)[0], "b"))
    assert [row["human_frames"] for row in ledger.coverage()] == [1, 2]
    assert ledger.human_effort() == [(1, 1, 80.0), (2, 1, 80.0)]


def test_a_round_counts_the_videos_that_it_had(ledger):
    ledger.begin_round(Settings())
    ledger.add_video(clip("during"), times_us())
    ledger.add_video(clip("unused"), times_us())
    ledger.put_delivered(1, 1, "a.parquet", 12, [])
    ledger.put_delivered(1, 2, "b.parquet", 12, [])
    assert [row["n_frames"] for row in ledger.coverage()] == [36]
    ledger.finish_round(1, None)
    ledger.begin_round(Settings())
    ledger.abandon_round("eve")
    ledger.add_video(clip("later"), times_us())
    ledger.begin_round(Settings())
    assert [row["n_frames"] for row in ledger.coverage()] == [24, 36, 48]


def test_quality_is_replaced_not_doubled(ledger):
    for value in (0.5, 0.7):
        ledger.put_qualities(1, [(1, [(None, "all", "j", value, 11)])])
    assert ledger.quality(1) == ledger.quality() == [QualityRow(1, 1, None, "all", "j", 0.7, 11)]
    assert ledger.quality(2) == []


def test_delivering_again_replaces(ledger):
    for path, n_masks in (("a.parquet", 5), ("b.parquet", 7)):
        ledger.put_delivered(1, 1, path, 4, [("human", 2, n_masks, 1.0)], [("human", 1, n_masks)])
    assert ledger.delivered_paths(1) == {1: "b.parquet"}
    assert ledger.category_masks(1) == [(1, "human", 7)]
    assert ledger.frames_covered(1) == 4


def test_categories_add_up_over_videos(ledger):
    ledger.add_video(clip("other"), times_us())
    ledger.put_delivered(1, 1, "a.parquet", 4, [], [("teacher", 2, 3), ("human", 1, 5)])
    ledger.put_delivered(1, 2, "b.parquet", 5, [], [("human", 1, 2)])
    assert ledger.category_masks(1) == [(1, "human", 7), (2, "teacher", 3)]
    assert ledger.delivered_paths(1) == {1: "a.parquet", 2: "b.parquet"}
    assert ledger.frames_covered(1) == 9


def test_the_newest_round_that_delivered(ledger):
    assert ledger.last_delivered_round() is None
    for round_id in (1, 3):
        ledger.put_delivered(round_id, 1, f"{round_id}.parquet", 1, [])
    assert ledger.last_delivered_round() == 3
    assert ledger.last_delivered_round(before=3) == 1
    assert ledger.last_delivered_round(before=1) is None


def test_a_round_delivers_what_an_earlier_one_did(ledger):
    """Rows, counts and the place of the file are the same; of other videos nothing changes, and twice is once."""
    for video in (1, 2):
        ledger.put_delivered(
            1, video, f"{video}.parquet", 4, [("human", 2, video, 1.0)], [("human", 1, video)], "ab", "{}"
        )
    ledger.put_delivered(2, 2, "new.parquet", 1, [], [])
    for _ in range(2):
        ledger.link_delivered(2, 1, [1])
    assert ledger.delivered_paths(2) == {1: "1.parquet", 2: "new.parquet"}
    assert ledger.delivered_from(2) == {1: ("ab", "{}"), 2: ("", "")}
    assert ledger.category_masks(2) == [(1, "human", 1)]
    assert ledger.frames_covered(2) == 5


def test_many_videos_at_once_are_the_same_as_one_by_one(tmp_path):
    told = [
        (1, "a.parquet", 4, (("human", 2, 3, 1.0), ("teacher", 1, 1, 0.25)), (("human", 1, 3),), "abc", "{}"),
        (2, "b.parquet", 0, (), (), "", ""),
    ]
    measured = [(1, [(None, "all", "j", 0.5, 2), (7, "human", "f", 0.25, 1)]), (2, [])]
    rows = []
    for together in (True, False):
        ledger = ledger_with_clip(tmp_path / str(together))
        ledger.put_deliveries(1, [(1, "old.parquet", 1, (("propagated", 1, 1, 0.5),), (("human", 9, 9),), "", "")])
        ledger.put_qualities(1, [(1, [(None, "all", "j", 0.9, 9)])])
        if together:
            ledger.put_deliveries(1, told)
            ledger.put_qualities(1, measured)
        for one, (video_id, figures) in zip(() if together else told, measured, strict=False):
            ledger.put_delivered(1, *one)
            ledger.put_qualities(1, [(video_id, figures)])
        query = "SELECT * FROM {} ORDER BY ALL"
        tables = {name: ledger._rows(query.format(name)) for name in ("delivered", "delivered_category", "quality")}
        rows.append({**tables, "paths": ledger.delivered_paths(1), "from": ledger.delivered_from(1)})
    assert rows[0] == rows[1]
    assert rows[0]["paths"] == {1: "a.parquet", 2: "b.parquet"}
    assert rows[0]["delivered"] == [(1, 1, "human", 2, 3, 1.0), (1, 1, "teacher", 1, 1, 0.25)]
    assert rows[0]["quality"] == [(1, 1, 7, "human", "f", 0.25, 1, "truth"), (1, 1, None, "all", "j", 0.5, 2, "truth")]
