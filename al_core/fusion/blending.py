"""One track in one frame: the weighted mean of what was propagated and what the teachers see."""

from dataclasses import dataclass

import numpy as np

from al_core.fusion.pairing import SHARPNESS
from al_core.fusion.survey import Plan
from al_core.masks.soft import Patch, Size, patch_of, resample, union
from al_core.propagation.base import PropagatedTrack
from al_core.records import Provenance
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
    """The weighted mean of what was propagated and what the teachers see; one of the two is there."""
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
    """An object that only the teachers see."""
    patch = resample(patch_of(seen.soft_mask), seen.soft_mask.size, grid)
    return Fused(track_id, seen.category_id, Provenance.TEACHER, plan.expected_overlap(seen), patch)
