"""How far labels are to be trusted, by how they were made: what a look or a few gestures leave is no exact truth."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from al_core.records import FrameLabel, LabelKind, MaskLabel

LEFT: Mapping[LabelKind, float] = {
    LabelKind.ACCEPT: 0.043,
    LabelKind.CLICK: 0.192,
    LabelKind.BOX: 0.213,
    LabelKind.SCRIBBLE: 0.168,
    LabelKind.POLYGON: 0.131,
}
"""Error (1 - J&F) of masks that came of each kind, means over 60 frames of the five clips of DAVIS 2016's training half
that nothing is reported on (``tests/bench/accuracy/kinds_table.py``); accepted are masks with J of .9 at least."""


def exactness(kind: LabelKind | None) -> float:
    """Return the overlap with the truth that a mask is expected to have, in (0, 1]; 1 where it was drawn, or where
    nobody noted how it was made."""
    return 1.0 if kind is None else 1.0 - LEFT.get(kind, 0.0)


def weight_of(masks: Iterable[MaskLabel]) -> float:
    """Return what a frame counts as an example, in (0, 1]: the mean exactness of its masks; 1 where nothing is."""
    known = [exactness(mask.kind) for mask in masks if not mask.ignore]
    return fmean(known) if known else 1.0


@dataclass(frozen=True)
class Evidence:
    """How the labels of a video were made.

    Attributes:
        kinds: by (frame, track), where that is known.
    """

    kinds: Mapping[tuple[int, int], LabelKind] = field(default_factory=dict)

    @classmethod
    def of(cls, labels: Iterable[FrameLabel]) -> "Evidence":
        """Read it from the labels of one video."""
        return cls({(x.frame.frame_idx, m.track_id): m.kind for x in labels for m in x.objects if m.kind is not None})

    def exact(self, frame_idx: int, track: int) -> float:
        """Return the overlap with the truth that an object's label is expected to have, in (0, 1]."""
        return exactness(self.kinds.get((frame_idx, track)))

    def judges(self, frame_idx: int, track: int) -> float:
        """Return how much an object's label counts where propagators are compared, in [0, 1].

        One that was accepted is what some propagator made: it would find that one exact, and every other one wrong.
        """
        kind = self.kinds.get((frame_idx, track))
        return 0.0 if kind is LabelKind.ACCEPT else exactness(kind)


UNKNOWN = Evidence()
"""Of labels of which nobody noted how they were made: all count as drawn."""
