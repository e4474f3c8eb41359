"""Masks of the frame in hand, carried to the frames after it or before it while somebody looks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from al_core.masks.rle import decode
from al_core.project import Project
from al_core.records import ONE_SHOT, FrameLabel, MaskLabel, Shots, Video
from al_core.settings import PropagationSettings
from al_core.stores.frames import FrameStore

if TYPE_CHECKING:
    from al_core.propagation.following import Follow

FRAMES, MOST_FRAMES = 30, 120
"""So many frames are objects carried at once, and at most."""

TRACKING = "tracking"
"""Names what carries objects on among the gestures at work."""

END = "end"
CUT = "cut"
LABELLED = "labelled"
FAR = "far"


@dataclass(frozen=True, slots=True)
class Way:
    """The frames that objects are carried through, in that order, and why not further: "end" (of the video), "cut",
    "labelled" (people said of the next frame where all the objects are) or "far"."""

    frames: range
    until: str


def way(
    n_frames: int,
    shots: Shots | None,
    known: Sequence[FrameLabel],
    tracks: frozenset[int],
    start: int,
    step: int,
    most: int,
) -> Way:
    """Return how far objects are carried from a frame of a video.

    Args:
        known: what people said of the video's frames.
        tracks: the objects.
        step: 1 for the frames after it, -1 for those before it.
        most: frames at most.
    """
    shots = shots or ONE_SHOT
    labelled = {label.frame.frame_idx for label in known if label.complete or tracks <= label.tracks}
    until, stop = FAR, start + step * (most + 1)
    for there in range(start + step, stop, step):
        if not 0 <= there < n_frames:
            until, stop = END, there
        elif not shots.together(there - step, there):
            until, stop = CUT, there
        elif there in labelled:
            until, stop = LABELLED, there
        if there == stop:
            break
    return Way(range(start + step, stop, step), until)


class DecodedMasks(Mapping[int, NDArray[np.bool_]]):
    """Masks by track, each decoded when it is asked for: at 4K a hundred of them would take a gigabyte."""

    def __init__(self, masks: Sequence[MaskLabel]) -> None:
        self._codes = {mask.track_id: mask.rle for mask in masks}

    def __getitem__(self, track: int) -> NDArray[np.bool_]:
        return decode(self._codes[track])

    def __iter__(self) -> Iterator[int]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)


def follower(project: Project, frames: FrameStore, video: Video, settings: PropagationSettings) -> "Follow":
    """Return what carries masks through a video: SAM 2 where the settings name its weights, else dense flow, which of
    the propagators that need no weights is the only one that gives a frame at once.

    Raises:
        MissingDependency, BadCheckpoint: the weights that the settings name cannot be read.
    """
    # The server starts without scipy and torch.
    from al_core.propagation import Resources, build
    from al_core.propagation.following import ClipFollower, FlowFollower
    from al_core.stores.optical_flow import FlowStore
    from tasks.steps.propagate import VideoFrames

    clip = VideoFrames(frames, video)
    if settings.sam_weights:
        return ClipFollower(build("sam2", Resources(settings, project.cache)), clip)
    store = FlowStore(project.cache / "flow")
    return FlowFollower(store.clip(clip, settings.flow_long_side, settings.flow_preset, one_by_one=True))
