"""The refiner of the labelling page: trained with each round's student, compared, and found again by the page."""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from al_core.errors import BadCheckpoint, TrainingDiverged
from al_core.fingerprint import fingerprint, fingerprint_file
from al_core.ledger.store import Ledger, Step
from al_core.project import Project
from al_core.records import FrameLabel, Video, fingerprint_labels
from al_core.settings import LEARNED, Settings
from tasks.engines.engine import engine_of
from tasks.engines.jobs import Place
from tasks.engines.shared_folder import HandedFile
from tasks.progress import progress_of
from tasks.steps.context import RoundContext, Trained, standing_rounds

if TYPE_CHECKING:
    from al_core.interactive.learned.situations import LabelledObjects
    from al_core.interactive.refiner import Refiner
    from al_core.stores.frames import FrameStore

_log = logging.getLogger(__name__)

T = TypeVar("T")

LONG_SIDE = 640
"""Of the frames that a refiner learns from, in pixels."""

MOST_FRAMES = 200
MOST_OBJECTS = 12
"""Frames of a project, and largest objects of a frame, that are kept in memory for it."""

FEWEST_FRAMES = 8
"""Labelled frames with objects from which on a refiner is trained."""

PLAIN = "plain"
GESTURES = {
    "first_click": "first clicks from nothing",
    "clicks": "more clicks from nothing",
    "first_correction": "first clicks on a mask",
    "corrections": "more clicks on a mask",
    "box": "boxes",
}
FORMAT = "refiner1"


@dataclass(frozen=True)
class PageRefiner:
    """What a round left for the page.

    Attributes:
        file: the network's, relative to the project; empty where there is none.
        sha256: hash of that file, 64 hex digits.
        methods: how the page makes masks, by gesture ("first_click" and more "clicks" where nothing is known,
            "first_correction" and more "corrections" of a shown mask, "box"): "plain", "network", "network_colours" or
            "mixed".
        iou: mean IoU of each of these on held-out objects, by gesture.
        objects: how many were held out.
        note: why there is none, or what a person should know.
    """

    file: str = ""
    sha256: str = ""
    methods: Mapping[str, str] = field(default_factory=dict)
    iou: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    objects: int = 0
    note: str = ""

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "PageRefiner":
        """Return what a training step stored; what this version does not know is left out."""
        return cls(**{name: stored[name] for name in cls.__dataclass_fields__ if name in stored})

    def to_json(self) -> dict[str, Any]:
        """Return it as the result of the training step keeps it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @property
    def learned(self) -> bool:
        """Tell whether the page uses the network for some gesture."""
        return bool(self.file) and any(method != PLAIN for method in self.methods.values())

    def in_words(self) -> str:
        """Return which gestures the page makes masks of with the network, and how well, as a sentence; empty where no
        network was trained and there is nothing to tell."""
        if not self.file:
            return f"The page makes masks without learning: {self.note}." if self.note else ""
        compared = [self._compared(gesture) for gesture in GESTURES if self.iou.get(gesture)]
        if not compared:
            return (
                f"The page makes masks without learning: {self.objects} held-out objects are too few to compare its "
                "refiner on."
            )
        return f"The page's refiner, IoU on {self.objects} held-out objects: {', '.join(compared)}."

    def _compared(self, gesture: str) -> str:
        iou = self.iou[gesture]
        used = self.methods.get(gesture, PLAIN)
        plain, learned = iou.get(PLAIN, 0.0), max((v for m, v in iou.items() if m != PLAIN), default=0.0)
        if used == PLAIN:
            return f"{GESTURES[gesture]} without learning {plain:.2f} (with it {learned:.2f})"
        return f"{GESTURES[gesture]} with learning {iou.get(used, learned):.2f} (without it {plain:.2f})"


def train_page_refiner(context: RoundContext, start: Path | None) -> PageRefiner | None:
    """Train a refiner on the labels of a round, and compare it with the one without learning.

    A training that was killed goes on. One that fails costs the page nothing but the refiner.

    Args:
        start: file of a network to start from.

    Returns:
        None where the project's people do not use the page, the settings give it no time, or labels are too few.
    """
    annotator = context.settings.annotator
    if annotator.backend != "page" or annotator.refiner != LEARNED or not annotator.refiner_seconds:
        return None
    learnt, judged = _split(context)
    if len(learnt) < FEWEST_FRAMES:
        return None
    try:
        return _trained(context, start, learnt, judged)
    except TrainingDiverged as error:
        _log.warning("round %d: the page keeps the refiner without learning: %s", context.round_id, error)
        return PageRefiner(note=str(error))


def newest_refiner(ledger: Ledger) -> PageRefiner:
    """Return what the page uses now: of the newest round that stands and trained its student."""
    standing = {this.round_id for this in standing_rounds(ledger)}
    return refiner_of(step for step in ledger.steps() if step.round_id in standing)


def refiner_of(steps: Iterable[Step]) -> PageRefiner:
    """Return what the last of some steps that trained a student left for the page."""
    steps = [step for step in steps if step.name == Trained.step and step.status == "finished"]
    if not steps:
        return PageRefiner()
    return PageRefiner.from_json(Trained.from_json(max(steps, key=lambda step: step.round_id).result).refiner)


def read_page_refiner(project: Project, found: PageRefiner) -> "Refiner":
    """Return the refiner that the ledger names; it loads torch.

    Raises:
        BadCheckpoint: its file is gone, or is not what the round wrote.
    """
    # A server whose page uses no network starts without torch.
    from al_core.interactive.learned.learned_refiner import chosen_refiner

    path = project.absolute(found.file)
    try:
        intact = fingerprint_file(path) == found.sha256
    except OSError:
        intact = False
    if not intact:
        raise BadCheckpoint(f"{path}: expected the refiner's network as the round wrote it; it is gone or was changed")
    return chosen_refiner(path, found.methods)


def _trained(
    context: RoundContext, start: Path | None, learnt: list[FrameLabel], judged: list[FrameLabel]
) -> PageRefiner:
    """Have the refiner trained and compared by whoever does the heavy work, and keep its file in the round's folder."""
    project, settings = context.project, context.settings
    seed = settings.seed * 1000 + context.round_id
    steps = [settings.annotator.refiner_steps] if settings.annotator.refiner_steps else []
    key = fingerprint([FORMAT, fingerprint_labels(learnt), _hash_of(start), seed, *steps])[:16]
    target = project.round_dir(context.round_id) / "refiner" / f"{key}.pt"
    seen = {label.frame.video_id for label in (*learnt, *judged)}
    videos = [video for video in context.ledger.videos() if video.video_id in seen]
    # Where it is trained already, it is compared here: another training would end with other weights.
    compute = settings.compute.model_copy(update={"engine": "local"}) if target.is_file() else settings.compute
    with engine_of(compute, project, RefineJob.name, lambda: context.frames) as engine:
        given = engine.files.give(start) if start is not None and start.is_file() else None
        job = RefineJob(videos, settings, learnt, judged, given, seed, target)
        ((_, (file, found)),) = engine.each(job.name, [job])
        engine.files.take(file, target)
    return replace(found, file=project.relative(target), sha256=fingerprint_file(target))


@dataclass(frozen=True)
class RefineJob:
    """The refiner of a round to train and to compare, wherever that is done.

    Attributes:
        videos: of whose frames it learns.
        learnt: labels that it learns from.
        judged: labels that it is compared on.
        start: file of a network to start from, or None.
        target: where the owner keeps the network.
    """

    videos: Sequence[Video]
    settings: Settings
    learnt: Sequence[FrameLabel]
    judged: Sequence[FrameLabel]
    start: HandedFile | None
    seed: int
    target: Path

    name = "refiner"
    key = 0

    def work(self, place: Place) -> tuple[HandedFile, PageRefiner]:
        """Train and compare; returns the network's file, and what there is to tell of it. A training that was killed
        goes on."""
        from al_core.interactive.learned.learned_refiner import Method, refiners
        from al_core.interactive.learned.refiner_choice import choose_refiners
        from al_core.interactive.learned.refiner_training import TrainingLimits, started_from, train_refiner
        from al_core.networks.network_state import Checkpoint, kept_or_trained
        from al_core.stores.disk_cache import DiskCache

        frames = place.frames(self.videos, self.settings.frames)
        network, note = started_from(None if self.start is None else place.files.open(self.start), self.seed)

        def learn(keep: Checkpoint) -> None:
            annotator, objects = self.settings.annotator, list(read_objects(frames, self.learnt))
            limits = TrainingLimits(annotator.refiner_seconds)
            if annotator.refiner_steps:
                limits = TrainingLimits(math.inf, annotator.refiner_steps)
            steps = train_refiner(network, objects, limits, self.seed, keep, progress_of(self.name))
            _log.info("the page's refiner was trained for %d steps", steps)

        # Nothing is ever dropped: the folder belongs to the round.
        folder = place.files.working(self.target)
        kept_or_trained(DiskCache(folder, 2**62), self.target.stem, network, learn)
        chosen = choose_refiners(refiners(network), list(read_objects(frames, self.judged)), self.seed)
        found = PageRefiner(
            methods={gesture: choice.method.value for gesture, choice in chosen.items()},
            iou={
                gesture: {Method(method).value: round(value, 4) for method, value in choice.iou.items()}
                for gesture, choice in chosen.items()
            },
            objects=max(choice.objects for choice in chosen.values()),
            note=note,
        )
        return place.files.give(folder / self.target.name), found


def _hash_of(start: Path | None) -> str:
    return fingerprint_file(start) if start is not None and start.is_file() else ""


def _split(context: RoundContext) -> tuple[list[FrameLabel], list[FrameLabel]]:
    """Return the labels that a refiner learns from, and those that refiners are compared on, evenly spaced where they
    are many.

    Frames that are not complete hold what a click or a box came to, which is no truth. Who draws with a refiner draws
    what it likes: only labels count for the comparison that were there before the page first used a network.
    """
    from al_core.interactive.learned.refiner_choice import is_held_out

    labels = [label for label in context.labels_collected if label.complete and label.objects]
    before = _labels_before_networks(context)
    judged = [label for label in labels if is_held_out(label.frame) and label in before]
    return spread([label for label in labels if not is_held_out(label.frame)]), spread(judged)


def _labels_before_networks(context: RoundContext) -> list[FrameLabel]:
    """Return the labels of a round that were there, as they are, before the page first made masks with a network."""
    steps = [step for step in context.ledger.steps() if step.name == Trained.step and step.status == "finished"]
    used = [
        step.finished_at
        for step in steps
        if step.round_id < context.round_id
        and step.finished_at is not None
        and PageRefiner.from_json(Trained.from_json(step.result).refiner).learned
    ]
    if not used:
        return context.labels_collected
    return context.ledger.human_labels(up_to_round=context.round_id, as_of=min(used))


def spread(labels: Sequence[T]) -> list[T]:
    """Return ``MOST_FRAMES`` of some labels, evenly spaced, or all where they are fewer."""
    kept = np.unique(np.linspace(0, len(labels) - 1, min(len(labels), MOST_FRAMES)).round().astype(int))
    return [labels[int(i)] for i in kept]


def read_objects(frames: "FrameStore", labels: Iterable[FrameLabel]) -> "Iterator[LabelledObjects]":
    """Yield labelled frames with their largest objects, at the size at which a refiner learns."""
    from al_core.footage.images import resized, working_size
    from al_core.interactive.learned.situations import LabelledObjects
    from al_core.masks.rle import area, decode
    from al_core.students.dataset import resize_mask

    for label in labels:
        image = frames.read_full(label.frame)
        size = working_size(image.shape[0], image.shape[1], LONG_SIDE)
        objects = sorted((m for m in label.masks if not m.ignore), key=lambda m: -area(m.rle))[:MOST_OBJECTS]
        yield LabelledObjects(resized(image, size), [resize_mask(decode(m.rle), *size) for m in objects])
