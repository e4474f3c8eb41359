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
    def n_frames(self) -> int:
        """Number of frames."""
        return self.clip.n_frames

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.clip.size

    @property
    def sha256(self) -> str:
        """Hash of the frames."""
        return self.clip.sha256

    def read(self, frame_idx: int) -> np.ndarray:
        """Return a frame, RGB uint8 [h, w, 3]."""
        return self.clip.read(frame_idx)

    def truth(self, frame_idx: int) -> dict[int, np.ndarray]:
        """The objects of a frame."""
        return self.clip.truth[frame_idx]

    def ignore(self, frame_idx: int) -> None:
        """No pixel is left out."""
