"""What the views' answers come to, which proposals count, and how far a student is from that."""

import pytest
import torch

from al_core.students.semi.mining import (
    disagreement_at_points,
    disagreement_of_regions,
    mined_weights,
    opinion_of_points,
    opinion_of_regions,
)


def test_the_target_of_points_is_the_sharpened_sigmoid_of_the_mean() -> None:
    logits = torch.tensor([[[1.0], [0.0]], [[3.0], [0.0]]])  # two views of two points, one class
    opinion = opinion_of_points(logits)
    assert torch.allclose(opinion.target, torch.tensor([[4.0], [0.0]]).sigmoid())
    assert torch.allclose(opinion.probability, torch.tensor([2.0, 0.0]).sigmoid())
    assert float(opinion.sensitivity[1]) == 0
    spread = (torch.tensor(3.0).sigmoid() - torch.tensor(1.0).sigmoid()) / 2
    assert float(opinion.sensitivity[0]) == pytest.approx(float(spread))


def test_the_target_of_regions_is_the_sharpened_softmax_and_background_is_no_object() -> None:
    logits = torch.tensor([[[0.0, 0.0, 5.0]], [[2.0, 0.0, 3.0]]])  # two views of one region, two classes
    opinion = opinion_of_regions(logits)
    assert torch.allclose(opinion.target, torch.tensor([[2.0, 0.0, 8.0]]).softmax(1))
    assert torch.allclose(opinion.probability, torch.tensor([1.0, 0.0, 4.0]).softmax(0)[:1])
    assert float(opinion.sensitivity) > 0


def test_all_positives_count_and_half_as_many_of_the_most_sensitive_others() -> None:
    positive = torch.tensor([True, True, True, False, False, False, False])
    sensitivity = torch.tensor([0.9, 0.0, 0.0, 0.1, 0.4, 0.3, 0.0])
    assert mined_weights(positive, sensitivity).tolist() == [1, 1, 1, 0, 1.5, 1.5, 0]


def test_without_positives_nothing_counts_and_without_others_only_they_do() -> None:
    nothing = torch.zeros(3, dtype=torch.bool)
    assert mined_weights(nothing, torch.rand(3)).tolist() == [0, 0, 0]
    assert mined_weights(~nothing, torch.rand(3)).tolist() == [1, 1, 1]


def test_who_agrees_is_not_pulled() -> None:
    weights = torch.ones(4)
    logits = torch.tensor([[1.0, -1.0], [0.5, 2.0], [-2.0, 0.0], [3.0, -0.5]], requires_grad=True)
    for divergence, same in (
        (disagreement_at_points, logits.detach().sigmoid()),
        (disagreement_of_regions, logits.detach().softmax(1)),
    ):
        loss = divergence(logits, same, weights)
        assert float(loss.detach()) == pytest.approx(0, abs=1e-6)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert torch.allclose(gradient, torch.zeros(4, 2), atol=1e-6)
        assert float(divergence(-logits.detach(), same, weights)) > 0.01


def test_proposals_that_do_not_count_change_nothing() -> None:
    target, weights = torch.tensor([[0.9], [0.1]]), torch.tensor([1.0, 0.0])
    one = disagreement_at_points(torch.tensor([[0.3], [0.0]]), target, weights)
    other = disagreement_at_points(torch.tensor([[0.3], [5.0]]), target, weights)
    assert one == other
    assert float(disagreement_at_points(torch.tensor([[0.3], [0.0]]), target, torch.zeros(2))) == 0
