"""What the selection by value knows of a video: how wrong its labels probably are, and how far a label reaches."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.calibration import IDENTITY, Calibration
from al_core.ledger.store import Ledger
from al_core.masks.rle import decode
from al_core.masks.soft import patch_of, shrink
from al_core.records import DeliveredMask, FrameRef, Provenance, Video
from al_core.selection.conspicuous import chances, conspicuousness, weight_of
from al_core.selection.error_model import OVER_A_CUT, Outlook
from al_core.selection.hazard import hazards
from al_core.selection.pool import Frames
from al_core.selection.presence import Expected, Presence, expected_of, presence_of, stays_of
from al_core.stores.optical_flow import FlowStore
from al_core.stores.sketches import Sketch
from tasks.certificates.vouched_frames import VouchedFrames, is_vouched
from tasks.discovery.found_masks import DISCOVERY_ROUND, discovered_masks
from tasks.steps.context import RoundContext
from tasks.steps.propagate import VideoFrames
from tasks.steps.unchanged.kept_sketches import KeptSketches

Delivered = Mapping[int, Sequence[DeliveredMask]]

Worth = Callable[[], Calibration]
"""Asked when it is first needed; see :func:`~al_core.selection.presence.expected_of`."""

READ_AT_ONCE = 4096
"""Videos whose predictions are read together: each reading opens the ledger, which takes longer than to read."""

_SOMETHING = {0: 1.0}
"""A mask of which nothing counts but that it is there."""

MISSED = 0.5
"""Error that a frame is expected to have where half of the teachers see an object that the others do not."""


def as_it_is() -> Calibration:
    """Return the map that changes nothing."""
    return IDENTITY


def outlooks_of(
    context: RoundContext,
    asked_before: int | None = None,
    worth: Worth = as_it_is,
    sketches: KeptSketches | None = None,
) -> Callable[[int], Outlook] | None:
    """Return the outlook of each video as the round before left it; None before anything was delivered.

    Args:
        asked_before: frames that rounds before this one asked for count as labelled; ``round_id`` when left out.
        worth: what frames turn out to be worth that are expected to be right by so much.
        sketches: what is known already of videos of which nothing changed, and becomes known.
    """
    expectations = expectations_of(context, asked_before, worth)
    if expectations is None:
        return None
    shots_of, derive = context.shots_of, _sketcher(context)
    known = KeptSketches(context) if sketches is None else sketches
    videos = {video.video_id: video for video in context.ledger.videos()}
    disagreement = _disagreement(context.ledger, context.before.round_id)

    @cache
    def outlook(video_id: int) -> Outlook:
        video = videos[video_id]
        delivered = cache(partial(expectations.delivered, video_id))
        cue = partial(expectations.cues, video_id) if expectations.by_looks else None
        sketch = known.of(video, lambda: derive(video, delivered()), cue)
        # Where nobody labelled anything, nothing more of the masks counts than where they are.
        found = expectations.of(video_id, sketch, delivered() if expectations.labelled(video_id) else None)
        hazard = sketch.hazard.copy()
        hazard[[cut - 1 for cut in shots_of(video_id).cuts]] = OVER_A_CUT
        agreed = 1 - MISSED * disagreement(video_id, video.n_frames)
        error, expected = 1 - (1 - found.expected.error) * agreed, found.expected
        return Outlook(error, hazard, found.labelled, sketch.objects, expected.vacant, expected.unseen, found.stay)

    return outlook


def _sketcher(context: RoundContext) -> Callable[[Video, Delivered], Sketch]:
    """Return what derives the sketch of a video from the masks that were delivered."""
    propagation, ledger = context.settings.propagation, context.ledger
    store = FlowStore(context.project.cache / "flow")
    discovered = ledger.prediction_paths(DISCOVERY_ROUND).keys()

    def sketch(video: Video, delivered: Delivered) -> Sketch:
        clip, objects = VideoFrames(context.frames, video), _objects(delivered)
        flow = store.clip(clip, propagation.flow_long_side, propagation.flow_preset)
        # In a video of which no mask is known, what was discovered tells what moves, and how.
        shown = delivered
        if video.video_id in discovered and not any(delivered.values()):
            shown = discovered_masks(context.project, ledger, video.video_id, range(video.n_frames))
        hazard = hazards(flow, video.n_frames, lambda i: _union(shown.get(i, ()), flow.size), objects)
        return Sketch(*_shown(delivered), hazard, objects, np.zeros(0))

    return sketch


def _shown(delivered: Delivered) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the frames that have a mask, and those of them of which all are vouched for, both rising."""
    shown = sorted(frame for frame, masks in delivered.items() if masks)
    return np.array(shown, np.int32), np.array([i for i in shown if is_vouched(list(delivered[i]))], np.int32)


@dataclass(frozen=True, eq=False)
class Expectation:
    """What masks and labels of a video let expect of its frames; see ``Outlook``."""

    labelled: frozenset[int]
    expected: Expected
    stay: float


def expectations_of(
    context: RoundContext, asked_before: int | None = None, worth: Worth = as_it_is
) -> "Expectations | None":
    """Return what is expected of each video as the round before left it; None before anything was delivered.

    Args:
        asked_before, worth: see :func:`outlooks_of`.
    """
    delivered = context.ledger.delivered_paths(context.before.round_id)
    return Expectations(context, asked_before, worth) if delivered else None


class Expectations:
    """What is expected of each video as the round before left it.

    Args:
        asked_before, worth: see :func:`outlooks_of`.

    Attributes:
        by_looks: whether the look of frames counts: it does where labels say that nothing is there.
        cues: how much stands out in each frame of a video.
    """

    def __init__(self, context: RoundContext, asked_before: int | None = None, worth: Worth = as_it_is) -> None:
        ledger = context.ledger
        self.cues, self._shots_of, self._worth = cues_of(context), context.shots_of, worth
        self._lengths = ledger.video_lengths()
        self._vouched = VouchedFrames(context, context.frozen_at_first)
        asked = ledger.asked_frames(context.round_id if asked_before is None else asked_before)
        said = [label for label in context.labels_before if label.complete or label.objects]
        self._shows = {label.frame: bool(label.objects) for label in said}
        # Each video asks for its own, so that they are told apart once: so many videos have so many labels.
        self._shown, self._asked = _by_video(self._shows), Frames.of(**asked).by_video()
        self._all_show = list(self._shows.values())
        self.by_looks = not all(self._all_show)

    def delivered(self, video_id: int) -> dict[int, list[DeliveredMask]]:
        """Return the masks of a video by frame; see :meth:`VouchedFrames.delivered`."""
        return self._vouched.delivered(video_id)

    def labelled(self, video_id: int) -> frozenset[int]:
        """Return the frames of a video that count as labelled."""
        asked = self._asked.get(video_id)
        return frozenset() if asked is None else frozenset(asked.frame_idx.tolist())

    def of(self, video_id: int, sketch: Sketch | None, delivered: Delivered | None) -> Expectation:
        """Return what is expected of a video.

        Args:
            sketch: what was derived from its masks; None where only these are known.
            delivered: its masks; None where the sketch is enough, since nothing of the video is labelled.
        """
        n_frames, labelled = self._lengths[video_id], self.labelled(video_id)
        frames, sure = _shown(delivered or {}) if sketch is None else (sketch.shown, sketch.vouched)
        shown = np.zeros(n_frames, bool)
        shown[frames] = True
        presence = presence_of(self._shown.get(video_id, []), self._all_show, stays_of(shown))
        likely = None
        if self.by_looks:
            cue = self.cues(video_id) if sketch is None else sketch.cue
            likely = chances(presence.rate, cue, self._weight)
        ranges = self._shots_of(video_id).ranges(n_frames)
        if delivered is None:
            expected = _in_shots(dict.fromkeys(frames.tolist(), _SOMETHING), {}, ranges, presence, likely)
        else:
            expected = _expected(delivered, labelled, ranges, presence, likely, self._worth(), 1 - self._vouched.bound)
        expected.error[sure] = np.minimum(expected.error[sure], self._vouched.bound)
        return Expectation(labelled, expected, presence.stay)

    @cached_property
    def _weight(self) -> float:
        """How much the look of frames tells; it is only asked for where labels are empty."""
        values = [float(self.cues(frame.video_id)[frame.frame_idx]) for frame in self._shows]
        rates = [presence_of(self._shown.get(frame.video_id, []), self._all_show).rate for frame in self._shows]
        return weight_of(values, self._all_show, rates)


def cues_of(context: RoundContext) -> Callable[[int], NDArray[np.float64]]:
    """Return how much stands out in each frame of a video, shot by shot; read when it is first asked for."""

    @cache
    def cues(video_id: int) -> NDArray[np.float64]:
        small = context.frames.thumbnails(video_id)
        parts = small.reshape(len(small), -1, 3)
        shots = context.shots_of(video_id).ranges(len(small))
        return np.concatenate([conspicuousness(parts[shot.start : shot.stop]) for shot in shots])

    return cues


def _by_video(shows: Mapping[FrameRef, bool]) -> dict[int, list[bool]]:
    """Return what is said of each video's frames, in their order."""
    found: dict[int, list[bool]] = defaultdict(list)
    for frame, shown in sorted(shows.items()):
        found[frame.video_id].append(shown)
    return found


def _expected(
    delivered: Delivered,
    labelled: Collection[int],
    shots: Sequence[range],
    presence: Presence,
    likely: NDArray[np.float64] | None = None,
    worth: Calibration = IDENTITY,
    sure: float = 0.0,
) -> Expected:
    """Return what is expected of every frame of a video; accepted masks are taken to be right with at least the
    probability ``sure``."""
    confidences = {i: {m.track_id: _confidence(m, sure) for m in masks} for i, masks in delivered.items()}
    people = {i: {m.track_id for m in delivered.get(i, ()) if m.provenance is Provenance.HUMAN} for i in labelled}
    return _in_shots(confidences, people, shots, presence, likely, worth)


def _in_shots(
    shown: Mapping[int, Mapping[int, float]],
    labels: Mapping[int, Collection[int]],
    shots: Sequence[range],
    presence: Presence,
    *known: Any,
) -> Expected:
    """Return what is expected of every frame of a video; see :func:`~al_core.selection.presence.expected_of`."""
    parts = [expected_of(shown, labels, shot, presence, *known) for shot in shots]
    return Expected(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _confidence(mask: DeliveredMask, sure: float) -> float:
    return max(mask.confidence, sure) if mask.provenance is Provenance.ACCEPTED else mask.confidence


def _disagreement(ledger: Ledger, round_id: int) -> Callable[[int, int], NDArray[np.float64]]:
    """Return, for a video and its number of frames, how often teachers miss objects that others see, float64 [n_frames]
    in [0, 1]; 0 without prediction."""

    @lru_cache(maxsize=2)
    def block(first: int) -> dict[int, tuple[NDArray[Any], NDArray[Any]]]:
        rows = ledger.disagreements(round_id, first, first + READ_AT_ONCE - 1)
        videos, starts = np.unique(rows["video_id"], return_index=True)
        columns = (np.split(rows[name], starts[1:]) for name in ("frame_idx", "existence_disagreement"))
        return dict(zip(videos.tolist(), zip(*columns, strict=True), strict=False))

    def disagreement(video_id: int, n_frames: int) -> NDArray[np.float64]:
        found = np.zeros(n_frames)
        frames, values = block(video_id - video_id % READ_AT_ONCE).get(video_id, (np.zeros(0, int), np.zeros(0)))
        found[frames] = np.clip(values, 0, 1)
        return found

    return disagreement


def _objects(delivered: Delivered) -> float:
    counts = [len(masks) for masks in delivered.values() if masks]
    return float(np.mean(counts)) if counts else 1.0


def _union(masks: Sequence[DeliveredMask], size: tuple[int, int]) -> NDArray[np.bool_] | None:
    if not masks:
        return None
    found = np.zeros(size, bool)
    for mask in masks:
        patch = patch_of(shrink(decode(mask.rle), size).soft(size))
        found[patch.window.slices] |= patch.values > 0.5
    return found
