"""The choice of a round, from a ledger and features beside it."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.errors import BadSettings
from al_core.project import Project
from al_core.records import FrameLabel, FrameRef, LabelRequest
from al_core.selection import Frames
from al_core.settings import Settings
from al_core.stores.predictions import FramePrediction, write_predictions
from tasks.steps.select import by_video, nearest, open_pool, planned, predicted_features, select_frames
from tests.toys.contexts import context_of
from tests.toys.ledgers import clip, frame_rows, ledger_with_clip, mask_answer, times_us


class LineOfThumbnails:
    """Frame f of any video looks like f."""

    def thumbnails(self, video_id, indices=None):
        assert sorted(indices) == list(indices)
        return np.asarray(indices, np.float32)[:, None]


@pytest.fixture
def ledger(tmp_path):
    return ledger_with_clip(tmp_path)


def context(tmp_path, ledger, round_id, settings):
    return context_of(Project.at(tmp_path), ledger, round_id, settings, frames=LineOfThumbnails())


def choose(tmp_path, ledger, strategy, round_id=1, n=None, **changes):
    plain = {"selection.strategy": strategy, "selection.min_gap": 1, "selection.control_share": 0.0}
    plain |= {"stopping.max_rounds": 0}
    settings = Settings().changed(plain | changes)
    rng = np.random.default_rng([0, round_id])
    found = select_frames(context(tmp_path, ledger, round_id, settings), rng, n)
    assert ledger.selection(round_id) == found
    return [s.frame.frame_idx for s in found]


def ask(ledger, round_id, *frames):
    ledger.put_requests([LabelRequest(f"{round_id}-{f}", round_id, FrameRef(1, f), 0, "") for f in frames])


def test_before_predictions_frames_are_told_apart_by_thumbnails(tmp_path, ledger):
    assert choose(tmp_path, ledger, "diverse", n=3) == [5, 11, 0]
    assert choose(tmp_path, ledger, "hybrid", n=3) == [5, 11, 0]
    assert choose(tmp_path, ledger, "least_certain") == [3, 9]


def test_what_earlier_rounds_asked_for_is_not_chosen_again(tmp_path, ledger):
    ask(ledger, 1, 2, 9)
    assert choose(tmp_path, ledger, "uniform", round_id=2, n=1) == [6]


def test_choosing_again_after_a_crash_gives_the_same(tmp_path, ledger):
    first = choose(tmp_path, ledger, "random", n=4)
    ask(ledger, 1, *first)
    assert choose(tmp_path, ledger, "random", n=4) == first


def write_features(path, frame_indices, values):
    """A file of predictions without objects, whose features are one number each."""
    features = [np.float32([value]) for value in values]
    write_predictions(path, [FramePrediction(i, (), f) for i, f in zip(frame_indices, features, strict=True)], (4, 4))


def test_predictions_of_the_round_before(tmp_path, ledger):
    uncertainty = np.zeros(12, np.float32)
    uncertainty[[4, 5, 10]] = 0.5, 0.9, 0.7
    path = "rounds/0001/predictions/clip.parquet"
    ledger.put_predictions(1, 1, frame_rows(uncertainty), path)
    ask(ledger, 1, 0)
    assert choose(tmp_path, ledger, "least_certain", round_id=2, n=3) == [5, 10, 4], "no file is needed"
    write_features(tmp_path / path, range(12), range(12))
    assert choose(tmp_path, ledger, "hybrid", 2, 2, **{"selection.pool_factor": 2}) == [10, 5]


def test_a_video_without_predictions_leaves_everything_to_thumbnails(tmp_path, ledger):
    ledger.put_predictions(1, 1, frame_rows(np.zeros(12, np.float32)), "clip.parquet")
    ledger.add_video(clip("new", 3), times_us(3), [FrameLabel(FrameRef(0, 1), ())])
    assert len(choose(tmp_path, ledger, "diverse", round_id=2, n=13)) == 13


def test_the_simulated_annotator_is_asked_where_there_is_truth(tmp_path, ledger):
    bare = ledger.add_video(clip("sparse", 9), times_us(9), [FrameLabel(FrameRef(0, 7), ())])
    settings = Settings().changed({"selection.strategy": "uniform", "selection.min_gap": 1})
    rng = np.random.default_rng(0)
    found = select_frames(context(tmp_path, ledger, 1, settings), rng, 99)
    assert [s.frame.frame_idx for s in found if s.frame.video_id == bare.video_id] == [7]
    people = settings.changed({"annotator.backend": "inbox"})
    found = select_frames(context(tmp_path, ledger, 1, people), rng, 99)
    assert len(found) == 12 + 9


def test_without_any_truth_the_simulated_annotator_cannot_answer(tmp_path):
    ledger = ledger_with_clip(tmp_path, with_truth=False)
    with pytest.raises(BadSettings, match="no video has any: ingest masks .* annotator.backend to 'inbox'"):
        choose(tmp_path, ledger, "uniform")


def test_a_label_costs_what_people_took(tmp_path, ledger):
    def price():
        pool = open_pool(context(tmp_path, ledger, 2, Settings()))
        return pool.offers[0].seconds

    assert price() == Settings().annotator.mask_seconds == 80.0
    for number in range(5):
        request = LabelRequest(f"1-{number}", 1, FrameRef(1, number), number, "")
        ledger.put_requests([request])
        ledger.put_answer(replace(mask_answer(request, f"a{number}"), seconds=20.0))
    assert price() == (5 * 20.0 + 5 * 80.0) / 10


def test_features_are_read_video_by_video_and_put_back_in_order():
    frames = Frames.of([2, 1, 2, 1], [5, 8, 3, 8])
    features = by_video(lambda video, indices: np.stack([np.full(len(indices), video), indices], 1))(frames)
    assert features.tolist() == [[2, 5], [1, 8], [2, 3], [1, 8]]


def test_a_frame_without_prediction_has_its_neighbours_features(tmp_path):
    write_features(tmp_path / "clip.parquet", [2, 6], [0.25, 0.75])
    found = predicted_features(tmp_path / "clip.parquet", np.array([0, 2, 4, 5, 9]))
    assert found[:, 0].tolist() == [0.25, 0.25, 0.25, 0.75, 0.75]
    assert nearest([7], np.array([0, 9])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("limits", "frames"),
    [
        ({"stopping.max_rounds": 0}, 0),
        ({"stopping.max_rounds": 4}, 8),
        ({"stopping.max_rounds": 4, "stopping.max_human_frames": 5}, 5),
        ({"stopping.max_rounds": 4, "selection.planned_frames": 3}, 3),
    ],
)
def test_the_frames_of_a_campaign_follow_from_its_limits(limits, frames):
    assert planned(Settings().changed({"selection.frames_per_round": 2} | limits)).planned_frames == frames
