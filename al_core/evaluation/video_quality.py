"""How good a labelled video is, against ground truth that the loop has not seen.

Only frames with truth that no person labelled are measured. Figures are kept apart by provenance: "all" is
what a user gets, missing masks included; the figure of one provenance is over the masks that come from there.

Conventions of J, F and J&F (DAVIS 2017, per object):

- an object's figure is the mean over **every** measured frame, also those where it is not in view: there a
  frame without a delivered mask of it counts 1, one with a mask counts 0;
- a video's figure (track ``None``) is the mean over its objects, so that each weighs the same;
- a delivered track that belongs to no true object lowers no J or F; it lowers the average precision.

Where identities hold for one frame only, truth and delivered masks are paired frame by frame so that the sum of their
IoU is greatest, a true object without a pair counts 0, a frame's figure is the mean over its true objects (a frame
without any counts 1 when nothing is delivered in it, else 0), and the video's is the mean over frames.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.identity_switches import SwitchCounter
from al_core.evaluation.metrics import (
    JAndF,
    ScoredRegion,
    TruthRegion,
    j_and_f,
    mask_average_precision,
    voc_average_precision,
)
from al_core.masks.matching import ANY_OVERLAP, matched
from al_core.masks.rle import decode, iou
from al_core.records import ALL, DeliveredMask, FrameLabel, Identities, MaskLabel, Provenance


class Measurement(NamedTuple):
    """One figure of a video; its fields are those of :class:`al_core.records.QualityRow`."""

    track_id: int | None
    provenance: str
    metric: str
    value: float
    n_frames: int


_Score = tuple[int, str | None, JAndF]
"""(frame, provenance of the delivered mask or None where there is none, figures)."""


def evaluate_video(
    delivered: Mapping[int, Sequence[DeliveredMask]],
    truth: Mapping[int, FrameLabel],
    human_frames: set[int],
    identities: Identities,
) -> list[Measurement]:
    """Measure the delivered masks of one video.

    With persistent identities a delivered track means the true track of the same number when a person named
    it: it has a mask of human provenance and such a true track exists. The other delivered tracks are paired
    with the other true tracks so that the IoU summed over the measured frames is greatest (Hungarian method).

    Args:
        delivered: masks by frame, at full resolution; a frame without an entry has none. Human frames belong
            to it: they tell which tracks a person named.
        truth: what is known of each frame; frames without an entry are not measured.
        human_frames: frames that a person labelled; they are not measured.

    Returns:
        The metrics "j", "f" and "jf" per track and for the video, of "all" and of each provenance that
        occurs, and for the video "ap", "ap50" (COCO, confidence as score) and "voc_ap50"; with persistent identities
        also "switches", the number of identity switches over the measured frames. Empty when there is no frame to
        measure; a metric without meaning (average precision without any true object) is left out.
    """
    measured = sorted(set(truth) - human_frames)
    if not measured:
        return []
    if identities is Identities.PERSISTENT:
        rows = _persistent_rows(delivered, truth, measured) + _switch_rows(delivered, truth, measured)
    else:
        rows = _per_frame_rows(delivered, truth, measured)
    return rows + _average_precision_rows(delivered, truth, measured)


# ---- J and F


def _persistent_rows(
    delivered: Mapping[int, Sequence[DeliveredMask]], truth: Mapping[int, FrameLabel], measured: Sequence[int]
) -> list[Measurement]:
    tracks = sorted({mask.track_id for label in truth.values() for mask in label.objects})
    if not tracks:
        return _per_frame_rows(delivered, truth, measured)
    true_track = _match_tracks(delivered, truth, measured, tracks)
    scores: dict[int, list[_Score]] = {track: [] for track in tracks}
    for frame in measured:
        ignore = _ignored(truth[frame])
        wanted = {mask.track_id: mask for mask in truth[frame].objects}
        found = {true_track.get(mask.track_id): mask for mask in delivered.get(frame, ())}
        for track in tracks:
            scores[track].append(_score(frame, found.get(track), wanted.get(track), ignore))
    return _summarised(scores)


def _summarised(scores: Mapping[int, Sequence[_Score]]) -> list[Measurement]:
    rows: list[Measurement] = []
    for name, kept in _by_provenance(score for found in scores.values() for score in found):
        means = {}
        for track, found in scores.items():
            mine = [figures for _, provenance, figures in found if name in (ALL, provenance)]
            if mine:
                means[track] = _mean(mine)
                rows += _rows(track, name, means[track], len(mine))
        rows += _rows(None, name, _mean(means.values()), len({frame for frame, _, _ in kept}))
    return rows


def _match_tracks(
    delivered: Mapping[int, Sequence[DeliveredMask]],
    truth: Mapping[int, FrameLabel],
    measured: Sequence[int],
    tracks: Sequence[int],
) -> dict[int, int]:
    """Return the true track of each delivered track that has one."""
    human = {m.track_id for masks in delivered.values() for m in masks if m.provenance is Provenance.HUMAN}
    named = human & set(tracks)
    rest = [track for track in tracks if track not in named]
    others = sorted({mask.track_id for frame in measured for mask in delivered.get(frame, ())} - named)
    total = np.zeros((len(others), len(rest)))
    for frame in measured:
        found = [mask for mask in delivered.get(frame, ()) if mask.track_id not in named]
        wanted = [mask for mask in truth[frame].objects if mask.track_id not in named]
        at = np.ix_([others.index(m.track_id) for m in found], [rest.index(m.track_id) for m in wanted])
        total[at] += iou([m.rle for m in found], [m.rle for m in wanted])
    return {track: track for track in named} | {others[i]: rest[j] for i, j in matched(total, ANY_OVERLAP)}


def _per_frame_rows(
    delivered: Mapping[int, Sequence[DeliveredMask]], truth: Mapping[int, FrameLabel], measured: Sequence[int]
) -> list[Measurement]:
    scores = [score for frame in measured for score in _frame_scores(frame, delivered.get(frame, ()), truth[frame])]
    rows: list[Measurement] = []
    for name, kept in _by_provenance(scores):
        frames: dict[int, list[JAndF]] = defaultdict(list)
        for frame, _, figures in kept:
            frames[frame].append(figures)
        rows += _rows(None, name, _mean([_mean(found) for found in frames.values()]), len(frames))
    return rows


def _frame_scores(frame: int, found: Sequence[DeliveredMask], label: FrameLabel) -> list[_Score]:
    ignore = _ignored(label)
    wanted = label.objects
    if not wanted:
        worst = min((_score(frame, mask, None, ignore)[2] for mask in found), default=JAndF(1.0, 1.0))
        return [(frame, None, worst)]
    pair = {j: found[i] for i, j in matched(iou([m.rle for m in found], [m.rle for m in wanted]), ANY_OVERLAP)}
    return [_score(frame, pair.get(j), mask, ignore) for j, mask in enumerate(wanted)]


def _score(
    frame: int, found: DeliveredMask | None, wanted: MaskLabel | None, ignore: NDArray[np.bool_] | None
) -> _Score:
    provenance = found.provenance.value if found else None
    known = [decode(mask.rle) for mask in (found, wanted) if mask is not None]
    if not known:
        return frame, provenance, JAndF(1.0, 1.0)
    return frame, provenance, j_and_f(known[0], known[1] if len(known) == 2 else np.zeros_like(known[0]), ignore)


def _by_provenance(scores: Iterable[_Score]) -> list[tuple[str, list[_Score]]]:
    every = list(scores)
    present = sorted({provenance for _, provenance, _ in every if provenance is not None})
    return [(ALL, every), *((name, [s for s in every if s[1] == name]) for name in present)]


def _mean(figures: Iterable[JAndF]) -> JAndF:
    j, f = np.mean(list(figures), axis=0)
    return JAndF(float(j), float(f))


def _rows(track: int | None, provenance: str, figures: JAndF, n_frames: int) -> list[Measurement]:
    return [Measurement(track, provenance, name, getattr(figures, name), n_frames) for name in ("j", "f", "jf")]


def _ignored(label: FrameLabel) -> NDArray[np.bool_] | None:
    regions = [decode(mask.rle) for mask in label.masks if mask.ignore]
    return np.logical_or.reduce(regions) if regions else None


def _switch_rows(
    delivered: Mapping[int, Sequence[DeliveredMask]], truth: Mapping[int, FrameLabel], measured: Sequence[int]
) -> list[Measurement]:
    counter = SwitchCounter()
    for frame in measured:
        wanted, found = truth[frame].objects, delivered.get(frame, ())
        counter.add({m.track_id: m.rle for m in wanted}, {m.track_id: m.rle for m in found})
    return [Measurement(None, ALL, "switches", float(counter.switches), len(measured))] if counter.objects else []


# ---- average precision


def _average_precision_rows(
    delivered: Mapping[int, Sequence[DeliveredMask]], truth: Mapping[int, FrameLabel], measured: Sequence[int]
) -> list[Measurement]:
    found = [(frame, mask) for frame in measured for mask in delivered.get(frame, ())]
    predictions = [ScoredRegion(frame, mask.category_id, mask.confidence, mask.rle) for frame, mask in found]
    truths = [region for frame in measured for region in _truth_regions(frame, truth[frame], predictions)]
    busiest = max(Counter(frame for frame, _ in found).values(), default=0)
    coco = mask_average_precision(predictions, truths, max_detections=max(100, busiest))
    values = {"ap": coco.ap, "ap50": coco.ap50, "voc_ap50": voc_average_precision(predictions, truths).mean}
    return [Measurement(None, ALL, metric, v, len(measured)) for metric, v in values.items() if not math.isnan(v)]


def _truth_regions(frame: int, label: FrameLabel, predictions: Sequence[ScoredRegion]) -> list[TruthRegion]:
    """Return the true objects of a frame, and its ignore regions once for every category that is looked for."""
    objects = [TruthRegion(frame, mask.category_id, mask.rle) for mask in label.objects]
    categories = sorted({p.category_id for p in predictions} | {t.category_id for t in objects})
    ignored = [mask.rle for mask in label.masks if mask.ignore]
    return objects + [TruthRegion(frame, c, rle, ignore=True) for c in categories for rle in ignored]
