import json

import pytest

from al_core.benchmark.curve_points import read_points, write_rounds
from al_core.errors import BadSettings, BadVideo, UnknownName
from al_core.settings import Settings
from tasks.benchmark.simulate import POOL, Campaign, Simulation, campaign_records
from tests.toys.labelled_project import finished_project
from tests.toys.projects import fewframes, write_clip, write_settings

RECORD = {
    "sequence", "strategy", "seed", "round", "human_frames", "human_seconds", "j", "f", "jf", "ap50",
    "seconds_train", "seconds_predict", "seconds_overhead",
}  # fmt: skip


def plan(data, sequences=None, strategies=("random",), seeds=1, rounds=2, budget=4, **others):
    return Simulation(data, sequences, strategies, seeds, rounds, budget, Settings(), **others)


def test_every_sequence_meets_every_strategy_and_seed(tmp_path):
    data = write_clip(write_clip(tmp_path, "a"), "b")
    assert plan(data, strategies=("random", "uniform"), seeds=2).campaigns == (
        *(Campaign("a", "random", 0), Campaign("a", "uniform", 0)),
        *(Campaign("a", "random", 1), Campaign("a", "uniform", 1)),
        *(Campaign("b", "random", 0), Campaign("b", "uniform", 0)),
        *(Campaign("b", "random", 1), Campaign("b", "uniform", 1)),
    )


def test_seeds_follow_the_first_one(tmp_path):
    this = plan(write_clip(tmp_path), seeds=2, first_seed=100)
    assert [this.settings_of(one).seed for one in this.campaigns] == [100, 101]


def test_a_pool_is_one_campaign_on_all_sequences(tmp_path):
    data = write_clip(write_clip(tmp_path, "a"), "b")
    this = plan(data, seeds=2, pooled=True)
    assert this.campaigns == (Campaign("pool", "random", 0), Campaign("pool", "random", 1))
    assert [folder.name for folder in this.folders_of(this.campaigns[0])] == ["a", "b"]


def test_the_budget_is_shared_over_the_rounds(tmp_path):
    this = plan(write_clip(tmp_path), rounds=4, budget=10)
    settings = this.settings_of(this.campaigns[0])
    assert settings.selection.frames_per_round == 3
    assert settings.stopping.max_human_frames == 10


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sequences": ["tiy"]}, UnknownName, "known: toy"),
        ({"strategies": ["rnadom"]}, UnknownName, "Did you mean 'random'"),
        ({"rounds": 4, "budget": 3}, BadSettings, "at least 4 frames, got 3"),
    ],
)
def test_a_plan_that_cannot_work_is_refused(tmp_path, arguments, error, message):
    with pytest.raises(error, match=message):
        plan(write_clip(tmp_path), **arguments)


def test_a_folder_in_another_layout_is_refused(tmp_path):
    with pytest.raises(BadVideo):
        plan(tmp_path)


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_campaigns_run_side_by_side_and_are_not_run_twice(tmp_path):
    data, out = write_clip(tmp_path / "data"), tmp_path / "sim.json"
    options = ("--strategies", "random,uniform", "--rounds", 1, "--budget", 2, "--out", out)
    arguments = ("simulate", "--data", data, *options, "--settings", write_settings(tmp_path))
    first = fewframes(*arguments)
    assert first.returncode == 0, first.stderr
    records = json.loads(out.read_text())
    assert [(r["strategy"], r["round"], r["human_frames"]) for r in records] == [("random", 1, 2), ("uniform", 1, 2)]
    for record in records:
        assert set(record) >= RECORD
        assert record["human_seconds"] == 80.0 * record["human_frames"]
        assert 0 <= record["j"] <= 1
        assert record["jf"] == pytest.approx((record["j"] + record["f"]) / 2)
    again = fewframes(*arguments, "--workers", 1)
    assert again.returncode == 0, again.stderr
    assert json.loads(out.read_text()) == records


@pytest.mark.end_to_end
@pytest.mark.usefixtures("shared_prefect")
def test_a_pool_is_labelled_with_one_budget(tmp_path):
    data, out = write_clip(write_clip(tmp_path / "data", "a"), "b", seed=1), tmp_path / "sim.json"
    options = ("--pool", "--strategies", "uniform", "--rounds", 1, "--budget", 4, "--out", out)
    done = fewframes("simulate", "--data", data, *options, "--settings", write_settings(tmp_path))
    assert done.returncode == 0, done.stderr
    (record,) = json.loads(out.read_text())
    assert (record["sequence"], record["human_frames"]) == ("pool", 4)
    assert [video["video"] for video in record["videos"]] == ["a", "b"]
    assert record["jf"] == pytest.approx(sum(video["jf"] for video in record["videos"]) / 2)
    (point,) = read_points(out)
    assert (point.set_name, [v.video for v in point.videos]) == ("pool", ["a", "b"])


def test_finished_rounds_of_the_ledger_become_records(tmp_path):
    project, ledger, _ = finished_project(tmp_path)
    records = campaign_records(project, Campaign("clip", "random", 3))
    assert [(r.sequence, r.strategy, r.seed, r.round) for r in records] == [
        ("clip", "random", 3, r.round_id) for r in ledger.rounds() if r.finished_at is not None
    ]
    assert [r.jf for r in records] == [pytest.approx(q) for q in (0.6, 0.7)][: len(records)]
    assert all(r.seconds_train == 40.0 and r.videos == () for r in records)


def test_a_pool_tells_the_figures_of_each_video(tmp_path):
    project, _, _ = finished_project(tmp_path)
    for record in campaign_records(project, Campaign(POOL, "random", 0)):
        assert [(v.video, v.jf) for v in record.videos] == [("clip", record.jf)]


def test_records_are_read_as_they_were_written(tmp_path):
    project, _, _ = finished_project(tmp_path)
    for campaign in (Campaign("clip", "random", 0), Campaign(POOL, "random", 0)):
        records = campaign_records(project, campaign)
        write_rounds(records, tmp_path / "out.json")
        points = read_points(tmp_path / "out.json")
        assert [(p.campaign, p.round, p.human_seconds) for p in points] == [
            (campaign.sequence, r.round, r.human_seconds) for r in records
        ]
        assert [p.videos[0].jf for p in points] == [r.jf for r in records]
