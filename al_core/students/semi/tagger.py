"""What kinds of objects a frame shows at all: a small classifier with a mean teacher, that rules categories out.

After the second branch of Mittal et al. 2019 (multi-label mean teacher). It learns from the labelled frames which
categories they show, and has to agree with its own mean teacher, through other colours, on the others. What the teacher
says is hardly there is ruled out.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, binary_cross_entropy_with_logits, mse_loss

from al_core.adversary.discriminator import trunk
from al_core.students.semi.colour_views import recoloured

SIDE = 96
"""Pixels of a side of the picture, whatever its shape."""

CHANNELS = (3, 32, 64, 96, 128)

ABSENT = 0.2
"""Probability under which a category is ruled out."""

DECAY, RATE = 0.97, 1e-3


class FrameTagger(nn.Module):
    """Learns which categories frames show.

    None of its weights takes gradients from outside: :meth:`learn` is the one that changes them.

    Args:
        categories: how many there are.
        seed: of the weights; no generator of the process is moved.
    """

    def __init__(self, categories: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            likeliest = (nn.AdaptiveMaxPool2d(1), nn.Flatten())
            self.student = nn.Sequential(trunk(CHANNELS), *likeliest, nn.Linear(CHANNELS[-1], categories))
        self.teacher = copy.deepcopy(self.student)
        self.requires_grad_(False)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self.updates: Tensor
        self.optimizer = torch.optim.Adam(self.student.parameters(), lr=RATE)

    @torch.no_grad()
    def absent(self, images: Tensor) -> Tensor:
        """Return which categories are ruled out in images [b, 3, h, w], bool [b, categories]."""
        found: Tensor = self.teacher(_small(images)).sigmoid()
        return found < ABSENT

    def learn(self, labelled: Tensor, shown: Tensor, unlabelled: Tensor, rng: torch.Generator) -> None:
        """Learn from one batch of each.

        Args:
            labelled, unlabelled: normalised images [b, 3, h, w].
            shown: which categories people drew in the labelled ones, [b, categories] in {0, 1}.
            rng: for the views, on the CPU.
        """
        with torch.enable_grad():
            self.student.requires_grad_(True)
            known = self.student(recoloured(_small(labelled), rng))
            with torch.no_grad():
                target = self.teacher(recoloured(_small(unlabelled), rng)).sigmoid()
            agreed = self.student(recoloured(_small(unlabelled), rng)).sigmoid()
            loss = binary_cross_entropy_with_logits(known, shown) + mse_loss(agreed, target)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.student.requires_grad_(False)
        alpha = min(1 - 1 / (int(self.updates) + 1), DECAY)
        for mine, ours in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
            mine.lerp_(ours, 1 - alpha)
        self.updates += 1


def _small(images: Tensor) -> Tensor:
    small: Any = adaptive_avg_pool2d(images.detach().float(), SIDE)
    return small
