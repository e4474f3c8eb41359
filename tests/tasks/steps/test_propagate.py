"""From labels in the ledger to a labelled video on disk."""

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from al_core.audit.audit_records import Accepted
from al_core.evaluation.calibration import Calibration
from al_core.footage.clips import ClipFrames
from al_core.masks.soft import SoftMask
from al_core.project import Project
from al_core.propagation import PROPAGATORS
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack
from al_core.records import CategoryTag, FrameLabel, FrameRef, Identities, Progress, Provenance, Shots
from al_core.settings import Settings, Table
from al_core.stores.delivered import read_delivered
from tasks.engines.jobs import Order, carry_out, versions
from tasks.engines.shared_folder import SharedFolder
from tasks.steps import propagate as step
from tests.toys.audits.deliveries import certificate
from tests.toys.footage.movers import iou
from tests.toys.ledgers import clip, context_of, frame_rows, ledger_with_clip, times_us
from tests.toys.workplace import SETTINGS, Workplace, propagate_video


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def test_two_labelled_frames_label_the_whole_video(place: Workplace) -> None:
    labels = [place.label(2), place.label(9)]
    told: list[Progress] = []
    summary = place.propagate(labels, told=told)
    assert [row[:3] for row in summary] == [("human", 2, 4), ("propagated", 10, 20)]
    delivered = place.delivered()
    for i, truth in enumerate(place.clip.truth):
        for track, mask in truth.items():
            provenance, found = delivered[i][track]
            assert iou(found, mask) > 0.8
            assert (provenance is Provenance.HUMAN) == (i in (2, 9))
    assert told[-1] == Progress(12, 12, "disks")


class StandStill:
    """A propagator that leaves the masks of the nearest label where they are, and is as sure as it is told."""

    def __init__(self, confidence: float) -> None:
        self._confidence = confidence

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        for i in range(frames.n_frames):
            nearest = min(labels, key=lambda mark: abs(mark - i))
            masks = {t: SoftMask.of(mask) for t, mask in labels[nearest].items()}
            yield PropagatedFrame(i, {t: PropagatedTrack(m, self._confidence) for t, m in masks.items()})


def test_several_propagators_label_a_video_together(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is too sure of itself leads, until its calibration says better."""
    known = Table("propagation method", {"flow": PROPAGATORS["flow"], "still": lambda resources: StandStill(0.999)})
    monkeypatch.setattr("al_core.propagation.PROPAGATORS", known)
    settings = Settings().changed({"propagation.methods": ["flow", "still"]})
    worst = {}
    for name, offset in (("trusted", 0.0), ("known", -8.0)):
        place.propagate([place.label(5)], settings=settings, calibrations={"still": Calibration(1.0, offset)})
        found = place.delivered()
        worst[name] = min(iou(found[i][1][1], truth[1]) for i, truth in enumerate(place.clip.truth))
    assert worst["trusted"] < 0.4
    assert worst["known"] > 0.5


def test_a_calibration_changes_confidences_and_no_mask(place: Workplace) -> None:
    labels = [place.label(2), place.label(9)]
    (_, before) = place.propagate(labels)
    masks = {(i, t): mask for i, found in place.delivered().items() for t, (_, mask) in found.items()}
    human, after = place.propagate(
        labels, calibrations={"propagated": Calibration(1.0, -1.0), "flow": Calibration(9.0)}
    )
    assert human[3] == 1.0
    assert after[3] < before[3]
    for i, found in place.delivered().items():
        assert all((masks[i, t] == mask).all() for t, (_, mask) in found.items())


def test_human_masks_come_back_bit_by_bit(place: Workplace) -> None:
    place.propagate([place.label(2), place.label(9)])
    path = place.project.absolute(place.ledger.delivered_paths(1)[1])
    ((_, masks),) = read_delivered(path, [9])
    assert [m.rle for m in masks] == [m.rle for m in place.label(9).masks]


def test_nothing_known_delivers_nothing_and_says_so(place: Workplace) -> None:
    assert place.propagate([]) == []
    assert place.delivered() == {}


def test_predictions_alone_label_a_video(place: Workplace) -> None:
    ((provenance, n_frames, n_masks, _),) = place.propagate([], place.predictions(1))
    assert (provenance, n_frames, n_masks) == ("teacher", 12, 12)
    assert iou(place.delivered()[7][1][1], place.clip.truth[7][1]) > 0.95


def test_the_same_call_twice_writes_the_same_bytes(place: Workplace) -> None:
    labels = [place.label(2), place.label(9)]
    predictions = place.predictions(2)
    first = place.propagate(labels, predictions)
    path = place.project.absolute(place.ledger.delivered_paths(1)[1])
    content = path.read_bytes()
    assert place.propagate(labels, predictions) == first
    assert path.read_bytes() == content


def test_the_newest_label_of_a_frame_holds(place: Workplace) -> None:
    old = replace(place.label(4), masks=())
    place.propagate([old, place.label(4)])
    assert set(place.delivered()[4]) == {1, 2}


def test_numbers_that_hold_in_one_frame_become_tracks(tmp_path: Path) -> None:
    place = Workplace(tmp_path, Identities.PER_FRAME)
    place.propagate([place.label(2, {1: 1, 2: 2}), place.label(8, {2: 1, 1: 2})])
    delivered = place.delivered()
    for i in range(2, 9):
        for track in (1, 2):
            assert iou(delivered[i][track][1], place.clip.truth[i][track]) > 0.8


def test_frames_that_people_left_empty_are_covered(place: Workplace) -> None:
    place.ledger.begin_round(SETTINGS)
    place.propagate([replace(place.label(i), masks=()) for i in (3, 5)])
    assert place.delivered() == {}
    (row,) = place.ledger.coverage()
    assert row["covered"] == 2


def test_a_worker_propagates_the_same_to_the_byte(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    labels, calibrations = [place.label(2), place.label(9)], {"propagated": Calibration(1.5, -0.2)}
    place.propagate(labels, place.predictions(1), calibrations=calibrations)
    home = place.project.absolute(place.ledger.delivered_paths(1)[1])
    (tmp_path / "shared").mkdir()
    shared = SharedFolder(tmp_path / "shared")
    context = context_of(place.project, place.ledger, 1, SETTINGS, frames=place.frames)
    job = step.PropagateJob.of(context, shared, place.video, labels, place.predictions(1), calibrations)
    made = pickle.loads(carry_out(pickle.dumps(Order(job, 1, shared, 0, 0, versions())))).value
    shared.take(made.file, tmp_path / "home.parquet")
    assert (tmp_path / "home.parquet").read_bytes() == home.read_bytes()
    assert made.n_covered == 12


def test_a_round_delivers_the_videos_that_are_not_delivered_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with its own labels and predictions, and all with the same calibrations."""
    ledger = ledger_with_clip(tmp_path)
    for name in ("second", "third"):
        ledger.add_video(clip(name), times_us())
    labels = [FrameLabel(FrameRef(video, frame), ()) for video, frame in ((3, 1), (2, 4), (3, 7))]
    settings = Settings().changed({"propagation.methods": ["flow"]})
    context = context_of(Project.at(tmp_path), ledger, 1, settings, labels_collected=labels)
    for video in (1, 2, 3):
        (tmp_path / f"{video}.parquet").write_bytes(b"masks")
    ledger.put_delivered(1, 1, "1.parquet", 12, [])
    ledger.put_predictions(1, 3, frame_rows(np.zeros(12, np.float32)), "p.parquet")
    done = {}

    def stand_in(job, place):
        assert job.choice is None
        assert job.known == (None if job.predictions is None else {})
        predictions = None if job.predictions is None else Path(job.predictions.place)
        done[job.video.name] = ([label.frame.frame_idx for label in job.labels], predictions, set(job.calibrations))
        job.target.parent.mkdir(parents=True, exist_ok=True)
        job.target.write_bytes(b"masks")
        return step.DeliveredVideo(place.files.give(job.target), 12, [], [])

    monkeypatch.setattr(step.PropagateJob, "work", stand_in)
    found = step.propagate_work(context)
    names = {"flow", "propagated", "teacher"}
    assert done == {"second": ([4], None, names), "third": ([1, 7], tmp_path / "p.parquet", names)}
    assert (found.videos, set(found.hashes), set(found.calibration)) == (3, {"1", "2", "3"}, names)


def test_an_object_that_nobody_named_goes_on_through_a_frame_that_is_not_complete(place: Workplace) -> None:
    label = place.label(6)
    partly = replace(label, masks=label.masks[:1], complete=False)
    ends = [place.label(2), place.label(10)]
    place.propagate([*ends, partly])
    found = place.delivered()
    named, other = (m.track_id for m in label.masks)
    assert found[6][named][0] is Provenance.HUMAN
    assert [found[i][other][0] for i in (5, 6, 7)] == [Provenance.PROPAGATED] * 3
    assert all(iou(found[i][other][1], place.clip.truth[i][other]) > 0.8 for i in (5, 6, 7))
    place.propagate([*ends, replace(partly, complete=True)])
    assert place.delivered()[6].keys() == {named}


def test_an_object_that_is_said_to_be_away_is_away(place: Workplace) -> None:
    place.propagate([place.label(2), FrameLabel(FrameRef(1, 6), (), complete=False, absent=(2,))])
    assert place.delivered()[6].keys() == {1}
    assert place.delivered()[8].keys() == {1}


def test_nothing_is_delivered_beyond_a_cut(place: Workplace) -> None:
    place.ledger.put_shots(place.video.video_id, Shots((5,)))
    place.propagate([place.label(2)])
    assert [len(place.delivered().get(i, {})) for i in range(12)] == [2] * 5 + [0] * 7


def test_numbers_of_objects_are_not_linked_over_a_cut(tmp_path: Path) -> None:
    place = Workplace(tmp_path, Identities.PER_FRAME)
    place.ledger.put_shots(place.video.video_id, Shots((5,)))
    place.propagate([place.label(2), place.label(4), place.label(6)])
    delivered = place.delivered()
    assert sorted(delivered[2]) == sorted(delivered[4]) == [1, 2]
    assert sorted(delivered[6]) == [3, 4]


def test_what_is_delivered_depends_on_cuts_only_where_there_are_any(place: Workplace) -> None:
    def inputs() -> dict[str, object]:
        parts = {"frames": place.frames, "labels_collected": []}
        return step.propagate_inputs(context_of(place.project, place.ledger, 1, **parts))

    before = inputs()
    assert "cuts" not in before
    place.ledger.put_shots(place.video.video_id, Shots((5,), ((7, 8),)))
    assert inputs() == before | {"cuts": {"1": [5]}}


def test_accepted_masks_stay_as_they_were_delivered(place: Workplace) -> None:
    place.propagate([place.label(2)])
    first = dict(read_delivered(place.project.absolute(place.ledger.delivered_paths(1)[1])))
    accepted = replace(certificate(), accepted=(Accepted(None, 0.0, 22, 20, 0, 0.05),), excluded=((1, 5, 2),))
    place.ledger.put_certificate(accepted)
    parts = {"frames": place.frames, "labels_collected": []}
    second = context_of(place.project, place.ledger, 2, SETTINGS, **parts)
    assert step.propagate_inputs(second)["accepted"] == [accepted.certificate_id]
    assert "accepted" not in step.propagate_inputs(context_of(place.project, place.ledger, 1, **parts))
    propagate_video(second, place.video, [place.label(9)], None)
    found = dict(read_delivered(place.project.absolute(place.ledger.delivered_paths(2)[1])))
    for i, masks in found.items():
        provenances = [m.provenance for m in masks]
        if i == 9:
            assert provenances == [Provenance.HUMAN] * 2
        elif i not in (2, 5):
            assert provenances == [Provenance.ACCEPTED] * 2
            assert [m.rle for m in masks] == [m.rle for m in first[i]]
    assert [m.provenance for m in found[5]] == [Provenance.ACCEPTED, Provenance.PROPAGATED]


def test_a_frame_that_is_tagged_without_a_category_delivers_none_of_it(place: Workplace) -> None:
    tags = {1: (CategoryTag(1, 5, 7, 1, False), CategoryTag(1, 8, 11, 1, True))}
    parts = {"frames": place.frames, "labels_collected": [place.label(2)]}
    untold, told = (context_of(place.project, place.ledger, 1, SETTINGS, tags=t, **parts) for t in ({}, tags))
    assert "ruled_out" not in step.propagate_inputs(untold)
    assert step.propagate_inputs(told) == step.propagate_inputs(untold) | {"ruled_out": [(1, 5, 7, 1)]}
    propagate_video(told, place.video, [place.label(2)], None)
    assert [sorted(masks) for masks in place.delivered().values()] == [[1, 2]] * 5 + [[1, 2]] * 4
    assert sorted(set(range(12)) - set(place.delivered())) == [5, 6, 7]
