"""What the pages say, gathered from the ledger."""

import pytest

from al_core.records import QualityRow
from al_core.settings import Settings
from tasks.report import content as module
from tasks.report.content import (
    forecast_of,
    gather,
    gather_rounds,
    gather_video,
    highest_uncertainty,
    last_predicted_round,
    training_curves,
    with_outlook,
)
from tasks.report.round_rows import RoundRow
from tests.toys.labelled_project import answer, copied, new_project, predict, select


def row(round_id, seconds):
    return RoundRow(round_id, 10, 1, 1, round_id, seconds, None, {}, {}, None, None, None, None, 0.0, "finished")


def jf(round_id, video_id, value, track_id=None, provenance="all"):
    return QualityRow(round_id, video_id, track_id, provenance, "jf", value, 5)


def test_rounds_are_gathered_without_forecast_and_gain(finished, monkeypatch):
    def never(*_):
        raise AssertionError("a bootstrap for a page that does not show it")

    monkeypatch.setattr(module, "forecast", never)
    monkeypatch.setattr(module, "proof_so_far", never)
    content = gather_rounds(*finished[:2])
    assert (content.proof, content.forecast) == (None, None)
    assert [r.round_id for r in content.rounds] == [1, 2]
    assert (content.predicted_round, content.delivered_round) == (2, 2)
    assert set(content.categories) == {("square", "human", 2), ("square", "propagated", 2), ("square", "teacher", 1)}
    with pytest.raises(AssertionError, match="bootstrap"):
        with_outlook(content, finished[1])


def test_the_forecast_is_over_videos_that_every_measured_round_measured():
    rounds = [row(1, 80.0), row(2, 160.0), row(3, 240.0), row(4, 320.0)]
    # Round 3 measured nothing; video 2 was not measured by round 4.
    quality = [
        *(jf(r, 1, value) for r, value in ((1, 0.5), (2, 0.6), (4, 0.7))),
        *(jf(r, 2, 0.1) for r in (1, 2)),
        jf(4, 1, 0.0, track_id=1),
        jf(4, 1, 0.0, provenance="teacher"),
    ]
    found = forecast_of(rounds, quality)
    assert found is not None
    assert found.now == pytest.approx(0.7)
    assert found.later.value >= found.now


def test_there_is_no_forecast_without_a_common_video():
    assert forecast_of([], []) is None
    assert forecast_of([row(1, 80.0)], []) is None
    assert forecast_of([row(1, 80.0), row(2, 160.0)], [jf(1, 1, 0.5), jf(2, 2, 0.6)]) is None


def test_curves_are_of_rounds_that_trained(finished, tmp_path):
    _, ledger, _ = copied(finished, tmp_path)
    ledger.begin_round(Settings())
    assert {round_id: [loss for _, loss, _ in curve] for round_id, curve in training_curves(ledger).items()} == {
        1: [4.0, 2.0, pytest.approx(4 / 3), 1.0],
        2: [2.0, 1.0, pytest.approx(2 / 3), 0.5],
    }


def test_the_newest_prediction_counts(tmp_path):
    _, ledger, _ = new_project(tmp_path, ["one", "two"])
    assert last_predicted_round(ledger) is None
    assert highest_uncertainty(ledger, None) == {}
    for _ in range(2):
        ledger.begin_round(Settings())
        if last_predicted_round(ledger) is None:
            predict(ledger, 1, 1)
            predict(ledger, 1, 2, scale=0.5)
            answer(ledger, 1, select(ledger, 1))
            ledger.finish_round(1, None)
    assert last_predicted_round(ledger) == 1
    peaks = highest_uncertainty(ledger, 1)
    assert peaks[1] == pytest.approx(2 * peaks[2])


def test_pictures_are_of_the_newest_choice_and_of_the_least_confident_masks(finished):
    project, ledger, frames = finished
    (item,) = gather(project, ledger, frames).shown
    assert [(p.frame_idx, p.shown.provenance, p.choice.round_id) for p in item.chosen] == [(3, "human", 2)]
    assert [(p.frame_idx, p.shown.provenance) for p in item.doubtful] == [
        (2, "teacher"), (1, "propagated"), (4, "propagated"),
    ]  # fmt: skip
    assert item.samples == ()
    assert item.human_frames == 2


def test_a_video_that_nothing_is_known_of_has_samples(tmp_path):
    project, ledger, frames = new_project(tmp_path)
    (item,) = gather_video(project, ledger, frames, ledger.videos()[0]).shown
    assert [p.frame_idx for p in item.samples] == [0, 1, 2, 3, 4, 5]
    assert (item.chosen, item.doubtful, item.figure, item.note) == ((), (), None, "")


def test_damaged_masks_are_told_and_the_rest_is_shown(finished, tmp_path):
    project, ledger, frames = copied(finished, tmp_path)
    (project.round_dir(2) / "delivered" / "1.parquet").write_bytes(b"no parquet")
    (item,) = gather(project, ledger, frames).shown
    assert item.note.startswith("The delivered masks cannot be shown: ")
    assert [p.shown.provenance for p in item.chosen] == ["human"]
    assert item.figure is not None
