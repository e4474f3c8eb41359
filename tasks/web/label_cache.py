"""What labelling needs again and again, kept in memory: videos, pictures, and the masks that a task shows."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray

from al_core.errors import BadVideo, UnknownName
from al_core.ledger.labelling.queue import Purpose, Question
from al_core.records import DeliveredMask, FrameRef, LabelRequest, Provenance, Video
from al_core.settings import Settings
from al_core.stores.delivered import read_delivered
from al_core.stores.frames import FrameStore
from tasks.backends.prelabels import delivered_masks
from tasks.backends.sampling import shown_blind
from tasks.project.ingest import open_last_frames
from tasks.web.state import WebContext

T = TypeVar("T")

_SETTINGS_SECONDS = 10.0
_CONTEXT_FRAMES = 32
_OPENING = threading.Lock()


class Recent:
    """Values that were asked for last.

    Args:
        size: how many are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    def peek(self, key: Any) -> Any:
        """The value of a key, None when it is not there."""
        with self._lock:
            return self._values.get(key)

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """The value of a key; it is made when it is not there. Two threads may make the same one."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value


class Studio:
    """One project, as people label it. May be used from several threads.

    Args:
        context: the project and its ledger.
    """

    def __init__(self, context: WebContext) -> None:
        self._project = context.project
        self._ledger = context.ledger
        self._lock = threading.Lock()
        self.pictures = Recent(24)
        self._videos: dict[int, Video] = {}
        self._frames: FrameStore | None = None
        self._newest: tuple[float, Settings] | None = None
        self._categories: tuple[float, dict[int, str]] | None = None
        self._settings = Recent(64)
        self._times = Recent(64)
        self._questions = Recent(256)
        self._images = Recent(8)
        self._shown = Recent(4)
        self._delivered = Recent(64)

    @classmethod
    def of(cls, app: FastAPI) -> "Studio":
        """The studio of an application; it is made when it is asked for first."""
        with _OPENING:
            if not hasattr(app.state, "studio"):
                app.state.studio = cls(app.state.context)
            return app.state.studio

    # ---- videos and frames

    def video(self, video_id: int) -> Video:
        """One video.

        Raises:
            UnknownName: there is none of that number.
        """
        self._look_for(video_id)
        if video_id not in self._videos:
            raise UnknownName("video", str(video_id), map(str, self._videos))
        return self._videos[video_id]

    def frames(self, video_id: int) -> FrameStore:
        """The frames of a video, and of others."""
        self.video(video_id)
        assert self._frames is not None
        return self._frames

    def check(self, frame: FrameRef) -> None:
        """Refuse a frame that is not there.

        Raises:
            BadVideo: the video has no such frame.
            UnknownName: there is no such video.
        """
        video = self.video(frame.video_id)
        if frame.frame_idx >= video.n_frames:
            raise BadVideo(f"{video.name} has the frames 0 to {video.n_frames - 1}, got {frame.frame_idx}")

    def time_seconds(self, frame: FrameRef) -> float:
        """When a frame is shown."""
        times = self._times.get(frame.video_id, lambda: self._ledger.frame_times_us(frame.video_id))
        return float(times[frame.frame_idx]) / 1e6

    def image(self, frame: FrameRef) -> NDArray[np.uint8]:
        """One frame at full resolution, RGB uint8 [h, w, 3].

        Raises:
            BadVideo: there is no such frame, or its file is gone or was changed.
            UnknownName: there is no such video.
        """
        return self._images.get(frame, lambda: self.frames(frame.video_id).read_full(frame))

    def _look_for(self, video_id: int) -> None:
        with self._lock:
            if video_id in self._videos:
                return
            self._videos = {video.video_id: video for video in self._ledger.videos()}
            self._frames = open_last_frames(self._project, self._ledger)

    def categories(self) -> dict[int, str]:
        """Names of categories by number, as they were not long ago; categories are only ever added."""
        known = self._categories
        if known is None or time.monotonic() - known[0] > _SETTINGS_SECONDS:
            known = self._categories = (time.monotonic(), self._ledger.categories())
        return known[1]

    # ---- questions

    def question(self, request_id: str) -> Question:
        """A request, and what its answer is for; neither the frame nor the purpose of a request ever changes.

        Raises:
            UnknownName: there is no such request.
        """
        return self._questions.get(request_id, lambda: self._ledger.question(request_id))

    def remember(self, question: Question) -> None:
        """A question that was just read, for whoever asks next."""
        self._questions.get(question.request.request_id, lambda: question)

    # ---- settings

    def settings_of(self, round_id: int) -> Settings:
        """What a round runs with; one that has not begun is taken to run with what the last one does."""
        known = self._settings.peek(round_id)
        if known is not None:
            return known
        last = self._ledger.last_round()
        if last is None or last.round_id < round_id:
            return last.settings if last else Settings()
        return self._settings.get(round_id, lambda: self._ledger.round(round_id).settings)

    def lease_seconds(self) -> float:
        """How long a lease lasts, by the newest round."""
        newest = self._newest
        if newest is None or time.monotonic() - newest[0] > _SETTINGS_SECONDS:
            last = self._ledger.last_round()
            newest = self._newest = (time.monotonic(), last.settings if last else Settings())
        return newest[1].annotator.lease_seconds

    # ---- masks

    def is_blind(self, question: Question) -> bool:
        """Whether a task is shown without masks to start from."""
        original = question.original
        return question.purpose is Purpose.RELABEL or shown_blind(
            self.settings_of(original.round_id), original.request_id
        )

    def shown(self, question: Question) -> Sequence[DeliveredMask]:
        """The masks that a task shows to start from."""
        return () if self.is_blind(question) else self._proposed(question.original)

    def is_measured(self, question: Question) -> bool:
        """Whether a task measures people, so that nothing else may tell what masks would be expected."""
        return question.purpose is not Purpose.LABEL or self.is_blind(question)

    def around(self, question: Question | None, frame: FrameRef) -> Sequence[DeliveredMask]:
        """The masks that somebody may see in any frame: what people said of it, or what was delivered.

        Of the frame in hand these are what its task shows. Where the task measures people, nothing that was worked out
        from labels is shown in its video.

        Args:
            question: what the person has in hand.
        """
        if question is not None and question.request.frame == frame:
            return self.shown(question)
        labels = {label.frame: label for label in self._ledger.human_labels(frame.video_id)}
        if frame in labels:
            return [
                DeliveredMask(frame.frame_idx, m.track_id, m.category_id, Provenance.HUMAN, 1.0, m.rle)
                for m in labels[frame].masks
            ]
        if question is not None and question.request.frame.video_id == frame.video_id and self.is_measured(question):
            return ()
        return self._delivered_in(frame)

    def uncertainty(self, question: Question) -> dict[str, float]:
        """What the model that a frame was chosen by was unsure of, by component; empty before the first model."""
        frame, asked = question.request.frame, question.original.round_id
        # Frames that are asked ahead were chosen by the model before the last.
        found = (self._ledger.components_of(round_id, [frame]) for round_id in (asked - 1, asked - 2) if round_id > 0)
        return next((parts[frame] for parts in found if frame in parts), {})

    def predictions_of(self, video_id: int) -> Path | None:
        """The file of the newest predictions of a video, or None."""
        last = self._ledger.last_round()
        for round_id in range(last.round_id if last else 0, 0, -1):
            path = self._ledger.prediction_paths(round_id).get(video_id)
            if path is not None:
                return self._project.absolute(path)
        return None

    def _proposed(self, request: LabelRequest) -> Sequence[DeliveredMask]:
        last = self._ledger.last_delivered_round(before=request.round_id)
        if last is None:
            return ()
        key = (request.round_id, last)
        of_round = self._shown.get(key, lambda: self._delivered_for(self._ledger.requests(request.round_id)))
        if request.request_id not in of_round:
            # Requests that came later than the others of their round.
            of_round |= self._delivered_for([request])
        return of_round[request.request_id]

    def _delivered_for(self, requests: Sequence[LabelRequest]) -> dict[str, list[DeliveredMask]]:
        found = delivered_masks(self._project, self._ledger, requests)
        return {r.request_id: found.get(r.request_id, []) for r in requests}

    def _delivered_in(self, frame: FrameRef) -> Sequence[DeliveredMask]:
        last = self._ledger.last_delivered_round()
        path = self._ledger.delivered_paths(last).get(frame.video_id) if last is not None else None
        if path is None:
            return ()
        start = frame.frame_idx - frame.frame_idx % _CONTEXT_FRAMES
        near = range(start, start + _CONTEXT_FRAMES)
        block = self._delivered.get((path, start), lambda: dict(read_delivered(self._project.absolute(path), near)))
        return block.get(frame.frame_idx, ())
