"""Find objects in the videos of a project, and keep them as proposals that people start from.

What is found is written as predictions of round 0, which asked nobody, video by video: stopped in the middle, the next
call goes on with the first video that is not done. The file's name tells how it was found, and from which labels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from al_core.discovery import DISCOVERERS
from al_core.discovery.discoverer import Discoverer, DiscoveryClip, FoundObject, Means
from al_core.discovery.given import NOTHING_GIVEN, Given
from al_core.errors import BadSettings, BadVideo
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import ONE_SHOT, Progress, Video
from al_core.settings import Settings
from al_core.stores.delivered import read_delivered
from al_core.stores.optical_flow import FlowStore
from al_core.stores.predictions import FramePrediction, PredictedObject, read_predictions
from al_core.stores.pretrained import PretrainedNetworks
from tasks.discovery.found_masks import DISCOVERY_ROUND, USUAL, place_of
from tasks.discovery.given_labels import given_in
from tasks.discovery.shape_masks import shapes_from
from tasks.project.ingest import open_frames
from tasks.report.formatting import many
from tasks.steps.predict import scored_to_file
from tasks.steps.propagate import VideoFrames

_LEARNING = 1 << 40
"""Beside the seed, for what is drawn while a way learns; videos have smaller numbers."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found in a video.

    Attributes:
        objects: how many, over all frames.
        frames: in which something was found.
        known: whether it had been looked for before.
        moving: whether it was looked for what moves.
        told: what the way learnt, in some words.
    """

    video: Video
    objects: int
    frames: int
    known: bool = False
    moving: bool = True
    told: str = ""

    def describe(self) -> str:
        """Return it in a line."""
        name, n_frames = self.video.name, self.video.n_frames
        if n_frames == 1 and self.moving:
            return f"{name}: one frame, in which nothing can be seen to move"
        if not self.objects:
            return f"{name}: nothing was found{' that moves by itself' if self.moving else ''}"
        seen = f"{many(self.objects, 'object')} in {self.frames:,} of {n_frames:,} frames"
        told = f" ({self.told})" if self.told else ""
        return f"{name}: {seen}{', found before' if self.known else ''}{told}"


def discover(
    project: Project,
    ledger: Ledger,
    settings: Settings,
    videos: Sequence[Video],
    on_progress: Callable[[Progress], None] | None = None,
    again: bool = False,
    method: str | None = None,
    shapes: Path | None = None,
) -> Iterator[Discovery]:
    """Yield what is found in each video, once it is kept.

    Args:
        again: look also where it was looked before in the same way and with the same labels; what was found then is
            replaced.
        method: a way to discover; by default that of the settings, or what moves.
        shapes: a folder of masks of other pictures, or another project, for a way that learns from them.

    Raises:
        UnknownName: there is no such way. BadSettings: it takes no shapes.
        NotReady, BadLabel: people gave too little for it, or what cannot be used.
        BadVideo: a video is no longer there, or was changed.
    """
    search = Search.begun(project, ledger, settings, method, shapes)
    known = ledger.prediction_paths(DISCOVERY_ROUND)
    todo = [v for v in videos if again or known.get(v.video_id) != search.place(v) or not search.path(v).is_file()]
    if todo:
        search.learn(on_progress)
    for video in videos:
        yield search.found_in(video, on_progress) if video in todo else search.counted(video, known=True)


def forget(project: Project, ledger: Ledger, videos: Sequence[Video]) -> int:
    """Forget what was discovered in videos, so that people start from nothing there; returns in how many it was."""
    known = ledger.prediction_paths(DISCOVERY_ROUND)
    for video in (video for video in videos if video.video_id in known):
        ledger.forget_predictions(DISCOVERY_ROUND, video.video_id)
        project.absolute(known[video.video_id]).unlink(missing_ok=True)
    return sum(video.video_id in known for video in videos)


@dataclass(frozen=True, eq=False)
class Search:
    """One way to discover at work in a project.

    Attributes:
        teacher: the way.
        given: what people said so far, where the way needs it.
        clips: the videos that are in use, by number.
    """

    project: Project
    ledger: Ledger
    settings: Settings
    teacher: Discoverer
    given: Given
    clips: Mapping[int, DiscoveryClip]

    @classmethod
    def begun(
        cls,
        project: Project,
        ledger: Ledger,
        settings: Settings,
        method: str | None = None,
        shapes: Path | None = None,
    ) -> "Search":
        """Begin to look for objects by a method.

        Raises:
            UnknownName: there is no such method. BadSettings: it takes no shapes.
            NotReady, BadLabel: what people gave is not enough for it.
        """
        way = DISCOVERERS[method or next(iter(settings.discovery.methods), USUAL)]
        networks = PretrainedNetworks(project.pretrained)
        encoder = networks.serving("encoder", None)
        means = Means(
            FlowStore(project.cache / "flow"),
            project.cache / "discovery" / way.name,
            settings.seed,
            networks.path(encoder) if encoder is not None else None,
            Path(settings.discovery.backbone) if settings.discovery.backbone else None,
        )
        frames, shots = open_frames(project, ledger, settings.frames), ledger.shots()
        left_out = ledger.excluded_videos()
        clips = {
            video.video_id: DiscoveryClip(
                video.video_id, video.name, VideoFrames(frames, video), shots.get(video.video_id, ONE_SHOT)
            )
            for video in ledger.videos()
            if video.video_id not in left_out
        }
        teacher = way(means)
        if shapes is not None and not way.takes_shapes:
            raise BadSettings(
                f"discovery by '{way.name}' learns from no shapes; leave them out, or use: --method scribbles"
            )
        given = given_in(ledger, shapes_from(shapes) if shapes is not None else ()) if way.needs else NOTHING_GIVEN
        teacher.check(given, list(clips.values()))
        return cls(project, ledger, settings, teacher, given, clips)

    def place(self, video: Video) -> str:
        """Return where what is found in a video is kept, relative to the project: it tells how it was found."""
        return self.project.relative(self.path(video))

    def path(self, video: Video) -> Path:
        """Return the file of what is found in a video."""
        labels = self.given.sha256 if self.teacher.needs else ""
        return place_of(self.project, video.video_id, self.teacher.name, labels)

    def learn(self, on_progress: Callable[[Progress], None] | None) -> None:
        """Let the way learn from all videos and labels; most need not."""
        rng = np.random.default_rng([self.settings.seed, _LEARNING])
        self.teacher.learn(list(self.clips.values()), self.given, rng, on_progress)

    def found_in(self, video: Video, on_progress: Callable[[Progress], None] | None) -> Discovery:
        """Look for objects in a video, and keep what is found instead of what was found before.

        Raises:
            BadVideo: the video is no longer there, or was changed; or it is in use no more.
        """
        clip = self.clips.get(video.video_id)
        if clip is None:
            raise BadVideo(f"{video.name} is excluded; take it back in first: fewframes video include {video.name}")
        ledger, frames = self.ledger, open_frames(self.project, self.ledger, self.settings.frames)

        def tell(done: int) -> None:
            if on_progress is not None:
                on_progress(Progress(done, video.n_frames, video.name))

        rng = np.random.default_rng([self.settings.seed, video.video_id])
        found = self.teacher.find(clip, self.given, rng, tell)
        usual, categories = _category_of(ledger, video.video_id)
        numbers = _Numbers(self._highest(video), usual, categories)
        features = frames.thumbnails(video.video_id)
        predicted = (_prediction(index, seen, numbers, features[index]) for index, seen in found)
        path, before = self.path(video), ledger.prediction_paths(DISCOVERY_ROUND).get(video.video_id)
        table = scored_to_file(path, predicted, frames.size(video.video_id), self.settings, None, clip.shots)
        ledger.put_predictions(DISCOVERY_ROUND, video.video_id, table, self.place(video))
        if before not in (None, self.place(video)):
            self.project.absolute(before).unlink(missing_ok=True)
        return self.counted(video)

    def _highest(self, video: Video) -> int:
        """Return the highest number in a video that people gave, or that a delivered object has: these are theirs."""
        numbers = set(self.ledger.drawn_tracks(video.video_id))
        last = self.ledger.last_delivered_round()
        place = self.ledger.delivered_paths(last).get(video.video_id) if last is not None else None
        if place is not None:
            delivered = read_delivered(self.project.absolute(place))
            numbers |= {mask.track_id for _, masks in delivered for mask in masks}
        return max(numbers, default=0)

    def counted(self, video: Video, known: bool = False) -> Discovery:
        """Return how much is known to be found in a video."""
        tracks: set[int] = set()
        frames = 0
        for frame in read_predictions(self.path(video)):
            tracks |= {seen.track_id for seen in frame.objects}
            frames += bool(frame.objects)
        return Discovery(video, len(tracks), frames, known, self.teacher.moving, self.teacher.told(self.given))


@dataclass(frozen=True, slots=True)
class _Numbers:
    """How objects that were found are numbered in a project.

    Attributes:
        shift: the highest number in the video that is taken.
        usual: the category where nothing tells.
        categories: all, rising.
    """

    shift: int
    usual: int
    categories: Sequence[int]


def _category_of(ledger: Ledger, video_id: int) -> tuple[int, Sequence[int]]:
    """Return the category that people most likely see in a video, and all that there are; nothing tells better."""
    categories = sorted(ledger.categories())
    cares = ledger.video_cares().get(video_id)
    own = [number for number in (cares.category_ids if cares else ()) if number in categories]
    return next(iter([*own, *categories])), categories


def _prediction(
    frame_idx: int, seen: Sequence[FoundObject], numbers: _Numbers, feature: NDArray[np.float32]
) -> FramePrediction:
    objects = tuple(_object(one, numbers) for one in seen if one.mask.values.size)
    return FramePrediction(frame_idx, objects, feature / max(float(np.linalg.norm(feature)), 1e-6))


def _object(found: FoundObject, numbers: _Numbers) -> PredictedObject:
    """Return what was found as a prediction; where nothing tells of which kind it is, that is anybody's guess."""
    kinds = numbers.categories
    if found.category_id:
        chances = (*(found.confidence * (number == found.category_id) for number in kinds), 1 - found.confidence)
    else:
        chances = (*(found.confidence / len(kinds) for _ in kinds), 1 - found.confidence)
    entropy = -sum(p * float(np.log(p)) for p in chances if p > 0)
    mask = found.mask
    height, width = mask.values.shape
    box = (float(mask.x), float(mask.y), float(mask.x + width), float(mask.y + height))
    return PredictedObject(
        found.category_id or numbers.usual, chances, found.confidence, 1, box, 0.0, 1.0, entropy, 0.0, mask,
        track_id=found.track_id + (0 if found.known else numbers.shift),
    )  # fmt: skip
