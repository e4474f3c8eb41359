"""Which settings, plans and files the commands that measure hand to what does the work."""

import pytest
from click.testing import CliRunner

from al_core.settings import load_settings
from flows.cli.main import main
from tasks.benchmark import simulate as simulation
from tests.toys.projects import write_clip


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """A function that gives the simulate command some options and returns the plan and the files that it works with."""
    found = []
    monkeypatch.setattr(simulation, "simulate_campaigns", lambda *arguments: found.append(arguments) or [])
    data = write_clip(tmp_path / "data")

    def plan(*options):
        words = ["simulate", "--data", data, "--out", tmp_path / "sim.json", *options]
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        (plan, out, work, *_) = found.pop()
        return plan, out.relative_to(tmp_path).as_posix(), work.relative_to(tmp_path).as_posix()

    return plan


def test_simulate_begins_with_the_quick_preset(planned):
    plan, out, work = planned()
    assert plan.settings == load_settings("quick") != load_settings("default")
    assert (out, work) == ("sim.json", "sim.work")


def test_simulate_takes_another_preset_and_single_changes(planned):
    plan, *_ = planned("--settings", "default", "--set", "seed=7")
    assert plan.settings == load_settings("default").changed({"seed": 7}) != load_settings("quick").changed({"seed": 7})


def test_simulate_crosses_strategies_and_seeds(planned):
    plan, *_ = planned("--strategies", "random,uniform", "--seeds", 2, "--rounds", 3, "--budget", 9)
    assert {(c.strategy, c.seed) for c in plan.campaigns} == {(s, n) for s in ("random", "uniform") for n in (0, 1)}
    assert (plan.rounds, plan.budget) == (3, 9)


COMMANDS = {
    "simulate": ("--out", "OUT"),
    "bench": ("--out", "OUT"),
    "propagate": ("--sequence", "toy", "--evenly", "2", "--out", "OUT"),
}


@pytest.mark.parametrize(
    ("command", "words", "message"),
    [
        *((name, ("--set", "selection.strategy=vlaue"), "Did you mean 'value'?") for name in COMMANDS),
        *((name, ("--set", "propagation.encoder=nowhere.pth"), "propagation.encoder: ") for name in COMMANDS),
        *((name, ("--set", "student.itertions=5"), "Did you mean 'student.iterations'?") for name in COMMANDS),
        *((name, ("--set", "teachers.decays=[2.0]"), "teachers.decays.0") for name in COMMANDS),
        ("simulate", ("--strategies", "uniform,rnadom"), "Did you mean 'random'?"),
        ("simulate", ("--sequences", "toyy"), "Did you mean 'toy'?"),
        ("bench", ("--arms", "uniform,rnadom"), "Did you mean 'random'?"),
        ("bench", ("--arms", "value/clik"), "Did you mean 'click'?"),
        ("bench", ("--sequences", "toyy"), "Did you mean 'toy'?"),
        ("bench", ("--sets", "singel"), "Did you mean 'single'?"),
        ("propagate", ("--method", "flwo"), "Did you mean 'flow'?"),
        ("propagate", ("--sequence", "toyy"), "Did you mean 'toy'?"),
    ],
)
def test_a_mistake_is_told_in_one_line_before_anything_is_written(tmp_path, command, words, message):
    data, out = write_clip(tmp_path / "data"), tmp_path / "out"
    given = ["--data", data, *(out if word == "OUT" else word for word in COMMANDS[command]), *words]
    before = set(tmp_path.rglob("*"))
    result = CliRunner().invoke(main, [command, *map(str, given)])
    assert result.exit_code == 1, result.output
    assert message in result.output
    assert result.output.count("\n") == 1
    assert set(tmp_path.rglob("*")) == before
