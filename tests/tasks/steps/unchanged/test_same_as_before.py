"""A round refers to what did not change since the one before, and is equal to one that makes everything again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from al_core.evaluation.calibration import Calibration, Fit
from al_core.ledger.store import Ledger
from al_core.masks.rle import encode
from al_core.project import Project
from al_core.records import FrameLabel, FrameRef, MaskLabel, Video
from al_core.settings import Settings
from al_core.stores.frames import FrameStore
from al_core.stores.predictions import FramePrediction, write_predictions
from tasks.steps import predict
from tasks.steps import propagate as step
from tasks.steps.context import Predicted, Propagated, RoundContext, Trained, hashes_of
from tests.toys.footage.movers import line, mover_clip
from tests.toys.ledgers import context_of, frame_rows, kept_open, times_us
from tests.toys.workplace import sighting, write_frames

NAMES = ("first", "second", "third")
FLOW = Settings().changed({"propagation.methods": ["flow"]})


class Campaign:
    """Three clips of one disk, of which rounds deliver what they are told."""

    def __init__(self, folder: Path) -> None:
        self.project = Project.at(folder)
        self.ledger = Ledger(self.project.ledger_path, patience=5)
        self.ledger.add_categories(["disk"])
        self.clip = mover_clip({1: line((24, 20), (2, 0))[:6]}, 8, (48, 64))
        for name in NAMES:
            (folder / name).mkdir()
            files = write_frames(folder / name / "frames", self.clip)
            found = Video(
                0, name, str(folder / name / "frames"), "folder", name.ljust(64, "0"), Fraction(25), 6, 48, 64,
                files=files,
            )  # fmt: skip
            assert self.ledger.add_video(found, times_us(6))
        self.videos = self.ledger.videos()
        self.frames = FrameStore(self.project.cache / "frames", self.videos, FLOW.frames)
        self.made: list[str] = []
        self._labels: dict[int, list[FrameLabel]] = {0: []}

    def label(self, video_id: int, frame_idx: int) -> FrameLabel:
        """The truth of a frame."""
        return FrameLabel(FrameRef(video_id, frame_idx), (MaskLabel(1, 1, encode(self.clip.truth[frame_idx][1])),))

    def deliver(self, labels: Sequence[FrameLabel], settings: Settings = FLOW, seen: int | None = None) -> Propagated:
        """Do the step of another round; its teachers see the disk where it was in frame ``seen``, in each frame."""
        round_id = self.ledger.begin_round(settings).round_id
        self._labels[round_id] = list(labels)
        if seen is not None:
            self._predict(round_id, seen)
        self.ledger.begin_step(round_id, "propagate", "x")
        parts = {"frames": self.frames, "labels_collected": self._labels[round_id], "before": self._before(round_id)}
        done = step.propagate_work(context_of(self.project, self.ledger, round_id, settings, **parts))
        self.ledger.finish_step(round_id, "propagate", done.to_json(), 1.0)
        self.ledger.finish_round(round_id, None)
        return done

    def predict(self, sha256: str) -> int:
        """Do the step of another round, with a student of this hash; returns the number of the round."""
        round_id = self.ledger.begin_round(FLOW).round_id
        for name, result in (("train", Trained("student.pth", sha256)), ("predict", None)):
            self.ledger.begin_step(round_id, name, "x")
            context = context_of(self.project, self.ledger, round_id, FLOW, frames=self.frames)
            done = result or predict.predict_work(context)
            self.ledger.finish_step(round_id, name, done.to_json(), 1.0)
        self.ledger.finish_round(round_id, None)
        return round_id

    def _before(self, round_id: int) -> RoundContext:
        return context_of(self.project, self.ledger, round_id - 1, labels_collected=self._labels[round_id - 1])

    def _predict(self, round_id: int, seen: int) -> None:
        for video in self.videos:
            path = self.project.round_dir(round_id) / "predictions" / f"{video.video_id}.parquet"
            masks = (sighting(self.clip.truth[seen][1]),)
            write_predictions(path, (FramePrediction(i, masks, np.ones(1, np.float32)) for i in range(6)), (48, 64))
            self.ledger.put_predictions(round_id, video.video_id, frame_rows([0.0] * 6), self.project.relative(path))
        hashes = hashes_of(self.project, self.ledger.prediction_paths(round_id))
        self.ledger.begin_step(round_id, "predict", "x")
        self.ledger.finish_step(round_id, "predict", Predicted("1" * 64, 3, hashes).to_json(), 1.0)

    def rows(self, round_id: int) -> dict[str, Any]:
        """What the ledger says of a round, and the bytes of its files, times and places left out."""
        tables = {}
        with self.ledger._connector.session() as connection:
            for name in ("delivered", "delivered_category"):
                query = f"SELECT * EXCLUDE (round_id) FROM {name} WHERE round_id = ? ORDER BY ALL"
                tables[name] = connection.execute(query, [round_id]).fetchall()
            query = (
                "SELECT video_id, n_covered, made_from, calibration FROM delivered_batch WHERE round_id = ? ORDER BY 1"
            )
            tables["delivered_batch"] = connection.execute(query, [round_id]).fetchall()
        paths = self.ledger.delivered_paths(round_id)
        return {**tables, "files": {v: self.project.absolute(path).read_bytes() for v, path in paths.items()}}

    def folders(self, round_id: int) -> list[str]:
        """The round that made each video's file."""
        return [path.split("/")[1] for path in self.ledger.delivered_paths(round_id).values()]


@pytest.fixture(autouse=True)
def one_process() -> Iterator[None]:
    with kept_open():
        yield


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    place, real = Campaign(tmp_path), step.PropagateJob._labelled

    def noted(job: step.PropagateJob, *rest: Any) -> Any:
        place.made.append(job.video.name)
        return real(job, *rest)

    monkeypatch.setattr(step.PropagateJob, "_labelled", noted)
    return place


def made_by(campaign: Campaign, *args: Any, **kwargs: Any) -> list[str]:
    """The videos that another round labels."""
    campaign.made.clear()
    campaign.deliver(*args, **kwargs)
    return campaign.made


def test_only_the_video_with_another_label_is_labelled_again(campaign: Campaign) -> None:
    labels = [campaign.label(1, 1), campaign.label(2, 2)]
    assert made_by(campaign, labels) == ["first", "second", "third"]
    assert made_by(campaign, labels) == []
    more = [*labels, campaign.label(2, 4)]
    assert made_by(campaign, more) == ["second"]
    # Two labels of a video tell how to calibrate: files are written again, and no mask is made.
    assert campaign.folders(2) == ["0001"] * 3
    assert campaign.folders(3) == ["0003"] * 3
    # Another mask in a frame that has a label counts as well.
    moved = replace(more[0], masks=(MaskLabel(1, 1, encode(np.roll(campaign.clip.truth[1][1], 1))),))
    assert made_by(campaign, [moved, *more[1:]]) == ["first"]


@pytest.mark.parametrize(("methods", "made"), [(["flow"], 7), (["auto"], 8)])
def test_a_round_with_links_is_equal_to_one_that_makes_everything(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, methods: list[str], made: int
) -> None:
    """Three videos, the one with a new label, and three whose teachers see something else; ``auto`` goes by calibrated
    confidences of propagators too, so the other video with a label is labelled again with the second."""
    settings = FLOW.changed({"propagation.methods": methods})
    (tmp_path / "other").mkdir()
    other = Campaign(tmp_path / "other")
    rounds = [
        ([campaign.label(1, 1), campaign.label(2, 2)], 2),
        ([campaign.label(1, 1), campaign.label(2, 2), campaign.label(2, 4)], 2),
        ([campaign.label(1, 1), campaign.label(2, 2), campaign.label(2, 4)], 3),
    ]
    for labels, seen in rounds:
        campaign.deliver(labels, settings, seen=seen)
    assert len(campaign.made) == made
    monkeypatch.setattr(step, "link_delivered", lambda *args: ({}, {}))
    for number, (labels, seen) in enumerate(rounds, start=1):
        other.deliver(labels, settings, seen=seen)
        assert campaign.rows(number) == other.rows(number)


def test_another_calibration_changes_confidences_and_makes_no_mask(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    def calibrated(slope: float) -> None:
        fit = Fit(Calibration(slope, 0.1), 9, None, None)
        monkeypatch.setattr("tasks.steps.calibrate.calibrate", lambda *args: {"propagated": fit})

    monkeypatch.setattr("tasks.steps.calibrate.as_json", lambda *args: {})
    labels = [campaign.label(1, 1), campaign.label(2, 2)]
    calibrated(1.5)
    campaign.deliver(labels)
    first = campaign.rows(1)
    calibrated(0.7)
    told, real = [], campaign.ledger.put_deliveries
    with monkeypatch.context() as patch:
        patch.setattr(campaign.ledger, "put_deliveries", lambda *args: (told.append(args), real(*args)))
        assert made_by(campaign, labels) == []
    assert [[video[0] for video in videos] for _, videos in told] == [[1, 2, 3]]
    assert campaign.folders(2) == ["0002"] * 3
    assert campaign.rows(2)["files"] != first["files"]
    monkeypatch.setattr(step, "link_delivered", lambda *args: ({}, {}))
    campaign.deliver(labels)
    assert campaign.rows(3) == campaign.rows(2)
    calibrated(1.5)
    campaign.deliver(labels)
    assert campaign.rows(4) == first


def test_other_settings_code_or_teachers_make_everything_again(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [campaign.label(1, 1)]
    campaign.deliver(labels, seen=2)
    assert made_by(campaign, labels, seen=2) == []
    assert len(made_by(campaign, labels, seen=3)) == 3
    assert len(made_by(campaign, labels, FLOW.changed({"seed": 5}), seen=3)) == 3
    assert len(made_by(campaign, labels, FLOW.changed({"propagation.flow_preset": "fast"}), seen=3)) == 3
    blind = FLOW.changed({"propagation.teacher_weight": 0.0})
    assert len(made_by(campaign, labels, blind, seen=3)) == 3
    # Who has no say may change.
    assert made_by(campaign, labels, blind, seen=4) == []
    monkeypatch.setattr("tasks.steps.unchanged.made_from.code_fingerprint", lambda: "other")
    assert len(made_by(campaign, labels, blind, seen=4)) == 3


def test_a_damaged_or_unexplained_file_is_not_referred_to(campaign: Campaign) -> None:
    labels = [campaign.label(1, 1)]
    campaign.deliver(labels)
    paths = campaign.ledger.delivered_paths(1)
    file = campaign.project.absolute(paths[2])
    file.write_bytes(file.read_bytes()[:-1])
    campaign.ledger.put_delivered(1, 3, paths[3], 0, [])
    assert made_by(campaign, labels) == ["second", "third"]


def test_what_was_killed_goes_on_and_links_once(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [campaign.label(1, 1)]
    campaign.deliver(labels)
    real = campaign.ledger.link_delivered

    def dies(*args: Any) -> None:
        real(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(campaign.ledger, "link_delivered", dies)
        with pytest.raises(KeyboardInterrupt):
            campaign.deliver(labels)
    before = campaign.rows(2)
    assert made_by(campaign, labels) == []
    assert campaign.rows(2) == before == campaign.rows(1)


def test_teachers_look_again_only_where_they_are_others(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same student, a video is scored again where a label tells how many objects to expect, from its file;
    the others are not even read."""
    looked, scored = [], []
    real, anew = predict.predict_video, predict.PredictJob.work

    def noted(context: RoundContext, video: Video, *rest: Any) -> Path:
        scored.append(video.name)
        return real(context, video, *rest)

    def noted_anew(job: predict.PredictJob, place: Any) -> Any:
        scored.append(job.video.name)
        return anew(job, place)

    def seen_by(members: Any, frames: Any, settings: Settings) -> Iterator[FramePrediction]:
        for i, _ in frames:
            looked.append(i)
            yield FramePrediction(i, (sighting(campaign.clip.truth[i][1]),), np.ones(1, np.float32))

    monkeypatch.setattr(predict, "predict_video", noted)
    monkeypatch.setattr(predict.PredictJob, "work", noted_anew)
    monkeypatch.setattr(predict, "predicted_by", seen_by)
    monkeypatch.setattr(predict, "load_members_for", lambda *args: [])
    said = {1: 2, 2: 2, 3: 3}
    monkeypatch.setattr(
        predict.ObjectsSeen, "of", lambda ledger, n: predict.ObjectsSeen({1: {1: 1}} if n < 3 else {1: {1: said[n]}}, 1)
    )

    def predicted(sha256: str) -> int:
        looked.clear()
        scored.clear()
        return campaign.predict(sha256)

    first = predicted("a")
    assert (len(looked), scored) == (18, list(NAMES))
    second = predicted("a")
    assert (looked, scored) == ([], [])
    third = predicted("a")
    assert (looked, scored) == ([], ["first"])
    paths = [campaign.ledger.prediction_paths(n) for n in (first, second, third)]
    assert paths[0] == paths[1] == paths[2]
    rows = [campaign.ledger.predictions(n) for n in (first, second, third)]
    assert all((rows[0][name] == rows[1][name]).all() for name in rows[0])
    assert (rows[0]["uncertainty"] != rows[2]["uncertainty"]).any()
    said[4] = 3
    assert campaign.ledger.prediction_paths(predicted("b")) != paths[0]
    assert (len(looked), scored) == (18, list(NAMES))
