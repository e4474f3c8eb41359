"""What the selection by value knows of a video: how wrong its labels probably are, and how far a label reaches."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.evaluation.calibration import IDENTITY, Calibration
from al_core.ledger.store import Ledger
from al_core.masks.rle import decode
from al_core.masks.soft import patch_of, shrink
from al_core.records import DeliveredMask, FrameRef, Provenance
from al_core.selection.conspicuous import chances, conspicuousness, weight_of
from al_core.selection.error_model import OVER_A_CUT, Outlook
from al_core.selection.hazard import hazards
from al_core.selection.pool import Frames
from al_core.selection.presence import Expected, Presence, expected_of, presence_of, stays_of
from al_core.stores.optical_flow import FlowStore
from tasks.certificates.vouched_frames import VouchedFrames, is_vouched
from tasks.discovery.found_masks import DISCOVERY_ROUND, discovered_masks
from tasks.steps.context import RoundContext
from tasks.steps.propagate import VideoFrames

Delivered = Mapping[int, Sequence[DeliveredMask]]

Worth = Callable[[], Calibration]
"""Asked when it is first needed; see :func:`~al_core.selection.presence.expected_of`."""

READ_AT_ONCE = 64
"""Videos whose predictions are read together: each reading opens the ledger, which takes longer than to read."""

MISSED = 0.5
"""Error that a frame is expected to have where half of the teachers see an object that the others do not."""


def as_it_is() -> Calibration:
    """Return the map that changes nothing."""
    return IDENTITY


def outlooks_of(
    context: RoundContext, asked_before: int | None = None, worth: Worth = as_it_is
) -> Callable[[int], Outlook] | None:
    """Return the outlook of each video as the round before left it; None before anything was delivered.

    Args:
        asked_before: frames that rounds before this one asked for count as labelled; ``round_id`` when left out.
        worth: what frames turn out to be worth that are expected to be right by so much.
    """
    expectation = expectations_of(context, asked_before, worth)
    if expectation is None:
        return None
    propagation, shots_of = context.settings.propagation, context.shots_of
    ledger, before, store = context.ledger, context.before.round_id, FlowStore(context.project.cache / "flow")
    videos = {video.video_id: video for video in ledger.videos()}
    disagreement, discovered = _disagreement(ledger, before), ledger.prediction_paths(DISCOVERY_ROUND).keys()

    @cache
    def outlook(video_id: int) -> Outlook:
        video, found = videos[video_id], expectation(video_id)
        clip, delivered, expected = VideoFrames(context.frames, video), found.delivered, found.expected
        flow = store.clip(clip, propagation.flow_long_side, propagation.flow_preset)
        objects = _objects(delivered)
        # In a video of which no mask is known, what was discovered tells what moves, and how.
        shown = delivered
        if video_id in discovered and not any(delivered.values()):
            shown = discovered_masks(context.project, ledger, video_id, range(video.n_frames))
        hazard = hazards(flow, video.n_frames, lambda i: _union(shown.get(i, ()), flow.size), objects)
        hazard[[cut - 1 for cut in shots_of(video_id).cuts]] = OVER_A_CUT
        agreed = 1 - MISSED * disagreement(video_id, video.n_frames)
        error = 1 - (1 - expected.error) * agreed
        return Outlook(error, hazard, found.labelled, objects, expected.vacant, expected.unseen, found.stay)

    return outlook


@dataclass(frozen=True, eq=False)
class Expectation:
    """What masks and labels of a video let expect of its frames; see ``Outlook``."""

    delivered: Delivered
    labelled: frozenset[int]
    expected: Expected
    stay: float


def expectations_of(
    context: RoundContext, asked_before: int | None = None, worth: Worth = as_it_is
) -> Callable[[int], Expectation] | None:
    """Return what is expected of each video as the round before left it; None before anything was delivered.

    Args:
        asked_before, worth: see :func:`outlooks_of`.
    """
    ledger, round_id, before = context.ledger, context.round_id, context.before.round_id
    paths = ledger.delivered_paths(before)
    if not paths:
        return None
    videos = {video.video_id: video for video in ledger.videos()}
    vouched = VouchedFrames(context, context.frozen_at_first)
    asked = ledger.asked_frames(round_id if asked_before is None else asked_before)
    shows = {label.frame: bool(label.objects) for label in context.labels_before if label.complete or label.objects}
    cues = cues_of(context)
    # Each video asks for its own, so that they are told apart once: so many videos have so many labels.
    shown, asked_of, all_show = _by_video(shows), Frames.of(**asked).by_video(), list(shows.values())

    def rate(video_id: int) -> float:
        return presence_of(shown.get(video_id, []), all_show).rate

    @cache
    def weight() -> float:
        """How much the look of frames tells; it is only asked for where labels are empty."""
        values = [float(cues(frame.video_id)[frame.frame_idx]) for frame in shows]
        return weight_of(values, all_show, [rate(frame.video_id) for frame in shows])

    @cache
    def expectation(video_id: int) -> Expectation:
        n_frames = videos[video_id].n_frames
        delivered = vouched.delivered(video_id)
        labelled = frozenset(asked_of[video_id].frame_idx.tolist()) if video_id in asked_of else frozenset()
        stays = stays_of([bool(delivered.get(i)) for i in range(n_frames)])
        presence = presence_of(shown.get(video_id, []), all_show, stays)
        likely = None if all(all_show) else chances(presence.rate, cues(video_id), weight())
        ranges = context.shots_of(video_id).ranges(n_frames)
        expected = _expected(delivered, labelled, ranges, presence, likely, worth(), 1 - vouched.bound)
        sure = [frame for frame, masks in delivered.items() if is_vouched(masks)]
        expected.error[sure] = np.minimum(expected.error[sure], vouched.bound)
        return Expectation(delivered, labelled, expected, presence.stay)

    return expectation


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
    parts = [expected_of(confidences, people, shot, presence, likely, worth) for shot in shots]
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
