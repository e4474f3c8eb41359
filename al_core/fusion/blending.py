"""The masks of one frame: each track's are averaged, then the objects compete for pixels at the frame's own size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from al_core.fusion.pairing import SHARPNESS
from al_core.fusion.survey import Plan
from al_core.masks.soft import Patch, Size, encode_patch, patch_of, resample, union
from al_core.propagation.base import PropagatedTrack
from al_core.records import DeliveredMask, Provenance
from al_core.settings import PropagationSettings
from al_core.stores.predictions import PredictedObject


@dataclass(frozen=True, eq=False)
class Fused:
    """A track in a frame, before objects compete for pixels."""

    track_id: int
    category_id: int
    provenance: Provenance
    confidence: float
    patch: Patch


def fuse_track(
    track_id: int,
    category_id: int,
    carried: PropagatedTrack | None,
    seen: PredictedObject | None,
    plan: Plan,
    grid: Size,
    settings: PropagationSettings,
) -> Fused:
    """Average what was propagated and what the teachers see, weighted; one of the two is there."""
    sides = []
    if carried is not None:
        sides.append((patch_of(carried.mask), carried.confidence, carried.confidence**SHARPNESS))
    if seen is not None:
        expected = plan.expected_overlap(seen)
        weight = settings.teacher_weight * expected**SHARPNESS
        sides.append((resample(patch_of(seen.soft_mask), seen.soft_mask.size, grid), expected, weight))
    total = max(sum(weight for _, _, weight in sides), 1e-9)
    shares = [weight / total for _, _, weight in sides]
    window = union([patch.window for patch, _, _ in sides])
    parts = [patch.on(window) * np.float32(share) for (patch, _, _), share in zip(sides, shares, strict=True)]
    values = np.add.reduce(parts)
    confidence = sum(expected * share for (_, expected, _), share in zip(sides, shares, strict=True))
    teacher_leads = seen is not None and (carried is None or sides[1][2] > sides[0][2])
    provenance = Provenance.TEACHER if teacher_leads else Provenance.PROPAGATED
    return Fused(track_id, category_id, provenance, confidence, Patch(window.x0, window.y0, values))


def new_object(track_id: int, seen: PredictedObject, plan: Plan, grid: Size) -> Fused:
    """Make a track of an object that only the teachers see."""
    patch = resample(patch_of(seen.soft_mask), seen.soft_mask.size, grid)
    return Fused(track_id, seen.category_id, Provenance.TEACHER, plan.expected_overlap(seen), patch)


def deliver(frame_idx: int, fused: Sequence[Fused], grid: Size, size: Size) -> list[DeliveredMask]:
    """Return the masks of a frame of (height, width) ``size``; an object that wins no pixel has none."""
    masks = []
    for found, margin in zip(fused, margins([f.patch for f in fused], grid), strict=True):
        patch = resample(margin, grid, size)
        if (patch.values > 0.5).any():
            who = (found.track_id, found.category_id, found.provenance, found.confidence)
            masks.append(DeliveredMask(frame_idx, *who, encode_patch(patch, size)))
    return masks


def margins(patches: Sequence[Patch], grid: Size) -> list[Patch]:
    """Return how clearly each object wins each pixel from the others and from the background, 0.5 being a draw.

    Two margins never add up to more than 1, which enlarging them bilinearly keeps: masks cut at 0.5 do not
    overlap, and no gap opens between objects that touch.
    """
    if len(patches) == 1:
        return list(patches)
    total, best, second = np.zeros((3, *grid), np.float32)
    for patch in patches:
        place = patch.window.slices
        total[place] += patch.values
        second[place] = np.maximum(second[place], np.minimum(best[place], patch.values))
        best[place] = np.maximum(best[place], patch.values)
    background = np.maximum(1 - total, 0)
    margins = []
    for patch in patches:
        place = patch.window.slices
        rival = np.where(patch.values >= best[place], second[place], best[place])
        margin = 0.5 + 0.5 * (patch.values - np.maximum(background[place], rival))
        margins.append(patch._replace(values=np.clip(margin, 0, 1).astype(np.float32)))
    return margins
