"""Train the student of a round on every human label there is, starting from the round before."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from al_core.evaluation.evidence import weight_of
from al_core.fingerprint import fingerprint_file
from al_core.records import Video, fingerprint_labels
from al_core.settings import Settings, StudentSettings
from al_core.stores.pretrained import PretrainedNetworks, weights_to_start_from
from tasks.certificates.vouched_frames import VouchedFrames
from tasks.engines.engine import OwnProcess, engine_of
from tasks.engines.jobs import Place, gpus_taken
from tasks.engines.shared_folder import Files, HandedFile
from tasks.models.page_refiner import PageRefiner, train_page_refiner
from tasks.progress import progress_of
from tasks.scheduling.training_slot import training_slot
from tasks.steps.context import RoundContext, Trained
from tasks.steps.model_selection.pseudo_labels import nearness, pseudo_inputs, pseudo_labels
from tasks.steps.model_selection.training_worth import Gain, gain_so_far, measured_gain, why_not

if TYPE_CHECKING:
    from al_core.stores.frames import FrameStore
    from al_core.students.semi.unlabelled import UnlabelledSample
    from al_core.students.train import TrainingSample

CURVE_POINTS = 40
"""Points that are kept of the curve of each part of the loss."""

_log = logging.getLogger(__name__)

NO_MATTER = frozenset({"checkpoint_interval", "device", "lower_on_memory"})
"""Settings of the student that change nothing about it."""


def train_inputs(context: RoundContext) -> dict[str, Any]:
    """Return what the student depends on."""
    start, stored = starting_checkpoint(context), context.stored
    return {
        "student": {name: value for name, value in stored.part("student").items() if name not in NO_MATTER},
        "teachers": {name: stored.part(f"teachers.{name}") for name in ("decays", "seeds")},
        "seed": context.stored.part("seed"),
        "labels": fingerprint_labels(context.labels_collected),
        "start": fingerprint_file(start) if start is not None and start.is_file() else None,
        **pseudo_inputs(context),
        **({"accepted": context.frozen.ids} if stored.part("certificates.teach") and context.frozen.ids else {}),
    }


def train_work(context: RoundContext) -> Trained:
    """Train the student, and with it its mean teachers, on what people said at full resolution; keep the loss curve.
    Train the refiner of the page after it. Where training is not expected to change what is delivered, the student of
    an earlier round is kept, or there is none yet.

    Frames of which people have not said all that is there are left out: what they did not name would be learned as
    background. The others count by how their masks were made. With ``student.unlabelled`` it learns from frames that
    nobody labelled too, and with ``certificates.teach`` from as many frames at most of which certificates vouch for all
    masks. Where trainings at a time are limited on a GPU or this machine, it waits for its turn.
    """
    from al_core.students.train import TrainingSample, train_student

    project, settings = context.project, context.settings
    last = starting_round(context)
    gain = measured_gain(context) if settings.student.when == "pays" and last is not None else Gain()
    noted = tuple(gain) if gain.frames else ()
    if reason := why_not(context, last, gain_so_far(context, gain)):
        _log.info("round %d: %s", context.round_id, reason)
        refiner = train_page_refiner(context, starting_refiner(context))
        stored = {} if refiner is None else refiner.to_json()
        return replace(Trained() if last is None else last[1], notes=(), refiner=stored, gain=noted, kept=reason)
    labels = [label for label in context.labels_collected if label.complete]
    vouched = VouchedFrames(context, context.frozen)
    people = {label.frame for label in context.labels_collected}
    accepted = vouched.examples(len(labels), people) if settings.certificates.teach else []
    training = TrainJob(
        *(0, context.videos, settings, context.categories),
        [TrainingSample(label.frame, label.masks, weight_of(label.masks)) for label in labels]
        + [TrainingSample(frame, masks, 1 - vouched.bound) for frame, masks in accepted],
        pseudo_labels(context),
        seed=settings.seed * 1000 + context.round_id,
        iterations=settings.student.iterations if last is not None else settings.student.first_round_iterations,
        folder=project.round_dir(context.round_id) / "student",
    )
    start, near = starting_checkpoint(context), nearness(context)
    with training_slot(gpus_taken(settings.compute, settings.student.device)):
        device = "" if near is not None else trained_by_workers(context, training, start)
        trained = train_student(
            **training.arguments(settings.student, training.folder, start, context.frames),
            on_progress=progress_of(Trained.step),
            nearness=near,
        )
        refiner = train_page_refiner(context, starting_refiner(context))
    context.ledger.put_training_curve(context.round_id, trained.curve)
    return Trained(
        checkpoint=project.relative(trained.checkpoint),
        sha256=fingerprint_file(trained.checkpoint),
        device=device or trained.device,
        loss=trained.curve[-1][1] if trained.curve else None,
        labels=len(labels) + len(accepted),
        notes=tuple(trained.notes),
        refiner={} if refiner is None else refiner.to_json(),
        gain=noted,
        unlabelled=trained.unlabelled,
        losses=thinned(trained.parts) if trained.unlabelled else {},
    )


@dataclass(frozen=True)
class TrainJob:
    """One seed of a training, wherever that is done.

    Attributes:
        number: of the seed, from 0; the others are the same.
        videos: of whose frames it learns.
        folder: where the owner keeps what the training makes.
        start: weights to start from.
        configs: files that the settings of the student name, by setting.
    """

    number: int
    videos: Sequence[Video]
    settings: Settings
    categories: Mapping[int, str]
    samples: "Sequence[TrainingSample]"
    unlabelled: "Sequence[UnlabelledSample]"
    seed: int
    iterations: int
    folder: Path
    start: HandedFile | None = None
    configs: Mapping[str, HandedFile] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Which seed is trained."""
        return f"train seed {self.number}"

    @property
    def key(self) -> int:
        """The number of the seed."""
        return self.number

    def given(self, files: Files, number: int, start: Path | None) -> "TrainJob":
        """Return the same for another seed, with the files that it takes handed over."""
        named = ((name, getattr(self.settings.student, name)) for name in ("config", "override"))
        return replace(
            self,
            number=number,
            start=None if start is None else files.give(start),
            configs={name: files.give(Path(path)) for name, path in named if path and Path(path).is_file()},
        )

    def arguments(
        self, student: StudentSettings, folder: Path, start: Path | None, frames: "FrameStore"
    ) -> dict[str, Any]:
        """Return the arguments of :func:`~al_core.students.train.train_student`."""
        return {
            "student": student,
            "teachers": self.settings.teachers,
            "samples": self.samples,
            "categories": self.categories,
            "read_image": frames.read,
            "work_dir": folder,
            "seed": self.seed,
            "iterations": self.iterations,
            "init_checkpoint": start,
            "unlabelled": self.unlabelled,
        }

    def work(self, place: Place) -> tuple[HandedFile, str]:
        """Train the seed; returns its file, and the device."""
        from al_core.students.train import finished_seed, train_seed

        opened = place.files.open
        student = self.settings.student.model_copy(update={k: str(opened(file)) for k, file in self.configs.items()})
        start = None if self.start is None else opened(self.start)
        frames = place.frames(self.videos, self.settings.frames)
        target = finished_seed(self.folder, self.number)
        work_dir = place.files.working(target)
        named = self.arguments(student, work_dir, start, frames)
        made, device = train_seed(self.number, **named, on_progress=progress_of(self.name))
        return place.files.give(made), device


def trained_by_workers(context: RoundContext, training: TrainJob, start: Path | None) -> str:
    """Let workers train all seeds, where the settings have any: then they are found done.

    Returns:
        Where they were trained, such as "cuda"; empty where nobody did.
    """
    from al_core.students.train import FINAL, finished_seed

    devices = set[str]()
    if (training.folder / FINAL).is_file():
        return ""
    with engine_of(context.settings.compute, context.project, Trained.step, lambda: context.frames) as engine:
        if isinstance(engine, OwnProcess):
            return ""
        jobs = [training.given(engine.files, number, start) for number in range(context.settings.teachers.seeds)]
        for job, (file, device) in engine.each(Trained.step, jobs):
            engine.files.take(file, finished_seed(training.folder, job.number))
            devices.add(device)
    return ", ".join(sorted(devices))


def thinned(losses: Mapping[str, Sequence[tuple[int, float]]]) -> dict[str, list[tuple[int, float]]]:
    """Return curves with at most :data:`CURVE_POINTS` points: the last iteration of each stretch, and its mean."""
    thin = {}
    for name, points in losses.items():
        edges = np.linspace(0, len(points), min(CURVE_POINTS, len(points)) + 1).round().astype(int)
        parts = [points[first:last] for first, last in pairwise(edges)]
        thin[name] = [(part[-1][0], round(sum(value for _, value in part) / len(part), 5)) for part in parts]
    return thin


def starting_checkpoint(context: RoundContext) -> Path | None:
    """Return the weights that a round's student starts from: those of :func:`starting_round`, else ``init_weights``,
    else none."""
    before = starting_round(context)
    if before is not None:
        return context.project.absolute(before[1].checkpoint)
    networks = PretrainedNetworks(context.project.pretrained)
    return weights_to_start_from(context.settings.student.init_weights, networks, context.began)


def starting_refiner(context: RoundContext) -> Path | None:
    """Return the network that a round's refiner of the page starts from: that of :func:`starting_round`, if any."""
    before = starting_round(context)
    file = PageRefiner.from_json(before[1].refiner).file if before is not None else ""
    return context.project.absolute(file) if file else None


def starting_round(context: RoundContext) -> tuple[int, Trained] | None:
    """Return the round whose student a round starts from, and what it trained; None where it starts from none.

    It is the one that was pinned when the round began, else the round before. A round that failed to train, or had
    nothing to train from, or was abandoned, is passed over.
    """
    if not context.settings.student.warm_start:
        return None
    ledger = context.ledger
    with ledger.held():
        gone = {this.round_id for this in ledger.rounds() if this.status == "abandoned"}
        steps = [s for s in ledger.steps() if s.name == Trained.step and s.round_id < context.round_id]
        pinned = ledger.pinned_student(context.round_id)
    found = {s.round_id: Trained.from_json(s.result) for s in steps if s.status == "finished"}
    trained = {number: one for number, one in found.items() if one.checkpoint and number not in gone}
    if not trained:
        return None
    start = pinned if pinned in trained else max(trained)
    return start, trained[start]
