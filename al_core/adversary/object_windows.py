"""Windows around objects, cut out of pictures and masks so that gradients pass through."""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

SIDE = 64
"""Pixels of a window's side."""

CONTEXT = 1.5
"""Side of a window by the longer side of the object's box."""

LEAST_SIDE = 8.0
"""Pixels of a frame that a window spans at least."""


def windows_around(boxes: Tensor, context: float = CONTEXT) -> Tensor:
    """Return square windows (left, top, right, bottom) [n, 4] around the middle of boxes [n, 4]."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1, keepdim=True).clamp(min=LEAST_SIDE / context) * context / 2
    return torch.cat([middle - half, middle + half], dim=1)


def jittered(windows: Tensor, rng: torch.Generator, share: float = 0.15) -> Tensor:
    """Return windows [n, 4] moved and scaled at random by at most a share of their side.

    Args:
        rng: on the CPU, so that every device draws the same.
    """
    drawn = (2 * torch.rand(len(windows), 3, generator=rng) - 1).to(windows.device, windows.dtype) * share
    side = windows[:, 2:] - windows[:, :2]
    middle = (windows[:, :2] + windows[:, 2:]) / 2 + drawn[:, :2] * side
    half = side * (1 + drawn[:, 2:]) / 2
    return torch.cat([middle - half, middle + half], dim=1)


def cut(maps: Tensor, spans: Tensor, windows: Tensor, size: tuple[int, int] = (SIDE, SIDE)) -> Tensor:
    """Return what maps show in windows, [n, c, *size]; 0 beyond their edges.

    Args:
        maps: [n, c, h, w], one for each window.
        spans: (left, top, right, bottom) [n, 4] of what each map covers, in pixels of the frame.
        windows: [n, 4], in the same pixels.
        size: height and width of what is returned.
    """
    where = []
    for low, high, steps in ((0, 2, size[1]), (1, 3, size[0])):
        at = (torch.arange(steps, device=maps.device, dtype=maps.dtype) + 0.5) / steps
        frame = windows[:, low, None] + at * (windows[:, high] - windows[:, low])[:, None]
        where.append(2 * (frame - spans[:, low, None]) / (spans[:, high] - spans[:, low])[:, None].clamp(min=1e-6) - 1)
    x, y = where
    grid = torch.stack([x[:, None, :].expand(-1, size[0], -1), y[:, :, None].expand(-1, -1, size[1])], dim=3)
    return grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def whole(n: int, height: int, width: int, like: Tensor) -> Tensor:
    """Return the span [n, 4] of n maps that cover a frame."""
    return like.new_tensor([[0.0, 0.0, width, height]]).expand(n, 4)


def boxes_of(masks: Tensor) -> Tensor:
    """Return the box (left, top, right, bottom) [n, 4] of each mask, bool [n, h, w]; zeros for an empty one."""
    found = masks.new_zeros(len(masks), 4, dtype=torch.float32)
    for i, mask in enumerate(masks):
        rows, columns = mask.any(dim=1).nonzero()[:, 0], mask.any(dim=0).nonzero()[:, 0]
        if len(rows):
            edges = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            found[i] = torch.stack([edge.float() for edge in edges])
    return found
