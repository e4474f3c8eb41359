"""Cache of what labelling needs repeatedly: videos, pictures, and the masks that a task shows."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cachetools import LRUCache, TTLCache, cachedmethod
from numpy.typing import NDArray

from al_core.errors import BadVideo, UnknownName
from al_core.ledger.campaign.audit_requests import AuditQuestion
from al_core.ledger.campaign.categories import GONE, Category, standing
from al_core.ledger.campaign.curation import VideoCare
from al_core.ledger.labelling.queue import Purpose, Question
from al_core.records import DeliveredMask, FrameLabel, FrameRef, LabelKind, LabelRequest, Shots, Video
from al_core.settings import Settings
from al_core.stores.delivered import read_delivered
from al_core.stores.frames import FrameStore
from al_core.stores.human_masks import human_masks, with_human
from tasks.backends.prelabels import delivered_masks
from tasks.backends.sampling import shown_blind
from tasks.discovery.corrections import corrected, corrections_in, has_discovered
from tasks.discovery.found_masks import DISCOVERY_ROUND, discovered_tracks
from tasks.project.ingest import open_last_frames
from tasks.steps.context import standing_rounds
from tasks.web.identity.video_objects import (
    Objects,
    VideoObject,
    delivered_objects,
    drawn_objects,
    merged,
    standing_objects,
)
from tasks.web.pictures import encoded, frame_at
from tasks.web.refining.embedded_frames import EmbeddedFrames
from tasks.web.state import WebContext

if TYPE_CHECKING:
    from tasks.web.refining.page_gestures import PageGestures

_SETTINGS_SECONDS = 10.0
_CONTEXT_FRAMES = 32
_RENEWED_SECONDS = 10.0
"""A gesture renews a lease no more often: writing would take longer than many a mask."""


def _kept(cache: str) -> Callable[[Callable[..., Any]], Any]:
    """Keep what a method returns in a cache of its object; two threads may make the same value."""
    return cachedmethod(attrgetter(cache), lock=attrgetter("_lock"))


@dataclass(frozen=True, slots=True)
class Kinds:
    """The categories of a project.

    Attributes:
        offered: those that stand, by number.
        names: of all that there ever were, by number.
        ended: what those that were merged or removed stand for, see :mod:`al_core.ledger.campaign.categories`.
    """

    offered: tuple[Category, ...]
    names: Mapping[int, str]
    ended: Mapping[int, int]

    @property
    def accepted(self) -> dict[int, str]:
        """Names of categories that an answer may have: those that stand, and those that were merged into one."""
        return {number: name for number, name in self.names.items() if self.ended.get(number) != GONE}

    def keys(self) -> dict[int, str]:
        """Return the digit that chooses each category: its own, else the first that is free; empty for none."""
        taken = {category.key for category in self.offered}
        free = (digit for digit in "123456789" if digit not in taken)
        return {category.category_id: category.key or next(free, "") for category in self.offered}


class LabelCache:
    """One project, as people label it. May be used from several threads."""

    def __init__(self, context: WebContext) -> None:
        self._project = context.project
        self._ledger = context.ledger
        self._lock = threading.Lock()
        self._videos: dict[int, Video] = {}
        self._places_seen: dict[int, str] = {}
        self._frames: FrameStore | None = None
        self._files: LRUCache[Any, bytes] = LRUCache(24)
        self._images: LRUCache[Any, NDArray[np.uint8]] = LRUCache(8)
        self._times: LRUCache[Any, NDArray[np.int64]] = LRUCache(64)
        self._questions: LRUCache[Any, Question] = LRUCache(256)
        self._settings: LRUCache[Any, Settings] = LRUCache(64)
        self._audits: LRUCache[Any, AuditQuestion | None] = LRUCache(256)
        self._shown: LRUCache[Any, dict[str, list[DeliveredMask]]] = LRUCache(4)
        self._blocks: LRUCache[Any, Mapping[int, Sequence[DeliveredMask]]] = LRUCache(64)
        self._tracks: LRUCache[Any, Objects] = LRUCache(16)
        self._discovered: LRUCache[Any, set[int]] = LRUCache(64)
        self._categories: TTLCache[Any, Kinds] = TTLCache(1, _SETTINGS_SECONDS)
        self._ended_seen: Mapping[int, int] = {}
        self._cares: TTLCache[Any, dict[int, VideoCare]] = TTLCache(1, _SETTINGS_SECONDS)
        self._shots: TTLCache[Any, dict[int, Shots]] = TTLCache(1, _SETTINGS_SECONDS)
        self._places: TTLCache[Any, dict[int, str]] = TTLCache(1, _SETTINGS_SECONDS)
        self._newest: TTLCache[Any, Settings] = TTLCache(1, _SETTINGS_SECONDS)
        self._renewed: TTLCache[tuple[str, str, str], bool] = TTLCache(1024, _RENEWED_SECONDS)

        self.embedded = EmbeddedFrames(
            lambda: self.newest_settings().propagation.sam_weights, self._waiting, self._read_beside
        )

    # ---- gestures

    @cached_property
    def gestures(self) -> "PageGestures":
        """What makes masks of gestures."""
        # The server starts without scipy.
        from tasks.web.refining.page_gestures import PageGestures

        return PageGestures(self._project, self._ledger, lambda: self.newest_settings().annotator.refiner)

    # ---- videos and frames

    def video(self, video_id: int) -> Video:
        """Return one video.

        Raises:
            UnknownName: there is none of that number.
        """
        self._look_for(video_id)
        if video_id not in self._videos:
            raise UnknownName("video", str(video_id), map(str, self._videos))
        return self._videos[video_id]

    def frames(self, video_id: int) -> FrameStore:
        """Return the frames of a video, and of others."""
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
        """Return the time of a frame in its video, in seconds."""
        return float(self._times_us(frame.video_id)[frame.frame_idx]) / 1e6

    @_kept("_times")
    def _times_us(self, video_id: int) -> NDArray[np.int64]:
        return self._ledger.frame_times_us(video_id)

    @_kept("_images")
    def image(self, frame: FrameRef) -> NDArray[np.uint8]:
        """Return one frame at full resolution, RGB uint8 [h, w, 3]; it raises what :meth:`picture` does."""
        return self.frames(frame.video_id).read_full(frame)

    @_kept("_files")
    def picture(self, frame: FrameRef, kind: str, long_side: int | None) -> bytes:
        """Return a frame as a picture file.

        Args:
            kind: "jpg" or "png".
            long_side: pixels of its longer side at most; None for the full resolution.

        Raises:
            BadVideo: there is no such frame, or its file is gone or was changed.
            UnknownName: there is no such video.
        """
        store = self.frames(frame.video_id)
        if long_side is None:
            return encoded(self.image(frame), kind)
        small = long_side <= max(store.size(frame.video_id))
        return encoded(frame_at(store, None if small else self.image(frame), frame, long_side), kind)

    def _waiting(self) -> list[FrameRef]:
        """Return the frames that people will get, those of held-out frames last."""
        purposes = (Purpose.LABEL, Purpose.HOLDOUT)
        return [r.frame for purpose in purposes for r in self._ledger.requests(status="open", purpose=purpose)]

    def _read_beside(self, frame: FrameRef) -> NDArray[np.uint8]:
        """Return one frame as :meth:`image` does; those that people look at stay in memory."""
        return self.frames(frame.video_id).read_full(frame)

    def _look_for(self, video_id: int) -> None:
        """Read the videos anew where this one is new, or where one was moved or purged; of those nothing is kept."""
        places = self.places()
        with self._lock:
            if video_id in self._videos and places == self._places_seen:
                return
            known = self._videos.keys()
            self._videos = {video.video_id: video for video in self._ledger.videos()}
            self._frames, self._places_seen = open_last_frames(self._project, self._ledger), places
            if known - self._videos.keys():
                for cache in (self._files, self._images, self._shown, self._blocks, self._questions, self._audits):
                    cache.clear()

    @_kept("_places")
    def places(self) -> dict[int, str]:
        """Return where each video lies, as it was not long ago."""
        return self._ledger.video_places()

    @_kept("_cares")
    def cares(self) -> dict[int, VideoCare]:
        """Return what people decided about each video, as it was not long ago."""
        return self._ledger.video_cares()

    @_kept("_shots")
    def shots(self) -> dict[int, Shots]:
        """Return where videos cut, as it was not long ago."""
        return self._ledger.shots()

    @_kept("_categories")
    def kinds(self) -> "Kinds":
        """Return the categories as they were not long ago; masks are read anew when some were merged or removed."""
        ledger = self._ledger
        with ledger.held():
            found = Kinds(tuple(ledger.described_categories()), ledger.category_names(), ledger.ended_categories())
        with self._lock:
            if found.ended != self._ended_seen:
                self._ended_seen = found.ended
                self._shown.clear()
                self._blocks.clear()
        return found

    def forget_categories(self) -> None:
        """Read the categories anew when they are asked for next."""
        with self._lock:
            self._categories.clear()

    # ---- questions

    @_kept("_questions")
    def question(self, request_id: str) -> Question:
        """Return a request, and what its answer is for; neither its frame nor its purpose ever changes.

        Raises:
            UnknownName: there is no such request.
        """
        return self._ledger.question(request_id)

    def remember(self, question: Question) -> None:
        """Keep a question that was just read, for whoever asks next."""
        with self._lock:
            self._questions[self.question.cache_key(question.request.request_id)] = question

    # ---- settings

    def settings_of(self, round_id: int) -> Settings:
        """Return what a round runs with; one that has not begun is taken to run with what the last one does."""
        try:
            return self._begun_settings(round_id)
        except UnknownName:
            return self.newest_settings()

    @_kept("_settings")
    def _begun_settings(self, round_id: int) -> Settings:
        return self._ledger.round(round_id).settings

    @_kept("_newest")
    def newest_settings(self) -> Settings:
        """Return what the newest round runs with; the defaults before the first one."""
        last = self._ledger.last_round()
        return last.settings if last else Settings()

    def lease_seconds(self) -> float:
        """Return how long a lease lasts, by the newest round."""
        return self.newest_settings().annotator.lease_seconds

    def least_agreed_first(self) -> bool:
        """Tell whether reviewers get those answers first that agree least with others, by the newest round."""
        return self.newest_settings().annotator.review_order == "least_agreed"

    def attributes(self) -> list[dict[str, Any]]:
        """Return what may be said of objects beside their masks, by the newest round: the name, and the category where
        it is one of that category only; those of categories that are not there are left out."""
        ids = {category.name: category.category_id for category in self.kinds().offered}
        named = [name.rpartition(": ") for name in self.newest_settings().annotator.attributes]
        return [
            {"name": name, "category_id": ids[category] if category else None}
            for category, _, name in named
            if not category or category in ids
        ]

    def renew(self, request_id: str, person: str, lease: str) -> None:
        """Let a person keep a frame for a gesture; nothing is looked at where that was done a moment ago.

        Raises:
            UnknownName: there is no such request.
            StaleLease: it is no longer this person's.
        """
        with self._lock:
            lately = (request_id, person, lease) in self._renewed
        if lately:
            return
        self._ledger.renew(request_id, person, lease, self.lease_seconds())
        with self._lock:
            self._renewed[request_id, person, lease] = True

    # ---- masks

    def is_blind(self, question: Question) -> bool:
        """Tell whether a task is shown without prelabels."""
        original = question.original
        if question.purpose is Purpose.AUDIT:
            return question.request.kind is LabelKind.MASK
        return question.purpose in (Purpose.RELABEL, Purpose.HOLDOUT) or shown_blind(
            self.settings_of(original.round_id), original.request_id
        )

    def shown(self, question: Question) -> Sequence[DeliveredMask]:
        """Return the prelabels of a task."""
        if self.is_blind(question):
            return ()
        asked = self.audited(question)
        return self._proposed(question.original) if asked is None else self._audited_masks(asked)

    def audited(self, question: Question) -> AuditQuestion | None:
        """Return what a question of an audit is about; None for other questions."""
        if question.purpose is not Purpose.AUDIT:
            return None
        return self._audit_question(question.request.request_id)

    @_kept("_audits")
    def _audit_question(self, request_id: str) -> AuditQuestion | None:
        return self._ledger.audit_question(request_id)

    def _audited_masks(self, asked: AuditQuestion) -> Sequence[DeliveredMask]:
        """Return the mask that is judged, or all that were delivered in a frame that is looked through."""
        path = self._ledger.delivered_paths(asked.round_id).get(asked.frame.video_id)
        index = asked.frame.frame_idx
        found = {} if path is None else dict(read_delivered(self._project.absolute(path), [index]))
        masks = standing(found.get(index, ()), self.kinds().ended)
        return [mask for mask in masks if asked.track_id in (0, mask.track_id)]

    def is_measured(self, question: Question) -> bool:
        """Tell whether a task measures people, so that nothing else may tell what masks would be expected."""
        return question.purpose not in (Purpose.LABEL, Purpose.TRACKED) or self.is_blind(question)

    def around(self, question: Question | None, frame: FrameRef) -> Sequence[DeliveredMask]:
        """Return the masks that somebody may see in any frame: what people said of it, or what was delivered.

        Of the frame in hand, that of ``question``, these are what its task shows. Where the task measures people,
        nothing that was worked out from labels is shown in its video.
        """
        if question is not None and question.request.frame == frame:
            return self.shown(question)
        known = {label.frame: label for label in self._ledger.human_labels(frame.video_id)}.get(frame)
        if known is not None and known.complete:
            return human_masks(known)
        shown = () if self._measures_in(question, frame.video_id) else self._delivered_in(frame)
        return shown if known is None else with_human(shown, known)

    def _measures_in(self, question: Question | None, video_id: int) -> bool:
        """Tell whether the task in hand measures a person in a video."""
        return question is not None and question.request.frame.video_id == video_id and self.is_measured(question)

    # ---- objects

    def objects(self, question: Question | None, video_id: int) -> list[VideoObject]:
        """Return the objects of a video that somebody may know of, by number.

        Where the task in hand measures people, nothing that was worked out from labels is told of its video, and
        nothing that is known of its own frame.

        Raises:
            UnknownName: there is no such video.
        """
        self.video(video_id)
        drawn = drawn_objects(self._labels(question, video_id))
        if self._measures_in(question, video_id):
            return merged(drawn, {})
        return merged(drawn, standing_objects(self._delivered_objects(video_id), self.kinds().ended))

    def labelled_frames(self, question: Question | None, video_id: int) -> list[int]:
        """Return the frames of a video that people labelled, without the one in hand where that measures somebody."""
        return [label.frame.frame_idx for label in self._labels(question, video_id)]

    def numbers(self, video_id: int) -> set[int]:
        """Return the numbers of all objects of a video, in held-out frames too, and of categories that were removed.

        Raises:
            UnknownName: there is no such video.
        """
        self.video(video_id)
        drawn, delivered = self._ledger.drawn_tracks(video_id), self._delivered_objects(video_id)
        return {*drawn, *delivered, *self._discovered_tracks(video_id, self._found())}

    def _labels(self, question: Question | None, video_id: int) -> list[FrameLabel]:
        hidden = question.request.frame if question is not None and self._measures_in(question, video_id) else None
        return [label for label in self._ledger.human_labels(video_id) if label.frame != hidden]

    def _delivered_objects(self, video_id: int) -> Objects:
        path = self._delivered_path(video_id)
        return {} if path is None else self._objects_of(path)

    @_kept("_tracks")
    def _objects_of(self, path: str) -> Objects:
        return delivered_objects(read_delivered(self._project.absolute(path)))

    def uncertainty(self, question: Question) -> dict[str, float]:
        """Return the uncertainty by which a frame was chosen, by component; empty before the first model."""
        frame, asked = question.request.frame, question.original.round_id
        # Frames that are asked ahead were chosen by the model before the last.
        last = self._ledger.round_before(asked)
        rounds = (last, self._ledger.round_before(last) if last else 0)
        found = (self._ledger.components_of(round_id, [frame]) for round_id in rounds if round_id > 0)
        return next((parts[frame] for parts in found if frame in parts), {})

    def predictions_of(self, video_id: int) -> Path | None:
        """Return the file of the newest predictions of a video, or None."""
        for this in reversed(standing_rounds(self._ledger)):
            path = self._ledger.prediction_paths(this.round_id).get(video_id)
            if path is not None:
                return self._project.absolute(path)
        return None

    def _proposed(self, request: LabelRequest) -> Sequence[DeliveredMask]:
        last = self._ledger.last_delivered_round(before=request.round_id) or 0
        of_round = self._shown_in(request.round_id, last, len(self._ledger.imports()), self._found())
        if request.request_id not in of_round:
            # Requests that came later than the others of their round.
            of_round |= self._delivered_for([request])
        masks = of_round[request.request_id] or ()
        if not has_discovered(masks):
            return masks
        # People may have said more since.
        return corrected(masks, corrections_in(self._project, self._ledger, request.frame.video_id))

    @_kept("_shown")
    def _shown_in(
        self, round_id: int, last: int, imports: int, found: tuple[str, ...]
    ) -> dict[str, list[DeliveredMask]]:
        """Return what the requests of a round show: it depends on the newest round before that delivered, on how many
        imports there were, and on what was discovered."""
        return self._delivered_for(self._ledger.requests(round_id))

    def _found(self) -> tuple[str, ...]:
        """Return the files of what was discovered; their names tell how, and from which labels."""
        return tuple(self._ledger.prediction_paths(DISCOVERY_ROUND).values())

    @_kept("_discovered")
    def _discovered_tracks(self, video_id: int, found: tuple[str, ...]) -> set[int]:
        return discovered_tracks(self._project, self._ledger, video_id)

    def _delivered_for(self, requests: Sequence[LabelRequest]) -> dict[str, list[DeliveredMask]]:
        found = delivered_masks(self._project, self._ledger, requests)
        return {r.request_id: found.get(r.request_id, []) for r in requests}

    def _delivered_path(self, video_id: int) -> str | None:
        last = self._ledger.last_delivered_round()
        return self._ledger.delivered_paths(last).get(video_id) if last is not None else None

    def _delivered_in(self, frame: FrameRef) -> Sequence[DeliveredMask]:
        path = self._delivered_path(frame.video_id)
        if path is None:
            return ()
        start = frame.frame_idx - frame.frame_idx % _CONTEXT_FRAMES
        return self._block(path, start).get(frame.frame_idx, ())

    @_kept("_blocks")
    def _block(self, path: str, start: int) -> Mapping[int, Sequence[DeliveredMask]]:
        ended = self.kinds().ended
        found = read_delivered(self._project.absolute(path), range(start, start + _CONTEXT_FRAMES))
        return {index: standing(masks, ended) for index, masks in found}
