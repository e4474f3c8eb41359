"""Carry human masks along a video, fuse them with the teachers', and deliver the labelled video."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.calibration import Calibration
from al_core.footage.clips import ClipFrames
from al_core.fusion import combine, fuse, known_alike, members, propagations, side_by_side
from al_core.fusion.choice import Choice
from al_core.fusion.pairing import Propagated as CarriedMasks
from al_core.fusion.survey import Judged
from al_core.ledger.campaign.deliveries import Delivery
from al_core.masks.rle import decode
from al_core.propagation import Resources, build
from al_core.propagation.base import Replay
from al_core.propagation.identity import link_identities
from al_core.records import (
    IGNORE_TRACK,
    CategoryTag,
    DeliveredMask,
    FrameLabel,
    FrameRef,
    Identities,
    Progress,
    Shots,
    Video,
    fingerprint_labels,
)
from al_core.settings import PropagationSettings, Settings
from al_core.stores.delivered import Summary, read_uncalibrated, write_delivered
from al_core.stores.frames import FrameStore
from al_core.stores.predictions import read_predictions
from tasks.certificates.frozen_masks import with_frozen
from tasks.engines.engine import engine_of
from tasks.engines.jobs import Place
from tasks.engines.shared_folder import Files, HandedFile, OwnFiles
from tasks.progress import progress_of, telling
from tasks.steps.context import Predicted, Propagated, RoundContext, hashes_of
from tasks.steps.unchanged.made_from import MACHINE, calibrations_text, delivered_made_from
from tasks.steps.unchanged.same_as_before import link_delivered


@dataclass(frozen=True)
class VideoFrames:
    """One video of a frame store, as a propagator sees it."""

    store: FrameStore
    video: Video

    @property
    def sha256(self) -> str:
        """Hash of the video's content."""
        return self.video.sha256

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.video.n_frames

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) at working size."""
        return self.store.size(self.video.video_id)

    def read(self, frame_idx: int) -> NDArray[np.uint8]:
        """Return one frame, RGB uint8 [h, w, 3]."""
        return self.store.read(FrameRef(self.video.video_id, frame_idx))


def propagate_inputs(context: RoundContext) -> dict[str, Any]:
    """Return what the delivered masks depend on."""
    predicted = context.result(Predicted)
    gone = [tag for video_id in context.tags for tag in _ruled_out(context, video_id)]
    return {
        "labels": fingerprint_labels(context.labels_collected),
        "predictions": None if predicted is None else predicted.sha256,
        "propagation": context.stored.part("propagation"),
        **context.cuts_as_inputs,
        **context.networks_as_inputs,
        **({"accepted": context.frozen.ids} if context.frozen.ids else {}),
        **({"ruled_out": [astuple(tag)[:-1] for tag in gone]} if gone else {}),
    }


def propagate_work(context: RoundContext) -> Propagated:
    """Carry human masks along each video and fuse them with the teachers' into one labelled video.

    Videos that a dead predecessor finished are not labelled again, nor are those of which nothing changed since the
    round before.
    """
    # Calibration propagates too, to see how well it does.
    from tasks.steps.calibrate import as_json, calibrate, calibrations_of
    from tasks.steps.model_selection import choosing

    project, ledger, round_id = context.project, context.ledger, context.round_id
    methods = context.settings.propagation.candidates
    choices = choosing.choose_propagators(context, context.labels_collected, progress_of("try propagators"))
    fits = calibrate(context, context.labels_collected, progress_of("calibrate"), choices)
    maps, done = calibrations_of(methods, fits), ledger.delivered_paths(round_id)
    todo = list(_units(context, [v for v in context.videos if v.video_id not in done], maps, choices))
    made_from = {unit.video.video_id: unit.made_from for unit in todo}
    linked, earlier = link_delivered(context, made_from, calibrations_text(maps, MACHINE))
    anew = [unit for unit in todo if unit.video.video_id not in linked]
    again = [unit for unit in anew if unit.video.video_id in earlier]
    if again:
        told = [delivered_here(context, unit, maps, earlier=earlier[unit.video.video_id]) for unit in again]
        # These are soon made: telling the ledger of each by itself would take longer than that.
        ledger.put_deliveries(round_id, told)
    _propagate_anew(context, [unit for unit in anew if unit.video.video_id not in earlier], maps)
    paths = ledger.delivered_paths(round_id)
    return Propagated(len(paths), as_json(methods, fits), hashes_of(project, paths, linked), choosing.as_json(choices))


class Unit(NamedTuple):
    """What one video is labelled from.

    Attributes:
        labels, predictions, choice, known: see :class:`PropagateJob`.
        made_from: hash of all this, for later rounds; empty to let none of them refer to it.
    """

    video: Video
    labels: list[FrameLabel]
    predictions: Path | None
    choice: Choice | None
    known: Mapping[int, Judged] | None
    made_from: str


def _units(
    context: RoundContext, videos: Sequence[Video], maps: Mapping[str, Calibration], choices: Mapping[int, Choice]
) -> Iterator[Unit]:
    """Yield what each of some videos is labelled from."""
    from tasks.steps.model_selection.teachers import judged_before

    predicted = context.ledger.prediction_paths(context.round_id)
    hashes = (context.result(Predicted) or Predicted()).hashes
    judged = judged_before(context, [video.video_id for video in videos if video.video_id in predicted])
    labels: dict[int, list[FrameLabel]] = {}
    for label in context.labels_collected:
        labels.setdefault(label.frame.video_id, []).append(label)
    for video in videos:
        i = video.video_id
        mine, choice, known = labels.get(i, []), choices.get(i), judged.get(i)
        path = context.project.absolute(predicted[i]) if i in predicted else None
        seen, made_from = hashes.get(str(i)), ""
        if path is None or seen is not None:
            made_from = delivered_made_from(context, video, mine, seen, choice, maps, known, _ruled_out(context, i))
        yield Unit(video, mine, path, choice, known, made_from)


def _propagate_anew(context: RoundContext, units: "Sequence[Unit]", maps: Mapping[str, Calibration]) -> None:
    """Have videos labelled by whoever does the heavy work, and tell the ledger of each as it is done."""
    if not units:
        return
    made_from = {unit.video.video_id: unit.made_from for unit in units}
    with engine_of(context.settings.compute, context.project, Propagated.step, lambda: context.frames) as engine:
        jobs = [
            PropagateJob.of(context, engine.files, u.video, u.labels, u.predictions, maps, u.choice, u.known)
            for u in units
        ]
        for job, made in engine.each(Propagated.step, jobs):
            brought = _brought(context, engine.files, job, made, made_from[job.key])
            context.ledger.put_delivered(context.round_id, *brought)


@dataclass(frozen=True)
class DeliveredVideo:
    """What was delivered of a video.

    Attributes:
        n_covered: frames that are labelled.
        summary: (provenance, frames with such a mask, masks, mean confidence).
        categories: (provenance, category, masks).
    """

    file: HandedFile
    n_covered: int
    summary: Summary
    categories: list[tuple[str, int, int]]


WEIGHTS = ("encoder", "parent", "cutie_weights", "sam_weights")
"""Settings of propagation that name a file, which goes to whoever propagates; a folder has to be there."""


@dataclass(frozen=True)
class PropagateJob:
    """A video to label from everything that is known, wherever that is done.

    Attributes:
        labels: what people said of it; several of one frame count in order, the last one holds.
        predictions: the round's, or None.
        weights: files that the settings of propagation name, by setting.
        target: where the owner keeps the masks, a Parquet file.
        calibrations: of confidences: by propagator where there are several, and by provenance of what is delivered.
        choice: of propagators, where the settings leave it to the labels; the cheapest follows what has none.
        known: how the teachers did on labels that they were not trained on, by category.
        ruled_out: tags that say what is not there.
        frozen: masks that certificates accepted, by frame.
    """

    video: Video
    settings: Settings
    propagation: PropagationSettings
    labels: tuple[FrameLabel, ...]
    predictions: HandedFile | None
    weights: Mapping[str, HandedFile]
    target: Path
    shots: Shots
    calibrations: Mapping[str, Calibration]
    choice: Choice | None
    known: Mapping[int, Judged] | None
    ruled_out: tuple[CategoryTag, ...]
    frozen: Mapping[int, list[DeliveredMask]]

    @classmethod
    def of(
        cls,
        context: RoundContext,
        files: Files,
        video: Video,
        labels: Sequence[FrameLabel],
        predictions: Path | None,
        calibrations: Mapping[str, Calibration] | None = None,
        choice: Choice | None = None,
        known: Mapping[int, Judged] | None = None,
    ) -> "PropagateJob":
        """Return what there is to know of a video of a round, with the files that it takes handed over."""
        here = video.video_id
        named = ((name, Path(getattr(context.propagation, name))) for name in WEIGHTS)
        return cls(
            *(video, context.settings, context.propagation, tuple(labels)),
            None if predictions is None else files.give(predictions),
            {name: files.give(path) for name, path in named if path.is_file()},
            context.project.round_dir(context.round_id) / "delivered" / f"{here:05d}.parquet",
            *(context.shots_of(here), calibrations or {}, choice, known),
            tuple(_ruled_out(context, here)),
            context.frozen.of_video(here),
        )

    @property
    def name(self) -> str:
        """What is done to which video."""
        return f"propagate {self.video.name}"

    @property
    def key(self) -> int:
        """The video's number."""
        return self.video.video_id

    def work(
        self,
        place: Place,
        on_progress: Callable[[Progress], None] | None = None,
        earlier: Path | None = None,
    ) -> DeliveredVideo:
        """Label every frame of the video and write the masks, with calibrated confidences.

        Args:
            earlier: a file of masks that were made from the same; then only their confidences are calibrated anew.
        """
        on_progress = on_progress or progress_of(self.name)
        delivered = self._labelled(place, on_progress) if earlier is None else read_uncalibrated(earlier)
        covered = _Covered({label.frame.frame_idx for label in _newest(self.labels) if label.complete})
        told = telling(delivered, self.video.n_frames, self.video.name, on_progress)
        maps = {name: self.calibrations[name] for name in MACHINE if name in self.calibrations}
        file, summary = place.files.made(self.target, lambda path: write_delivered(path, covered.counted(told), maps))
        categories = [(provenance, category, n) for (provenance, category), n in sorted(covered.categories.items())]
        return DeliveredVideo(file, len(covered.frames), summary, categories)

    def _labelled(
        self, place: Place, on_progress: Callable[[Progress], None]
    ) -> Iterator[tuple[int, list[DeliveredMask]]]:
        """Yield (frame, masks) of the video with uncalibrated confidences."""
        clip = VideoFrames(place.frames([self.video], self.settings.frames), self.video)
        predicted = None
        if self.predictions is not None:
            predicted = partial(read_predictions, place.files.open(self.predictions))
        weights = {name: str(place.files.open(file)) for name, file in self.weights.items()}
        propagation = self.propagation.model_copy(update=weights)
        resources = Resources(propagation, place.cache, predicted, self.settings.seed, on_progress, self.shots)
        by_frame = known_by_frame(clip, self.labels, resources)
        delivered = fuse(
            by_frame,
            Replay(carried_by(self.choice, resources, clip, by_frame, self.calibrations)),
            predicted,
            (self.video.height, self.video.width),
            self.settings.propagation,
            shots=self.shots,
            known=self.known,
            ruled_out=partial(_away, self.ruled_out),
        )
        return with_frozen(delivered, self.frozen, by_frame)


def _brought(context: RoundContext, files: Files, job: PropagateJob, made: DeliveredVideo, made_from: str) -> Delivery:
    """Bring home what was made of a video; returns what the ledger is to be told of it."""
    files.take(made.file, job.target)
    path, maps = context.project.relative(job.target), calibrations_text(job.calibrations, MACHINE)
    return job.key, path, made.n_covered, tuple(made.summary), tuple(made.categories), made_from, maps


def delivered_here(
    context: RoundContext,
    unit: Unit,
    calibrations: Mapping[str, Calibration],
    on_progress: Callable[[Progress], None] | None = None,
    earlier: Path | None = None,
) -> Delivery:
    """Label every frame of a video from everything that is known, and write the masks, all in this process.

    A video without labels is labelled by the teachers alone; without predictions either, nothing is
    delivered, which is a result too. The same call twice is the same as once.

    Args:
        earlier: a file of masks that were made from the same; then only their confidences are calibrated anew.

    Returns:
        What the ledger is to be told of it.

    Raises:
        DamagedFile: the predictions, or the earlier file, cannot be read.
    """
    files = OwnFiles()
    job = PropagateJob.of(
        context, files, unit.video, unit.labels, unit.predictions, calibrations, unit.choice, unit.known
    )
    made = job.work(Place(files, context.project.cache, lambda: context.frames), on_progress, earlier)
    return _brought(context, files, job, made, unit.made_from)


def _ruled_out(context: RoundContext, video_id: int) -> list[CategoryTag]:
    """Return the tags that say what is not there in a video."""
    return [tag for tag in context.tags.get(video_id, ()) if tag.present is False]


def _away(tags: Sequence[CategoryTag], frame_idx: int) -> frozenset[int]:
    """Return the categories that are not in a frame of a video, by its tags."""
    return frozenset(tag.category_id for tag in tags if frame_idx in tag.frames)


def carried_by(
    choice: Choice | None,
    resources: Resources,
    clip: ClipFrames,
    labels: Mapping[int, FrameLabel],
    calibrations: Mapping[str, Calibration] | None = None,
) -> CarriedMasks:
    """Return what carries labels to every frame of a clip: the chosen propagators, or else all candidates together.

    Each object is carried from the labels that say where it is, or that it is not there.
    """
    parts = known_alike(labels)
    return side_by_side([_carried(choice, resources, clip, part, calibrations) for part in parts])


def _carried(
    choice: Choice | None,
    resources: Resources,
    clip: ClipFrames,
    labels: Mapping[int, FrameLabel],
    calibrations: Mapping[str, Calibration] | None,
) -> CarriedMasks:
    methods = members(resources.settings.candidates)
    if resources.settings.chooses:
        methods = (choice.names if choice is not None else ()) or resources.settings.candidates[:1]
    sources = propagations(methods, resources, clip, Decoded(labels))
    if choice is not None and choice.by_track:
        return choice.of(sources, labels, calibrations)
    return combine(sources, labels, calibrations if len(sources) > 1 else None)


def known_by_frame(clip: VideoFrames, labels: Sequence[FrameLabel], resources: Resources) -> dict[int, FrameLabel]:
    """Return the last label of each frame, with identities that hold for the whole video.

    Where numbers hold within a frame only, labels that are not complete are left out: nothing tells whose they are.
    """
    newest = _newest(labels)
    if clip.video.identities is Identities.PER_FRAME:
        newest = [label for label in newest if label.complete]
        # Flow links them whatever else propagates: it needs no training, and labels lie close together.
        newest = link_identities(clip, newest, build("flow", resources))
    return {label.frame.frame_idx: label for label in newest}


def _newest(labels: Iterable[FrameLabel]) -> list[FrameLabel]:
    """Return one label per frame, by frame."""
    newest = {label.frame: label for label in labels}
    return [newest[frame] for frame in sorted(newest)]


class Decoded(Mapping[int, Mapping[int, NDArray[np.bool_]]]):
    """The masks of labels, decoded when they are asked for: those of many large frames would not fit into memory."""

    def __init__(self, labels: Mapping[int, FrameLabel]) -> None:
        self._labels = labels

    def __getitem__(self, frame_idx: int) -> Mapping[int, NDArray[np.bool_]]:
        return {m.track_id: decode(m.rle) for m in self._labels[frame_idx].objects}

    def __iter__(self) -> Iterator[int]:
        return iter(self._labels)

    def __len__(self) -> int:
        return len(self._labels)


class _Covered:
    """Frames that are labelled: by a person, with objects or without, or by at least one mask. And masks by
    (provenance, category), regions to ignore left out."""

    def __init__(self, human: Iterable[int]) -> None:
        self.frames = set(human)
        self.categories: Counter[tuple[str, int]] = Counter()

    def counted(self, frames: Iterable[tuple[int, list[DeliveredMask]]]) -> Iterator[DeliveredMask]:
        """Yield the masks of all frames."""
        for frame_idx, masks in frames:
            if masks:
                self.frames.add(frame_idx)
            self.categories.update((m.provenance.value, m.category_id) for m in masks if m.track_id != IGNORE_TRACK)
            yield from masks
