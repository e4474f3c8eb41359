"""Two networks that compete: one that tells made maps from real ones, and what of it may teach the maker.

Both are trained in one step by one optimizer, so that a checkpoint holds all of it: what judges is told real from made
through maps that carry no gradient back, and the maker is taught by a judge whose weights carry none.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.functional import leaky_relu, pad

WINDOW = 64
"""Height and width in pixels of what is judged at once."""

POOL = 50
"""Made maps that are remembered."""

CHANNELS = (24, 48, 96)


class Judge(nn.Module):
    """A network that says of each patch of a map how real it looks: 1 real, 0 made (Mao et al. 2017, least squares).

    Args:
        in_channels: of the maps.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        widths = (in_channels, *CHANNELS)
        self.layers = nn.ModuleList(nn.Conv2d(i, o, 4, stride=2, padding=1) for i, o in pairwise(widths))
        self.last = nn.Conv2d(CHANNELS[-1], 1, 3, padding=1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return [b, 1, h / 8, w / 8] of maps [b, in_channels, h, w]."""
        for layer in self.layers:
            maps = leaky_relu(layer(maps), 0.2)
        said: torch.Tensor = self.last(maps)
        return said


class Adversary(nn.Module):
    """A judge with a memory of what was made (Shrivastava et al. 2017), so that it does not forget earlier faults.

    Args:
        channels: of the maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.judge = Judge(channels)
        self.register_buffer("pool", torch.zeros(POOL, channels, WINDOW, WINDOW))
        self.register_buffer("made", torch.zeros((), dtype=torch.int64))
        self.pool: torch.Tensor
        self.made: torch.Tensor

    def of_judge(self, real: torch.Tensor, made: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Return the judge's loss on maps [b, channels, h, w]; no gradient reaches who made them."""
        remembered = self._remembered(windows(made.detach(), rng), rng)
        wrong_of_real = (self.judge(windows(real.detach(), rng)) - 1).pow(2).mean()
        return 0.5 * (wrong_of_real + self.judge(remembered).pow(2).mean())

    def of_maker(self, made: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Return how made the maps look; no gradient reaches the judge."""
        still = {name: value.detach() for name, value in self.judge.named_parameters()}
        said: torch.Tensor = functional_call(self.judge, still, (windows(made, rng),))
        return (said - 1).pow(2).mean()

    @torch.no_grad()
    def _remembered(self, made: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Put maps into the pool, and return these or, every other time, ones that were there."""
        shown = []
        for one in made:
            at = int(torch.randint(POOL, (), generator=rng))
            full = int(self.made) >= POOL
            keep = full and bool(torch.rand((), generator=rng) < 0.5)
            shown.append(self.pool[at].clone() if keep else one)
            if keep or not full:
                self.pool[at if full else int(self.made)] = one
            self.made += 1
        return torch.stack(shown)


def windows(maps: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Return a window of each map [b, c, h, w], at a place drawn anew; smaller maps are padded with 0."""
    height, width = maps.shape[-2:]
    maps = pad(maps, (0, max(WINDOW - width, 0), 0, max(WINDOW - height, 0)))
    found = []
    for one in maps:
        top, left = (int(torch.randint(max(side - WINDOW, 0) + 1, (), generator=rng)) for side in (height, width))
        found.append(one[:, top : top + WINDOW, left : left + WINDOW])
    return torch.stack(found)
