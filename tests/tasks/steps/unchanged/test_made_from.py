"""The hash of what a video's masks are made from changes with each of it, and with nothing else."""

from pathlib import Path
from typing import Any

import pytest

from al_core.evaluation.calibration import Calibration
from al_core.fusion.choice import Choice
from al_core.fusion.survey import Judged
from al_core.project import Project
from al_core.records import CategoryTag, FrameLabel, FrameRef, MaskLabel, Shots
from al_core.settings import Settings
from tasks.steps.unchanged.made_from import calibrations_text, delivered_made_from, predictions_made_from
from tests.toys.ledgers import context_of, ledger_with_clip, square

LABEL = FrameLabel(FrameRef(1, 3), (MaskLabel(1, 1, square()),))
MAPS = {"flow": Calibration(1.5), "affinity": Calibration(0.9), "propagated": Calibration(2.0, 0.5)}


class Unit:
    def __init__(self, folder: Path) -> None:
        self.project, self.ledger = Project.at(folder), ledger_with_clip(folder)
        self.given: dict[str, Any] = {
            "labels": [LABEL], "predictions": "a" * 64, "choice": Choice({1: "flow"}), "calibrations": MAPS,
            "known": {}, "ruled_out": [],
        }  # fmt: skip

    def hashed(self, settings: dict[str, Any] | None = None, **given: Any) -> str:
        context = context_of(self.project, self.ledger, settings=Settings().changed(settings or {}))
        (video,) = self.ledger.videos()
        return delivered_made_from(context, video, **self.given | given)


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit(tmp_path)


def test_each_input_counts(unit: Unit, tmp_path: Path) -> None:
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"1")
    named = {"propagation.cutie_weights": str(weights)}
    found = [
        unit.hashed(),
        unit.hashed(labels=[]),
        unit.hashed(labels=[FrameLabel(FrameRef(1, 3), LABEL.masks, complete=False)]),
        unit.hashed(predictions="b" * 64),
        unit.hashed(known={1: Judged(0.5, 2)}),
        unit.hashed(ruled_out=[CategoryTag(1, 0, 1, 2, False)]),
        unit.hashed(choice=Choice({1: "affinity"})),
        unit.hashed(choice=Choice({1: "flow"}, trust={1: {"flow": 0.5, "affinity": 0.4}})),
        unit.hashed(choice=Choice({1: "flow"}, trust={1: {"affinity": 0.4, "flow": 0.5}})),
        unit.hashed(calibrations=MAPS | {"flow": Calibration(1.5000000000000002)}),
        unit.hashed({"seed": 1}),
        unit.hashed({"propagation.new_object_threshold": 0.7}),
        unit.hashed({"frames.working_long_side": 100}),
        unit.hashed(named),
    ]
    weights.write_bytes(b"2")
    found.append(unit.hashed(named))
    unit.ledger.put_shots(1, Shots((4,)))
    found.append(unit.hashed())
    assert len(set(found)) == len(found)


def test_what_has_no_say_does_not_count(unit: Unit) -> None:
    # The calibration of what is delivered comes after it, and of propagators only those that are used count.
    others = MAPS | {"propagated": Calibration(0.1), "affinity": Calibration(0.1)}
    assert unit.hashed(calibrations=others) == unit.hashed()
    alone = {"choice": None, "labels": [LABEL]}
    assert unit.hashed(calibrations={}, **alone) == unit.hashed(**alone)
    assert unit.hashed({"student.iterations": 7, "selection.strategy": "random"}) == unit.hashed()
    blind = {"propagation.teacher_weight": 0}
    assert unit.hashed(blind, predictions=None, known=None) == unit.hashed(blind)
    assert unit.hashed(blind | {"propagation.methods": ["tracks"]}, choice=None, predictions="b") != unit.hashed(
        blind | {"propagation.methods": ["tracks"]}, choice=None
    )


def test_several_propagators_weigh_by_their_calibrations(unit: Unit) -> None:
    both = {"propagation.methods": ["flow", "affinity"]}
    assert unit.hashed(both, choice=None) != unit.hashed(both, choice=None, calibrations={})
    nothing = {"choice": None, "labels": []}
    assert unit.hashed(both, **nothing) == unit.hashed(both, **nothing, calibrations={})


def test_of_plug_ins_nobody_knows_what_they_depend_on(unit: Unit) -> None:
    assert unit.hashed({"propagation.methods": ["flow", "mine:carry"]}, choice=None) == ""
    context = context_of(unit.project, unit.ledger, settings=Settings().changed({"uncertainty.plugins": ["mine:rate"]}))
    assert predictions_made_from(context, unit.ledger.videos()[0], "a" * 64, []) == ""


def test_calibrations_are_told_to_the_last_bit() -> None:
    assert calibrations_text({"b": Calibration(0.1 + 0.2), "a": Calibration()}) == (
        '{"a": [1.0, 0.0], "b": [0.30000000000000004, 0.0]}'
    )
    assert calibrations_text({"b": Calibration(2.0)}, ["a"]) == '{"a": [1.0, 0.0]}'
