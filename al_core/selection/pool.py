"""The frames that may be chosen, and what is known of them; everything that is costly is read when it is asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from al_core.records import ONE_SHOT, FrameRef, LabelKind, Shots
from al_core.selection.error_model import Outlook
from al_core.selection.plan import Offer
from al_core.settings import AnnotatorSettings

_VIDEO_STRIDE = 32
"""A frame's key is ``video_id << 32 | frame_idx``: keys rise by video, then frame, and videos lie far apart."""


@dataclass(frozen=True)
class Frames:
    """A column of frames: ``video_id`` and ``frame_idx``, both int [n]."""

    video_id: NDArray[np.int64]
    frame_idx: NDArray[np.int64]

    @classmethod
    def of(cls, video_id: Any, frame_idx: Any) -> "Frames":
        """Build from anything array-like."""
        return cls(np.asarray(video_id, np.int64).reshape(-1), np.asarray(frame_idx, np.int64).reshape(-1))

    @classmethod
    def from_refs(cls, refs: Sequence[FrameRef]) -> "Frames":
        """Build from single frames."""
        return cls.of([r.video_id for r in refs], [r.frame_idx for r in refs])

    @property
    def keys(self) -> NDArray[np.int64]:
        """One number per frame; sorting by it sorts by video and frame."""
        return self.video_id << _VIDEO_STRIDE | self.frame_idx

    def __len__(self) -> int:
        return len(self.video_id)

    def __getitem__(self, positions: Any) -> "Frames":
        return Frames(self.video_id[positions], self.frame_idx[positions])

    def ref(self, position: int) -> FrameRef:
        """Return one of the frames."""
        return FrameRef(int(self.video_id[position]), int(self.frame_idx[position]))

    def ordered(self) -> "Frames":
        """Return the same frames by video and frame, each once."""
        keys = np.unique(self.keys)
        return Frames(keys >> _VIDEO_STRIDE, keys & ((1 << _VIDEO_STRIDE) - 1))

    def by_video(self) -> "dict[int, Frames]":
        """Return the frames of each video that has some, in the order that they have here."""
        order = np.argsort(self.video_id, kind="stable")
        videos, starts = np.unique(self.video_id[order], return_index=True)
        parts = np.split(order, starts[1:])
        return {video: self[part] for video, part in zip(videos.tolist(), parts, strict=True)} if len(self) else {}

    def and_those(self, others: "Frames") -> "Frames":
        """Return the same frames, followed by others."""
        both = ((self.video_id, others.video_id), (self.frame_idx, others.frame_idx))
        return Frames(*(np.concatenate(columns) for columns in both))

    def without(self, others: "Frames") -> "Frames":
        """Return the frames that are not among ``others``."""
        return self[~np.isin(self.keys, others.keys)] if len(others) else self


@dataclass(frozen=True)
class Ranked:
    """Frames by falling uncertainty, ties by video and frame; perhaps only the upper part of all.

    Attributes:
        uncertainty: float32 [n].
        lowest: video -> the uncertainty below which frames of it may be missing; a video that is whole has no
            entry. Missing frames rank behind every frame here that is at least as uncertain as that.
    """

    frames: Frames
    uncertainty: NDArray[np.float32]
    lowest: Mapping[int, float] = field(default_factory=dict)


Features = Callable[[Frames], NDArray[np.float32]]
"""Descriptors of frames, float32 [n, d]; near in Euclidean distance means similar."""

Ranking = Callable[[int, int, int], Iterator[Ranked]]
"""(frames wanted, quota per video, gap) -> upper parts of the order of uncertainty, each longer than the last."""

Explain = Callable[[Sequence[FrameRef]], Mapping[FrameRef, Mapping[str, float]]]
"""The named parts of some frames' uncertainty, as far as known."""


@dataclass(frozen=True)
class DepthSight:
    """What is known of the depth of frames.

    Attributes:
        features: descriptors of any frames by what is near and far in them.
        errors: (frames, at least one labelled one) -> how wrong who learnt depth from the labelled ones is about each
            of the others, float64 [n], at least 0.
    """

    features: Features
    errors: Callable[[Frames, Frames], NDArray[np.float64]]


@dataclass(frozen=True)
class Pool:
    """What a strategy chooses from.

    Attributes:
        lengths: video -> number of its frames.
        labelled: frames that were asked for before, by video and frame; none of them is a candidate.
        rank: how to read the candidates by uncertainty, or None before there are predictions. What it reads
            may hold labelled frames.
        features: descriptors of any frames, candidates or labelled.
        outlooks: what is expected of a video's labels.
        true_gain: (frame, other frames of the video that get one too) -> how much a label would really improve, in
            frames (see ``plan.Spot``): only a simulation knows.
        offers: the kinds of label that are planned, at least one.
        kinds: all that people may be asked for, also for a look at what is there.
        right: the expected error at which every second frame is found right as it is shown, and the scale around it.
        patches: descriptors of the parts of frames, float32 [n, p, d] of length 1.
        shots: cuts and still stretches by video; a label says nothing of frames beyond a cut.
        n_vouched: frames that are no candidates since certificates vouch for all their masks.
        depth: what is known of the depth of frames, for the strategy that goes by it.
        cues: video -> how much stands out in each of its frames, float64 [n] (see ``conspicuous``).
    """

    lengths: Mapping[int, int]
    labelled: Frames
    load: Callable[[], Frames]
    rank: Ranking | None = None
    features: Features | None = None
    explain: Explain = field(default=lambda frames: {})
    outlooks: Callable[[int], Outlook] | None = None
    offers: Sequence[Offer] = (
        Offer(LabelKind.MASK, AnnotatorSettings().mask_seconds, absent=AnnotatorSettings().absent_seconds),
    )
    true_gain: Callable[[FrameRef, Sequence[FrameRef]], float] | None = None
    patches: Features | None = None
    kinds: frozenset[LabelKind] = frozenset({LabelKind.MASK})
    right: tuple[float, float] = (0.12, 0.06)
    shots: Mapping[int, Shots] = field(default_factory=dict)
    cues: Callable[[int], NDArray[np.float64]] | None = None
    n_vouched: int = 0
    depth: DepthSight | None = None

    @classmethod
    def from_arrays(
        cls,
        lengths: Mapping[int, int],
        labelled: Sequence[FrameRef] = (),
        candidates: Frames | None = None,
        uncertainty: NDArray[np.float32] | None = None,
        features: Features | None = None,
    ) -> "Pool":
        """Build a pool that lies in memory.

        Args:
            candidates: all unlabelled frames of the videos when left out.
            uncertainty: float32 [n] beside ``candidates``, higher where less certain.
        """
        known = Frames.from_refs(labelled).ordered()
        given = every_frame(lengths) if candidates is None else candidates
        rank = None if uncertainty is None else _rank_in_memory(given, np.asarray(uncertainty, np.float32))
        return cls(lengths, known, lambda: given.ordered().without(known), rank, features)

    def shot_ranges(self, video_id: int) -> list[range]:
        """Return the frames of each shot of a video, in order."""
        return self.shots.get(video_id, ONE_SHOT).ranges(self.lengths[video_id])

    @cached_property
    def candidates(self) -> Frames:
        """All frames that may be chosen, by video and frame."""
        return self.load()

    def features_of(self, frames: Frames) -> NDArray[np.float32]:
        """Return descriptors of frames, float32 [n, d].

        Raises:
            ValueError: this pool knows none.
        """
        if self.features is None:
            raise ValueError("this strategy compares frames by their features, and the pool has none")
        return self.features(frames)

    def patches_of(self, frames: Frames) -> NDArray[np.float32]:
        """Return descriptors of the parts of frames, float32 [n, p, d], each of length 1.

        Raises:
            ValueError: this pool knows none.
        """
        if self.patches is None:
            raise ValueError("this strategy compares the patches of frames, and the pool has none")
        return self.patches(frames)


def repeated(possible: Frames, asked: Frames, shots: Mapping[int, Shots]) -> Frames:
    """Return the frames that show what another one shows that people are or were asked for: all but the first possible
    one of each still stretch, and that one too where any frame of the stretch was asked for.

    Args:
        possible: by video and frame.
    """
    found = Frames.of([], [])
    for video_id, known in sorted(shots.items()):
        mine, before = (x.frame_idx[x.video_id == video_id] for x in (possible, asked))
        for stretch in known.repeats:
            here = mine[(mine >= stretch.start) & (mine < stretch.stop)]
            done = bool(np.any((before >= stretch.start) & (before < stretch.stop)))
            left_out = here if done else here[1:]
            found = found.and_those(Frames.of(np.full(len(left_out), video_id), left_out))
    return found


def every_frame(lengths: Mapping[int, int]) -> Frames:
    """Return all frames of videos of these lengths, by video and frame."""
    videos = sorted(lengths)
    sizes = np.array([lengths[v] for v in videos], np.int64)
    video_id = np.repeat(np.array(videos, np.int64), sizes)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return Frames(video_id, np.arange(len(video_id)) - starts)


def _rank_in_memory(frames: Frames, uncertainty: NDArray[np.float32]) -> Ranking:
    order = np.lexsort((frames.frame_idx, frames.video_id, -uncertainty))
    whole = Ranked(frames[order], uncertainty[order])
    return lambda n, quota, gap: iter([whole])
