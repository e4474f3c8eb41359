"""The critic learns to tell masks from what was said, and only itself."""

import torch

from al_core.discovery.scribbles.shape_critic import ShapeCritic, likeness_loss, scales_of, telling_loss
from al_core.networks.network_state import seeded


def boxes(n=4):
    masks = torch.zeros(n, 1, 32, 32)
    masks[:, :, 8:24, 8:24] = 1
    return masks


def noise(n=4):
    return torch.rand(n, 1, 32, 32, generator=torch.Generator().manual_seed(1))


def test_a_mask_has_four_scales():
    maps = scales_of(boxes())
    assert [one.shape[-1] for one in maps] == [32, 16, 8, 4]
    assert all(torch.allclose(one.mean(), torch.tensor(0.25)) for one in maps)


def test_it_learns_to_tell_masks_from_noise():
    critic, rng = seeded(ShapeCritic, 0), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(critic.parameters(), 5e-3)
    for _ in range(40):
        optimizer.zero_grad()
        telling_loss(critic, scales_of(boxes()), scales_of(noise()), rng).backward()
        optimizer.step()
    critic.eval()
    assert critic(scales_of(boxes())).mean() > critic(scales_of(noise())).mean() + 0.5


def test_what_it_learns_from_gets_no_gradient_of_its_loss():
    said = noise().requires_grad_()
    telling_loss(ShapeCritic(), scales_of(boxes()), scales_of(said), torch.Generator().manual_seed(0)).backward()
    assert said.grad is None


def test_who_is_compared_gets_a_gradient_at_each_scale():
    maps = [one.requires_grad_() for one in scales_of(noise())]
    likeness_loss(ShapeCritic(), maps, torch.Generator().manual_seed(0)).backward()
    assert all(one.grad is not None and bool(one.grad.any()) for one in maps)
