"""Harmonic functions on a graph of superpixels, with self-training from the most certain frame to the least.

Labelled superpixels are clamped; every other one is the weighted mean of its neighbours (Zhu, Ghahramani, Lafferty:
"Semi-Supervised Learning Using Gaussian Fields and Harmonic Functions", ICML 2003). The frames of least entropy are
then frozen as if they had been labelled, the weights of the features are fitted to all that is labelled by then, and
so on (Fathi, Balcan, Ren, Rehg: "Combining Self Training and Active Learning for Video Segmentation", BMVC 2011).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from scipy.sparse.linalg import cg

from al_core.footage.clips import ClipFrames
from al_core.propagation.base import Labels, PropagatedFrame
from al_core.propagation.harmonic.superpixels import N_FEATURES, SuperpixelGraph, superpixel_graph
from al_core.propagation.labelled_clip import check_labels, reader, tracks_of
from al_core.propagation.windows import FrameEstimate, Known, Solve, entropy_of, estimates, known_masks, propagated
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import ClipFlow, FlowStore

STEPS = 8
"""Rounds of freezing in a window."""

TO_BACKGROUND = 1e-4
"""Weight of an edge from every superpixel to the background: what no label reaches is background."""

EDGES_FITTED = 4000
PRIOR_WEIGHT = 0.05
TRUST = 0.99

Order = Literal["entropy", "random"]


@dataclass(frozen=True, eq=False)
class HarmonicPropagator:
    """Propagation by harmonic functions.

    Attributes:
        steps: rounds of freezing; 0 solves once and freezes nothing.
        order: frames are frozen by rising entropy, or in random order (for comparison only).
        seed: of the edges that the metric is fitted to, and of the random order.
    """

    store: FlowStore
    settings: PropagationSettings
    steps: int = STEPS
    order: Order = "entropy"
    seed: int = 0

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        """Yield every frame of the clip, in order, at the flow's size (see :class:`Propagator`). Memory: 48 frames."""
        check_labels(frames, labels)
        flow = self.store.clip(frames, self.settings.flow_long_side, self.settings.flow_preset)
        yield from propagated(frames, labels, flow.size, self._solver(frames, flow), TRUST)

    def entropy(self, frames: ClipFrames, labels: Labels) -> NDArray[np.float64]:
        """Return the mean entropy of each frame in nats, float64 [n_frames]; the greatest is the one Fathi asks for.

        It is 0 where a human labelled, and infinite without any object.
        """
        check_labels(frames, labels)
        if not tracks_of(labels):
            return np.array([0.0 if i in labels else np.inf for i in range(frames.n_frames)])
        flow = self.store.clip(frames, self.settings.flow_long_side, self.settings.flow_preset)
        found = np.zeros(frames.n_frames)
        known = known_masks(labels, flow.size)
        for frame_idx, estimate in estimates(frames.n_frames, known, self._solver(frames, flow)):
            found[frame_idx] = estimate.entropy
        return found

    def _solver(self, frames: ClipFrames, flow: ClipFlow) -> Solve:
        read = reader(frames, flow.size)

        def solve(span: range, known: Mapping[int, Known]) -> list[FrameEstimate]:
            graph = superpixel_graph(read, flow, span, frames.n_frames - 1)
            rng = np.random.default_rng((self.seed, span.start))
            fixed = {i: graph.mean(i, masks) for i, masks in known.items()}
            found = self_train(graph, fixed, self.steps, self.order, rng)
            return [graph.estimate(i, found[i]) for i in span]

        return solve


def self_train(
    graph: SuperpixelGraph, known: Mapping[int, NDArray[np.float32]], steps: int, order: Order, rng: np.random.Generator
) -> dict[int, NDArray[np.float32]]:
    """Solve, freeze the most certain frames, fit the metric again, and so on until all frames are frozen.

    Args:
        known: by frame, the share of each object in each superpixel, float32 [nodes of the frame, k].
        steps: rounds; 0 solves once.

    Returns:
        The same of all frames; what a frozen frame has is the solution before it was frozen.
    """
    fixed, found = dict(known), dict(known)
    metric = fit_metric(graph, fixed, np.ones(N_FEATURES), rng)
    start: NDArray[np.float32] | None = None
    n_each = -(-(len(graph.span) - len(known)) // max(steps, 1))
    while len(fixed) < len(graph.span):
        start = harmonic(graph, fixed, metric, start)
        free = [i for i in graph.span if i not in fixed]
        found.update({i: start[graph.nodes(i)] for i in free})
        if steps == 0:
            return found
        for i in _freezing_order(graph, found, free, order, rng)[:n_each]:
            fixed[i] = (found[i] > 0.5).astype(np.float32)
        metric = fit_metric(graph, fixed, metric, rng)
    return found


def _freezing_order(
    graph: SuperpixelGraph,
    found: Mapping[int, NDArray[np.float32]],
    free: list[int],
    order: Order,
    rng: np.random.Generator,
) -> list[int]:
    """Return frames in the order in which they are to be frozen."""
    if order == "random":
        return [int(i) for i in rng.permutation(free)]
    score = {i: np.average(entropy_of(found[i]), weights=graph.area[graph.nodes(i)]) for i in free}
    return sorted(free, key=lambda i: (score[i], i))


def harmonic(
    graph: SuperpixelGraph,
    fixed: Mapping[int, NDArray[np.float32]],
    metric: NDArray[np.float64],
    start: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Solve f_u = (D_uu - W_uu)^-1 W_ul f_l by conjugate gradients, one right-hand side for each object: float32 [n, k]
    in [0, 1]; the background is what is left of 1.

    Args:
        fixed: clamped frames, float32 [nodes of the frame, k] each, at least one.
        start: where to begin, [n, k].
    """
    values = np.zeros((graph.n, next(iter(fixed.values())).shape[1]), np.float32)
    clamped = np.zeros(graph.n, bool)
    for i, masks in fixed.items():
        values[graph.nodes(i)] = masks
        clamped[graph.nodes(i)] = True
    free = np.flatnonzero(~clamped)
    weights = graph.weights(metric)
    rows = weights[free]
    degree = np.asarray(rows.sum(axis=1)).ravel() + TO_BACKGROUND
    laplacian = sparse.diags(degree) - rows[:, free]
    given = rows @ values
    scale = sparse.diags(1 / degree)
    for k in range(values.shape[1]):
        guess = start[free, k] if start is not None else None
        values[free, k], _ = cg(laplacian, given[:, k], x0=guess, rtol=1e-3, maxiter=300, M=scale)
    return np.clip(values, 0, 1)


def fit_metric(
    graph: SuperpixelGraph,
    fixed: Mapping[int, NDArray[np.float32]],
    before: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Fit weights 1 / sigma_k**2, float64 [7], that tell edges within an object from edges across its outline.

    Logistic regression of "both ends have one label" on the squared differences, both kinds of edges counting the
    same, drawn towards the metric ``before``. Without edges of both kinds that metric is kept.
    """
    n_objects = next(iter(fixed.values())).shape[1]
    values = np.full((graph.n, n_objects), np.nan, np.float32)
    for i, masks in fixed.items():
        values[graph.nodes(i)] = masks
    i, j = graph.edges.T
    labelled = np.flatnonzero(~np.isnan(values[i, 0]) & ~np.isnan(values[j, 0]))
    differs = np.abs(values[i[labelled]] - values[j[labelled]]).max(axis=1) > 0.5
    across, within = labelled[differs], labelled[~differs]
    if not len(across) or not len(within):
        return before
    chosen = [rng.choice(part, min(len(part), EDGES_FITTED // 2), replace=False) for part in (across, within)]
    apart = np.concatenate([graph.apart[part] for part in chosen]).astype(np.float64)
    sign = np.repeat([-1.0, 1.0], [len(part) for part in chosen])
    weight = np.repeat([0.5 / len(part) for part in chosen], [len(part) for part in chosen])

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (parameters[0] - apart @ parameters[1:])
        pull = parameters[1:] - before
        value = weight @ np.logaddexp(0, -margin) + PRIOR_WEIGHT * pull @ pull
        slope = -weight * sign / (1 + np.exp(np.clip(margin, -50, 50)))
        return value, np.concatenate([[slope.sum()], -(slope @ apart) + 2 * PRIOR_WEIGHT * pull])

    bounds = [(None, None)] + [(0, None)] * N_FEATURES
    found = minimize(loss, np.concatenate([[1.0], before]), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x[1:])
