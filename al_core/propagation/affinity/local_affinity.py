"""Matching every cell of one frame with the cells around it in others, and copying what they carry.

The frame is cut into square tiles. The cells of a tile are compared with all cells around the tile by one matrix
product, which is several times faster on a CPU than one product per offset, and tiles can be left out.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

TILE = 8
"""Cells along a side of a tile."""

OUTSIDE = -1e4
"""Score of a cell that lies outside of its frame."""


def with_norm(keys: Tensor, inside: Tensor | None = None, cost: float = 0.0) -> Tensor:
    """Return keys, float32 [n, c, h, w], as they are compared: a further channel holds minus the squared length.

    Args:
        inside: bool [n, h, w], which keys count; all by default.
        cost: subtracted from the score of each of them.
    """
    norm = -cost - keys.square().sum(dim=1, keepdim=True)
    if inside is not None:
        norm = torch.where(inside[:, None], norm, OUTSIDE)
    return torch.cat([keys, norm], dim=1)


def scores(queries: Tensor, keys: Tensor, radius: int) -> Tensor:
    """Return minus the squared distance of each cell's feature to those around it in the other frame.

    Args:
        queries: float32 [n, c, h, w].
        keys: float32 [n, c + 1, h, w] as of :func:`with_norm`.

    Returns:
        float32 [n * tiles, TILE * TILE, (2 * radius + 1) ** 2]; tiles row by row.
    """
    others = _around_tiles(_to_tiles(keys, radius, OUTSIDE), radius)
    return _windows(_compared(cut(queries), others), radius)


def neighbours(plane: Tensor, radius: int) -> Tensor:
    """Return the values of a plane, float32 [n, 1, h, w], around each cell, as :func:`scores`; zero beyond the edge."""
    around = _around_tiles(_to_tiles(plane, radius, 0.0), radius)
    return _windows(around.expand(-1, TILE * TILE, -1), radius)


def cut(planes: Tensor) -> Tensor:
    """Cut planes into tiles: float32 [n * tiles, TILE * TILE, c] of [n, c, h, w]; zero beyond the edge."""
    height, width = planes.shape[2:]
    padded = functional.pad(planes, (0, -width % TILE, 0, -height % TILE))
    return _around_tiles(padded, 0).transpose(1, 2)


def joined(tiles: Tensor, size: tuple[int, int]) -> Tensor:
    """Join tiles to one frame, the inverse of :func:`cut`: float32 [c, h, w] of [tiles, TILE * TILE, c]."""
    rows, columns = -(-size[0] // TILE), -(-size[1] // TILE)
    planes = tiles.reshape(rows, columns, TILE, TILE, -1).permute(4, 0, 2, 1, 3)
    return planes.reshape(-1, rows * TILE, columns * TILE)[:, : size[0], : size[1]]


def copy(query: Tensor, keys: Tensor, values: Tensor, radius: int, k: int, prior: float = 0.0) -> Tensor:
    """Bring what the cells of a memory carry to the cells of a frame, float32 [v, h, w].

    Each cell takes the mean of its k best matches in the whole memory, weighted by a softmax of their scores.
    Tiles around which nothing is carried stay at zero without being compared.

    Args:
        query: float32 [c, h, w].
        keys: float32 [m, c + 1, h, w] as of :func:`with_norm`.
        values: float32 [m, v, h, w].
        radius: cells to look at in each direction.
        prior: subtracted from the score per squared cell of distance.
    """
    size = (query.shape[1], query.shape[2])
    key_tiles = _around_tiles(_to_tiles(keys, radius, OUTSIDE), radius).unflatten(0, (len(keys), -1))
    value_tiles = _around_tiles(_to_tiles(values, radius, 0.0), radius).unflatten(0, (len(keys), -1))
    busy = (value_tiles != 0).any(dim=3).any(dim=2).any(dim=0).nonzero()[:, 0]
    found = torch.zeros(value_tiles.shape[1], TILE * TILE, values.shape[1])
    if len(busy):
        own = cut(query[None])[busy]
        found[busy] = _copied(own, key_tiles[:, busy], value_tiles[:, busy], radius, k, prior)
    return joined(found, size)


def _copied(own: Tensor, keys: Tensor, values: Tensor, radius: int, k: int, prior: float) -> Tensor:
    """Return what some tiles take from the memory, float32 [b, TILE * TILE, v].

    Args:
        own: float32 [b, TILE * TILE, c].
        keys: float32 [m, b, c + 1, cells around a tile].
        values: float32 [m, b, v, cells around a tile].
    """
    memory, _, _, around = keys.shape
    compared = _compared(own.repeat(memory, 1, 1), keys.flatten(0, 1)) + _prior(radius, prior)
    near = _windows(compared, radius).unflatten(0, (memory, -1)).permute(1, 2, 0, 3).flatten(2)
    top, which = near.topk(min(k, near.shape[2]), dim=2)
    # Weights are spread over all cells around the tile, so that one matrix product copies from the whole memory.
    weights = torch.zeros(len(own), TILE * TILE, memory * around)
    places = _places(radius, memory).expand(len(own), -1, -1).gather(2, which)
    weights.scatter_(2, places, top.softmax(dim=2))
    return torch.bmm(weights, values.permute(1, 0, 3, 2).flatten(1, 2))


def _compared(own: Tensor, others: Tensor) -> Tensor:
    """Return minus the squared distances: [b, TILE * TILE, n] of [b, TILE * TILE, c] and [b, c + 1, n]."""
    with_one = torch.cat([2 * own, torch.ones_like(own[..., :1])], dim=2)
    return torch.baddbmm(-own.square().sum(dim=2, keepdim=True), with_one, others)


def _to_tiles(planes: Tensor, border: int, last: float) -> Tensor:
    """Pad planes to whole tiles with a border around: zeros, and ``last`` in the last channel."""
    height, width = planes.shape[2:]
    around = (border, border + -width % TILE, border, border + -height % TILE)
    padded = functional.pad(planes, around)
    if last:
        padded[:, -1:] = functional.pad(planes[:, -1:], around, value=last)
    return padded


def _around_tiles(padded: Tensor, border: int) -> Tensor:
    """Return each tile with what is around it: [n * tiles, c, (TILE + 2 * border) ** 2]."""
    side = TILE + 2 * border
    cut_out = padded.unfold(2, side, TILE).unfold(3, side, TILE)
    return cut_out.permute(0, 2, 3, 1, 4, 5).reshape(-1, padded.shape[1], side * side)


def _windows(products: Tensor, radius: int) -> Tensor:
    """Return, of all cells around a tile, those around each of its cells: [b, TILE * TILE, (2 * radius + 1) ** 2]."""
    n, side, span = len(products), TILE + 2 * radius, 2 * radius + 1
    per_cell = side * side
    strides = (TILE * TILE * per_cell, TILE * per_cell + side, per_cell + 1, side, 1)
    windows = products.contiguous().as_strided((n, TILE, TILE, span, span), strides)
    return windows.reshape(n, TILE * TILE, span * span)


@lru_cache(maxsize=8)
def _places(radius: int, memory: int) -> Tensor:
    """Return where each cell's window lies among all cells around its tile: int64 [TILE * TILE, memory * windows]."""
    side = TILE + 2 * radius
    numbers = torch.arange(side * side).expand(1, TILE * TILE, -1).contiguous()
    one = _windows(numbers, radius)[0]
    return torch.cat([one + i * side * side for i in range(memory)], dim=1)


@lru_cache(maxsize=8)
def _prior(radius: int, weight: float) -> Tensor:
    """Return the cost of distance: float32 [TILE * TILE, cells around a tile]."""
    side = TILE + 2 * radius
    places = torch.cartesian_prod(torch.arange(side), torch.arange(side)).T
    cells = torch.cartesian_prod(torch.arange(TILE), torch.arange(TILE)).T + radius
    return -weight * (cells[:, :, None] - places[:, None, :]).square().sum(dim=0).float()
