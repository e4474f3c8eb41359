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
from al_core.stores.delivered import Summary, read_uncalibrated, write_delivered
from al_core.stores.frames import FrameStore
from al_core.stores.predictions import read_predictions
from tasks.certificates.frozen_masks import with_frozen
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
    for unit in (unit for unit in todo if unit.video.video_id not in linked):
        video = unit.video
        given = (video, unit.labels, unit.predictions, progress_of(f"propagate {video.name}"), maps)
        propagate_video(context, *given, unit.choice, unit.known, unit.made_from, earlier=earlier.get(video.video_id))
    paths = ledger.delivered_paths(round_id)
    return Propagated(len(paths), as_json(methods, fits), hashes_of(project, paths), choosing.as_json(choices))


class _Unit(NamedTuple):
    """What one video is labelled from; see :func:`propagate_video`."""

    video: Video
    labels: list[FrameLabel]
    predictions: Path | None
    choice: Choice | None
    known: Mapping[int, Judged] | None
    made_from: str


def _units(
    context: RoundContext, videos: Sequence[Video], maps: Mapping[str, Calibration], choices: Mapping[int, Choice]
) -> Iterator[_Unit]:
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
        yield _Unit(video, mine, path, choice, known, made_from)


def propagate_video(
    context: RoundContext,
    video: Video,
    labels: Sequence[FrameLabel],
    predictions_path: Path | None,
    on_progress: Callable[[Progress], None] | None = None,
    calibrations: Mapping[str, Calibration] | None = None,
    choice: Choice | None = None,
    known: Mapping[int, Judged] | None = None,
    made_from: str = "",
    earlier: Path | None = None,
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
        made_from: hash of all this, for later rounds; empty to let none of them refer to it.
        earlier: a file of masks that were made from the same; then only their confidences are calibrated anew.

    Returns:
        (provenance, frames with such a mask, masks, mean confidence) of what was delivered.

    Raises:
        DamagedFile: the predictions, or the earlier file, cannot be read.
    """
    project, maps = context.project, calibrations or {}
    complete = {label.frame.frame_idx for label in _newest(labels) if label.complete}
    if earlier is None:
        delivered = _labelled(context, video, labels, predictions_path, on_progress, maps, choice, known)
    else:
        delivered = read_uncalibrated(earlier)
    path = project.round_dir(context.round_id) / "delivered" / f"{video.video_id:05d}.parquet"
    covered = _Covered(complete)
    told = telling(delivered, video.n_frames, video.name, on_progress)
    summary = write_delivered(path, covered.counted(told), {name: maps[name] for name in MACHINE if name in maps})
    categories = [(provenance, category, n) for (provenance, category), n in sorted(covered.categories.items())]
    context.ledger.put_delivered(
        *(context.round_id, video.video_id, project.relative(path), len(covered.frames), summary, categories),
        *(made_from, calibrations_text(maps, MACHINE)),
    )
    return summary


def _labelled(
    context: RoundContext,
    video: Video,
    labels: Sequence[FrameLabel],
    predictions_path: Path | None,
    on_progress: Callable[[Progress], None] | None,
    calibrations: Mapping[str, Calibration],
    choice: Choice | None,
    known: Mapping[int, Judged] | None,
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield (frame, masks) of a video with uncalibrated confidences; the arguments are those of
    :func:`propagate_video`."""
    settings = context.settings
    clip = VideoFrames(context.frames, video)
    predicted = None if predictions_path is None else partial(read_predictions, predictions_path)
    shots = context.shots_of(video.video_id)
    resources = Resources(context.propagation, context.project.cache, predicted, settings.seed, on_progress, shots)
    by_frame = known_by_frame(clip, labels, resources)
    propagated = carried_by(choice, resources, clip, by_frame, calibrations)
    delivered = fuse(
        by_frame,
        Replay(propagated),
        predicted,
        (video.height, video.width),
        settings.propagation,
        shots=shots,
        known=known,
        ruled_out=partial(_away, _ruled_out(context, video.video_id)),
    )
    return with_frozen(delivered, context.frozen.of_video(video.video_id), by_frame)


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
