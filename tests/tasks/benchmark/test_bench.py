"""The journey of the bench: run, look, run again without working again, compare."""

import json
import re
from dataclasses import replace

import pytest

from al_core.benchmark.curve_points import read_points
from al_core.benchmark.world import World
from al_core.errors import BadSettings, UnknownName
from al_core.propagation.flow import FlowPropagator
from al_core.settings import AnnotatorSettings, PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tasks.benchmark.bench import Arm, Bench, run_arm, seconds_of_masks
from tests.toys.projects import fewframes, write_clip


@pytest.mark.end_to_end
def test_campaigns_are_run_once_and_compared(tmp_path):
    data, out = write_clip(tmp_path / "data"), tmp_path / "bench.json"
    options = ("--arms", "uniform,value,value/all", "--seeds", 1, "--rounds", 2, "--frames", 4, "--long-frames", 24)
    arguments = ("bench", "--data", data, "--sets", "single,long", *options, "--out", out, "--workers", 1)
    first = fewframes(*arguments)
    assert first.returncode == 0, first.stderr
    points = read_points(out)
    assert {p.set_name for p in points} == {"single", "long"}
    assert {p.arm for p in points} == {"uniform", "value", "value, all"}
    masks = [p for p in points if p.kinds == "mask"]
    assert [(p.round, p.human_frames) for p in masks[:2]] == [(1, 2), (2, 4)]
    # In the first round everything is drawn; in the second a shown mask is corrected, which costs by its error.
    assert masks[0].human_seconds == 160
    assert 160 < masks[1].human_seconds < 320
    assert all(0 <= v.jf_all <= 1 for p in points for v in p.videos)

    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "bench.work" / "campaigns").iterdir()}
    again = fewframes(*arguments)
    assert again.returncode == 0, again.stderr
    assert read_points(out) == points
    assert {file: file.stat().st_mtime_ns for file in kept} == kept

    page = tmp_path / "bench.html"
    compared = fewframes("compare", out, "--target", 0.5, "--out", page)
    assert compared.returncode == 0, compared.stderr
    assert re.search(r"single +value", compared.stdout)
    assert "Strategies compared" in page.read_text(encoding="utf-8")


def test_arms_are_parsed_and_checked():
    assert Arm.parse("value") == Arm("value", "mask")
    assert Arm.parse("random/click") == Arm("random", "click")
    with pytest.raises(UnknownName, match="strategy 'best'"):
        Arm.parse("best/click")
    with pytest.raises(UnknownName, match="kinds of label 'word'"):
        Arm.parse("random/word")


def test_strategies_that_go_by_stand_ins_are_named(tmp_path):
    arms = tuple(map(Arm.parse, ("hybrid", "hybrid/click", "value", "uniform")))
    (line,) = replace(plan(tmp_path), arms=arms).stand_ins()
    assert line.startswith("hybrid goes by one minus the confidence")
    assert line.endswith("where the product has the student's features")


def plan(tmp_path, **changes):
    defaults = {"sets": ("single",), "seeds": 1, "rounds": 2, "frames_per_video": 4}
    return Bench((write_clip(tmp_path),), changes.pop("sequences", None), arms=(Arm("uniform"),), **defaults | changes)


def test_what_is_benched_is_checked(tmp_path):
    with pytest.raises(UnknownName, match="set 'short'"):
        plan(tmp_path / "1", sets=("short",))
    with pytest.raises(BadSettings, match="5 rounds need at least 5 frames of each video, got 4"):
        plan(tmp_path / "2", rounds=5)
    with pytest.raises(UnknownName, match="sequence 'cat'"):
        plan(tmp_path / "3", sequences=("cat",)).trials()


def test_a_file_that_holds_no_records_is_told(tmp_path):
    (tmp_path / "records.json").write_text(json.dumps({"a": 1}))
    done = fewframes("compare", tmp_path / "records.json")
    assert done.returncode == 1
    assert "expected a list of records" in done.stderr


def boxes(tmp_path, price):
    """The last point of a campaign that asks for boxes, where a whole mask costs so many seconds."""
    bench = plan(tmp_path, annotator=AnnotatorSettings(mask_seconds=price), rounds=1, frames_per_video=1)
    (trial,) = bench.trials()
    world = World(trial.videos, FlowPropagator(FlowStore(tmp_path / "flow"), PropagationSettings()))
    return seconds_of_masks(world, 1, bench.annotator), run_arm(bench, trial, world, Arm("uniform", "box"), 0)[-1]


def test_budgets_follow_the_price_of_a_mask_in_the_settings(tmp_path):
    """What cheap kinds of label may spend is what whole masks would cost."""
    (little, short), (much, long) = boxes(tmp_path / "1", 20.0), boxes(tmp_path / "2", 40.0)
    assert much == 2 * little == 40.0
    assert long.round > short.round
    assert long.human_seconds > short.human_seconds >= little
