"""The propagators of a round, chosen by its labels."""

import json
from pathlib import Path

import pytest

from al_core.fusion import choice
from al_core.settings import Settings
from tasks.steps.context import Propagated
from tasks.steps.model_selection import choosing
from tasks.steps.model_selection.choosing import as_json, choose_propagators
from tests.toys.ledgers import context_of
from tests.toys.workplace import Workplace, propagate_video

AUTO = Settings().changed(
    {
        "propagation.methods": "auto",
        "propagation.encoder_steps": 0,
        "propagation.specialist_steps": 2,
        "propagation.seconds_per_frame": 1e6,
    }
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    return Workplace(tmp_path_factory.mktemp("place"))


def test_every_object_has_a_propagator_and_the_ledger_hears_of_it(place: Workplace) -> None:
    labels = [place.label(2), place.label(9)]
    context = context_of(place.project, place.ledger, 1, AUTO, frames=place.frames)
    choices = choose_propagators(context, labels)
    told = as_json(choices)
    (video,) = told.values()
    assert set(video["tracks"]) == {"1", "2"}
    assert video["tried"][0][0] == "flow"
    assert len(video["tried"]) > 1
    assert Propagated.from_json(json.loads(json.dumps(Propagated(1, chosen=told).to_json()))).chosen == told
    propagate_video(context, place.video, labels, None, choice=choices[place.video.video_id])
    assert len(place.delivered()) == 12


def test_a_round_that_goes_on_tries_nothing_twice(place: Workplace) -> None:
    labels = [place.label(2), place.label(9)]
    context = context_of(place.project, place.ledger, 1, AUTO, frames=place.frames)
    first, again = choose_propagators(context, labels), choose_propagators(context, labels)
    assert first == again
    for kept in (place.project.cache / "choices").rglob("*.json"):
        kept.write_text("damaged")
    # Seconds differ, nothing else does.
    assert {v: c.by_track for v, c in choose_propagators(context, labels).items()} == {1: first[1].by_track}


def test_what_other_videos_tell_lets_nothing_be_tried_again(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, looked_up = [place.label(3), place.label(8)], []
    context = context_of(place.project, place.ledger, 1, AUTO, frames=place.frames)
    monkeypatch.setattr(choice, "expected_gain", lambda *at: looked_up.append(at) or 0.5)
    first = choose_propagators(context, labels)
    looked_up.clear()
    monkeypatch.setattr(choosing, "SHIPPED", choosing.SHIPPED[1:])
    monkeypatch.setattr(choice, "tried", None)
    monkeypatch.setattr(choice, "propagations", None)
    again = choose_propagators(context, labels)
    assert looked_up
    assert again[1].outcomes == first[1].outcomes


def test_propagators_that_are_named_are_not_chosen(place: Workplace, tmp_path: Path) -> None:
    named = Settings().changed({"propagation.methods": ["flow"]})
    context = context_of(place.project, place.ledger, 1, named, frames=place.frames)
    assert choose_propagators(context, [place.label(2)]) == {}
