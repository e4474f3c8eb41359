"""Identity switches, as CLEAR MOT counts them.

Bernardin, Stiefelhagen: "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", EURASIP Journal on
Image and Video Processing, 2008.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from al_core.masks.matching import matched
from al_core.masks.rle import Rle, iou

LEAST_OVERLAP = 0.5
"""Intersection over union from which on a track may stand for an object."""


class SwitchCounter:
    """Counts how often a true object is matched to another track than the last time it was matched.

    A match of the frame before is kept as long as it overlaps enough; the other objects and tracks are matched one to
    one so that the sum of overlaps is greatest (Hungarian method, Kuhn 1955). An object that is missed for some frames
    and then found by the same track is not switched.

    Args:
        least_overlap: IoU that a match needs, above 0.
    """

    def __init__(self, least_overlap: float = LEAST_OVERLAP) -> None:
        self._least = least_overlap
        self._last: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self.switches = 0
        """Switches so far."""
        self.objects = 0
        """True objects so far, counted in each frame."""
        self.matched = 0
        """Of these, the matched ones."""

    def add(self, truth: Mapping[int, Rle], found: Mapping[int, Rle]) -> None:
        """Add the next frame.

        Args:
            truth: by object, the masks of those that are to be seen.
            found: by track, the masks that are there, of the same size.
        """
        objects, tracks = list(truth), list(found)
        overlap = iou(list(truth.values()), list(found.values()))
        matches = self._matched(objects, tracks, np.where(overlap >= self._least, overlap, 0))
        self.switches += sum(self._last.get(number, track) != track for number, track in matches.items())
        self.objects += len(objects)
        self.matched += len(matches)
        self._last |= matches
        self._before = matches

    def _matched(self, objects: Sequence[int], tracks: Sequence[int], fitting: NDArray[np.floating]) -> dict[int, int]:
        """Return the track of each true object that is matched."""
        place = {(number, track): (i, j) for i, number in enumerate(objects) for j, track in enumerate(tracks)}
        kept = [pair for pair in self._before.items() if pair in place and fitting[place[pair]] > 0]
        rest = fitting.copy()
        for i, j in map(place.__getitem__, kept):
            rest[i], rest[:, j] = 0, 0
        return dict(kept) | {objects[i]: tracks[j] for i, j in matched(rest, self._least)}
