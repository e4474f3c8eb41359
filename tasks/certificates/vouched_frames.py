"""What certificates and people vouch for of the delivery before a round: what is asked next leaves it out."""

from collections.abc import Collection, Iterator

import numpy as np

from al_core.records import IGNORE_TRACK, DeliveredMask, FrameLabel, FrameRef, MaskLabel, Provenance
from al_core.stores.delivered import read_delivered
from tasks.certificates.frozen_masks import FrozenMasks, with_frozen
from tasks.steps.context import RoundContext

VOUCHED = frozenset({Provenance.HUMAN, Provenance.ACCEPTED})


class VouchedFrames:
    """The delivery before a round with accepted masks in their places.

    Args:
        frozen: what is accepted; masks are read from files only where there is something.
    """

    def __init__(self, context: RoundContext, frozen: FrozenMasks) -> None:
        self._project, self._frozen = context.project, frozen
        self._paths = context.ledger.delivered_paths(context.before.round_id)
        self._labels: dict[int, dict[int, FrameLabel]] = {}
        for label in context.labels_before if frozen.certificates else ():
            self._labels.setdefault(label.frame.video_id, {})[label.frame.frame_idx] = label

    @property
    def any(self) -> bool:
        """Whether anything is accepted."""
        return bool(self._frozen.certificates)

    def delivered(self, video_id: int) -> dict[int, list[DeliveredMask]]:
        """Return the masks of a video by frame; empty where nothing was delivered.

        Raises:
            DamagedFile: a file cannot be read.
        """
        path = self._paths.get(video_id)
        if path is None:
            return {}
        masks = read_delivered(self._project.absolute(path))
        if not self.any:
            return dict(masks)
        return dict(with_frozen(masks, self._frozen.of_video(video_id), self._labels.get(video_id, {})))

    def accepted(self) -> Iterator[tuple[int, int, list[DeliveredMask]]]:
        """Yield (video, frame, masks) of the frames in which every mask is a person's or accepted, and one accepted."""
        for video_id in sorted(self._paths) if self.any else ():
            for frame_idx, masks in self.delivered(video_id).items():
                if is_vouched(masks):
                    yield video_id, frame_idx, masks

    def examples(self, most: int, labelled: Collection[FrameRef] = ()) -> list[tuple[FrameRef, tuple[MaskLabel, ...]]]:
        """Return some of these frames with their masks, spread evenly over all, for a student to learn from.

        Args:
            most: how many at most.
            labelled: frames that people labelled, which are left out.
        """
        found = [one for one in self.accepted() if FrameRef(*one[:2]) not in labelled]
        chosen = np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int))
        return [
            (FrameRef(video, frame), tuple(MaskLabel(m.track_id, m.category_id, m.rle) for m in masks))
            for video, frame, masks in (found[place] for place in chosen.tolist())
        ]

    @property
    def bound(self) -> float:
        """The largest share of a certificate's masks that may be not good enough; 0 where nothing is accepted."""
        return max((one.bound for c in self._frozen.certificates for one in c.accepted), default=0.0)


def is_vouched(masks: list[DeliveredMask]) -> bool:
    """Tell whether every mask of a frame is a person's or accepted, and one of them accepted."""
    found = {mask.provenance for mask in masks if mask.track_id != IGNORE_TRACK}
    return Provenance.ACCEPTED in found and found <= VOUCHED
