"""The masks of several propagators become one per object and frame, before they meet the teachers'.

Each propagator weighs as much as it is expected to fit in this frame: its calibrated confidence to the power
``SHARPNESS``, so that one that has lost the object hardly counts. One that has no mask of an object counts for "not
there", weakly: it cannot say how sure it is.

The confidence of the result is the mean of theirs, with the same weights. How far they agree adds nothing to that
(docs/propagation.md).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from al_core.evaluation.calibration import IDENTITY, Calibration
from al_core.footage.clips import ClipFrames
from al_core.fusion.pairing import SHARPNESS, Propagated
from al_core.masks.soft import Patch, Size, patch_of, resample, union
from al_core.propagation import Resources, build
from al_core.propagation.base import Labels, PropagatedFrame, PropagatedTrack

ABSENT = 0.4
"""Confidence of a propagator without a mask that the object is not there."""


def propagations(
    methods: Sequence[str], resources: Resources, frames: ClipFrames, labels: Labels
) -> dict[str, Propagated]:
    """Return what each of the named propagators makes of a clip, by name, for :func:`combine`.

    Raises:
        UnknownName: there is no propagator of that name.
    """
    return {name: partial(build(name, resources).propagate, frames, labels) for name in methods}


Runs = Callable[[Sequence[str], Resources, ClipFrames, Labels], Mapping[str, Propagated]]
"""Gives what each of the named propagators makes of a clip, as :func:`propagations` does."""


def members(methods: Sequence[str]) -> tuple[str, ...]:
    """Return the propagators that are combined where these are named: beside a specialist the flow is left out, since
    the specialist's masks hold it already as far as it is sure, and it would count twice."""
    return tuple(name for name in methods if name != "flow" or "specialist" not in methods)


def combine(
    sources: Mapping[str, Propagated], labelled: Collection[int], calibrations: Mapping[str, Calibration] | None = None
) -> Propagated:
    """Combine several propagations into one; a single one without a calibration stays as it is.

    The masks of a frame have the size of its largest ones.

    Args:
        sources: at least one, by name; each gives every frame of one clip, in order, carried from the same labels.
        labelled: frames that people labelled; they are given as the first source gives them.
        calibrations: of the confidence of each source, by name; the others count as they are.
    """
    maps = [(calibrations or {}).get(name, IDENTITY) for name in sources]
    unchanged = maps == [IDENTITY]

    def frames() -> Iterator[PropagatedFrame]:
        for found in zip(*(source() for source in sources.values()), strict=True):
            untouched = unchanged or found[0].frame_idx in labelled
            yield found[0] if untouched else _combined(found, maps)

    return frames


def _combined(found: Sequence[PropagatedFrame], maps: Sequence[Calibration]) -> PropagatedFrame:
    calibrated = [
        {t: PropagatedTrack(carried.mask, calibration(carried.confidence)) for t, carried in frame.tracks.items()}
        for frame, calibration in zip(found, maps, strict=True)
    ]
    sizes = {carried.mask.size for tracks in calibrated for carried in tracks.values()}
    grid = max(sizes, default=(0, 0))
    names = sorted({track for tracks in calibrated for track in tracks})
    combined = {track: blended([tracks.get(track) for tracks in calibrated], grid) for track in names}
    return PropagatedFrame(found[0].frame_idx, combined)


def blended(
    parts: Sequence[PropagatedTrack | None], grid: Size, trust: Sequence[float] | None = None
) -> PropagatedTrack:
    """Average one object's masks, weighted; None stands for a propagator that has none.

    Args:
        parts: at least one that is not None.
        grid: (height, width) of the result.
        trust: what the confidence of each counts, as a factor; all the same where it is left out.
    """
    confidences = np.array([ABSENT if part is None else part.confidence for part in parts])
    if trust is not None:
        confidences = confidences * np.asarray(trust)
    weights = np.maximum(confidences, 1e-3) ** SHARPNESS
    present = [(part, share) for part, share in zip(parts, weights / weights.sum(), strict=True) if part is not None]
    if len(parts) == 1:
        return present[0][0]
    patches = [(resample(patch_of(part.mask), part.mask.size, grid), np.float32(share)) for part, share in present]
    window = union([patch.window for patch, _ in patches])
    values = np.add.reduce([patch.on(window) * share for patch, share in patches])
    # Who has no mask promises none, so that its share is missing here.
    promised = sum(share * part.confidence for part, share in present)
    mean = Patch(window.x0, window.y0, np.asarray(values, np.float32))
    return PropagatedTrack(mean.soft(grid), float(promised))
