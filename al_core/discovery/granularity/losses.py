"""What the student learns from: the teacher in a frame, its neighbour, the clip around both, and other clips."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from al_core.propagation.affinity.encoder import Encoder
from al_core.propagation.affinity.encoder_training import RADIUS, reconstruction_loss
from al_core.propagation.affinity.local_affinity import TILE, joined, neighbours, scores, with_norm

REVERSE = 0.1
"""What rebuilding the other frame from this one counts beside rebuilding this one from the other."""

SOFT_LOGIT = 0.2
"""What the distance to the teacher's log odds counts beside the cross-entropy to what it takes for an object."""

_TEMPERATURE = 0.1


@dataclass(frozen=True)
class Weights:
    """What each loss counts; 0 switches it off, and then it is not worked out.

    Attributes:
        frame: to the motion teacher's saliency.
        recolouring: of a frame from one some frames away.
        concentration: windows of 8 x 8 cells map compactly.
        cycle: going to the other frame and back ends where it began.
        video: what moves looks more alike throughout a clip than what stands still there or moves in other clips.
    """

    frame: float = 1.0
    recolouring: float = 0.5
    concentration: float = 0.1
    cycle: float = 0.1
    video: float = 0.1

    def without(self, name: str) -> "Weights":
        """Return the same weights with one switched off."""
        return Weights(**{f.name: 0.0 if f.name == name else getattr(self, f.name) for f in fields(self)})


USUAL = Weights()


def frame_loss(logits: Tensor, odds: Tensor, target: Tensor) -> Tensor:
    """Return cross-entropy to what the teacher takes for an object, and the L1 distance to its log odds.

    Objects are small: without a weight for what is rare, few are found in clips that were never seen.

    Args:
        logits: float32 [n, h, w].
        odds: the teacher's log odds, of the same shape.
        target: the teacher's objects, 0 or 1.
    """
    share = target.mean(dim=(1, 2), keepdim=True).clamp(0.02, 0.98)
    weight = target * (0.5 / share).sqrt() + (1 - target) * (0.5 / (1 - share)).sqrt()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, weight)
    return entropy + SOFT_LOGIT * (logits - odds).abs().mean()


def recolouring_loss(encoder: Encoder, here: Tensor, there: Tensor, dropped: int) -> Tensor:
    """Return how badly a colour of each frame is rebuilt from the other, scalar (see :func:`reconstruction_loss`)."""
    forth = reconstruction_loss(encoder, here, there, dropped)
    return forth + REVERSE * reconstruction_loss(encoder, there, here, dropped)


@dataclass(frozen=True, eq=False)
class Affinity:
    """Where each cell of one frame goes in another.

    Attributes:
        weights: float32 [tiles, TILE * TILE, (2 * RADIUS + 1) ** 2], adding up to 1.
        size: (height, width) in cells, multiples of TILE.
    """

    weights: Tensor
    size: tuple[int, int]

    @classmethod
    def between(cls, here: Tensor, there: Tensor) -> "Affinity":
        """Match features of two frames, float32 [c, h, w] each."""
        weights = scores(here[None], with_norm(there[None]), RADIUS).softmax(dim=2)
        return cls(weights, (here.shape[1], here.shape[2]))

    def copied(self, planes: Tensor) -> Tensor:
        """Return what lies where each cell goes, float32 [v, h, w] of [v, h, w]."""
        found = [(self.weights * neighbours(plane[None, None], RADIUS)).sum(dim=2) for plane in planes]
        return joined(torch.stack(found, dim=2), self.size)


def places_of(size: tuple[int, int]) -> Tensor:
    """Return where each cell lies, float32 [2, h, w], (x, y) in cells."""
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    return torch.stack([x, y]).float()


def concentration_loss(affinity: Affinity) -> Tensor:
    """Return how far the cells of a window of TILE x TILE scatter in the other frame beyond the window's own extent.

    The mean squared difference between where a cell goes and where its window goes as a whole, over that of a window
    that stays as it is; scalar.
    """
    moved = affinity.copied(places_of(affinity.size)) - places_of(affinity.size)
    windows = moved.unfold(1, TILE, TILE).unfold(2, TILE, TILE).flatten(3)
    scatter = (windows - windows.mean(dim=3, keepdim=True)).square().mean()
    return scatter / ((TILE**2 - 1) / 12)


def cycle_loss(forth: Affinity, back: Affinity) -> Tensor:
    """Return how far going to the other frame and back ends from where it began, in cells, scalar."""
    places = places_of(forth.size)
    return functional.smooth_l1_loss(forth.copied(back.copied(places)), places)


def video_loss(inside: Tensor, outside: Tensor, clips: Tensor) -> Tensor:
    """Return how much less alike objects of one clip look than those of others and the ground (InfoNCE), scalar.

    Args:
        inside: float32 [n, c], the mean feature of what moves in each frame.
        outside: the mean feature of the rest, of the same shape.
        clips: int64 [n], the clip of each frame; each has at least two.
    """
    objects = functional.normalize(inside, dim=1)
    against = torch.cat([objects, functional.normalize(outside, dim=1)])
    likeness = objects @ against.T / _TEMPERATURE
    same = clips[:, None] == clips[None, :]
    itself = torch.eye(len(clips), dtype=torch.bool)
    likeness = likeness.masked_fill(torch.cat([itself, torch.zeros_like(itself)], dim=1), -1e4)
    positive = torch.cat([same & ~itself, torch.zeros_like(itself)], dim=1)
    log_share = likeness.log_softmax(dim=1)
    return -(log_share * positive).sum(dim=1).div(positive.sum(dim=1).clamp_min(1)).mean()


def pooled(features: Tensor, mask: Tensor) -> Tensor:
    """Return the mean feature under a mask, float32 [n, c] of [n, c, h, w] and [n, h', w'] in [0, 1]."""
    small = functional.interpolate(mask[:, None], size=features.shape[2:], mode="area")
    return (features * small).sum(dim=(2, 3)) / small.sum(dim=(2, 3)).clamp_min(1e-3)
