"""Views of a batch of images that show the same at the same places: other colours, and mirrored."""

import torch

LIGHT = 0.3
"""Largest change of contrast, saturation and tint, of images with mean 0 and deviation 1."""


def recoloured(images: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Return normalised images [b, 3, h, w] with other contrast, saturation and tint, drawn anew for each image."""
    n = len(images)

    def drawn(*shape: int) -> torch.Tensor:
        # Drawn on the CPU, so that every device sees the same.
        return (2 * torch.rand(n, *shape, generator=rng) - 1).to(images.device, images.dtype)

    contrast, saturation, tint = 1 + LIGHT * drawn(1, 1, 1), 1 + LIGHT * drawn(1, 1, 1), LIGHT * drawn(3, 1, 1)
    grey = images.mean(dim=1, keepdim=True)
    return (grey + (images - grey) * saturation) * contrast + tint


def mirrored(values: torch.Tensor) -> torch.Tensor:
    """Return images or maps [..., w] with left and right exchanged."""
    return values.flip(-1)


def mirrored_boxes(boxes: torch.Tensor, width: int) -> torch.Tensor:
    """Return boxes [n, 4], (left, top, right, bottom), where they are in an image that was mirrored."""
    left, top, right, bottom = boxes.unbind(dim=1)
    return torch.stack([width - right, top, width - left, bottom], dim=1)
