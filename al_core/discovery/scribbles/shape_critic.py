"""A network that tells masks that people drew from what another network says, at several scales at once.

Its least-squares losses (Mao et al. 2017) want +1 of masks and -1 of what was said. Noise on what it is shown, and
answers that are told wrongly now and then, keep it from being right too soon.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, leaky_relu
from torch.nn.utils.parametrizations import spectral_norm

CHANNELS = (16, 32, 48, 48)
"""At half, quarter, eighth and sixteenth of the resolution."""

SLOPE = 0.2
NOISE = 0.2
"""Standard deviation of what is added to everything that it is shown."""

WRONGLY_TOLD = 0.1
"""Share of the examples of which it is told the opposite."""


class ShapeCritic(nn.Module):
    """Says of each part of a mask how much it looks like one that a person drew: +1 drawn, -1 not.

    It looks at the mask, and at half, quarter and eighth of the resolution at what the decoder attends to; of a drawn
    mask that is the mask made smaller. Its weights are held to a spectral norm of 1 (Miyato et al. 2018).
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (0, *CHANNELS)
        # One more channel each: the map of that scale.
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(i + 1, o, 4, stride=2, padding=1)) for i, o in pairwise(widths)
        )
        self.last = spectral_norm(nn.Conv2d(CHANNELS[-1], 1, 3, padding=1))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return [n, 1, h / 16, w / 16].

        Args:
            maps: [n, 1, h / k, w / k] in [0, 1] for k = 1, 2, 4, 8.
        """
        x = maps[0]
        for number, layer in enumerate(self.layers):
            x = leaky_relu(layer(x if not number else torch.cat([x, maps[number]], 1)), SLOPE)
        said: Tensor = self.last(x)
        return said.float()


def scales_of(masks: Tensor) -> list[Tensor]:
    """Return masks [n, 1, h, w], and them made smaller by 2, 4 and 8."""
    height, width = masks.shape[-2:]
    return [masks, *(adaptive_avg_pool2d(masks, (height // k, width // k)) for k in (2, 4, 8))]


def telling_loss(critic: ShapeCritic, drawn: Sequence[Tensor], said: Sequence[Tensor], rng: torch.Generator) -> Tensor:
    """Return the critic's loss on maps of both kinds; no gradient reaches who made them."""
    sides = []
    for maps, right in ((drawn, 1.0), (said, -1.0)):
        flipped = torch.rand(len(maps[0]), 1, 1, 1, generator=rng) < WRONGLY_TOLD
        wanted = torch.where(flipped, -right, right)
        sides.append((critic(_noisy([one.detach() for one in maps], rng)) - wanted).square().mean())
    return torch.stack(sides).mean()


def likeness_loss(critic: ShapeCritic, said: Sequence[Tensor], rng: torch.Generator) -> Tensor:
    """Return how far what was said is from looking drawn; the critic must not be learning."""
    return (critic(_noisy(said, rng)) - 1).square().mean()


def _noisy(maps: Sequence[Tensor], rng: torch.Generator) -> list[Tensor]:
    return [one + NOISE * torch.randn(one.shape, generator=rng) for one in maps]
