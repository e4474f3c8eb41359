"""Features are compared in the teacher's masks alone, and making them small does not make them agree."""

import pytest
import torch

from al_core.students.semi.feature_match import FeatureMatch


def maps(scale: float = 1.0, channels: int = 6) -> list[torch.Tensor]:
    """Two levels of features of one image."""
    rng = torch.Generator().manual_seed(1)
    return [scale * torch.randn(1, channels, size, size, generator=rng) for size in (8, 4)]


EVERYWHERE = torch.ones(1, 32, 32)


def test_the_target_has_mean_0_and_deviation_1_however_small_the_features_are() -> None:
    match = FeatureMatch(6, 3)
    for scale in (1.0, 1e-4):
        target = match.target(maps(scale)[0])
        assert torch.allclose(target.mean(dim=1), torch.zeros(1, 8, 8), atol=1e-4)
        assert torch.allclose(target.pow(2).mean(dim=1), torch.ones(1, 8, 8), atol=1e-3)


def test_features_that_collapse_do_not_agree() -> None:
    match = FeatureMatch(6, 3)
    torch.nn.init.zeros_(match.adaptor.weight)
    torch.nn.init.zeros_(match.adaptor.bias)
    small = maps(1e-4)
    assert float(match(small, small, EVERYWHERE).detach()) == pytest.approx(1, abs=0.01)


def test_the_adaptor_learns_to_match() -> None:
    match, features = FeatureMatch(6, 3), maps()
    optimizer = torch.optim.Adam(match.parameters(), lr=0.05)
    before = float(match(features, features, EVERYWHERE).detach())
    for _ in range(60):
        optimizer.zero_grad()
        match(features, features, EVERYWHERE).backward()
        optimizer.step()
    assert float(match(features, features, EVERYWHERE).detach()) < 0.5 * before


def test_only_cells_in_the_masks_count() -> None:
    match, student, teacher = FeatureMatch(6, 3), maps(), maps(0.5)
    left = torch.zeros(1, 32, 32)
    left[:, :, :16] = 1
    before = match(student, teacher, left)
    changed = [level.clone() for level in student]
    for level in changed:
        level[..., level.shape[-1] // 2 :] += 9
    assert torch.equal(match(changed, teacher, left), before)
    assert not torch.equal(match(changed, teacher, EVERYWHERE), before)
    assert float(match(student, teacher, torch.zeros(1, 32, 32)).detach()) == 0


def test_gradients_reach_the_student_and_not_the_teacher() -> None:
    student, teacher = [level.requires_grad_() for level in maps()], [level.requires_grad_() for level in maps(0.5)]
    FeatureMatch(6, 3)(student, teacher, EVERYWHERE).backward()
    assert all(level.grad is not None and level.grad.any() for level in student)
    assert all(level.grad is None for level in teacher)


def test_many_channels_are_seen_from_fixed_directions_at_right_angles() -> None:
    match, again = FeatureMatch(200, 3), FeatureMatch(200, 3)
    rows = match.fixed[:, :, 0, 0]
    assert rows.shape == (128, 200)
    assert torch.allclose(rows @ rows.T, torch.eye(128), atol=1e-5)
    assert torch.equal(match.adaptor.weight, again.adaptor.weight)
