"""Confidences are held against what people said afterwards."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from al_core.evaluation.calibration import IDENTITY, Calibration, Fit
from al_core.masks.rle import encode
from al_core.records import DeliveredMask, LabelKind, LabelRequest, MaskLabel, Provenance
from al_core.stores.delivered import write_delivered
from tasks.steps.calibrate import as_json, calibrate, calibrations_of
from tests.toys.ledgers import chosen, context_of
from tests.toys.workplace import SETTINGS as USUAL
from tests.toys.workplace import Workplace

SETTINGS = USUAL.changed({"propagation.methods": ["flow"]})


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def fits(place: Workplace, round_id: int, marks: tuple[int, ...]) -> dict[str, Fit]:
    labels = [place.label(i) for i in marks]
    return calibrate(context_of(place.project, place.ledger, round_id, SETTINGS, frames=place.frames), labels)


def rounds(place: Workplace, *asked: list[int]) -> None:
    """A round for each list of frames; it asked for them."""
    for round_id, frames in enumerate(asked, start=1):
        place.ledger.begin_round(SETTINGS)
        selected = [chosen(i, rank, place.video.video_id) for rank, i in enumerate(frames)]
        place.ledger.put_requests([LabelRequest.of(round_id, s) for s in selected])
        place.ledger.finish_round(round_id, None)


def deliver(
    place: Workplace,
    confidences: Mapping[int, float],
    provenance: Provenance = Provenance.PROPAGATED,
    calibration: Calibration = IDENTITY,
) -> None:
    """Round 1 delivers the upper half of object 1 in some frames."""
    masks = [DeliveredMask(i, 1, 1, provenance, c, encode(upper_half(place, i))) for i, c in confidences.items()]
    path = place.project.round_dir(1) / "delivered" / "00001.parquet"
    place.ledger.put_delivered(1, 1, place.project.relative(path), len(masks), write_delivered(path, masks))
    place.ledger.begin_step(1, "propagate", "0" * 64)
    told = {provenance.value: {"slope": calibration.slope, "offset": calibration.offset, "samples": 0}}
    place.ledger.finish_step(1, "propagate", {"calibration": told}, 1.0)


def upper_half(place: Workplace, frame_idx: int) -> np.ndarray:
    mask = place.clip.truth[frame_idx][1].copy()
    rows = np.flatnonzero(mask.any(axis=1))
    mask[int(rows.mean()) + 1 :] = False
    return mask


def test_with_nothing_known_nothing_is_calibrated(place: Workplace) -> None:
    assert fits(place, 1, ()) == {}
    assert calibrations_of(("flow",), {}) == dict.fromkeys(("flow", "propagated", "teacher"), IDENTITY)


def test_the_first_round_leaves_its_own_labels_out(place: Workplace) -> None:
    found = fits(place, 1, (1, 4, 7, 10))
    assert {name: fit.samples for name, fit in found.items()} == {"flow": 8, "propagated": 8}


def test_what_was_delivered_is_held_against_what_people_said_next(place: Workplace) -> None:
    """Frames 3 and 8 were delivered at 0.95 with half of the object; frame 5 was delivered, but nobody looked."""
    rounds(place, [0], [3, 8])
    deliver(place, {3: 0.95, 5: 0.95, 8: 0.95})
    found = fits(place, 2, (0, 3, 8))
    assert list(found) == ["propagated"]
    assert found["propagated"].samples == 2
    assert 0.5 < found["propagated"].calibration(0.95) < 0.94
    assert found["propagated"].before.value == pytest.approx(0.43, abs=0.04)


def test_what_was_accepted_is_no_exact_truth(place: Workplace) -> None:
    """People accept what was delivered as it is: its overlap with their label is 1, with the truth it is not."""
    rounds(place, [0], [3, 8])
    deliver(place, {3: 0.95, 8: 0.95})
    labels = [
        replace(label, masks=(MaskLabel(1, 1, encode(upper_half(place, label.frame.frame_idx)), LabelKind.ACCEPT),))
        for label in (place.label(3), place.label(8))
    ]
    context = context_of(place.project, place.ledger, 2, SETTINGS, frames=place.frames)
    assert calibrate(context, labels)["propagated"].before.value == pytest.approx(0.007, abs=1e-6)


def test_the_map_that_a_round_used_is_undone_before_the_next_fit(place: Workplace) -> None:
    """0.95 through a map is 0.8 or so; a fit to what the map made of it is the fit to 0.95."""
    rounds(place, [0], [3, 8])
    used = Calibration(0.8, -1.0)
    deliver(place, dict.fromkeys((3, 8), used(0.95)), calibration=used)
    assert used(0.95) < 0.85
    assert fits(place, 2, (0, 3, 8))["propagated"].before.value == pytest.approx(0.43, abs=0.04)


def test_teachers_have_a_map_of_their_own(place: Workplace) -> None:
    rounds(place, [0], [3, 8])
    deliver(place, {3: 0.9, 8: 0.9}, Provenance.TEACHER)
    assert list(fits(place, 2, (0, 3, 8))) == ["teacher"]


def test_frames_of_people_are_no_samples(place: Workplace) -> None:
    rounds(place, [0], [3])
    deliver(place, {3: 1.0}, Provenance.HUMAN)
    assert fits(place, 2, (3,)) == {}


def test_the_ledger_keeps_what_json_can_say(place: Workplace) -> None:
    rounds(place, [0], [3])
    deliver(place, {3: 0.95})
    told = as_json(("flow",), fits(place, 2, (0, 3)))
    assert told["teacher"] == {"slope": 1.0, "offset": 0.0, "samples": 0}
    assert told["propagated"]["samples"] == 1
    assert told["propagated"]["ece_before"] == [None, None, None]
