"""The choice of a round, from a ledger and features beside it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from al_core.campaign.budget import Facts, plan_campaign
from al_core.errors import BadSettings, EmptyPool
from al_core.ledger.campaign import predicted
from al_core.ledger.labelling.people import Role
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import COMPONENTS, FrameLabel, FrameRef, LabelRequest, Selected, Shots
from al_core.selection import Frames, Pool
from al_core.selection.strategies.least_certain import most_uncertain
from al_core.settings import Settings
from al_core.stores.predictions import FramePrediction, write_predictions
from tasks.steps.context import Chosen
from tasks.steps.select import (
    by_video,
    nearest,
    open_pool,
    planned,
    pool_from_ledger,
    predicted_features,
    select_frames,
    select_inputs,
    select_work,
)
from tests.toys.ledgers import clip, context_of, frame_rows, import_tables, ledger_with_clip, mask_answer, times_us


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
    plain |= {"stopping.max_rounds": 0, "selection.frames_per_round": 2, "annotator.backend": "simulated"}
    settings = Settings().changed(plain | changes)
    rng = np.random.default_rng([0, round_id])
    found = select_frames(context(tmp_path, ledger, round_id, settings), rng, n)
    assert ledger.selection(round_id) == found
    return [s.frame.frame_idx for s in found]


def put_labels(ledger, *indices):
    """Import a square in each of these frames."""
    ledger.put_import("label", "kim", ["old.json"], **import_tables(*indices))


def ask(ledger, round_id, *frames):
    ledger.put_requests([LabelRequest(f"{round_id}-{f}", round_id, FrameRef(1, f), 0, "") for f in frames])


class TestWork:
    SETTINGS = Settings().changed(
        {"selection.strategy": "uniform", "selection.min_gap": 1, "selection.frames_per_round": 3}
    )

    def test_the_choice_is_left_for_the_next_step(self, tmp_path, ledger):
        found = select_work(context(tmp_path, ledger, 1, self.SETTINGS))
        assert [FrameRef(*frame) for frame in found.frames] == [s.frame for s in ledger.selection(1)]
        assert len(found.frames) == 3
        assert found.control == sum(s.control for s in ledger.selection(1))
        assert found.empty == ""

    def test_no_more_frames_than_the_budget_allows(self, tmp_path, ledger):
        request = LabelRequest("1-0", 1, FrameRef(1, 0), 0, "")
        ledger.put_requests([request])
        ledger.put_answer(mask_answer(request))
        settings = self.SETTINGS.changed({"stopping.max_human_frames": 2})
        assert len(select_work(context(tmp_path, ledger, 2, settings)).frames) == 1

    def test_imported_labels_come_first_and_leave_the_budget_as_it_is(self, tmp_path, ledger):
        put_labels(ledger, 4)
        settings = self.SETTINGS.changed({"stopping.max_human_frames": 2})
        first = select_work(context(tmp_path, ledger, 1, settings))
        assert (first.frames, first.empty, first.learns) == ((), "", True)
        assert Chosen.from_json(first.to_json()) == first
        ledger.begin_round(settings)
        ledger.finish_round(1, None)
        second = select_work(context(tmp_path, ledger, 2, settings))
        assert len(second.frames) == 2
        assert (1, 4) not in second.frames
        assert not second.learns

    def test_frames_of_excluded_videos_are_never_chosen(self, tmp_path, ledger):
        ledger.add_video(clip("other"), times_us())
        ledger.exclude_video(1, "lea")
        assert {video for video, _ in select_work(context(tmp_path, ledger, 1, self.SETTINGS)).frames} == {2}
        pool = pool_from_ledger(ledger, 2, answerable=Frames.of([1, 2], [3, 4]))
        assert listed(pool.candidates) == [(2, 4)]

    def test_frames_that_are_held_out_are_never_chosen(self, tmp_path, ledger):
        ledger.hold_out(1, range(2, 12), [], "lead")
        found = select_work(context(tmp_path, ledger, 1, self.SETTINGS))
        assert sorted(found.frames) == [(1, 0), (1, 1)]
        ledger.hold_out(1, [0, 1], [], "lead")
        assert "no frame is left" in select_work(context(tmp_path, ledger, 1, self.SETTINGS)).empty

    def test_where_no_frame_is_left_the_result_says_so(self, tmp_path, ledger):
        ask(ledger, 1, *range(12))
        found = select_work(context(tmp_path, ledger, 2, self.SETTINGS))
        assert found.frames == ()
        assert "no frame is left to ask for: 12 frames, 12 asked for before" in found.empty


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
    plain = {"selection.strategy": "uniform", "selection.min_gap": 1, "annotator.backend": "simulated"}
    settings = Settings().changed(plain)
    rng = np.random.default_rng(0)
    found = select_frames(context(tmp_path, ledger, 1, settings), rng, 99)
    assert [s.frame.frame_idx for s in found if s.frame.video_id == bare.video_id] == [7]
    people = settings.changed({"annotator.backend": "inbox"})
    found = select_frames(context(tmp_path, ledger, 1, people), rng, 99)
    assert len(found) == 12 + 9


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.VIEWER])
def test_nothing_is_simulated_in_a_project_where_people_label(tmp_path, ledger, role):
    ledger.add_annotator("vic", Role.VIEWER)
    assert choose(tmp_path, ledger, "uniform", n=1) == [6]
    ledger.add_annotator("ada", role)
    with pytest.raises(BadSettings, match="ada may label in this project, and simulated answers would count as human"):
        choose(tmp_path, ledger, "uniform")
    ledger.revoke_annotator("ada")
    assert choose(tmp_path, ledger, "uniform", n=1) == [6]


def test_nothing_is_simulated_where_people_answered(tmp_path, ledger):
    request = LabelRequest("1-0", 1, FrameRef(1, 0), 0, "")
    ledger.put_requests([request])
    ledger.put_answer(replace(mask_answer(request), annotator="bob"))
    with pytest.raises(BadSettings, match="bob answered in this project"):
        choose(tmp_path, ledger, "uniform", round_id=2)


def test_without_any_truth_the_simulated_annotator_cannot_answer(tmp_path):
    ledger = ledger_with_clip(tmp_path, with_truth=False)
    with pytest.raises(BadSettings, match="no video has any: ingest masks .* annotator.backend to 'page'"):
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
    pace = (20.0 / 80.0) ** 0.5  # one kind that was measured, one for the defaults
    assert price() == pytest.approx(80.0 * (5 * 20.0 / 80.0 + 2 * pace) / 7)


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
    settings = Settings().changed({"selection.frames_per_round": 2} | limits)
    facts = Facts(100, 1, 1, rounds=0, human_frames=0, frame_seconds=80.0, machine_seconds=1.0)
    assert planned(settings, plan_campaign(settings, facts)).planned_frames == frames


@pytest.fixture
def two_videos(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "ledger.duckdb")
    for name, n_frames in (("a", 5), ("b", 3)):
        ledger.add_video(clip(name, n_frames), times_us(n_frames))
    ledger.begin_round(Settings())
    return ledger


def predict(ledger: Ledger, video_id: int, uncertainty: list[float]) -> None:
    n = len(uncertainty)
    columns = {name: pa.array([0.0] * n, pa.float32()) for name in COMPONENTS}
    columns["box_spread"] = pa.array(uncertainty, pa.float32())
    rows = {
        "frame_idx": pa.array(range(n), pa.int32()),
        "uncertainty": pa.array(uncertainty, pa.float32()),
        "n_objects": pa.array([1] * n, pa.int32()),
    }
    ledger.put_predictions(1, video_id, pa.table(rows | columns), "p.parquet")


def ask_for(ledger: Ledger, round_id: int, video_id: int, frame_idx: int) -> None:
    ledger.put_requests([LabelRequest.of(round_id, Selected(FrameRef(video_id, frame_idx), 0, 0.0, ""))])


def listed(frames: Frames) -> list[tuple[int, int]]:
    return list(zip(frames.video_id.tolist(), frames.frame_idx.tolist(), strict=True))


def test_frames_that_earlier_rounds_asked_for_are_labelled(two_videos):
    ledger = two_videos
    ask_for(ledger, 1, 1, 2)
    ask_for(ledger, 2, 2, 0)
    pool = pool_from_ledger(ledger, 2)
    assert listed(pool.labelled) == [(1, 2)]
    assert listed(pool.candidates) == [(1, 0), (1, 1), (1, 3), (1, 4), (2, 0), (2, 1), (2, 2)]


def test_only_answerable_frames(two_videos):
    ledger = two_videos
    ask_for(ledger, 1, 1, 2)
    pool = pool_from_ledger(ledger, 2, answerable=Frames.of([1, 1, 2], [1, 2, 2]))
    assert listed(pool.candidates) == [(1, 1), (2, 2)]


def test_prefixes_grow_until_all_is_read(two_videos):
    ledger = two_videos
    predict(ledger, 1, [0.1, 0.9, 0.3, 0.3, 0.2])
    predict(ledger, 2, [0.8, 0.7, 0.6])
    parts = list(pool_from_ledger(ledger, 2, 1).rank(1, 0, 1))
    assert [len(part.frames) for part in parts] == [8, 1, 4, 8]
    assert listed(parts[2].frames) == [(1, 1), (2, 0), (2, 1), (2, 2)]
    assert parts[2].lowest == {1: pytest.approx(0.6), 2: pytest.approx(0.6)}


@pytest.mark.parametrize("margin", [1.5, 0.001], ids=["well guessed", "guessed too high"])
@pytest.mark.parametrize("smooth", [False, True])
def test_the_choice_of_many_is_that_of_sorting_all(tmp_path, monkeypatch, smooth, margin):
    monkeypatch.setattr(predicted, "SAMPLED", 12_000)
    monkeypatch.setattr(predicted, "MARGIN", margin)
    monkeypatch.setattr(predicted, "SPARE", 1)
    ledger, rng, n = Ledger(tmp_path / "ledger.duckdb"), np.random.default_rng(7), 8000
    values = rng.random((4, n))
    if smooth:
        values = np.sin(np.arange(n) / 300 + 9 * values[:, :1]) / 5 + values[:, 1:2]
    # Rounded, so that many tie.
    values = values.round(3).astype(np.float32)
    ledger.begin_round(Settings())
    with ledger.held():
        for video_id, row in enumerate(values, 1):
            ledger.add_video(clip(str(video_id), n), times_us(n))
            predict(ledger, video_id, row.tolist())
        ask_for(ledger, 1, 1, int(values[0].argmax()))
        with ledger._connector.session() as connection:
            assert predicted._floor(connection, 1, 100) > np.median(values)
    pool = pool_from_ledger(ledger, 2, 1)
    video_id, frame_idx = np.divmod(np.arange(values.size), n)
    refs = [pool.labelled.ref(0)]
    plain = Pool.from_arrays(pool.lengths, refs, Frames.of(video_id + 1, frame_idx), values.reshape(-1))
    for wanted, gap, quota in ((20, 30, 6), (12, 9, 0), (40, 300, 11)):
        found, expected = (most_uncertain(p, wanted, gap, quota)[0] for p in (pool, plain))
        assert listed(found) == listed(expected)
        assert len(found) == wanted


def test_the_parts_of_an_uncertainty_explain_it(two_videos):
    ledger = two_videos
    predict(ledger, 1, [0.1, 0.9, 0.3, 0.3, 0.2])
    parts = pool_from_ledger(ledger, 2, 1).explain([FrameRef(1, 1), FrameRef(2, 0)])
    assert list(parts) == [FrameRef(1, 1)]
    assert parts[FrameRef(1, 1)]["box_spread"] == pytest.approx(0.9)


def test_of_frames_that_show_the_same_one_is_asked_for_and_told(tmp_path, ledger):
    ledger.put_shots(1, Shots((), ((0, 9),)))
    assert sorted(choose(tmp_path, ledger, "random", n=12)) == [0, 10, 11]
    (told,) = (s.reason for s in ledger.selection(1) if s.frame.frame_idx == 0)
    assert told.endswith("; frames 0 to 9 show the same, and only one is asked for")
    assert not any("show the same" in s.reason for s in ledger.selection(1) if s.frame.frame_idx)


def test_what_shows_the_same_as_a_frame_that_is_known_or_held_out_is_not_asked_for(two_videos):
    ledger, shots = two_videos, {1: Shots((), ((0, 1), (3, 4))), 2: Shots((), ((1, 2),))}
    ask_for(ledger, 1, 1, 1)
    ledger.hold_out(2, [2], [], "lead")
    pool = pool_from_ledger(ledger, 2, shots=shots)
    assert listed(pool.candidates) == [(1, 2), (1, 3), (2, 0)]


def test_the_choice_depends_on_cuts_only_where_there_are_any(tmp_path, ledger):
    before = select_inputs(context(tmp_path, ledger, 1, Settings()))
    assert "shots" not in before
    ledger.put_shots(1, Shots((4,)))
    assert select_inputs(context(tmp_path, ledger, 1, Settings())) == before | {"shots": {"1": [[4], []]}}


def test_where_only_repeated_frames_are_left_the_reason_says_so(tmp_path, ledger):
    ledger.put_shots(1, Shots((), ((0, 11),)))
    ask_for(ledger, 1, 1, 3)
    with pytest.raises(EmptyPool, match="12 frames, 1 asked for before, 11 that repeat others, at least 1 frames"):
        choose(tmp_path, ledger, "uniform", round_id=2)
