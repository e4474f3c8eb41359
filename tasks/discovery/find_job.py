"""A video in which objects are looked for, wherever that is done."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from al_core.discovery.discoverer import Discoverer, DiscoveryClip, FoundObject, Means
from al_core.discovery.given import Given
from al_core.errors import FewframesError
from al_core.files import replaced
from al_core.records import Progress, Shots, Video
from al_core.settings import Settings
from al_core.stores.optical_flow import FlowStore
from al_core.stores.predictions import FramePrediction, PredictedObject
from tasks.engines.jobs import Place
from tasks.engines.shared_folder import HandedFile
from tasks.progress import progress_of
from tasks.steps.predict import scored_to_file
from tasks.steps.propagate import VideoFrames

NETWORKS = ("encoder", "backbone")
"""Files that a way's means name."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """How objects that were found are numbered in a project.

    Attributes:
        shift: the highest number in the video that is taken.
        usual: the category where nothing tells.
        categories: all, rising.
    """

    shift: int
    usual: int
    categories: Sequence[int]


@dataclass(frozen=True)
class FindJob:
    """A video in which objects are looked for.

    Attributes:
        teacher: the way, which has learnt; its means are the owner's.
        given: what people said so far, of all videos.
        target: where the owner keeps what is found, a Parquet file.
        learnt: files in which the way keeps what it learnt, by name.
        networks: files of weights that its means name.
        lenient: where the video cannot be looked at, that is what came of it, and no error.
    """

    video: Video
    settings: Settings
    teacher: Discoverer
    given: Given
    shots: Shots
    numbers: Numbers
    target: Path
    learnt: Mapping[str, HandedFile]
    networks: Mapping[str, HandedFile]
    lenient: bool = False

    step: ClassVar[str] = "discover"

    @property
    def name(self) -> str:
        """What is done to which video."""
        return f"discover {self.video.name}"

    @property
    def key(self) -> int:
        """The video's number."""
        return self.video.video_id

    def work(
        self, place: Place, on_progress: Callable[[Progress], None] | None = None
    ) -> tuple[HandedFile, pa.Table] | FewframesError:
        """Look at every frame; returns the file of what is found, and the table that
        :func:`~tasks.steps.predict.scored_to_file` returns.

        Raises:
            BadVideo: the video is no longer there, or was changed.
        """
        try:
            return self._found(place, on_progress or progress_of(self.name))
        except FewframesError as error:
            if self.lenient:
                return error
            raise

    def _found(self, place: Place, on_progress: Callable[[Progress], None]) -> tuple[HandedFile, pa.Table]:
        frames = place.frames([self.video], self.settings.frames)
        teacher = self.teacher if place.store is not None else self._teacher_at(place)
        clip = DiscoveryClip(self.key, self.video.name, VideoFrames(frames, self.video), self.shots)

        def tell(done: int) -> None:
            on_progress(Progress(done, self.video.n_frames, self.video.name))

        found = teacher.find(clip, self.given, np.random.default_rng([self.settings.seed, self.key]), tell)
        features, size = frames.thumbnails(self.key), frames.size(self.key)
        predicted = (_prediction(index, seen, self.numbers, features[index]) for index, seen in found)
        return place.files.made(
            self.target, lambda path: scored_to_file(path, predicted, size, self.settings, None, self.shots)
        )

    def _teacher_at(self, place: Place) -> Discoverer:
        """Return the way with means of this machine, and with what it learnt there."""
        cache = place.cache / "discovery" / self.teacher.name
        for name, file in self.learnt.items():
            handed, own = place.files.open(file), cache / name
            if handed != own:
                with replaced(own) as unfinished:
                    shutil.copyfile(handed, unfinished)
        networks = {name: place.files.open(file) for name, file in self.networks.items()}
        means = Means(FlowStore(place.cache / "flow"), cache, self.settings.seed, **networks)
        return self.teacher.at(means)


def _prediction(
    frame_idx: int, seen: Sequence[FoundObject], numbers: Numbers, feature: NDArray[np.float32]
) -> FramePrediction:
    objects = tuple(_object(one, numbers) for one in seen if one.mask.values.size)
    return FramePrediction(frame_idx, objects, feature / max(float(np.linalg.norm(feature)), 1e-6))


def _object(found: FoundObject, numbers: Numbers) -> PredictedObject:
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
