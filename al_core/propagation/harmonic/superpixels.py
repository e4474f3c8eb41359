"""Superpixels of a few neighbouring frames as a graph: edges within a frame, and along the flow to the next one."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from skimage.segmentation import slic

from al_core.propagation.flow import leads_back
from al_core.propagation.windows import FrameEstimate, entropy_of
from al_core.stores.optical_flow import ClipFlow, Flow

PIXELS_EACH = 70
FEWEST, MOST = 400, 1500
COMPACTNESS = 10.0
SLIC_ROUNDS = 4

COLOUR_SCALE = 15.0
"""Units of CIE Lab."""

POSITION_SCALE = 4.0
"""Sides of a superpixel."""

MOTION_SCALE = 2.0
"""Pixels a frame."""

SMALLEST_SHARE = 0.1
"""Of the geometric mean of two superpixels' areas; fewer pixels in common make no link."""

ALONG_FLOW = 10.0
"""Weight of edges along the flow, against 1 within a frame: without it small objects fade into their surroundings."""

N_FEATURES = 7
COLOURS, POSITIONS, MOTIONS = slice(0, 3), slice(3, 5), slice(5, 7)

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class SuperpixelGraph:
    """The superpixels of frames ``span``, numbered through.

    Attributes:
        ids: node of each pixel, int32 [n_frames, h, w].
        first: node numbers at which the frames begin, and the number of nodes: n_frames + 1 values.
        features: mean L, a, b, x, y and motion to the next frame (x, y) of each node, each in units of its scale,
            float32 [n, 7].
        area: pixels of each node, float32 [n].
        edges: pairs of nodes, int64 [m, 2].
        share: how much an edge counts besides its features, float32 [m] in [0, 10].
        apart: squared differences of the features along each edge, float32 [m, 7]; along the flow, of positions after
            the motion.
    """

    span: range
    ids: NDArray[np.int32]
    first: NDArray[np.int64]
    features: NDArray[np.float32]
    area: NDArray[np.float32]
    edges: NDArray[np.int64]
    share: NDArray[np.float32]
    apart: NDArray[np.float32]

    @property
    def n(self) -> int:
        """Number of nodes."""
        return len(self.area)

    def nodes(self, frame_idx: int) -> slice:
        """Return the nodes of a frame."""
        at = frame_idx - self.span.start
        return slice(int(self.first[at]), int(self.first[at + 1]))

    def mean(self, frame_idx: int, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Average values over the superpixels of a frame: float32 [k, h, w] -> [n nodes of it, k]."""
        nodes = self.nodes(frame_idx)
        ids = (self.ids[frame_idx - self.span.start] - nodes.start).ravel()
        sums = [np.bincount(ids, plane.ravel(), nodes.stop - nodes.start) for plane in values]
        return (np.array(sums).reshape(len(values), -1).T / self.area[nodes, None]).astype(np.float32)

    def paint(self, frame_idx: int, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Paint values of superpixels onto a frame, [nodes of it, k] -> float32 [k, h, w]; inverse of :meth:`mean`."""
        ids = self.ids[frame_idx - self.span.start] - self.nodes(frame_idx).start
        return np.ascontiguousarray(values.T[:, ids], np.float32)

    def estimate(self, frame_idx: int, values: NDArray[np.float32]) -> FrameEstimate:
        """Return what values of the superpixels of a frame, float32 [n nodes of it, k] in [0, 1], say of its pixels."""
        area = self.area[self.nodes(frame_idx)]
        entropy = float((entropy_of(values) * area).sum() / area.sum())
        return FrameEstimate(self.paint(frame_idx, values), entropy)

    def weights(self, metric: NDArray[np.float64]) -> sparse.csr_matrix:
        """Return symmetric weights ``share * exp(-sum_k metric_k * apart_k)``, [n, n]; ``metric`` is 1 / sigma**2."""
        weight = self.share * np.exp(-(self.apart @ metric.astype(np.float32)))
        i, j = self.edges.T
        half = sparse.csr_matrix((weight, (i, j)), shape=(self.n, self.n))
        return (half + half.T).tocsr()


def superpixel_graph(read: Callable[[int], Image], flow: ClipFlow, span: range, last: int) -> SuperpixelGraph:
    """Build the graph of neighbouring frames; superpixels are those of SLIC (Achanta et al., PAMI 2012).

    Args:
        read: a frame at the size of the flow, RGB uint8 [h, w, 3].
        last: the last frame of the clip, which has no motion to a next one.
    """
    ids, features, area, edges, first = [], [], [], [], [0]
    for frame_idx in span:
        lab = to_lab(read(frame_idx))
        still = np.zeros((*flow.size, 2), np.float32)
        motion = flow.pair(frame_idx)[0] if frame_idx < last else -flow.pair(last - 1)[1] if last else still
        local = _slic(lab)
        found, pixels = _features(lab, motion, local)
        ids.append((local + first[-1]).astype(np.int32))
        first.append(first[-1] + len(pixels))
        features.append(found)
        area.append(pixels)
        edges.append(_touching(ids[-1]))
    everything, areas = np.concatenate(features), np.concatenate(area)
    within = np.concatenate(edges)
    share: list[NDArray[np.float32]] = [np.ones(len(within), np.float32)]
    apart = [(everything[within[:, 0]] - everything[within[:, 1]]) ** 2]
    side = np.sqrt(areas.mean()) * POSITION_SCALE
    for at, frame_idx in enumerate(span[:-1]):
        links, common = _linked(ids[at], ids[at + 1], *flow.pair(frame_idx), areas)
        edges.append(links)
        share.append(np.asarray(ALONG_FLOW * common, np.float32))
        moved = everything[links[:, 0]].copy()
        moved[:, POSITIONS] += moved[:, MOTIONS] * MOTION_SCALE / side
        apart.append((moved - everything[links[:, 1]]) ** 2)
    return SuperpixelGraph(
        span,
        np.stack(ids),
        np.array(first),
        everything,
        areas,
        np.concatenate(edges),
        np.concatenate(share),
        np.concatenate(apart).astype(np.float32),
    )


def to_lab(image: Image) -> NDArray[np.float32]:
    """Convert RGB uint8 to CIE Lab, float32 [h, w, 3]."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def _slic(lab: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the superpixel of each pixel, from 0 without gaps, int64 [h, w]."""
    n = int(np.clip(lab.shape[0] * lab.shape[1] / PIXELS_EACH, FEWEST, MOST))
    labels = slic(
        lab, n_segments=n, compactness=COMPACTNESS, max_num_iter=SLIC_ROUNDS, convert2lab=False, start_label=0
    )
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def _features(
    lab: NDArray[np.float32], motion: Flow, labels: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (features [n, 7], area [n]) of the superpixels of a frame."""
    flat = labels.ravel()
    area = np.bincount(flat).astype(np.float32)
    rows, columns = np.mgrid[: lab.shape[0], : lab.shape[1]]
    side = np.sqrt(labels.size / len(area)) * POSITION_SCALE
    planes = [*(np.moveaxis(lab, 2, 0) / COLOUR_SCALE), columns / side, rows / side]
    planes += list(np.moveaxis(motion, 2, 0) / MOTION_SCALE)
    means = np.stack([np.bincount(flat, plane.ravel()) for plane in planes], axis=1) / area[:, None]
    return means.astype(np.float32), area


def _touching(ids: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return pairs of neighbouring superpixels of a frame, the smaller number first, int64 [m, 2]."""
    pairs = [np.stack([a.ravel(), b.ravel()], 1) for a, b in ((ids[:, 1:], ids[:, :-1]), (ids[1:], ids[:-1]))]
    both = np.concatenate(pairs).astype(np.int64)
    both = np.sort(both[both[:, 0] != both[:, 1]], axis=1)
    return _unpaired(np.unique(_paired(both)))


def _linked(
    here: NDArray[np.int32], there: NDArray[np.int32], forth: Flow, back: Flow, area: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return (pairs of superpixels of neighbouring frames, share of pixels that the flow brings to the other)."""
    rows, columns = np.nonzero(leads_back(forth, back))
    step = forth[rows, columns]
    x = np.clip(np.rint(columns + step[:, 0]).astype(int), 0, here.shape[1] - 1)
    y = np.clip(np.rint(rows + step[:, 1]).astype(int), 0, here.shape[0] - 1)
    codes, count = np.unique(_paired(np.stack([here[rows, columns], there[y, x]], 1)), return_counts=True)
    pairs = _unpaired(codes)
    share = count / np.sqrt(area[pairs[:, 0]] * area[pairs[:, 1]])
    kept = share > SMALLEST_SHARE
    return pairs[kept], np.minimum(share[kept], 1).astype(np.float32)


def _paired(pairs: NDArray) -> NDArray[np.int64]:
    """Pack two node numbers into one."""
    return pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1].astype(np.int64)


def _unpaired(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack([codes >> 32, codes & 0xFFFFFFFF], 1)
