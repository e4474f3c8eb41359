"""What an audit of a round's delivery draws from."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from al_core.audit.audit_records import MACHINE, Population
from al_core.errors import NotReady
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import IGNORE_TRACK
from al_core.stores.delivered import read_delivered
from tasks.project.export import labels_of_round


class _Mask(NamedTuple):
    """A row of a population."""

    video_id: int
    frame_idx: int
    track_id: int
    category_id: int
    provenance: str
    confidence: float


def population_of(project: Project, ledger: Ledger, round_id: int | None = None) -> Population:
    """Return what is audited of a round's delivery: masks of the machine, and frames that nobody had labelled.

    Args:
        round_id: None for the newest that delivered masks.

    Raises:
        NotReady: it delivered no masks.
        DamagedFile: what it delivered cannot be read.
    """
    number = ledger.last_delivered_round() if round_id is None else round_id
    paths = {} if number is None else ledger.delivered_paths(number)
    if number is None or not paths:
        raise NotReady(
            ("no round has delivered masks yet" if number is None else f"round {number} delivered no masks to audit")
            + f"; run one first: fewframes run --project {project.root}"
        )
    labelled = {
        (label.frame.video_id, label.frame.frame_idx) for label in labels_of_round(ledger, number) if label.complete
    }
    lengths, most, masks = ledger.video_lengths(), 1, list[_Mask]()
    for video_id, path in sorted(paths.items()):
        for frame_idx, found in read_delivered(project.absolute(path)):
            objects = [m for m in found if m.track_id != IGNORE_TRACK]
            most = max(most, len(objects))
            masks += [
                _Mask(video_id, frame_idx, m.track_id, m.category_id, m.provenance.value, m.confidence)
                for m in objects
                if m.provenance in MACHINE
            ]
    frames = list(_frames({video: lengths[video] for video in sorted(paths)}, labelled))
    columns = list(zip(*masks, strict=True)) if masks else [()] * len(_Mask._fields)
    videos, indices, tracks, categories = (np.array(column, np.int64) for column in columns[:4])
    video, number_in_video = np.array(frames, np.int64).reshape(-1, 2).T
    confidence = np.clip(np.array(columns[5], float), 0, 1)
    machine = np.array(columns[4], str)
    return Population(*(number, videos, indices, tracks, categories), machine, confidence, video, number_in_video, most)


def _frames(lengths: dict[int, int], labelled: set[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield (video, frame) of all frames that nobody labelled."""
    for video_id, length in lengths.items():
        for frame_idx in range(length):
            if (video_id, frame_idx) not in labelled:
                yield video_id, frame_idx


_STRIDE = 1_000_003
"""Seeds of samples lie so far apart."""


def seed_of_draws(ledger: Ledger, seed: int) -> int:
    """Return what draws follow from: another number once a certificate froze masks, since which are left then follows
    from the answers, and those of one sample alone."""
    return seed + _STRIDE * sum(bool(one.accepted) for one in ledger.certificates())
