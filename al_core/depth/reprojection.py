"""One frame seen again from where another one was taken: what depth and the motion of the camera have to explain.

After Godard et al., "Digging Into Self-Supervised Monocular Depth Estimation" (ICCV 2019), and Hoyer et al., "Three
Ways to Improve Semantic Segmentation with Self-Supervised Depth Estimation" (CVPR 2021): a frame is rebuilt from its
neighbours in time; of these the one counts that shows a pixel best, and a pixel that the neighbour already shows
better at the same place, as it does where nothing moves or something moves with the camera, does not count.

Tensors are float32; images [b, 3, h, w] are in [0, 1].
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

LEAST_INVERSE, MOST_INVERSE = 0.05, 5.0
"""Bounds of the inverse depth, in a unit that nobody knows: one camera tells no scale."""

SSIM_SHARE = 0.85
"""Of structure in the distance of two images; the rest is that of their colours."""

SMOOTHNESS = 1e-3
"""Weight of a smooth disparity beside the distance of images."""

_LUMINANCE, _CONTRAST = 0.01**2, 0.03**2
_TIE = 1e-5


def inverse_depth(disparity: Tensor) -> Tensor:
    """Return the inverse depth of a disparity in (0, 1), in which 1 is nearest."""
    return LEAST_INVERSE + (MOST_INVERSE - LEAST_INVERSE) * disparity


def motion_matrix(turn: Tensor, shift: Tensor) -> Tensor:
    """Return the motion [b, 3, 4] of points: a turn [b, 3], an axis times an angle in radians; then a shift [b, 3]."""
    x, y, z = turn.unbind(dim=1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=1).view(-1, 3, 3)
    return torch.cat([torch.linalg.matrix_exp(skew), shift[:, :, None]], dim=2)


def rebuilt(source: Tensor, disparity: Tensor, focal: Tensor, motion: Tensor) -> Tensor:
    """Return a frame as a source shows it, by the depth of the frame and the motion of its points to the source.

    Args:
        source: images [b, 3, h, w].
        disparity: of the frame, [b, 1, h, w] in (0, 1).
        focal: focal lengths along x and y in pixels, [b, 2]; the middle of the image is on the axis.
        motion: [b, 3, 4].
    """
    height, width = source.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, dtype=source.dtype), torch.arange(width, dtype=source.dtype), indexing="ij"
    )
    middle = source.new_tensor([(width - 1) / 2, (height - 1) / 2])
    fx, fy = focal[:, 0, None, None], focal[:, 1, None, None]
    rays = torch.stack([(x - middle[0]) / fx, (y - middle[1]) / fy, torch.ones_like(x).expand(len(source), -1, -1)], 1)
    points = (rays / inverse_depth(disparity)).flatten(2)
    moved = motion[:, :, :3] @ points + motion[:, :, 3:]
    seen = moved[:, :2] / moved[:, 2:].clamp(min=1e-3) * focal[:, :, None] / middle[None, :, None]
    grid = seen.transpose(1, 2).reshape(-1, height, width, 2)
    return functional.grid_sample(source, grid, padding_mode="border", align_corners=True)


def distance(one: Tensor, other: Tensor) -> Tensor:
    """Return how far two images are from each other at each pixel, [b, 1, h, w]: by structure (Wang et al. 2004) and
    colour."""
    colour = (one - other).abs().mean(dim=1, keepdim=True)
    a, b = (functional.pad(image, (1, 1, 1, 1), mode="reflect") for image in (one, other))

    def mean(values: Tensor) -> Tensor:
        return functional.avg_pool2d(values, 3, stride=1)

    mean_a, mean_b = mean(a), mean(b)
    spread_a, spread_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    shared = mean(a * b) - mean_a * mean_b
    alike = (2 * mean_a * mean_b + _LUMINANCE) * (2 * shared + _CONTRAST)
    alike = alike / ((mean_a**2 + mean_b**2 + _LUMINANCE) * (spread_a + spread_b + _CONTRAST))
    structure = ((1 - alike) / 2).clamp(0, 1).mean(dim=1, keepdim=True)
    return SSIM_SHARE * structure + (1 - SSIM_SHARE) * colour


def roughness(disparity: Tensor, image: Tensor) -> Tensor:
    """Return the mean change of the disparity, in units of its mean, where the image does not change; a scalar."""
    relative = disparity / disparity.mean(dim=(2, 3), keepdim=True).clamp(min=1e-7)
    total = relative.new_zeros(())
    for dim in (2, 3):
        steps, edges = relative.diff(dim=dim).abs(), image.diff(dim=dim).abs().mean(dim=1, keepdim=True)
        total = total + (steps * torch.exp(-edges)).mean()
    return total


def reprojection_loss(
    frame: Tensor, neighbours: Sequence[Tensor], disparities: Sequence[Tensor], focal: Tensor, motions: Sequence[Tensor]
) -> Tensor:
    """Return the loss of a batch, a scalar.

    Args:
        frame: images [b, 3, h, w]; neighbours: as many images of other times, each.
        disparities: of the frame at several scales, the finest first, [b, 1, h / s, w / s].
        focal: [b, 2], see :func:`rebuilt`.
        motions: to each neighbour, [b, 3, 4].
    """
    still = torch.cat([distance(frame, neighbour) for neighbour in neighbours], dim=1).amin(dim=1, keepdim=True)
    total = frame.new_zeros(())
    for number, disparity in enumerate(disparities):
        full = functional.interpolate(disparity, size=frame.shape[-2:], mode="bilinear", align_corners=False)
        moved = torch.cat(
            [distance(frame, rebuilt(n, full, focal, m)) for n, m in zip(neighbours, motions, strict=True)], dim=1
        ).amin(dim=1, keepdim=True)
        # Equal distances, as of one colour everywhere, count as still.
        counts = moved < still - _TIE
        total = total + torch.where(counts, moved, still).mean()
        small = functional.interpolate(frame, size=disparity.shape[-2:], mode="area")
        total = total + SMOOTHNESS / 2**number * roughness(disparity, small)
    return total / len(disparities)
