"""What a teacher says of shared proposals through several views, and which proposals a student learns from.

After Zhou et al. 2020 (mask-guided mean teacher with perturbation-sensitive sample mining): the target is the softmax
of the mean logits, sharpened; sensitivity is how much the views differ; all positives count, and of the rest those that
differ most.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import logsigmoid

TEMPERATURE = 0.5
"""Of the sharpened target: less is sharper."""

NEGATIVES_PER_POSITIVE = 0.5
NEGATIVE_WEIGHT = 1.5


@dataclass(frozen=True)
class Opinion:
    """What a teacher says of n proposals.

    Attributes:
        target: probabilities [n, c], sharpened.
        sensitivity: [n], at least 0: the standard deviation of the probabilities over the views, summed over classes.
        probability: [n], of the likeliest class that is an object, not sharpened.
    """

    target: torch.Tensor
    sensitivity: torch.Tensor
    probability: torch.Tensor


def opinion_of_points(logits: torch.Tensor) -> Opinion:
    """Return the opinion of a head with a sigmoid for each class, from logits [views, n, classes].

    Each class is a choice between it and its absence, so its softmax is the sigmoid.
    """
    mean = logits.mean(dim=0)
    spread = logits.sigmoid().std(dim=0, unbiased=False).sum(dim=1)
    return Opinion((mean / TEMPERATURE).sigmoid(), spread, mean.sigmoid().amax(dim=1))


def opinion_of_regions(logits: torch.Tensor) -> Opinion:
    """Return the opinion of a head with a softmax, from logits [views, n, classes and background last]."""
    mean = logits.mean(dim=0)
    spread = logits.softmax(dim=2).std(dim=0, unbiased=False).sum(dim=1)
    return Opinion((mean / TEMPERATURE).softmax(dim=1), spread, mean.softmax(dim=1)[:, :-1].amax(dim=1))


def mined_weights(positive: torch.Tensor, sensitivity: torch.Tensor) -> torch.Tensor:
    """Return the weight [n] of each proposal: 1 for positives, more for half as many that are most sensitive, else 0.

    Args:
        positive: [n], whether a proposal shows an object by what the teacher says.
    """
    weights = positive.to(sensitivity.dtype)
    n_negatives = min(int(torch.ceil(positive.sum() * NEGATIVES_PER_POSITIVE)), int((~positive).sum()))
    chosen = sensitivity.masked_fill(positive, -1.0).topk(n_negatives).indices
    weights[chosen] = NEGATIVE_WEIGHT
    return weights


def disagreement_at_points(logits: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the weighted mean divergence of a student's sigmoids from a target: 0 where they are the same.

    Args:
        logits: of the student, [n, classes].
    """
    cross = -(target * logsigmoid(logits) + (1 - target) * logsigmoid(-logits))
    own = -(target * _log(target) + (1 - target) * _log(1 - target))
    return _weighted((cross - own).sum(dim=1), weights)


def disagreement_of_regions(logits: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the weighted mean divergence of a student's softmax from a target: 0 where they are the same.

    Args:
        logits: of the student, [n, classes and background].
    """
    divergence = (target * (_log(target) - logits.log_softmax(dim=1))).sum(dim=1)
    return _weighted(divergence, weights)


def _weighted(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1.0)


def _log(probability: torch.Tensor) -> torch.Tensor:
    return probability.clamp(min=1e-7).log()
