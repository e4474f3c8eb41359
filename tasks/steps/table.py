"""The steps of a round as Prefect tasks: each finds its inputs in the ledger, does its work once, and records it.

Prefect retries, logs and shows; whether a step is done is the ledger's to say (``once``), so Prefect's own
result cache stays off. A task takes the project and the number of the round, and returns a small dictionary.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
from prefect import task
from prefect.cache_policies import NO_CACHE

from al_core.campaign.stopping import stop_reason
from al_core.campaign.waiting import Until
from al_core.errors import EmptyPool
from al_core.fingerprint import fingerprint, fingerprint_file
from al_core.ledger.store import Ledger, Round
from al_core.project import Project
from al_core.records import FrameLabel, Progress, Video, fingerprint_labels
from tasks.ledger.client import once, open_ledger
from tasks.progress import progress_of
from tasks.project.ingest import open_frames
from tasks.scheduling.events import tell_finished, tell_ready
from tasks.scheduling.training_slot import training_slot
from tasks.steps.history import campaign_history, frames_to_ask
from tasks.steps.repair import hashes_of
from tasks.steps.request import collect_labels, request_ahead, request_labels
from tasks.steps.settle import settle

StepResult = dict[str, Any]


@task(name="select", cache_policy=NO_CACHE)
def select(project: Project, round_id: int) -> StepResult:
    """Choose the frames that a human should see."""
    from tasks.steps.select import select_frames

    with _open(project, round_id) as (ledger, this):
        settings = this.settings
        known = ledger.human_labels(up_to_round=round_id - 1)
        inputs = {
            "selection": settings.selection.model_dump(mode="json"),
            "seed": settings.seed,
            "labels": fingerprint_labels(known),
            "predictions": _result(ledger, round_id - 1, "predict").get("sha256"),
        }

    def work() -> StepResult:
        rng = np.random.default_rng([settings.seed, round_id])
        n = frames_to_ask(settings, len(known))
        frames = open_frames(project, ledger, settings.frames)
        try:
            selected = select_frames(project, ledger, frames, settings, round_id, rng, n)
        except EmptyPool as error:
            return {"frames": [], "empty": str(error)}
        return {
            "frames": [[s.frame.video_id, s.frame.frame_idx] for s in selected],
            "control": sum(s.control for s in selected),
        }

    return once(ledger, round_id, "select", inputs, work)


@task(name="request", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=1)
def request(project: Project, round_id: int) -> StepResult:
    """Put the selected frames before people; asking twice is asking once."""
    with _open(project, round_id) as (ledger, this):
        selected = ledger.selection(round_id)
        inputs = {
            "selected": [[s.frame.video_id, s.frame.frame_idx, s.rank] for s in selected],
            "annotator": this.settings.annotator.model_dump(mode="json"),
        }

    def work() -> StepResult:
        frames = open_frames(project, ledger, this.settings.frames)
        requested = request_labels(project, ledger, frames, this.settings, round_id)
        ahead = request_ahead(project, ledger, frames, this.settings, round_id)
        tell_ready(project, ledger, round_id, requested)
        return {"requested": requested, "ahead": ahead}

    return once(ledger, round_id, "request", inputs, work)


@task(name="collect", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=1)
def collect(project: Project, round_id: int) -> StepResult:
    """Take in the answers that are there, without waiting for more.

    Returns:
        ``waiting``: requests whose answers the round waits for; the step is done when there are none. ``rejected``:
        what came back and cannot be used, with the reasons. ``expired``: requests that were withdrawn, because the
        round goes on without them (see :mod:`al_core.campaign.waiting`).
    """
    with _open(project, round_id) as (ledger, this):
        requests = ledger.requests(round_id)
        ids = [r.request_id for r in requests]
    rejected: tuple[str, ...] = ()
    if not _result(ledger, round_id, "collect"):
        frames = open_frames(project, ledger, this.settings.frames)
        found = collect_labels(project, ledger, frames, this.settings, round_id, progress_of("collect"))
        rejected = found.rejected
        if found.answered < found.requested and settle(ledger, this).until is not Until.NOTHING:
            return {"waiting": ledger.waiting(round_id).open, "rejected": list(rejected)}

    def work() -> StepResult:
        as_of = ledger.newest_answer_at(round_id).isoformat()
        expired = len(ledger.requests(round_id, "expired"))
        found = {"answered": len(ids) - expired, "expired": expired, "as_of": as_of}
        return {"waiting": 0, "rejected": list(rejected), **found}

    return once(ledger, round_id, "collect", {"requests": fingerprint(ids)}, work)


@task(name="train", cache_policy=NO_CACHE)
def train(project: Project, round_id: int) -> StepResult:
    """Train the student, and with it its mean teachers."""
    from tasks.steps.train import starting_checkpoint, train_round

    with _open(project, round_id) as (ledger, this):
        labels = _labels(ledger, round_id)
        start = starting_checkpoint(project, ledger, this.settings, round_id)
        inputs = {
            "student": this.settings.student.model_dump(mode="json", exclude={"checkpoint_interval", "device"}),
            "teachers": this.settings.teachers.model_dump(mode="json", include={"decays", "seeds"}),
            "seed": this.settings.seed,
            "labels": fingerprint_labels(labels),
            "start": fingerprint_file(start) if start is not None and start.is_file() else None,
        }

    def work() -> StepResult:
        frames = open_frames(project, ledger, this.settings.frames)
        with training_slot():
            return train_round(project, ledger, frames, this.settings, round_id, labels, start, progress_of("train"))

    return once(ledger, round_id, "train", inputs, work)


@task(name="predict", cache_policy=NO_CACHE)
def predict(project: Project, round_id: int) -> StepResult:
    """Predict every frame with the ensemble of mean teachers, and score how uncertain each prediction is."""
    from tasks.steps.predict import load_members_for, predict_video

    with _open(project, round_id) as (ledger, this):
        trained = _result(ledger, round_id, "train")
        inputs = {
            "student": trained["sha256"],
            "teachers": this.settings.teachers.model_dump(mode="json"),
            "uncertainty": this.settings.uncertainty.model_dump(mode="json"),
            "frames": this.settings.frames.working_long_side,
        }

    def work() -> StepResult:
        frames = open_frames(project, ledger, this.settings.frames)
        todo = _not_in(ledger.videos(), ledger.prediction_paths(round_id))
        members = load_members_for(project.absolute(trained["checkpoint"]), this.settings) if todo else []
        for video in todo:
            tell = progress_of(f"predict {video.name}")
            predict_video(project, ledger, frames, video, members, this.settings, round_id, on_progress=tell)
        paths = ledger.prediction_paths(round_id)
        return {"sha256": fingerprint(inputs), "videos": len(paths), "hashes": hashes_of(project, paths)}

    return once(ledger, round_id, "predict", inputs, work)


@task(name="propagate", cache_policy=NO_CACHE)
def propagate(project: Project, round_id: int) -> StepResult:
    """Carry human masks along each video and fuse them with the teachers' into one labelled video."""
    from tasks.steps.calibrate import as_json, calibrate, calibrations_of
    from tasks.steps.propagate import propagate_video

    with _open(project, round_id) as (ledger, this):
        labels = _labels(ledger, round_id)
        predicted = ledger.prediction_paths(round_id)
        inputs = {
            "labels": fingerprint_labels(labels),
            "predictions": _result(ledger, round_id, "predict").get("sha256"),
            "propagation": this.settings.propagation.model_dump(mode="json"),
        }

    def work() -> StepResult:
        frames = open_frames(project, ledger, this.settings.frames)
        methods = this.settings.propagation.methods
        tell = progress_of("calibrate")
        fits = calibrate(project, ledger, frames, this.settings, round_id, labels, tell)
        for video in _not_in(ledger.videos(), ledger.delivered_paths(round_id)):
            path = predicted.get(video.video_id)
            propagate_video(
                project, ledger, frames, video, this.settings, round_id,
                labels=_of_video(labels, video),
                predictions_path=None if path is None else project.absolute(path),
                on_progress=progress_of(f"propagate {video.name}"),
                calibrations=calibrations_of(methods, fits),
            )  # fmt: skip
        paths = ledger.delivered_paths(round_id)
        return {"videos": len(paths), "calibration": as_json(methods, fits), "hashes": hashes_of(project, paths)}

    return once(ledger, round_id, "propagate", inputs, work)


@task(name="audit", cache_policy=NO_CACHE)
def audit(project: Project, round_id: int) -> StepResult:
    """Measure the delivered masks against truth that the loop has not seen, where there is some."""
    from tasks.steps.audit import audit_video
    from tasks.steps.credits import CREDITS, round_credits

    with _open(project, round_id) as (ledger, _):
        delivered = sorted(ledger.delivered_paths(round_id).items())
        inputs = {"delivered": delivered, "labels": fingerprint_labels(_labels(ledger, round_id))}

    def work() -> StepResult:
        videos = ledger.videos()
        tell = progress_of("audit")
        for done, video in enumerate(videos):
            audit_video(project, ledger, video, round_id)
            tell(Progress(done + 1, len(videos), video.name))
        return {"videos": len(videos), CREDITS: round_credits(project, ledger, round_id)}

    return once(ledger, round_id, "audit", inputs, work)


@task(name="finish", cache_policy=NO_CACHE)
def finish(project: Project, round_id: int) -> str | None:
    """Close the round; returns why the campaign ends with it, or None when it goes on."""
    with _open(project, round_id) as (ledger, this):
        if this.status == "finished":
            return this.stop_reason
        reason = _result(ledger, round_id, "select").get("empty") or stop_reason(
            this.settings.stopping, campaign_history(ledger, this.settings)
        )
        if reason:
            # Nobody will use what was asked ahead.
            ledger.replace_requests(round_id + 1)
        ledger.finish_round(round_id, reason)
    tell_finished(project, ledger, round_id)
    return reason


@contextmanager
def _open(project: Project, round_id: int) -> Iterator[tuple[Ledger, Round]]:
    """The ledger and the round, the file kept open for what a step asks before its work begins."""
    ledger = open_ledger(project)
    with ledger.held():
        yield ledger, ledger.round(round_id)


def _result(ledger: Ledger, round_id: int, name: str) -> StepResult:
    step = ledger.step(round_id, name)
    return step.result if step is not None and step.status == "finished" else {}


def _labels(ledger: Ledger, round_id: int) -> list[FrameLabel]:
    """The labels that the round works on: what was known when its answers were complete."""
    as_of = datetime.fromisoformat(_result(ledger, round_id, "collect")["as_of"])
    return ledger.human_labels(up_to_round=round_id, as_of=as_of)


def _not_in(videos: list[Video], done: dict[int, str]) -> list[Video]:
    return [video for video in videos if video.video_id not in done]


def _of_video(labels: list[FrameLabel], video: Video) -> list[FrameLabel]:
    return [label for label in labels if label.frame.video_id == video.video_id]
