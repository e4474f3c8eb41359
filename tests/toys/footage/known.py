"""Made clips of which everything is known, as campaigns in memory take them."""

from dataclasses import dataclass

import numpy as np

from tests.toys.footage.movers import MoverClip


@dataclass(frozen=True, eq=False)
class KnownClip:
    """A toy clip with its truth."""

    name: str
    clip: MoverClip

    @property
    def frames(self) -> MoverClip:
        """The clip itself."""
        return self.clip

    def truth(self, frame_idx: int) -> dict[int, np.ndarray]:
        """The objects of a frame."""
        return self.clip.truth[frame_idx]

    def ignore(self, frame_idx: int) -> None:
        """No pixel is left out."""
