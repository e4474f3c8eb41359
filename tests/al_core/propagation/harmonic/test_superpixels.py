"""Superpixels of neighbouring frames as a graph, on a scene of two halves."""

from dataclasses import dataclass

import numpy as np
import pytest

from al_core.propagation.harmonic.superpixels import (
    ALONG_FLOW,
    COLOUR_SCALE,
    N_FEATURES,
    SuperpixelGraph,
    superpixel_graph,
    to_lab,
)

SIZE = (40, 60)
HALVES = np.zeros((*SIZE, 3), np.uint8)
HALVES[:, :30] = (200, 40, 40)
HALVES[:, 30:] = (40, 40, 200)


@dataclass
class Shift:
    """Flow that moves everything by some pixels to the right, and back."""

    pixels: float = 0.0
    size: tuple[int, int] = SIZE

    def pair(self, first: int) -> tuple[np.ndarray, np.ndarray]:
        forth = np.zeros((*SIZE, 2), np.float32)
        forth[..., 0] = self.pixels
        return forth, -forth


@pytest.fixture(scope="module")
def graph() -> SuperpixelGraph:
    """Three frames of the same two halves."""
    return superpixel_graph(lambda i: HALVES, Shift(), range(4, 7), 9)


def test_nodes_are_numbered_through_and_cover_their_frames(graph: SuperpixelGraph) -> None:
    for frame_idx in range(4, 7):
        nodes = graph.nodes(frame_idx)
        numbers, pixels = np.unique(graph.ids[frame_idx - 4], return_counts=True)
        assert numbers.tolist() == list(range(nodes.start, nodes.stop))
        assert graph.area[nodes].tolist() == pixels.tolist()
    assert graph.nodes(6).stop == graph.n


def test_no_superpixel_lies_across_the_edge_of_a_colour(graph: SuperpixelGraph) -> None:
    assert not set(graph.ids[0][:, :29].ravel()) & set(graph.ids[0][:, 31:].ravel())
    lab = to_lab(HALVES)[0, [0, -1]]
    np.testing.assert_allclose(graph.features[graph.ids[0][20, [3, 56]], :3] * COLOUR_SCALE, lab, rtol=1e-4)


def test_what_is_painted_is_averaged_to_the_same(graph: SuperpixelGraph) -> None:
    values = np.random.default_rng(0).random((graph.nodes(5).stop - graph.nodes(5).start, 2)).astype(np.float32)
    np.testing.assert_allclose(graph.mean(5, graph.paint(5, values)), values, rtol=1e-5)
    planes = np.stack([np.arange(SIZE[0] * SIZE[1]).reshape(SIZE)] * 2).astype(np.float32)
    np.testing.assert_allclose((graph.mean(5, planes)[:, 0] * graph.area[graph.nodes(5)]).sum(), planes[0].sum())


def test_edges_lie_within_a_frame_or_lead_to_the_next_one(graph: SuperpixelGraph) -> None:
    frame_of = np.searchsorted(graph.first, graph.edges, side="right") - 1
    steps = frame_of[:, 1] - frame_of[:, 0]
    assert set(steps.tolist()) == {0, 1}
    assert (graph.share[steps == 0] == 1).all()
    # Without motion each superpixel is linked to itself.
    assert ((graph.share[steps == 1] > 0.1 * ALONG_FLOW) & (graph.share[steps == 1] <= ALONG_FLOW)).all()
    assert (graph.share[steps == 1] == ALONG_FLOW).sum() == 2 * (graph.nodes(4).stop - graph.nodes(4).start)


def test_an_edge_weighs_less_where_colours_differ(graph: SuperpixelGraph) -> None:
    weights = graph.weights(np.ones(N_FEATURES))
    assert abs(weights - weights.T).max() == 0
    left, right = graph.ids[0][20, [29, 30]]
    inside = graph.ids[0][20, 20]
    neighbour = next(int(i) for i in graph.ids[0][20, 20:29] if i != inside)
    assert weights[left, right] < 1e-3 < 0.05 < weights[inside, neighbour]


def test_positions_are_compared_after_the_motion() -> None:
    moved = superpixel_graph(lambda i: np.roll(HALVES, 3 * i, axis=1), Shift(3.0), range(2), 2)
    along = moved.share != 1
    # Colours and positions along the flow are those of the same piece of the scene.
    assert np.median(moved.apart[along, 3:5].sum(1)) < 0.02


def test_a_frame_is_as_doubtful_as_its_superpixels(graph: SuperpixelGraph) -> None:
    values = np.full((graph.nodes(4).stop - graph.nodes(4).start, 1), 0.5, np.float32)
    estimate = graph.estimate(4, values)
    assert estimate.entropy == pytest.approx(np.log(2), rel=1e-4)
    assert estimate.probability.shape == (1, *SIZE)
    assert (estimate.probability == 0.5).all()
