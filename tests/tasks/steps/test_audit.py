"""Auditing one video of a project."""

from dataclasses import astuple

import numpy as np
import pytest

from al_core.audit.audit_records import Grade
from al_core.evaluation.label_credit import LEAST_CONTROL
from al_core.evaluation.video_quality import Measurement
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import DeliveredMask, FrameRef, LabelRequest, Provenance, whole_video
from al_core.settings import Settings
from al_core.stores.delivered import write_delivered
from tasks.steps.audit import (
    audit_videos,
    campaign_history,
    measure_holdout,
    round_credits,
    target_in_reach,
)
from tasks.steps.select import strategy_of
from tests.toys.audits.answering import drawn, say
from tests.toys.labelled_project import copied, finished_project
from tests.toys.ledgers import SQUARE, chosen, context_of, ledger_with_clip, mask_answer, square

HALF = SQUARE & (np.arange(4) < 2)


@pytest.fixture
def project(tmp_path):
    return Project.at(tmp_path)


def deliver(project, ledger):
    """A human frame, eleven propagated masks that cover one half of the object."""
    path = project.round_dir(1) / "delivered" / "clip.parquet"
    human = DeliveredMask(0, 1, 1, Provenance.HUMAN, 1.0, square())
    others = [DeliveredMask(i, 1, 1, Provenance.PROPAGATED, 0.5, encode(HALF)) for i in range(1, 12)]
    ledger.put_delivered(1, 1, project.relative(path), 12, write_delivered(path, [human, *others]))


def test_frames_of_people_are_left_out(project):
    ledger = ledger_with_clip(project.root)
    request = LabelRequest.of(1, chosen(0))
    ledger.put_requests([request])
    ledger.put_answer(mask_answer(request))
    deliver(project, ledger)
    (video,) = ledger.videos()
    rows = audit_videos(context_of(project, ledger), [video])[1]
    assert (None, "all", "j", 0.5, 11) in rows
    assert (1, "propagated", "j", 0.5, 11) in rows
    assert sorted(map(str, rows)) == sorted(str(Measurement(*astuple(row)[2:])) for row in ledger.quality(1))
    audit_videos(context_of(project, ledger), [video])
    assert len(ledger.quality(1)) == len(rows)


def test_without_truth_or_masks_there_is_nothing_to_measure(project):
    ledger = ledger_with_clip(project.root, with_truth=False)
    (video,) = ledger.videos()
    assert audit_videos(context_of(project, ledger), [video]) == {1: []}
    deliver(project, ledger)
    assert audit_videos(context_of(project, ledger), [video]) == {1: []}
    assert ledger.quality() == []


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("control"), quality=None)


def audited(ledger, credits):
    """The first round's audit found these credits."""
    ledger.begin_step(1, "audit", "1" * 64)
    ledger.finish_step(1, "audit", {"credits": credits}, 1.0)


def test_the_first_round_has_nothing_to_be_held_against(finished):
    project, ledger, _ = finished
    assert round_credits(context_of(project, ledger, 1)) == ()


def test_a_label_is_credited_with_its_seconds_and_what_changed(finished):
    project, ledger, _ = finished
    # Both rounds delivered the same masks: the label of round 2 changed nothing.
    assert round_credits(context_of(project, ledger, 2)) == ((0.0, 80.0, pytest.approx(0.0)),)


@pytest.mark.parametrize(("worth", "strategy"), [(3.0, "hybrid"), (1.0, "uniform")])
def test_where_choosing_gains_nothing_frames_are_spread_evenly(tmp_path, finished, worth, strategy):
    _, ledger, _ = copied(finished, tmp_path)
    audited(ledger, [[0.0, 80.0, worth]] * 10 + [[1.0, 80.0, 2.0]] * LEAST_CONTROL)
    found, note = strategy_of(ledger, Settings().changed({"selection.strategy": "hybrid"}))
    assert found == strategy
    assert ("instead of 'hybrid', which gains nothing so far" in note) is (strategy == "uniform")


def test_held_out_labels_measure_every_round_apart_from_truth(project):
    ledger = ledger_with_clip(project.root, with_truth=False)
    deliver(project, ledger)
    ledger.begin_round(Settings())
    assert measure_holdout(project, ledger) == 0
    assert ledger.quality(reference="holdout") == []
    ledger.hold_out(1, [3, 5], [3, 5], "lead")
    for index in (3, 5):
        request = LabelRequest(f"holdout-v00001-f{index:07d}", 0, FrameRef(1, index), 0, "")
        ledger.put_answer(mask_answer(request, f"a{index}"))
    assert measure_holdout(project, ledger) == 2
    assert measure_holdout(project, ledger) == 2
    found = [(q.value, q.n_frames) for q in whole_video(ledger.quality(reference="holdout"), "j")]
    assert found == [(0.5, 2)]
    assert ledger.quality() == []


TARGET = Settings().changed({"stopping.target_quality": 0.8, "stopping.max_rounds": 9})


@pytest.fixture
def target(tmp_path, finished):
    """A project with a target and a third round, of whose two rounds before none was audited."""
    project, ledger, _ = copied(finished, tmp_path)
    ledger.begin_round(TARGET)
    return project, ledger


def estimated(ledger, value, asked=(60, 8, 20)):
    """The second round's audit, of this size, is answered: the share of good masks, give or take .05."""
    draw = len(ledger.audit_samples(2)) + 1
    sizes = dict(zip(("judged", "blind", "frames"), asked, strict=True))
    sample = drawn(Project.at(ledger.path.parent), ledger, 2, **sizes, draw=draw)
    for unit in sorted(sample.units, key=lambda u: u.grade is not Grade.MEASURED):
        say(ledger, sample, unit)
    row = ("all", "good", "judged", value, value - 0.05, value + 0.05, 60, 60.0, 900, 0)
    ((_, _, _, newest),) = ledger.audit_state()
    ledger.put_estimates(2, [row], newest)


def test_a_target_is_decided_on_by_an_audit_in_full(target):
    _, ledger = target
    assert campaign_history(ledger, TARGET).assured is None
    estimated(ledger, 0.95, asked=(10, 0, 0))
    assert campaign_history(ledger, TARGET).assured is None
    estimated(ledger, 0.95)
    found = campaign_history(ledger, TARGET).assured
    assert (found.round_id, found.grade, found.least) == (2, "judged", pytest.approx(0.9))
    assert campaign_history(ledger, Settings()).assured is None


def test_whether_a_target_is_in_reach_follows_from_the_estimate_before(target):
    _, ledger = target
    assert target_in_reach(ledger, Settings()) is False
    assert target_in_reach(ledger, TARGET) is None
    estimated(ledger, 0.7)
    assert target_in_reach(ledger, TARGET) is False
    estimated(ledger, 0.76)
    assert target_in_reach(ledger, TARGET) is True
