"""Carry human masks along a video, fuse them with the teachers', and deliver the labelled video."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.calibration import Calibration
from al_core.footage.clips import ClipFrames
from al_core.fusion import combine, fuse, known_alike, members, propagations, side_by_side
from al_core.fusion.choice import Choice
from al_core.fusion.pairing import Propagated as CarriedMasks
from al_core.fusion.survey import Judged
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
    Video,
    fingerprint_labels,
)
from al_core.stores.delivered import Summary, write_delivered
from al_core.stores.frames import FrameStore
from al_core.stores.predictions import read_predictions
from tasks.certificates.frozen_masks import with_frozen
from tasks.progress import progress_of, telling
from tasks.steps.context import Predicted, Propagated, RoundContext, hashes_of


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
    return {
        "labels": fingerprint_labels(context.labels_collected),
        "predictions": None if predicted is None else predicted.sha256,
        "propagation": context.stored.part("propagation"),
        **context.cuts_as_inputs,
        **context.networks_as_inputs,
        **({"accepted": context.frozen.ids} if context.frozen.ids else {}),
        **({"ruled_out": [astuple(tag)[:-1] for tag in gone]} if (gone := _ruled_out(context)) else {}),
    }


def propagate_work(context: RoundContext) -> Propagated:
    """Carry human masks along each video and fuse them with the teachers' into one labelled video.

    Videos that a dead predecessor finished are not labelled again.
    """
    # Calibration propagates too, to see how well it does.
    from tasks.steps.calibrate import as_json, calibrate, calibrations_of
    from tasks.steps.model_selection import choosing, teachers

    project, ledger, round_id = context.project, context.ledger, context.round_id
    methods = context.settings.propagation.candidates
    choices = choosing.choose_propagators(context, context.labels_collected, progress_of("try propagators"))
    fits = calibrate(context, context.labels_collected, progress_of("calibrate"), choices)
    predicted, done = ledger.prediction_paths(round_id), ledger.delivered_paths(round_id)
    for video in context.videos:
        if video.video_id in done:
            continue
        path = predicted.get(video.video_id)
        propagate_video(
            context,
            video,
            [label for label in context.labels_collected if label.frame.video_id == video.video_id],
            None if path is None else project.absolute(path),
            progress_of(f"propagate {video.name}"),
            calibrations_of(methods, fits),
            choices.get(video.video_id),
            teachers.judged_before(context, video.video_id) if path is not None else None,
        )
    paths = ledger.delivered_paths(round_id)
    return Propagated(len(paths), as_json(methods, fits), hashes_of(project, paths), choosing.as_json(choices))


def propagate_video(
    context: RoundContext,
    video: Video,
    labels: Sequence[FrameLabel],
    predictions_path: Path | None,
    on_progress: Callable[[Progress], None] | None = None,
    calibrations: Mapping[str, Calibration] | None = None,
    choice: Choice | None = None,
    known: Mapping[int, Judged] | None = None,
) -> Summary:
    """Label every frame of a video from everything that is known, write the masks, and tell the ledger.

    A video without labels is labelled by the teachers alone; without predictions either, nothing is
    delivered, which is a result too. The same call twice is the same as once.

    Args:
        labels: what people said of this video; several of one frame count in order, the last one holds.
        predictions_path: the round's predictions for this video, or None.
        calibrations: of confidences: by propagator where there are several, and by provenance of what is delivered.
        choice: of propagators, where the settings leave it to the labels; the cheapest follows what has none.
        known: how the teachers did on labels that they were not trained on, by category.

    Returns:
        (provenance, frames with such a mask, masks, mean confidence) of what was delivered.

    Raises:
        DamagedFile: the predictions cannot be read.
    """
    project, settings = context.project, context.settings
    clip = VideoFrames(context.frames, video)
    predicted = None if predictions_path is None else partial(read_predictions, predictions_path)
    shots = context.shots_of(video.video_id)
    resources = Resources(context.propagation, project.cache, predicted, settings.seed, on_progress, shots)
    by_frame = known_by_frame(clip, labels, resources)
    propagated = carried_by(choice, resources, clip, by_frame, calibrations)
    delivered = fuse(
        by_frame,
        Replay(propagated),
        predicted,
        (video.height, video.width),
        settings.propagation,
        calibrations,
        shots,
        known,
        partial(_away, [tag for tag in _ruled_out(context) if tag.video_id == video.video_id]),
    )
    path = project.round_dir(context.round_id) / "delivered" / f"{video.video_id:05d}.parquet"
    covered = _Covered(i for i, label in by_frame.items() if label.complete)
    delivered = with_frozen(delivered, context.frozen.of_video(video.video_id), by_frame)
    told = telling(delivered, video.n_frames, video.name, on_progress)
    summary = write_delivered(path, covered.counted(told))
    categories = [(provenance, category, n) for (provenance, category), n in sorted(covered.categories.items())]
    context.ledger.put_delivered(
        context.round_id, video.video_id, project.relative(path), len(covered.frames), summary, categories
    )
    return summary


def _ruled_out(context: RoundContext) -> list[CategoryTag]:
    """Return the tags that say what is not there, by video."""
    return [tag for tags in context.tags.values() for tag in tags if tag.present is False]


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
