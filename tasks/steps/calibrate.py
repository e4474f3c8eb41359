"""Calibrate confidences on what people said of frames that the machine had labelled before.

What a round delivered for a frame that a person labels in the next one is an honest sample: nobody knew the answer.
Before there are any, and for the weights of several propagators, labels are left out and predicted from the others.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from al_core.evaluation.bootstrap import Estimate
from al_core.evaluation.calibration import IDENTITY, PRIORS, Calibration, Fit, Samples, cross_validated
from al_core.evaluation.evidence import Evidence, exactness
from al_core.fusion.choice import Choice
from al_core.fusion.held_out import COMBINED, held_out
from al_core.ledger.store import Ledger
from al_core.masks.rle import iou
from al_core.project import Project
from al_core.propagation import Resources
from al_core.records import DeliveredMask, FrameLabel, FrameRef, Identities, Progress, Provenance
from al_core.stores.delivered import read_delivered
from tasks.steps.context import Propagated, RoundContext, standing_rounds
from tasks.steps.propagate import Decoded, VideoFrames, known_by_frame

CHEAP = frozenset({"flow"})
"""Propagators that need no training: they may run twice more for a calibration."""

MOST_VIDEOS = 8
MOST_FRAMES = 2000
"""In how many videos labels are left out, and how long these may be."""

BLOCKS = 4
"""Blocks of time that a video is cut into when it is the only one."""


class _Row(NamedTuple):
    """A sample: ``name`` of a propagator or of a provenance, the ``overlap`` that is expected with the truth, ``time``
    in the video from 0 to 1."""

    name: str
    confidence: float
    overlap: float
    video_id: int
    time: float


def calibrate(
    context: RoundContext,
    labels: Sequence[FrameLabel],
    on_progress: Callable[[Progress], None] | None = None,
    choices: Mapping[int, Choice] | None = None,
) -> dict[str, Fit]:
    """Return the calibrations that a round uses, by propagator and by provenance of what is delivered.

    Args:
        labels: all that is known in this round.
        choices: by video, where propagators were tried anyway.
    """
    settings = context.settings
    rows = [*_delivered_before(context, labels), *_in_trials(context, choices or {})]
    methods = [name for name in settings.propagation.methods if name in CHEAP]
    if methods and (not rows or len(settings.propagation.methods) > 1):
        left_out = list(_left_out(context, methods, labels, on_progress))
        # Together they stand for what is delivered only as long as nothing was, and nothing else takes part.
        whole = not rows and len(methods) == len(settings.propagation.methods)
        rows += [row for row in left_out if whole or row.name != COMBINED]
    by_name: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_name[row.name].append(row)
    return {
        name: cross_validated(_samples(found), PRIORS.get(name, IDENTITY), settings.seed)
        for name, found in sorted(by_name.items())
    }


def _in_trials(context: RoundContext, choices: Mapping[int, Choice]) -> Iterator[_Row]:
    """Yield how the chosen propagators of each video did on labels that were left out."""
    videos = {video.video_id: video for video in context.videos}
    for video_id, choice in choices.items():
        for row in choice.rows:
            time = row.frame_idx / videos[video_id].n_frames
            yield _Row(row.source, row.confidence, row.overlap * row.exact, video_id, time)


def calibrations_of(methods: Sequence[str], fits: Mapping[str, Fit]) -> dict[str, Calibration]:
    """Return the map of each propagator and provenance; where this project has no samples, the prior."""
    names = (*methods, Provenance.PROPAGATED.value, Provenance.TEACHER.value)
    return {name: fits[name].calibration if name in fits else PRIORS.get(name, IDENTITY) for name in names}


def as_json(methods: Sequence[str], fits: Mapping[str, Fit]) -> dict[str, Any]:
    """Return for the ledger the map used for each name, and what it is worth; an unknown figure is None."""
    told: dict[str, Any] = {}
    for name, calibration in calibrations_of(methods, fits).items():
        told[name] = {"slope": calibration.slope, "offset": calibration.offset, "samples": 0}
        if name in fits:
            fit = fits[name]
            told[name] |= {"samples": fit.samples, "ece_before": _known(fit.before), "ece_after": _known(fit.after)}
    return told


def _known(estimate: Estimate) -> list[float | None]:
    """Return value and interval; JSON knows no NaN."""
    return [None if math.isnan(value) else value for value in (estimate.value, estimate.low, estimate.high)]


def _samples(rows: Sequence[_Row]) -> Samples:
    """Return rows grouped by video, or by time where there is one video only."""
    alone = len({row.video_id for row in rows}) == 1
    return Samples.of(
        (row.confidence, row.overlap, min(int(row.time * BLOCKS), BLOCKS - 1) if alone else row.video_id)
        for row in rows
    )


def delivered_samples(project: Project, ledger: Ledger) -> dict[str, Samples]:
    """Return confidences as they were delivered and the overlaps they turned out to have, by provenance.

    Each mask of a frame that a person labelled in the round after is a sample.
    """
    last = ledger.last_round()
    by_name: defaultdict[str, list[_Row]] = defaultdict(list)
    if last is not None:
        context = RoundContext(project, ledger, last.round_id)
        for row in _delivered_before(context, ledger.human_labels(), raw=False):
            by_name[row.name].append(row)
    return {name: _samples(rows) for name, rows in sorted(by_name.items())}


def _delivered_before(context: RoundContext, labels: Sequence[FrameLabel], raw: bool = True) -> Iterator[_Row]:
    """Yield what each round delivered for the frames that people labelled up to the next one that was not abandoned.

    Args:
        raw: take each round's calibration out of the confidences again.
    """
    ledger = context.ledger
    videos = {video.video_id: video for video in context.videos}
    by_frame = {label.frame: label for label in labels}
    standing = [this.round_id for this in standing_rounds(ledger) if this.round_id < context.round_id]
    for earlier, following in pairwise([*standing, context.round_id]):
        requests = (r for later in range(earlier + 1, following + 1) for r in ledger.requests(later))
        asked = {request.frame for request in requests} & set(by_frame)
        undo = _calibrations_in(context.of_round(earlier)) if raw else {}
        for video_id, path in ledger.delivered_paths(earlier).items():
            here = [frame.frame_idx for frame in asked if frame.video_id == video_id]
            if not here:
                continue
            video = videos[video_id]
            lasting = video.identities is Identities.PERSISTENT
            for frame_idx, masks in read_delivered(context.project.absolute(path), here):
                label = by_frame[FrameRef(video_id, frame_idx)]
                for mask in masks:
                    known = label.complete or (lasting and mask.track_id in label.tracks)
                    if known and mask.provenance in (Provenance.PROPAGATED, Provenance.TEACHER):
                        name = mask.provenance.value
                        confidence = float(undo.get(name, IDENTITY).undone(np.array(mask.confidence)))
                        overlap = _overlap(mask, label, video.identities)
                        yield _Row(name, confidence, overlap, video_id, frame_idx / video.n_frames)


def _calibrations_in(context: RoundContext) -> dict[str, Calibration]:
    """Return those that a round used; none where it delivered nothing."""
    used = context.result(Propagated) or Propagated()
    return {name: Calibration(found["slope"], found["offset"]) for name, found in used.calibration.items()}


def _overlap(mask: DeliveredMask, label: FrameLabel, identities: Identities) -> float:
    """Return the IoU that is expected with the truth of the object that a mask stands for.

    That is the one of the same number, or the best of its category where numbers mean nothing. A mask that somebody
    accepted is what it was accepted as, and still no exact truth.
    """
    lasting = identities is Identities.PERSISTENT and mask.provenance is Provenance.PROPAGATED
    wanted = [
        m for m in label.objects if m.category_id == mask.category_id and (not lasting or m.track_id == mask.track_id)
    ]
    overlaps = iou([mask.rle], [m.rle for m in wanted])[0] * np.array([exactness(m.kind) for m in wanted])
    return float(overlaps.max(initial=0.0))


def _left_out(
    context: RoundContext,
    methods: Sequence[str],
    labels: Sequence[FrameLabel],
    on_progress: Callable[[Progress], None] | None,
) -> Iterator[_Row]:
    settings = context.settings
    videos = {video.video_id: video for video in context.videos}
    every = Resources(context.propagation, context.project.cache, seed=settings.seed)
    known = defaultdict(list)
    for label in (label for label in labels if label.complete):
        known[label.frame.video_id].append(label)
    usable = [v for v in sorted(known) if len(known[v]) > 1 and videos[v].n_frames <= MOST_FRAMES]
    chosen = usable[:: -(-len(usable) // MOST_VIDEOS) or 1]
    for done, video_id in enumerate(chosen, start=1):
        video = videos[video_id]
        clip = VideoFrames(context.frames, video)
        resources = replace(every, shots=context.shots_of(video_id))
        decoded = Decoded(known_by_frame(clip, known[video_id], resources))
        for row in held_out(methods, resources, clip, decoded, Evidence.of(known[video_id])):
            overlap = row.overlap * row.exact
            yield _Row(row.source, row.confidence, overlap, video_id, row.frame_idx / video.n_frames)
        if on_progress is not None:
            on_progress(Progress(done, len(chosen), video.name))
