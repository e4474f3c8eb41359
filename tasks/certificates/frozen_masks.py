"""Masks that a certificate accepted stay as they are: later rounds deliver the same bytes, and exports name them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from al_core.audit.audit_records import MACHINE, Certificate
from al_core.ledger.store import Ledger
from al_core.masks.rle import iou
from al_core.project import Project
from al_core.records import IGNORE_TRACK, DeliveredMask, FrameLabel, Provenance

SAME_OBJECT = 0.5
"""A mask of the machine that overlaps an accepted one of its category by this IoU shows the same object."""

Frames = Iterable[tuple[int, list[DeliveredMask]]]


class FrozenMasks:
    """The accepted masks of a project.

    Args:
        certificates: of masks; later ones accept none that an earlier one did.
        paths: by round, the delivered file of each video.
    """

    def __init__(
        self, project: Project, certificates: Sequence[Certificate], paths: Mapping[int, Mapping[int, str]]
    ) -> None:
        self._project, self._paths = project, paths
        self.certificates = tuple(c for c in certificates if c.kind == "masks" and c.accepted)

    @classmethod
    def of(cls, project: Project, ledger: Ledger, up_to_round: int, as_of: datetime | None = None) -> "FrozenMasks":
        """Return what is accepted of the deliveries up to a round (by the certificates that were there at a time)."""
        found = [c for c in ledger.certificates(as_of) if c.round_id <= up_to_round]
        return cls(project, found, {c.round_id: ledger.delivered_paths(c.round_id) for c in found})

    def only(self, ids: Collection[str]) -> "FrozenMasks":
        """Return what some of the certificates accept."""
        chosen = [c for c in self.certificates if c.certificate_id in ids]
        return FrozenMasks(self._project, chosen, self._paths)

    @property
    def ids(self) -> list[str]:
        """The certificates that accept anything, for a fingerprint."""
        return [certificate.certificate_id for certificate in self.certificates]

    def ids_of(self, video_id: int) -> list[str]:
        """Return the certificates that may accept masks of a video, for a fingerprint."""
        return [c.certificate_id for c in self.certificates if video_id in self._paths[c.round_id]]

    def of_video(self, video_id: int) -> dict[int, list[DeliveredMask]]:
        """Return the accepted masks of a video by frame, as they were delivered, with provenance "accepted".

        Raises:
            DamagedFile: the file of the round that delivered them cannot be read.
        """
        # Commands that only look at a project start without Parquet.
        from al_core.stores.delivered import read_delivered

        frozen: defaultdict[int, list[DeliveredMask]] = defaultdict(list)
        for certificate in self.certificates:
            path = self._paths[certificate.round_id].get(video_id)
            if path is None:
                continue
            for frame_idx, masks in read_delivered(self._project.absolute(path)):
                for mask in masks:
                    if accepts(certificate, video_id, mask):
                        frozen[frame_idx].append(replace(mask, provenance=Provenance.ACCEPTED))
        return dict(frozen)


def accepts(certificate: Certificate, video_id: int, mask: DeliveredMask) -> bool:
    """Tell whether a certificate accepts a mask of the delivery that it speaks of."""
    if mask.provenance not in MACHINE or mask.track_id == IGNORE_TRACK:
        return False
    if (video_id, mask.frame_idx, mask.track_id) in certificate.excluded:
        return False
    return any(
        one.category_id in (None, mask.category_id) and mask.confidence >= one.confidence
        for one in certificate.accepted
    )


def with_frozen(
    frames: Frames, frozen: Mapping[int, Sequence[DeliveredMask]], labels: Mapping[int, FrameLabel]
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield the masks of a video with the accepted ones in the place of what the machine says of the same objects.

    What a person said of a frame, or of an object in it, goes before what was accepted.

    Args:
        frames: (frame, masks) in rising order.
        labels: what people said, by frame.
    """
    waiting = sorted(frozen)
    for frame_idx, masks in frames:
        while waiting and waiting[0] < frame_idx:
            index = waiting.pop(0)
            yield from _kept(index, [], frozen[index], labels.get(index))
        if waiting and waiting[0] == frame_idx:
            waiting.pop(0)
            yield from _kept(frame_idx, masks, frozen[frame_idx], labels.get(frame_idx))
        else:
            yield frame_idx, masks
    for index in waiting:
        yield from _kept(index, [], frozen[index], labels.get(index))


def _kept(
    frame_idx: int, masks: list[DeliveredMask], frozen: Sequence[DeliveredMask], label: FrameLabel | None
) -> Iterator[tuple[int, list[DeliveredMask]]]:
    """Yield one frame with its accepted masks; nothing where it has no masks."""
    if label is not None and label.complete:
        still = []
    else:
        said = frozenset() if label is None else label.tracks
        still = [mask for mask in frozen if mask.track_id not in said]
    rest = [mask for mask in masks if not any(_stands_for(mask, kept) for kept in still)]
    together = sorted([*rest, *still], key=lambda mask: mask.track_id)
    if together:
        yield frame_idx, together


def _stands_for(mask: DeliveredMask, kept: DeliveredMask) -> bool:
    """Tell whether a mask shows the object of an accepted one; masks of people and regions to ignore never do."""
    if mask.track_id == IGNORE_TRACK or mask.provenance is Provenance.HUMAN:
        return False
    if mask.track_id == kept.track_id:
        return True
    return mask.category_id == kept.category_id and bool(iou([mask.rle], [kept.rle])[0, 0] >= SAME_OBJECT)
