"""Proposals of each frame merged into tracks whose identity holds, also where objects of one class cross.

After PReMVOS (Luiten, Voigtlaender, Leibe: "PReMVOS: Proposal-generation, Refinement and Merging for Video Object
Segmentation", ACCV 2018). What may be an object in a frame (the teachers' predictions, or parts with the colours of
labelled objects, and always the masks carried here along the flow) is scored against each track by five scores; each
track takes the proposal with its highest sum. So a track that the flow has dragged onto another object comes loose
again: the other track claims it, and it looks otherwise.

Four things differ from PReMVOS. Human frames lie on both sides, so the clip is walked in both directions and the two
results are blended as those of ``flow`` are. All human masks of a track are its templates, not those of the first frame
alone. The overlap with a carried mask counts only as far as the flow that carried it leads back. A track may be nowhere
to be seen: below a floor that is well above zero it gets no mask, and is looked for further on.

``tests/bench/proofs/tracks_proof.py`` compares the five scores with some of them alone, and with flow.
"""

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from al_core.footage.clips import ClipFrames
from al_core.masks.overlap import overlaps
from al_core.masks.soft import Patch, Size, SoftMask, patch_of
from al_core.propagation.base import Labels, PropagatedFrame
from al_core.propagation.flow import Carried, blend, carried_from, mean_reliability, step
from al_core.propagation.labelled_clip import (
    Reader,
    check_labels,
    frames_around,
    may_overlap,
    patches_at,
    reader,
    tracks_of,
)
from al_core.propagation.tracks.proposals import Palette, Proposal, predicted
from al_core.propagation.tracks.reidentification import Embed, Template, Vector, embeddings, likeness
from al_core.propagation.tracks.track_merging import Merging, Scores, kept_apart, merge_scores
from al_core.propagation.walks import WAITING_BYTES, Spool
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import ClipFlow, FlowStore
from al_core.stores.predictions import FramePrediction, InOrder

Friends = Mapping[int, frozenset[int]]
"""Which tracks may overlap, by track."""

DEFAULT = Merging()
BY_STATISTICS = embeddings()


@dataclass(frozen=True, eq=False)
class TrackPropagator:
    """Propagation by merging proposals into tracks.

    Attributes:
        embedding: gives, for a clip and the size of its flow, what masks are known again by.
        predictions: the teachers', in rising order of frames at each call; None where there are none.
    """

    store: FlowStore
    settings: PropagationSettings
    embedding: Callable[[ClipFrames, Size], Embed] = BY_STATISTICS
    predictions: Callable[[], Iterator[FramePrediction]] | None = None
    merging: Merging = DEFAULT

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order, at the flow's size (see :class:`Propagator`).

        Memory: an embedding of each human mask; what is found between two human frames waits in a temporary file.
        """
        check_labels(frames, labels)
        flow = self.store.clip(frames, self.settings.flow_long_side, self.settings.flow_preset)
        scene = self._scene(frames, labels, flow) if any(labels.values()) else None

        def between(start: int, end: int) -> Iterator[PropagatedFrame]:
            around = {i: labels[i] for i in (start, end) if i in labels}
            if scene is None or not any(around.values()):
                return (PropagatedFrame(i, {}) for i in range(start + 1, end))
            return scene.between(around, tracks_of(around), start, end)

        yield from frames_around(frames.n_frames, labels, flow.size, between)

    def _scene(self, frames: ClipFrames, labels: Labels, flow: ClipFlow) -> "_Scene":
        """Gather what the human frames say of the objects."""
        read = reader(frames, flow.size)
        embed = self.embedding(frames, flow.size)
        palette = Palette(tracks_of(labels))
        seen: dict[int, list[tuple[Vector, Vector]]] = {}
        for i in sorted(labels):
            image = read(i)
            masks = {track: patch.soft(flow.size) for track, patch in patches_at(labels[i], flow.size).items()}
            looks = embed(image)
            ground = looks(_ground(masks.values(), flow.size))
            for track, mask in masks.items():
                seen.setdefault(track, []).append((looks(mask), ground))
            palette.learn(image, masks)
        in_order = InOrder(self.predictions()) if self.predictions is not None else None
        templates = {track: Template.from_embeddings(*zip(*pairs, strict=True)) for track, pairs in seen.items()}
        return _Scene(flow, read, embed, palette, in_order, templates, self.merging)


def _ground(masks: Iterable[SoftMask], size: Size) -> SoftMask:
    """Return the mask of all that is no object."""
    free = np.ones(size, bool)
    for mask in masks:
        free[patch_of(mask).window.slices] &= mask.values < 128
    return SoftMask.of(free)


@dataclass(frozen=True, eq=False)
class _Followed:
    """Tracks on their path from a labelled frame, and their scores of the last merge; 1 for a human mask."""

    carried: Carried
    scores: Mapping[int, float]


@dataclass(frozen=True, eq=False)
class _Stored:
    """Carried masks with less memory: reliability in steps of 1/255, uint8 [h, w]."""

    masks: Mapping[int, SoftMask]
    reliable: NDArray[np.uint8]
    distance: int

    @classmethod
    def compressed(cls, carried: Carried) -> "_Stored":
        """Store carried masks."""
        size = (carried.reliable.shape[0], carried.reliable.shape[1])
        masks = {track: patch.soft(size) for track, patch in carried.masks.items()}
        return cls(masks, np.rint(carried.reliable * 255).astype(np.uint8), carried.distance)

    def carried(self) -> Carried:
        """Return the carried masks."""
        masks = {track: patch_of(mask) for track, mask in self.masks.items()}
        return Carried(masks, self.reliable * np.float32(1 / 255), self.distance)


def with_lost_tracks(side: Carried, other: Carried, started_with: Collection[int]) -> Carried:
    """Add the other side's masks where this one has lost a track it started with: a lost track need not be gone."""
    found = {track: other.masks[track] for track in started_with if track in other.masks and track not in side.masks}
    return replace(side, masks={**side.masks, **found}) if found else side


@dataclass(frozen=True, eq=False)
class _Scene:
    """A clip, and what is known of its objects; ``in_order`` are predictions, None where there are none."""

    flow: ClipFlow
    read: Reader
    embed: Embed
    palette: Palette
    in_order: InOrder | None
    templates: Mapping[int, Template]
    merging: Merging

    def between(self, labels: Labels, tracks: Sequence[int], start: int, end: int) -> Iterator[PropagatedFrame]:
        """Yield the frames between two neighbouring labels."""
        size, friends = self.flow.size, may_overlap(labels)
        with tempfile.SpooledTemporaryFile(WAITING_BYTES) as file:
            proposals, backward = Spool(file), Spool(file)
            for i in range(start + 1, end):
                proposals.put(self._proposals(i))
            walk = _Walk(self, tracks, friends, lambda i: proposals.get(i - start - 1))
            if end in labels:
                for carried in walk.run(carried_from(labels[end], size), range(end - 1, start, -1)):
                    backward.put(_Stored.compressed(carried))
            forward = walk.run(carried_from(labels[start], size), range(start + 1, end)) if start in labels else None
            for i in range(start + 1, end):
                left = next(forward) if forward is not None else None
                right = backward.get(end - 1 - i).carried() if end in labels else None
                if left is not None and right is not None:
                    mended = with_lost_tracks(left, right, labels[start])
                    left, right = mended, with_lost_tracks(right, left, labels[end])
                yield PropagatedFrame(i, blend(left, right, size, friends))

    def _proposals(self, frame_idx: int) -> list[Proposal]:
        image = self.read(frame_idx)
        if self.in_order is None:
            found = self.palette.parts(image)
        else:
            prediction = self.in_order.at(frame_idx)
            found = predicted(prediction, self.flow.size) if prediction is not None else []
        looks = self.embed(image) if found else None
        return [Proposal(mask, objectness, looks(mask)) for mask, objectness in found] if looks else []


@dataclass(frozen=True, eq=False)
class _Walk:
    """Walks from one human frame towards the next one; ``proposals`` of a frame come beside the carried masks."""

    scene: _Scene
    tracks: Sequence[int]
    friends: Friends
    proposals: Callable[[int], list[Proposal]]

    def run(self, source: Carried, order: range) -> Iterator[Carried]:
        """Yield the masks in the frames of ``order``, the first of which is next to that of ``source``."""
        state = _Followed(source, dict.fromkeys(source.masks, 1.0))
        for i in order:
            carried = step(state.carried, i, i - order.step, self.scene.flow)
            state = self._merged(i, _Followed(carried, state.scores))
            yield state.carried

    def _merged(self, frame_idx: int, arrived: _Followed) -> _Followed:
        """Give each track the proposal that scores highest for it; one that scores too low has no mask."""
        carried, size = arrived.carried, self.scene.flow.size
        here = {track: patch.soft(size) for track, patch in carried.masks.items()}
        owners, found = self._found(frame_idx, here, arrived.scores)
        if not found:
            return _Followed(Carried({}, carried.reliable, carried.distance), {})
        scores = self._scores(found, here, carried)
        reliable = carried.reliable.copy()
        chosen: dict[int, Patch] = {}
        won: dict[int, float] = {}
        for number, track in enumerate(self.tracks):
            best = int(scores[:, number].argmax())
            score = float(scores[best, number])
            if score < self.scene.merging.floor:
                continue
            won[track] = score
            if owners[best] == track:
                chosen[track] = carried.masks[track]
            else:
                chosen[track] = patch_of(found[best].mask)
                # What is found again has come no path that could be mistrusted.
                reliable[chosen[track].window.slices][chosen[track].values > 0.5] = score
        return _Followed(Carried(kept_apart(chosen, won, self.friends), reliable, carried.distance), won)

    def _found(
        self, frame_idx: int, here: Mapping[int, SoftMask], scores: Mapping[int, float]
    ) -> tuple[list[int | None], list[Proposal]]:
        """Return (track that each proposal was carried here for, or None; the proposals): carried masks come first."""
        others = self.proposals(frame_idx)
        owners = [t for t, mask in here.items() if (mask.values > 127).any()] if self.scene.merging.carried else []
        if not owners:
            return [None] * len(others), others
        looks = self.scene.embed(self.scene.read(frame_idx))
        # As sure as the last merge, half way to certainty (PReMVOS).
        carried = [Proposal(here[t], (scores[t] + 1) / 2, looks(here[t])) for t in owners]
        return [*owners, *(None for _ in others)], [*carried, *others]

    def _scores(self, found: Sequence[Proposal], here: Mapping[int, SoftMask], carried: Carried) -> Scores:
        nothing = SoftMask(0, 0, np.zeros((0, 0), np.uint8), self.scene.flow.size)
        objectness = np.array([p.objectness for p in found], np.float32)
        alike = likeness([p.looks for p in found], [self.scene.templates.get(t) for t in self.tracks])
        # How a carried mask overlaps counts as far as the path of its pixels can be trusted: what an object in front
        # has dragged along is no reason to stay there.
        trust = np.array([mean_reliability(carried, t) for t in self.tracks], np.float32)
        warp = overlaps([p.mask for p in found], [here.get(t, nothing) for t in self.tracks]) * trust
        return merge_scores(objectness, alike, warp, self.scene.merging.weights)
