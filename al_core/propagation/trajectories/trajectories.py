"""Groups of point tracks, labelled by the frames that they pass, or else by what they look like.

After Wang, Shen, Porikli, Yang: "Semi-Supervised Video Object Segmentation with Super-Trajectories", PAMI 2018. A
group that passes a labelled frame has the object that lies there. Any other one has the mean of those that look and
move alike, wherever they are: this finds objects again that were hidden. Superpixels collect what the tracks in them
say, and a few rounds of diffusion fill what is between.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from al_core.footage.clips import ClipFrames
from al_core.propagation.base import Labels, PropagatedFrame
from al_core.propagation.harmonic import superpixels
from al_core.propagation.harmonic.superpixels import COLOURS, MOTIONS, N_FEATURES, SuperpixelGraph, superpixel_graph
from al_core.propagation.labelled_clip import check_labels, reader
from al_core.propagation.trajectories.point_tracks import PointTracks, follow_points, group_points
from al_core.propagation.windows import FrameEstimate, Known, Solve, known_masks, propagated
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import ClipFlow, FlowStore

DIFFUSION_ROUNDS = 10
COLOUR_SCALE = 15.0
"""Units of CIE Lab within which two groups look alike."""

MOTION_SCALE = 4.0
"""Pixels a frame within which they move alike; wide, since an object that comes back may move otherwise."""

UNLIKE = 1e-3
"""Weight of the background: a group that looks like none is no object."""

APPEARANCE_COVER = 0.3
"""How much a track counts that has its label by appearance, against one that passes a labelled frame."""

REMEMBERED_FRAMES = 16
"""Human frames whose superpixels say what objects look like."""

TRUST = 0.99
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class TrajectoryPropagator:
    """Propagation by point tracks."""

    store: FlowStore
    settings: PropagationSettings

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order, at the flow's size (see :class:`Propagator`). Memory: 48 frames."""
        check_labels(frames, labels)
        flow = self.store.clip(frames, self.settings.flow_long_side, self.settings.flow_preset)
        yield from propagated(frames, labels, flow.size, self._solver(frames, labels, flow), TRUST)

    def _solver(self, frames: ClipFrames, labels: Labels, flow: ClipFlow) -> Solve:
        read = reader(frames, flow.size)
        marks = sorted(labels)
        evenly = np.linspace(0, len(marks) - 1, min(len(marks), REMEMBERED_FRAMES)).astype(int)
        chosen = [marks[i] for i in np.unique(evenly)]
        human = known_masks({i: labels[i] for i in chosen}, flow.size) if labels else {}
        seen: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []

        def solve(span: range, known: Mapping[int, Known]) -> list[FrameEstimate]:
            if not seen:
                seen.extend(
                    _appearance(superpixel_graph(read, flow, range(i, i + 1), frames.n_frames - 1), human, i)
                    for i in chosen
                )
            graph = superpixel_graph(read, flow, span, frames.n_frames - 1)
            tracks = follow_points(read, flow, span)
            values, cover = label_tracks(tracks, span, known, seen)
            painted = _diffused(graph, tracks, values, cover, known)
            return [graph.estimate(i, painted[graph.nodes(i)]) for i in span]

        return solve


def _appearance(
    graph: SuperpixelGraph, human: Mapping[int, Known], frame_idx: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (Lab and motion [n, 5], share of each object [n, k]) of the superpixels of a labelled frame, without those
    on an outline."""
    looks = np.concatenate(
        [graph.features[:, COLOURS] * superpixels.COLOUR_SCALE, graph.features[:, MOTIONS] * superpixels.MOTION_SCALE],
        1,
    )
    share = graph.mean(frame_idx, human[frame_idx])
    clear = ((share > 0.9) | (share < 0.1)).all(1)
    return looks[clear], share[clear]


def label_tracks(
    tracks: PointTracks,
    span: range,
    known: Mapping[int, Known],
    seen: list[tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what each track shows: (probability of each object [n, k], how much to count it [n] in [0, 1]).

    Args:
        known: labelled frames of ``span``.
        seen: (colour and motion, objects) of superpixels of human frames.
    """
    n_objects = next(iter(known.values())).shape[0]
    group = group_points(tracks)
    sums = np.zeros((len(group), n_objects))
    times = np.zeros(len(group))
    for frame_idx, masks in known.items():
        here, x, y = tracks.pixels(frame_idx - span.start, masks.shape[1:])
        sums[here] += masks[:, y, x].T
        times[here] += 1
    in_group = np.bincount(group, times)
    shared = np.stack([np.bincount(group, column) for column in sums.T], 1) / np.maximum(in_group, 1)[:, None]
    own = sums / np.maximum(times, 1)[:, None]
    values = np.where(times[:, None] > 0, (own + shared[group]) / 2, shared[group])
    cover = (in_group > 0)[group].astype(np.float32)
    alone = np.flatnonzero(in_group == 0)
    if len(alone):
        members = np.bincount(group)
        means = np.stack([np.bincount(group, column) for column in tracks.features.T], 1) / members[:, None]
        by_looks = np.zeros_like(shared)
        by_looks[alone] = _alike(means[alone, 2:].astype(np.float32), seen)
        stray = cover == 0
        values[stray] = by_looks[group[stray]]
        cover[stray] = APPEARANCE_COVER
    return values.astype(np.float32), cover


def _alike(
    looks: NDArray[np.float32], seen: list[tuple[NDArray[np.float32], NDArray[np.float32]]]
) -> NDArray[np.float32]:
    """Return means of the labelled superpixels, weighted by likeness of colour and motion, not by place: [n, k]."""
    scale = np.array([COLOUR_SCALE] * 3 + [MOTION_SCALE] * 2, np.float32)
    examples = np.concatenate([part for part, _ in seen]) / scale
    objects = np.concatenate([part for _, part in seen])
    found = []
    for at in range(0, len(looks), _BLOCK):
        part = looks[at : at + _BLOCK] / scale
        weight = np.exp(-((part[:, None] - examples[None]) ** 2).sum(-1))
        found.append(weight @ objects / (weight.sum(1, keepdims=True) + UNLIKE))
    return np.concatenate(found)


def _diffused(
    graph: SuperpixelGraph,
    tracks: PointTracks,
    values: NDArray[np.float32],
    cover: NDArray[np.float32],
    known: Mapping[int, Known],
) -> NDArray[np.float32]:
    """Return objects of each superpixel, float32 [n, k]: what its tracks say, and what its neighbours have."""
    total = np.zeros((graph.n, values.shape[1]))
    weight = np.zeros(graph.n)
    for at, frame_idx in enumerate(graph.span):
        if frame_idx in known:
            nodes = graph.nodes(frame_idx)
            total[nodes] = graph.mean(frame_idx, known[frame_idx])
            weight[nodes] = 1
            continue
        here, x, y = tracks.pixels(at, graph.ids.shape[1:])
        node = graph.ids[at, y, x]
        weight += np.bincount(node, cover[here], graph.n)
        for k in range(values.shape[1]):
            total[:, k] += np.bincount(node, cover[here] * values[here, k], graph.n)
    said = total / np.maximum(weight, 1e-6)[:, None]
    kept = np.minimum(weight, 1)[:, None]
    near = graph.weights(np.ones(N_FEATURES))
    near = sparse.diags(1 / np.maximum(np.asarray(near.sum(1)).ravel(), 1e-6)) @ near
    state = kept * said
    for _ in range(DIFFUSION_ROUNDS):
        state = kept * said + (1 - kept) * (near @ state)
    return np.clip(state, 0, 1).astype(np.float32)
