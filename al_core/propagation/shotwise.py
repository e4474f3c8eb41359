"""Nothing is carried over a cut: a propagator works on each shot of a video as on a clip of its own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from al_core.fingerprint import fingerprint
from al_core.footage.clips import ClipFrames
from al_core.propagation.base import Labels, PropagatedFrame, Propagator, Resources
from al_core.propagation.labelled_clip import check_labels
from al_core.records import ONE_SHOT
from al_core.stores.predictions import FramePrediction


@dataclass(frozen=True)
class ShotFrames:
    """The frames of one shot, counted from 0."""

    whole: ClipFrames
    frames: range

    @property
    def sha256(self) -> str:
        """Hash of what is shown, 64 hex digits; it is that of no other shot, nor of the whole video."""
        return fingerprint([self.whole.sha256, self.frames.start, self.frames.stop])

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a frame in pixels."""
        return self.whole.size

    def read(self, frame_idx: int) -> NDArray[np.uint8]:
        """Return one frame, RGB uint8 [h, w, 3]."""
        return self.whole.read(self.frames[frame_idx])


class ShotwisePropagator:
    """Carries masks within each shot by a propagator made for it; a shot without labels stays empty.

    Args:
        make: makes a propagator; called once for each shot that has labels, with the predictions of its frames.
        resources: of the whole video, cuts included.
    """

    def __init__(self, make: Callable[[Resources], Propagator], resources: Resources) -> None:
        self._make = make
        self._resources = resources

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order (see :class:`Propagator`)."""
        check_labels(frames, labels)
        for shot in self._resources.shots.ranges(frames.n_frames):
            mine = _Shifted(labels, shot)
            if not len(mine):
                yield from (PropagatedFrame(i, {}) for i in shot)
                continue
            made = self._make(self._of_shot(shot))
            for found in made.propagate(ShotFrames(frames, shot), mine):
                yield replace(found, frame_idx=shot[found.frame_idx])

    def _of_shot(self, shot: range) -> Resources:
        whole = self._resources.predictions

        def predictions() -> Iterator[FramePrediction]:
            for found in whole() if whole is not None else ():
                if found.frame_idx in shot:
                    yield replace(found, frame_idx=shot.index(found.frame_idx))

        wanted = self._resources.wanted
        return replace(
            self._resources,
            predictions=predictions if whole is not None else None,
            shots=ONE_SHOT,
            wanted=None if wanted is None else frozenset(shot.index(i) for i in wanted if i in shot),
        )


class _Shifted(Mapping[int, Mapping[int, NDArray[np.bool_]]]):
    """The labels of one shot, its frames counted from 0; masks are decoded when they are asked for, as before."""

    def __init__(self, labels: Labels, shot: range) -> None:
        self._labels = labels
        self._shot = shot
        self._marks = sorted(shot.index(i) for i in labels if i in shot)

    def __getitem__(self, frame_idx: int) -> Mapping[int, NDArray[np.bool_]]:
        if not 0 <= frame_idx < len(self._shot):
            raise KeyError(frame_idx)
        return self._labels[self._shot[frame_idx]]

    def __iter__(self) -> Iterator[int]:
        return iter(self._marks)

    def __len__(self) -> int:
        return len(self._marks)
