"""Find what moves in the videos of a project, and keep it as proposals that people start from.

What is found is written as predictions of round 0, which asked nobody, video by video: stopped in the middle, the next
call goes on with the first video that is not done.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.discovery import DISCOVERERS
from al_core.discovery.motion import FoundObject
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import Progress, Shots, Video
from al_core.settings import Settings
from al_core.stores.frames import FrameStore
from al_core.stores.optical_flow import FlowStore
from al_core.stores.predictions import FramePrediction, PredictedObject, read_predictions
from tasks.discovery.found_masks import DISCOVERY_ROUND
from tasks.project.ingest import open_frames
from tasks.report.formatting import many
from tasks.steps.predict import scored_to_file
from tasks.steps.propagate import VideoFrames

USUAL = "motion"
"""What looks for objects where the settings name nothing."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found in a video.

    Attributes:
        objects: how many, over all frames.
        frames: in which something was found.
        known: whether it had been looked for before.
    """

    video: Video
    objects: int
    frames: int
    known: bool = False

    def describe(self) -> str:
        """Return it in a line."""
        name, n_frames = self.video.name, self.video.n_frames
        if n_frames == 1:
            return f"{name}: one frame, in which nothing can be seen to move"
        if not self.objects:
            return f"{name}: nothing was found that moves by itself"
        seen = f"{many(self.objects, 'object')} in {self.frames:,} of {n_frames:,} frames"
        return f"{name}: {seen}{', found before' if self.known else ''}"


def discover(
    project: Project,
    ledger: Ledger,
    settings: Settings,
    videos: Sequence[Video],
    on_progress: Callable[[Progress], None] | None = None,
    again: bool = False,
) -> Iterator[Discovery]:
    """Yield what moves in each video, once it is kept.

    Args:
        again: look also where it was looked before; what was found then is replaced.

    Raises:
        BadVideo: a video is no longer there, or was changed.
    """
    frames = open_frames(project, ledger, settings.frames)
    known, shots = ledger.prediction_paths(DISCOVERY_ROUND), ledger.shots()
    for video in videos:
        path = known.get(video.video_id)
        if path is not None and not again and project.absolute(path).is_file():
            yield _counted(video, project.absolute(path), known=True)
        else:
            yield _found_in(project, ledger, settings, frames, video, shots.get(video.video_id, Shots()), on_progress)


def _found_in(
    project: Project,
    ledger: Ledger,
    settings: Settings,
    frames: FrameStore,
    video: Video,
    shots: Shots,
    on_progress: Callable[[Progress], None] | None,
) -> Discovery:
    path = project.round_dir(DISCOVERY_ROUND) / "predictions" / f"{video.video_id:05d}.parquet"

    def tell(done: int) -> None:
        if on_progress is not None:
            on_progress(Progress(done, video.n_frames, video.name))

    method = next(iter(settings.discovery.methods), USUAL)
    teacher = DISCOVERERS[method](FlowStore(project.cache / "flow"))
    category, categories = _category_of(ledger, video.video_id)
    # Numbers of what people drew are theirs.
    shift = max(ledger.drawn_tracks(video.video_id), default=0)
    features = frames.thumbnails(video.video_id)
    found = teacher.find(VideoFrames(frames, video), shots, tell)
    predicted = (_prediction(index, seen, shift, category, categories, features[index]) for index, seen in found)
    table = scored_to_file(path, predicted, frames.size(video.video_id), settings, None, shots)
    ledger.put_predictions(DISCOVERY_ROUND, video.video_id, table, project.relative(path))
    return _counted(video, path)


def _category_of(ledger: Ledger, video_id: int) -> tuple[int, Sequence[int]]:
    """Return the category that people most likely see in a video, and all that there are; nothing tells better."""
    categories = sorted(ledger.categories())
    cares = ledger.video_cares().get(video_id)
    own = [number for number in (cares.category_ids if cares else ()) if number in categories]
    return next(iter([*own, *categories])), categories


def _prediction(
    frame_idx: int,
    seen: Sequence[FoundObject],
    shift: int,
    category: int,
    categories: Sequence[int],
    feature: NDArray[np.float32],
) -> FramePrediction:
    objects = tuple(_object(one, shift, category, categories) for one in seen if one.mask.values.size)
    return FramePrediction(frame_idx, objects, feature / max(float(np.linalg.norm(feature)), 1e-6))


def _object(found: FoundObject, shift: int, category: int, categories: Sequence[int]) -> PredictedObject:
    """Return what was found as a prediction; of which kind it is, is anybody's guess."""
    share = found.confidence / len(categories)
    chances = (*(share for _ in categories), 1 - found.confidence)
    entropy = -sum(p * float(np.log(p)) for p in chances if p > 0)
    mask = found.mask
    height, width = mask.values.shape
    box = (float(mask.x), float(mask.y), float(mask.x + width), float(mask.y + height))
    track = found.track_id + shift
    return PredictedObject(
        category, chances, found.confidence, 1, box, 0.0, 1.0, entropy, 0.0, mask, track_id=track
    )  # fmt: skip


def _counted(video: Video, path: Path, known: bool = False) -> Discovery:
    tracks: set[int] = set()
    frames = 0
    for frame in read_predictions(path):
        tracks |= {seen.track_id for seen in frame.objects}
        frames += bool(frame.objects)
    return Discovery(video, len(tracks), frames, known)
