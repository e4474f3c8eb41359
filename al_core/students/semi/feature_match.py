"""Features of a student that have to match a teacher's where the teacher sees an object."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, layer_norm

MOST_CHANNELS = 128
"""Of what is compared."""

INSIDE = 0.5
"""Share of a cell that the teacher's mask has to cover for its features to count."""


class FeatureMatch(nn.Module):
    """A learned adaptor of the student's features, and a fixed view of the teacher's.

    A learned adaptor on both sides could make both zero, and agree. Here it is on the student's side alone, and the
    target is the teacher's features with mean 0 and deviation 1 over the channels of each cell: nothing that is learned
    here makes it small.

    Args:
        channels: of each feature map.
        seed: of the weights.
    """

    def __init__(self, channels: int, seed: int) -> None:
        super().__init__()
        n_compared = min(channels, MOST_CHANNELS)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.adaptor = nn.Conv2d(channels, n_compared, 1)
            # Rows at right angles to each other: what is left of the features is theirs, and no mixture.
            fixed = torch.linalg.qr(torch.randn(channels, n_compared)).Q.T
        self.register_buffer("fixed", fixed[:, :, None, None].contiguous())
        self.fixed: torch.Tensor

    def target(self, features: torch.Tensor) -> torch.Tensor:
        """Return what features [b, channels, h, w] of a teacher ask for, [b, compared, h, w]."""
        seen = nn.functional.conv2d(features, self.fixed.to(features.dtype))
        scaled = seen / seen.pow(2).mean(dim=1, keepdim=True).sqrt().clamp(min=1e-12)
        return layer_norm(scaled.movedim(1, -1), (seen.shape[1],)).movedim(-1, 1)

    def forward(
        self, student: Sequence[torch.Tensor], teacher: Sequence[torch.Tensor], masks: torch.Tensor
    ) -> torch.Tensor:
        """Return the mean squared distance over all levels and cells in the masks; 0 where there is none.

        Args:
            student, teacher: feature maps [b, channels, h, w] by level, of images that lie on each other.
            masks: [b, H, W] in {0, 1}, where the teacher sees objects, in pixels of the images.
        """
        far, cells = student[0].sum() * 0, 0
        for ours, theirs in zip(student, teacher, strict=True):
            inside = adaptive_avg_pool2d(masks[:, None].to(ours.dtype), (ours.shape[-2], ours.shape[-1])) > INSIDE
            distance = (self.adaptor(ours) - self.target(theirs).detach()).pow(2).mean(dim=1, keepdim=True)
            far = far + distance[inside].sum()
            cells += int(inside.sum())
        return far / max(cells, 1)
