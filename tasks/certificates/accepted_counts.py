"""How much of each delivery is accepted: certificates are made after the masks were counted."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from al_core.audit.audit_records import MACHINE, Certificate
from al_core.errors import DamagedFile
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import IGNORE_TRACK, Provenance

if TYPE_CHECKING:
    from al_core.stores.delivered import DeliveredColumns

Counts = Mapping[str, tuple[int, int]]
"""Provenance -> (frames with such a mask, masks)."""


def counts_with_accepted(project: Project, ledger: Ledger) -> dict[int, Counts]:
    """Return what rounds delivered, by round, with the masks that certificates of these rounds accept under their own
    name; rounds without a certificate are left out, and those whose files are gone."""
    by_round: dict[int, list[Certificate]] = {}
    for one in ledger.certificates():
        if one.kind == "masks" and one.accepted:
            by_round.setdefault(one.round_id, []).append(one)
    if not by_round:
        return {}
    # Few projects have certificates, and commands that only look start without Parquet.
    from al_core.stores.delivered import read_columns

    found: dict[int, Counts] = {}
    for round_id, mine in by_round.items():
        try:
            each = [
                _counts(video_id, read_columns(project.absolute(path)), mine)
                for video_id, path in ledger.delivered_paths(round_id).items()
            ]
        except DamagedFile:
            continue
        names = sorted({name for counts in each for name in counts})
        found[round_id] = {
            name: (sum(c.get(name, (0, 0))[0] for c in each), sum(c.get(name, (0, 0))[1] for c in each))
            for name in names
        }
    return found


def accepted_rows(video_id: int, masks: "DeliveredColumns", certificates: Sequence[Certificate]) -> NDArray[np.bool_]:
    """Tell of each mask of a video's delivery whether one of the certificates of that delivery accepts it, bool [n]."""
    machine = np.isin(masks.provenance, [p.value for p in MACHINE]) & (masks.track_id != IGNORE_TRACK)
    found = np.zeros(len(machine), bool)
    for certificate in certificates:
        above = np.zeros(len(machine), bool)
        for one in certificate.accepted:
            above |= (masks.confidence >= one.confidence) & (
                True if one.category_id is None else masks.category_id == one.category_id
            )
        left_out = [(frame, track) for video, frame, track in certificate.excluded if video == video_id]
        for frame, track in left_out:
            above &= (masks.frame_idx != frame) | (masks.track_id != track)
        found |= machine & above
    return found


def _counts(video_id: int, masks: "DeliveredColumns", certificates: Sequence[Certificate]) -> Counts:
    accepted = accepted_rows(video_id, masks, certificates)
    provenance = np.where(accepted, Provenance.ACCEPTED.value, masks.provenance)
    return {
        str(name): (len(np.unique(masks.frame_idx[provenance == name])), int((provenance == name).sum()))
        for name in np.unique(provenance)
    }
