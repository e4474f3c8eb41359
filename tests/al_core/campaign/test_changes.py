"""Which changed settings an unfinished round still takes."""

import pytest

from al_core.campaign.changes import LAST_CHANCE, differences, last_chance, taken_by_round
from al_core.settings import Settings

STEPS = ["select", "request", "collect", "train", "predict", "propagate", "audit", "finish"]


def names(values, prefix=""):
    for name, value in values.items():
        yield from names(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]


@pytest.mark.parametrize("name", list(names(Settings().model_dump())))
def test_every_setting_has_a_step_that_it_must_come_before(name):
    assert last_chance(name) in STEPS


def test_all_entries_are_settings_or_sections():
    known = set(names(Settings().model_dump()))
    assert {entry for entry in LAST_CHANCE if entry not in known and not hasattr(Settings(), entry)} == set()


def test_differences_are_named():
    changed = Settings().changed({"seed": 3, "propagation.methods": ["flow", "tracks"], "student.device": "cpu"})
    assert differences(Settings(), changed) == ["seed", "student.device", "propagation.methods"]
    assert differences(changed, changed) == []


@pytest.mark.parametrize(
    ("done", "now", "later"),
    [
        ((), ("student.init_weights", "selection.strategy", "annotator.backend", "stopping.max_rounds"), ()),
        (
            ("select",),
            ("student.init_weights", "annotator.backend", "stopping.max_rounds"),
            ("selection.strategy",),
        ),
        (
            ("select", "request", "collect"),
            ("student.init_weights", "stopping.max_rounds"),
            ("selection.strategy", "annotator.backend"),
        ),
        (
            STEPS[:4],
            ("stopping.max_rounds",),
            ("student.init_weights", "selection.strategy", "annotator.backend"),
        ),
    ],
)
def test_a_round_takes_what_its_steps_that_are_not_done_need(done, now, later):
    current = Settings(seed=5)
    asked = current.changed({
        "student.init_weights": "w.pth", "selection.strategy": "random", "annotator.backend": "page",
        "stopping.max_rounds": 9,
    } | ({} if current.annotator.backend != "page" else {"annotator.backend": "inbox"}))  # fmt: skip
    change = taken_by_round(current, asked, done)
    assert (change.now, change.later) == (now, later)
    assert differences(current, change.settings) == list(now)
    assert differences(change.settings, asked) == list(later)
