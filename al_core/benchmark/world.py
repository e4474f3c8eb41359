"""Campaigns in memory: selection and propagation against ground truth, without training, ledger and flows.

This is what makes many campaigns affordable: what is delivered between two neighbouring labels depends on nothing
else, so it is worked out once and shared by all strategies and seeds (:class:`World`). Everything a campaign uses is
the product's own: strategies, propagator, prices of labels, metrics.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from al_core.campaign.pricing import correction_seconds
from al_core.evaluation.calibration import Calibration
from al_core.evaluation.metrics import j_and_f
from al_core.footage.clips import Footage
from al_core.masks.soft import patch_of
from al_core.propagation.base import PropagatedFrame
from al_core.propagation.flow import FlowPropagator
from al_core.records import FrameRef, LabelKind
from al_core.selection import Frames, Pool, select
from al_core.selection.conspicuous import chances, conspicuousness, weight_of
from al_core.selection.error_model import Outlook
from al_core.selection.hazard import hazards
from al_core.selection.plan import Offer
from al_core.selection.presence import TOLD, Expected, Presence, expected_of, presence_of, stays_of
from al_core.selection.strategies.patch_cycles import PICTURE, patches_of
from al_core.settings import AUTO, AnnotatorSettings, SelectionSettings
from al_core.stores.frames import thumbnail

Masks = Mapping[int, NDArray[np.bool_]]
"""track -> mask, bool [h, w] at the size of the propagation."""


@dataclass(frozen=True, eq=False)
class Label:
    """What a person said of a frame; the same key stands for the same masks, for one frame."""

    masks: Masks
    key: str = "exact"


Labels = Mapping[int, Label]


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """A frame as it is delivered, averaged over all objects of the clip; one that is rightly absent counts 1.

    Attributes:
        confidences: of each object that has a mask, the overlap with the truth that is expected of it.
    """

    j: float
    f: float
    confidences: Mapping[int, float] = field(default_factory=dict)

    @property
    def jf(self) -> float:
        """Mean of J and F."""
        return (self.j + self.f) / 2


class World:
    """Clips, numbered from 0, and what is delivered for any labels; each stretch between two labels is worked out once.

    The propagator's masks between two labels depend on these two only.
    """

    def __init__(self, clips: Sequence[Footage], propagator: FlowPropagator) -> None:
        self.clips = clips
        self._propagator = propagator
        self._tracks = [sorted({t for i in range(c.n_frames) for t in c.truth(i)}) for c in clips]
        self._known: dict[tuple[int, int, str, int, str], list[FrameQuality]] = {}
        self._hazards: dict[tuple[int, tuple[tuple[int, str], ...]], NDArray[np.float64]] = {}
        self._features: dict[int, NDArray[np.float32]] = {}
        self._patches: dict[int, NDArray[np.float32]] = {}
        self._cues: dict[int, NDArray[np.float64]] = {}

    def n_frames(self, video: int) -> int:
        """Return the number of frames of a clip."""
        return self.clips[video].n_frames

    def objects(self, video: int) -> int:
        """Return the number of objects of a clip."""
        return len(self._tracks[video])

    def outcomes(self, video: int, labels: Labels) -> list[FrameQuality]:
        """Measure every frame of a clip as it is delivered, labelled frames with the label's own masks."""
        n = self.n_frames(video)
        marks = [-1, *sorted(labels), n]
        found: list[FrameQuality] = []
        for start, end in pairwise(marks):
            found += self.between(video, labels, start, end)
            if end < n:
                found.append(self._labelled(video, end, labels[end]))
        return found

    def error(self, video: int, labels: Labels) -> float:
        """Return 1 - J&F, summed over all frames."""
        return sum(1 - outcome.jf for outcome in self.outcomes(video, labels))

    def between(self, video: int, labels: Labels, start: int, end: int) -> list[FrameQuality]:
        """Measure the frames between two neighbouring labels; ``start`` -1 and ``end`` n stand for no label."""
        if not labels:
            return [self._measured(video, i, {}, {}) for i in range(start + 1, end)]
        key = (video, start, labels[start].key if start >= 0 else "", end, labels[end].key if end in labels else "")
        if key not in self._known:
            self._known[key] = [
                self._measured(video, frame.frame_idx, _dense(frame), _confidences(frame))
                for frame in self.carried(video, labels, start, end)
            ]
        return self._known[key]

    def carried(self, video: int, labels: Labels, start: int, end: int) -> Iterator[PropagatedFrame]:
        """Carry the masks between two neighbouring labels."""
        masks = {i: labels[i].masks for i in (start, end) if i in labels}
        return self._propagator.between(self.clips[video], masks, start, end)

    def delivered(self, video: int, labels: Labels, frame_idx: int) -> dict[int, NDArray[np.float32]]:
        """Return the probability of each object in a frame that nobody labelled, by track, float32 [h, w]."""
        before = max((i for i in labels if i < frame_idx), default=-1)
        after = min((i for i in labels if i > frame_idx), default=self.n_frames(video))
        for frame in self.carried(video, labels, before, after):
            if frame.frame_idx == frame_idx:
                return _dense(frame)
        return {}

    def hazards(self, video: int, labels: Labels) -> NDArray[np.float64]:
        """Measure the hazard of each transition, from the masks that are delivered now."""
        key = (video, tuple((i, labels[i].key) for i in sorted(labels)))
        if key not in self._hazards:
            self._hazards[key] = self._measured_hazards(video, labels)
        return self._hazards[key]

    def _measured_hazards(self, video: int, labels: Labels) -> NDArray[np.float64]:
        frames = self.clips[video]
        masks: dict[int, NDArray[np.bool_]] = {}
        counts: list[int] = []
        for start, end in pairwise([-1, *sorted(labels), frames.n_frames]):
            if labels:
                for frame in self.carried(video, labels, start, end):
                    masks[frame.frame_idx] = _union([m > 0.5 for m in _dense(frame).values()], frames.size)
                    counts.append(len(frame.tracks))
            if end in labels:
                masks[end] = _union(list(labels[end].masks.values()), frames.size)
                counts.append(len(labels[end].masks))
        return hazards(self._propagator.flow(frames), frames.n_frames, masks.get, together(counts))

    def features(self, video: int) -> NDArray[np.float32]:
        """Return the small pictures of all frames in Lab, float32 [n, d]: nearness means likeness."""
        if video not in self._features:
            lab = np.stack([cv2.cvtColor(small, cv2.COLOR_RGB2LAB) for small in self._small(video, (16, 9))])
            self._features[video] = (lab.reshape(len(lab), -1) / np.float32(255)).astype(np.float32)
        return self._features[video]

    def patches(self, video: int) -> NDArray[np.float32]:
        """Return the patches of all frames, float32 [n, p, d]."""
        if video not in self._patches:
            self._patches[video] = np.stack([patches_of(small) for small in self._small(video, PICTURE)])
        return self._patches[video]

    def cues(self, video: int) -> NDArray[np.float64]:
        """Return how much stands out in each frame, float64 [n]."""
        if video not in self._cues:
            frames = self.clips[video]
            self._cues[video] = conspicuousness(
                np.stack([thumbnail(frames.read(i)).reshape(-1, 3) for i in range(frames.n_frames)])
            )
        return self._cues[video]

    def _small(self, video: int, size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
        frames = self.clips[video]
        for i in range(frames.n_frames):
            yield np.asarray(cv2.resize(frames.read(i), size, interpolation=cv2.INTER_AREA), np.uint8)

    def _labelled(self, video: int, frame_idx: int, label: Label) -> FrameQuality:
        if label.key == "exact":
            return FrameQuality(1.0, 1.0, dict.fromkeys(label.masks, 1.0))
        masks = {t: m.astype(np.float32) for t, m in label.masks.items()}
        return self._measured(video, frame_idx, masks, dict.fromkeys(masks, 1.0))

    def _measured(
        self,
        video: int,
        frame_idx: int,
        masks: Mapping[int, NDArray[np.float32]],
        confidences: Mapping[int, float],
    ) -> FrameQuality:
        clip, tracks = self.clips[video], self._tracks[video]
        truth, ignore = clip.truth(frame_idx), clip.ignore(frame_idx)
        nothing = np.zeros(clip.size, bool)
        found = [
            j_and_f(masks[t] > 0.5 if t in masks else nothing, truth.get(t, nothing), ignore)
            for t in tracks
            if t in masks or t in truth
        ]
        absent, n = len(tracks) - len(found), max(len(tracks), 1)
        j, f = sum(q.j for q in found) + absent, sum(q.f for q in found) + absent
        return FrameQuality(j / n if tracks else 1.0, f / n if tracks else 1.0, confidences)


def together(counts: Sequence[int]) -> float:
    """Return how many objects are shown in a frame that shows any, on average; 1 where none does."""
    shown = [n for n in counts if n]
    return sum(shown) / len(shown) if shown else 1.0


def _dense(frame: PropagatedFrame) -> dict[int, NDArray[np.float32]]:
    """Return the probability of each object, by track, float32 [h, w]."""
    masks: dict[int, NDArray[np.float32]] = {}
    for track, found in frame.tracks.items():
        patch = patch_of(found.mask)
        masks[track] = np.zeros(found.mask.size, np.float32)
        masks[track][patch.window.slices] = patch.values
    return masks


def _confidences(frame: PropagatedFrame) -> dict[int, float]:
    return {track: found.confidence for track, found in frame.tracks.items()}


def _union(masks: Sequence[NDArray[np.bool_]], size: tuple[int, int]) -> NDArray[np.bool_]:
    return np.logical_or.reduce(masks) if masks else np.zeros(size, bool)


@dataclass(frozen=True, slots=True)
class AskedLabel:
    """One label of a campaign."""

    frame: FrameRef
    kind: LabelKind
    seconds: float


@dataclass(frozen=True, eq=False)
class Point:
    """A campaign after a round.

    Attributes:
        asked: the labels of this round.
        outcomes: by video, every frame.
        labelled: by video, the frames that have a label.
    """

    round_id: int
    asked: Sequence[AskedLabel]
    human_frames: int
    human_seconds: float
    outcomes: Mapping[int, Sequence[FrameQuality]]
    labelled: Mapping[int, frozenset[int]]


Annotate = Callable[[int, int, LabelKind, Labels, np.random.Generator], tuple[Label | None, LabelKind, float]]
"""(video, frame, kind asked for, labels so far, rng) -> label, or None where the answer labels nothing; kind that was
given, human seconds."""


def exact_masks(world: World, prices: AnnotatorSettings) -> Annotate:
    """Return a person who draws every object exactly, whatever is asked for; where masks are shown, they are corrected,
    in a time that follows their error."""

    def annotate(
        video: int, frame_idx: int, kind: LabelKind, labels: Labels, rng: np.random.Generator
    ) -> tuple[Label, LabelKind, float]:
        masks = world.clips[video].truth(frame_idx)
        if not masks:
            return Label({}), LabelKind.ABSENT, prices.absent_seconds
        if not labels:
            return Label(masks), LabelKind.MASK, len(masks) * prices.mask_seconds
        wrong = 1 - world.outcomes(video, labels)[frame_idx].jf
        return Label(masks), LabelKind.MASK, len(masks) * correction_seconds(prices, wrong)

    return annotate


def run_campaign(
    world: World,
    strategy: str,
    settings: SelectionSettings,
    rounds: int,
    annotate: Annotate,
    rng: np.random.Generator,
    offers: Sequence[Offer] = (),
    kinds: Sequence[LabelKind] = (LabelKind.MASK,),
    most_seconds: float = np.inf,
    most_frames: int = 1 << 60,
) -> Iterator[Point]:
    """Run one campaign over all clips of a world; yields a point per round.

    Args:
        settings: ``frames_per_round`` is asked for in each round.
        offers: what may be planned; exact masks when left out.
        kinds: all that may be asked for.
        most_seconds: the campaign ends with the round in which people have spent so much.
        most_frames: it asks for no more than this.

    Raises:
        ValueError: nobody said how many frames a round asks for.
    """
    if settings.frames_per_round == AUTO:
        raise ValueError("a campaign in memory needs a number of frames per round")
    per_round = int(settings.frames_per_round)
    labels: dict[int, dict[int, Label]] = {v: {} for v in range(len(world.clips))}
    outcomes = {v: world.outcomes(v, {}) for v in labels}
    spent, n_asked = 0.0, 0
    for round_id in range(1, rounds + 1):
        wanted = min(per_round, most_frames - n_asked)
        if wanted < 1 or spent >= most_seconds:
            return
        pool = replace(make_pool(world, labels, outcomes, offers), kinds=frozenset(kinds))
        if not len(pool.candidates):
            return
        asked = []
        # People start from what was delivered before the round.
        shown = {video: dict(mine) for video, mine in labels.items()}
        for chosen in select(strategy, pool, wanted, settings, rng):
            video, frame_idx = chosen.frame.video_id, chosen.frame.frame_idx
            label, kind, seconds = annotate(video, frame_idx, chosen.kind, shown[video], rng)
            if label is not None:
                labels[video][frame_idx] = label
            asked.append(AskedLabel(chosen.frame, kind, seconds))
        for video in {a.frame.video_id for a in asked}:
            outcomes[video] = world.outcomes(video, labels[video])
        n_asked += len(asked)
        spent += sum(a.seconds for a in asked)
        labelled = {v: frozenset(known) for v, known in labels.items()}
        yield Point(round_id, asked, n_asked, spent, dict(outcomes), labelled)


def make_pool(
    world: World,
    labels: Mapping[int, Labels],
    outcomes: Mapping[int, Sequence[FrameQuality]],
    offers: Sequence[Offer] = (),
) -> Pool:
    """Build the pool a strategy may see; before there is a label nothing is known but the frames themselves."""
    lengths = {v: world.n_frames(v) for v in labels}
    known = [FrameRef(v, i) for v, mine in labels.items() for i in sorted(mine)]
    candidates = Pool.from_arrays(lengths, known).candidates
    presence = presence_in(labels, outcomes)
    likely = chances_in(world, labels, presence)
    expected = {v: expected_in(labels[v], outcomes[v], presence[v], likely.get(v)) for v in labels}
    uncertainty = None
    if known:
        parts = [expected[v].error.astype(np.float32) for v in sorted(lengths)]
        starts = np.cumsum([0, *(len(p) for p in parts)])[:-1]
        at = starts[candidates.video_id] + candidates.frame_idx
        uncertainty = np.concatenate(parts)[at]

    def outlook(video: int) -> Outlook:
        mine, hazard = labels[video], world.hazards(video, labels[video])
        seen, stay = expected[video], presence[video].stay
        objects = together([len(o.confidences) for o in outcomes[video]])
        return Outlook(seen.error, hazard, frozenset(mine), objects, seen.vacant, seen.unseen, stay)

    def true_gain(frame: FrameRef, others: Sequence[FrameRef]) -> float:
        """Return the error that an exact label takes away; ``others`` are of the same video."""
        video = frame.video_id
        exact = {o.frame_idx: Label(world.clips[video].truth(o.frame_idx)) for o in (*others, frame)}
        more = {**labels[video], **exact}
        fewer = {i: label for i, label in more.items() if i != frame.frame_idx}
        return world.error(video, fewer) - world.error(video, more)

    base = Pool.from_arrays(lengths, known, candidates, uncertainty, by_frame(world.features))
    return replace(
        base,
        outlooks=outlook if known else None,
        true_gain=true_gain,
        patches=by_frame(world.patches),
        offers=tuple(offers) or base.offers,
        cues=world.cues,
    )


def presence_in(labels: Mapping[int, Labels], outcomes: Mapping[int, Sequence[FrameQuality]]) -> dict[int, Presence]:
    """Return how objects come and go in each video, as its labels and those of all videos tell."""
    mine = {video: [bool(label.masks) for _, label in sorted(known.items())] for video, known in labels.items()}
    everywhere = [seen for known in mine.values() for seen in known]
    stays = [n for video in labels if labels[video] for n in stays_of([bool(o.confidences) for o in outcomes[video]])]
    return {video: presence_of(known, everywhere, stays) for video, known in mine.items()}


def chances_in(
    world: World, labels: Mapping[int, Labels], presence: Mapping[int, Presence]
) -> dict[int, NDArray[np.float64]]:
    """Return the chance of an object in each frame, by what it looks like; nothing while no label is empty."""
    known = [(v, i, bool(label.masks)) for v, mine in labels.items() for i, label in sorted(mine.items())]
    if all(seen for _, _, seen in known):
        return {}
    cues = [float(world.cues(v)[i]) for v, i, _ in known]
    weight = weight_of(cues, [seen for _, _, seen in known], [presence[v].rate for v, _, _ in known])
    return {v: chances(presence[v].rate, world.cues(v), weight) for v in labels}


def expected_in(
    labels: Labels,
    outcomes: Sequence[FrameQuality],
    presence: Presence,
    chance: NDArray[np.float64] | None = None,
    worth: Calibration = TOLD,
) -> Expected:
    """Return what is expected of the frames of a video as they are delivered; for the last two see ``expected_of``."""
    shown = {i: outcome.confidences for i, outcome in enumerate(outcomes)}
    objects = {i: label.masks.keys() for i, label in labels.items()}
    return expected_of(shown, objects, range(len(outcomes)), presence, chance, worth)


def by_frame(of_video: Callable[[int], NDArray[np.float32]]) -> Callable[[Frames], NDArray[np.float32]]:
    """Look up something that is known of every frame of a video, for frames of any videos."""
    return lambda frames: np.stack(
        [of_video(int(v))[i] for v, i in zip(frames.video_id, frames.frame_idx, strict=True)]
    )
