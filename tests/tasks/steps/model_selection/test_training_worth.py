"""What teachers brought to masks of frames that people labelled later, and what follows for training."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import DeliveredMask, FrameLabel, FrameRef, MaskLabel, Provenance
from al_core.settings import Settings
from tasks.steps.context import Predicted, Propagated, RoundContext, Trained
from tasks.steps.model_selection.training_worth import Gain, gain_of, gain_so_far, measured_gain, overlap, why_not
from tests.toys.ledgers import context_of, ledger_with_clip
from tests.toys.workplace import Workplace

NOTHING = Gain(20, 0.0, 0.0)


def square(x: int) -> np.ndarray:
    mask = np.zeros((8, 16), bool)
    mask[2:6, x : x + 4] = True
    return mask


def delivered(x: int, category: int = 1) -> DeliveredMask:
    return DeliveredMask(0, 1, category, Provenance.PROPAGATED, 0.9, encode(square(x)))


def test_masks_fit_by_their_overlap_with_each_object() -> None:
    label = FrameLabel(FrameRef(1, 0), (MaskLabel(1, 1, encode(square(0))), MaskLabel(2, 1, encode(square(8)))))
    assert overlap([delivered(0), delivered(8)], label) == 1
    assert overlap([delivered(0)], label) == 0.5
    assert overlap([delivered(2), delivered(8)], label) == pytest.approx((1 / 3 + 1) / 2)
    assert overlap([delivered(0, category=2), delivered(8, category=2)], label) == 0
    empty = FrameLabel(FrameRef(1, 0), ())
    assert (overlap([], empty), overlap([delivered(0)], empty)) == (1, 0)


def test_gains_of_rounds_add_up() -> None:
    gain = gain_of([0.1, 0.3]).plus(gain_of([-0.1, 0.1]))
    assert (gain.frames, gain.mean) == (4, pytest.approx(0.1))
    assert gain.high == pytest.approx(0.1 + 1.645 * np.std([0.1, 0.3, -0.1, 0.1], ddof=1) / 2)
    assert gain_of([0.0, 0.0]).high == 0


@pytest.fixture
def second(tmp_path: Path) -> RoundContext:
    """A round after one that trained on 6 labels; 8 are known by now."""
    ledger = ledger_with_clip(tmp_path)
    ledger.begin_round(Settings())
    trained = Trained(checkpoint="rounds/0001/student.pth", labels=6, gain=(5.0, 0.0, 0.0))
    ledger.begin_step(1, "train", "a")
    ledger.finish_step(1, "train", trained.to_json(), 1.0)
    return with_labels(tmp_path, 8)


def with_labels(folder: Path, n: int, **changes: object) -> RoundContext:
    project = Project.at(folder)
    file = folder / "rounds" / "0001" / "student.pth"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"weights")
    labels = [FrameLabel(FrameRef(1, i), ()) for i in range(n)]
    return context_of(project, Ledger(project.ledger_path), 2, Settings().changed(changes), labels_collected=labels)


def last(context: RoundContext) -> tuple[int, Trained]:
    return 1, Trained.from_json(context.ledger.steps()[0].result)


def test_a_student_is_kept_where_teachers_bring_nothing(second: RoundContext) -> None:
    assert gain_so_far(second, Gain(15, 0.1, 0.01)) == (20, 0.1, 0.01)
    assert why_not(second, last(second), NOTHING) == (
        "not trained: on 20 frames that people labelled after they were delivered, the teachers brought +0.000 J (with "
        "95 % confidence less than +0.000); 8 labels are fewer than 2 times the 6 of the last training, whose student "
        "is kept"
    )


@pytest.mark.parametrize("known", [Gain(), Gain(9, 0.0, 0.0), Gain(20, 1.0, 0.05), Gain(20, 0.0, 0.01)])
def test_it_is_trained_while_too_little_is_known_or_something_is_gained(second: RoundContext, known: Gain) -> None:
    assert why_not(second, last(second), known) == ""


@pytest.mark.parametrize(
    ("n_labels", "changes"),
    [(12, {}), (8, {"student.when": "always"}), (8, {"student.long_side": 256}), (8, {"teachers.decays": (0.5,)})],
)
def test_it_is_trained_with_many_more_labels_or_other_settings(
    second: RoundContext, tmp_path: Path, n_labels: int, changes: dict[str, object]
) -> None:
    context = with_labels(tmp_path, n_labels, **changes)
    assert why_not(context, last(context), NOTHING) == ""
    (tmp_path / "rounds" / "0001" / "student.pth").unlink()
    assert why_not(second, last(second), NOTHING) == ""


OBJECT = MaskLabel(1, 1, encode(square(0)))


@pytest.mark.parametrize(
    ("labels", "changes", "trains"),
    [
        ([FrameLabel(FrameRef(1, 0), ())], {}, False),
        ([FrameLabel(FrameRef(1, 0), (OBJECT,), complete=False)], {}, False),
        ([FrameLabel(FrameRef(1, 0), ()), FrameLabel(FrameRef(1, 4), (OBJECT,))], {}, True),
        ([FrameLabel(FrameRef(1, 0), ())], {"student.when": "always"}, True),
        ([FrameLabel(FrameRef(1, 0), ())], {"student.init_weights": "w.pth"}, True),
    ],
)
def test_nothing_is_trained_from_random_weights_before_an_object_is_seen(
    tmp_path: Path, labels: list[FrameLabel], changes: dict[str, object], trains: bool
) -> None:
    ledger = ledger_with_clip(tmp_path)
    context = context_of(Project.at(tmp_path), ledger, 1, Settings().changed(changes), labels_collected=labels)
    assert why_not(context, None, Gain()) == ("" if trains else "not trained: no label shows an object yet")


@pytest.mark.parametrize(
    ("more", "changes", "kept"),
    [
        (0, {}, True),
        (1, {}, False),
        (0, {"student.when": "always"}, False),
        (0, {"student.iterations": 7}, False),
        (0, {"student.unlabelled": "self"}, False),
    ],
)
def test_a_student_is_kept_where_nothing_was_labelled_since(
    second: RoundContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int, changes: dict, kept: bool
) -> None:
    now, then = with_labels(tmp_path, 4 + more, **changes), with_labels(tmp_path, 4)
    monkeypatch.setattr(RoundContext, "of_round", lambda self, number: then)
    monkeypatch.setattr(RoundContext, "of_step", lambda self, name: self)
    then.__dict__["complete_at"] = datetime(2026, 1, 1)
    told = "not trained: nothing was labelled since round 1, whose student is kept"
    assert why_not(now, last(now), Gain()) == (told if kept else "")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    place = Workplace(tmp_path)
    place.ledger.begin_round(Settings())
    for result in (Predicted("0" * 64, 1), Propagated(1)):
        place.ledger.begin_step(1, result.step, "a")
        place.ledger.finish_step(1, result.step, result.to_json(), 1.0, None)
    return place


def gain_after(place: Workplace) -> Gain:
    """Round 1 knew a label of frame 2, round 2 has one of frame 9 as well."""
    known = [place.label(2)]
    before = context_of(place.project, place.ledger, 1, Settings(), frames=place.frames, labels_collected=known)
    parts = {"frames": place.frames, "labels_collected": [*known, place.label(9)], "before": before}
    return measured_gain(context_of(place.project, place.ledger, 2, Settings(), **parts))


def test_without_teachers_the_gain_is_nothing(place: Workplace) -> None:
    place.propagate([place.label(2)])
    assert gain_after(place) == Gain(1, 0.0, 0.0)


def test_what_was_delivered_is_held_against_what_would_have_been(place: Workplace) -> None:
    place.propagate([])
    gain = gain_after(place)
    assert gain.frames == 1
    assert -1 < gain.mean < -0.5
