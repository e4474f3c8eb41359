"""A student of pixels that learns from unlabelled frames by going round: image to classes to image, and back.

After Mondal et al. 2019 (revisiting CycleGAN for semi-supervised segmentation). A painter makes images of class maps.
What the student says of an unlabelled frame has to tell the painter enough to paint that frame again, and has to look
like a map that a person made. What the painter makes of a person's map has to be read by the student as that map, and
has to look like a frame. The painter is given the likeliest class of each pixel, with the gradient of the
probabilities, so that the student learns from what is painted; and that is held against the frame pixel by pixel.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.functional import l1_loss, mse_loss, one_hot, softmax

from al_core.networks.network_state import seeded
from al_core.networks.unet import UNet
from al_core.students.semantic.real_or_made import Adversary
from al_core.students.semantic.regions import UNKNOWN, n_classes
from al_core.students.semantic.unet_student import pixel_losses

PAINTER_CHANNELS = (16, 32, 48, 64)

IMAGE_CYCLE, MASK_CYCLE, PAINTED, ADVERSARIAL = 0.1, 0.1, 1.0, 0.1
"""Weights of the losses beside that of the labelled frames. With an image cycle of 1 toys lost .02 J."""


class Cycle(nn.Module):
    """The losses of the cycle, with the painter and both adversaries.

    Args:
        detector: a :class:`~al_core.students.semantic.unet_student.SemanticUNet`.
        seed: of the weights that are learned here.
    """

    START, FULL = 0.0, 0.5
    """Shares of the schedule at which the weight begins to rise and is full: the painter has to learn first."""

    def __init__(self, detector: Any, seed: int) -> None:
        super().__init__()
        classes = n_classes(detector.n_categories)
        self.painter = seeded(lambda: UNet(classes, PAINTER_CHANNELS, 3), seed)
        self.of_images = seeded(lambda: Adversary(3), seed + 1)
        self.of_maps = seeded(lambda: Adversary(classes), seed + 2)

    def forward(
        self, detector: Any, teacher: Any, batch: Any, rng: torch.Generator, labelled: Any
    ) -> dict[str, torch.Tensor]:
        """Return the losses of a batch.

        Args:
            detector: the student.
            teacher: not looked at.
            batch: unlabelled, preprocessed, ``inputs`` [b, 3, H, W]; what is believed of it is not looked at.
            rng: on the CPU, for what the adversaries look at.
            labelled: a labelled batch, preprocessed, with ``data_samples``.
        """
        frames, known = batch["inputs"], labelled["inputs"]
        target = detector.targets(labelled["data_samples"], known.shape[-2:], known.device)
        there = (target != UNKNOWN)[:, None]
        drawn = one_hot(target.clamp(min=0), n_classes(detector.n_categories)).movedim(-1, 1).to(known.dtype) * there
        said = straight_through(detector.logits(frames).float())
        painted, again = self._paint(drawn), self._paint(said)
        read = pixel_losses(detector.logits(painted), target)
        return {
            "loss_image_cycle": IMAGE_CYCLE * l1_loss(again, frames),
            "loss_mask_cycle": MASK_CYCLE * (read["loss_pixels"] + read["loss_overlap"]),
            "loss_painted": PAINTED * mse_loss(painted * there, known * there),
            "loss_like_images": ADVERSARIAL * self.of_images.of_maker(painted, rng),
            "loss_like_maps": ADVERSARIAL * self.of_maps.of_maker(said, rng),
            "loss_judge_images": self.of_images.of_judge(frames, painted, rng),
            "loss_judge_maps": self.of_maps.of_judge(drawn, said, rng),
        }

    def _paint(self, maps: torch.Tensor) -> torch.Tensor:
        """Return normalised images [b, 3, h, w] of class maps [b, classes, h, w]."""
        return self.painter.maps(maps)[0]


def straight_through(logits: torch.Tensor) -> torch.Tensor:
    """Return the likeliest class of each pixel as 0 and 1, [b, classes, h, w], with the gradient of the softmax."""
    soft = softmax(logits, dim=1)
    hard = one_hot(soft.argmax(dim=1), soft.shape[1]).movedim(-1, 1).to(soft.dtype)
    return hard + soft - soft.detach()
