"""Find objects in the videos of a project, and keep them as proposals that people start from.

What is found is written as predictions of round 0, which asked nobody, video by video: stopped in the middle, the next
call goes on with the first video that is not done. The file's name tells how it was found, and from which labels.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from al_core.discovery import DISCOVERERS
from al_core.discovery.discoverer import Discoverer, DiscoveryClip, Means
from al_core.discovery.given import NOTHING_GIVEN, Given
from al_core.errors import BadSettings, BadVideo, FewframesError
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.records import ONE_SHOT, Progress, Video
from al_core.settings import Settings
from al_core.stores.delivered import read_delivered
from al_core.stores.frames import FrameStore
from al_core.stores.optical_flow import FlowStore
from al_core.stores.predictions import read_predictions
from al_core.stores.pretrained import PretrainedNetworks
from tasks.discovery.find_job import NETWORKS, FindJob, Numbers
from tasks.discovery.found_masks import DISCOVERY_ROUND, USUAL, place_of
from tasks.discovery.given_labels import given_in
from tasks.discovery.shape_masks import shapes_from
from tasks.engines.engine import OwnProcess, engine_of
from tasks.engines.shared_folder import Files, HandedFile
from tasks.project.ingest import open_frames
from tasks.report.formatting import many
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
    passed_over: Callable[[Video, FewframesError], None] | None = None,
) -> Iterator[Discovery]:
    """Yield what is found in each video, once it is kept; those in which it was looked before come first.

    Args:
        again: look also where it was looked before in the same way and with the same labels; what was found then is
            replaced.
        method: a way to discover; by default that of the settings, or what moves.
        shapes: a folder of masks of other pictures, or another project, for a way that learns from them.
        passed_over: told which video could not be looked at, and why; without it the first such one is raised.

    Raises:
        UnknownName: there is no such way. BadSettings: it takes no shapes.
        NotReady, BadLabel: people gave too little for it, or what cannot be used.
        BadVideo: a video is no longer there, or was changed. WorkerLost: workers should have looked, and none is left.
    """
    search = Search.begun(project, ledger, settings, method, shapes)
    known = ledger.prediction_paths(DISCOVERY_ROUND)
    todo = [v for v in videos if again or known.get(v.video_id) != search.place(v) or not search.path(v).is_file()]
    yield from (search.counted(video, known=True) for video in videos if video not in todo)
    if todo:
        search.learn(on_progress)
        yield from search.found_in(todo, on_progress, passed_over)


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
        frames: of all videos.
        clips: the videos that are in use, by number.
    """

    project: Project
    ledger: Ledger
    settings: Settings
    frames: FrameStore
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
        return cls(project, ledger, settings, frames, teacher, given, clips)

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

    def found_in(
        self,
        videos: Sequence[Video],
        on_progress: Callable[[Progress], None] | None = None,
        passed_over: Callable[[Video, FewframesError], None] | None = None,
    ) -> Iterator[Discovery]:
        """Have videos looked at by whoever does the heavy work, and keep what is found in place of what was.

        Raises:
            BadVideo: a video is no longer there, or was changed; or it is in use no more.
        """
        lenient = passed_over is not None
        with engine_of(self.settings.compute, self.project, FindJob.step, lambda: self.frames) as engine:
            jobs = (self._job(engine.files, video, lenient) for video in videos)
            if isinstance(engine, OwnProcess):
                place = engine.place
                done: Iterator[tuple[FindJob, Any]] = ((job, job.work(place, on_progress)) for job in jobs)
            else:
                done = engine.each(FindJob.step, list(jobs))
            for job, made in done:
                if passed_over is not None and isinstance(made, FewframesError):
                    passed_over(job.video, made)
                    continue
                self._keep(engine.files, job, *made)
                yield self.counted(job.video)

    def _job(self, files: Files, video: Video, lenient: bool) -> FindJob:
        """Return what there is to know of a video, with the files that it takes handed over."""
        clip = self.clips.get(video.video_id)
        if clip is None:
            raise BadVideo(f"{video.name} is excluded; take it back in first: fewframes video include {video.name}")
        means = self.teacher.means
        usual, categories = _category_of(self.ledger, video.video_id)
        return FindJob(
            *(video, self.settings, self.teacher, self.given, clip.shots),
            Numbers(self._highest(video), usual, categories),
            self.path(video),
            {path.name: files.give(path) for path in self.teacher.kept(self.given)},
            {name: files.give(path) for name in NETWORKS if (path := getattr(means, name)) is not None},
            lenient,
        )

    def _keep(self, files: Files, job: FindJob, file: HandedFile, table: pa.Table) -> None:
        """Bring home what was found in a video, and tell the ledger."""
        video, ledger = job.video, self.ledger
        files.take(file, job.target)
        before = ledger.prediction_paths(DISCOVERY_ROUND).get(video.video_id)
        ledger.put_predictions(DISCOVERY_ROUND, video.video_id, table, self.place(video))
        if before not in (None, self.place(video)):
            self.project.absolute(before).unlink(missing_ok=True)

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


def _category_of(ledger: Ledger, video_id: int) -> tuple[int, Sequence[int]]:
    """Return the category that people most likely see in a video, and all that there are; nothing tells better."""
    categories = sorted(ledger.categories())
    cares = ledger.video_cares().get(video_id)
    own = [number for number in (cares.category_ids if cares else ()) if number in categories]
    return next(iter([*own, *categories])), categories
