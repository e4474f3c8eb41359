"""Geometry against rendered scenes, and what the loss prefers."""

import numpy as np
import pytest
import torch

from al_core.depth.reprojection import (
    LEAST_INVERSE,
    MOST_INVERSE,
    distance,
    inverse_depth,
    motion_matrix,
    rebuilt,
    reprojection_loss,
    roughness,
)
from tests.toys.footage.travelling import travelling_clip

STEP = 0.12


@pytest.fixture(scope="module")
def clip():
    return travelling_clip(3, n_frames=3, step=STEP)


def picture(image):
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


def disparity_of(depth):
    inverse = torch.from_numpy(1 / depth)[None, None].float()
    return (inverse - LEAST_INVERSE) / (MOST_INVERSE - LEAST_INVERSE)


def true_motion(clip, there):
    """The motion of points from frame 1 to another: against that of the camera, which is known by construction."""
    depths = [clip.depths[i].max() for i in (1, there)]
    ahead = depths[1] - depths[0]
    across = -np.sign(there - 1) * STEP * _direction(clip)
    return motion_matrix(torch.zeros(1, 3), torch.tensor([[across, 0.0, ahead]], dtype=torch.float32))


def _direction(clip):
    """1 where the camera goes to the right: what is near then goes to the left."""
    right = np.abs(clip.read(0)[-8:, 4:].astype(int) - clip.read(1)[-8:, :-4]).mean()
    left = np.abs(clip.read(0)[-8:, :-4].astype(int) - clip.read(1)[-8:, 4:]).mean()
    return 1 if right < left else -1


def focal(clip):
    return torch.full((1, 2), clip.focal * max(clip.size))


@pytest.mark.parametrize("there", [0, 2])
def test_true_depth_and_motion_rebuild_a_frame(clip, there):
    frame, source = picture(clip.read(1)), picture(clip.read(there))
    seen = rebuilt(source, disparity_of(clip.depths[1]), focal(clip), true_motion(clip, there))
    inner = (..., slice(4, -4), slice(10, -10))
    assert (seen - frame)[inner].abs().mean() < 0.4 * (source - frame)[inner].abs().mean()
    wrong = rebuilt(source, disparity_of(clip.depths[1][::-1].copy()), focal(clip), true_motion(clip, there))
    assert (seen - frame)[inner].abs().mean() < 0.6 * (wrong - frame)[inner].abs().mean()


def test_a_camera_that_does_not_move_sees_the_same(clip):
    frame = picture(clip.read(1))
    still = motion_matrix(torch.zeros(1, 3), torch.zeros(1, 3))
    assert torch.allclose(rebuilt(frame, torch.full((1, 1, 64, 96), 0.3), focal(clip), still), frame, atol=1e-4)


def test_a_turn_is_one_about_its_axis():
    quarter = motion_matrix(torch.tensor([[0.0, 0.0, torch.pi / 2]]), torch.tensor([[1.0, 2.0, 3.0]]))[0]
    assert torch.allclose(quarter[:, :3] @ torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 1.0, 0.0]), atol=1e-6)
    assert quarter[:, 3].tolist() == [1.0, 2.0, 3.0]


def test_the_loss_prefers_true_depth(clip):
    frame, others = picture(clip.read(1)), [picture(clip.read(i)) for i in (0, 2)]
    motions = [true_motion(clip, i) for i in (0, 2)]
    truth = disparity_of(clip.depths[1])

    def loss(disparity):
        return float(reprojection_loss(frame, others, [disparity], focal(clip), motions))

    assert loss(truth) < loss(truth.flip(2)) * 0.9
    assert loss(truth) < loss(torch.full_like(truth, float(truth.mean())))


def test_what_stands_still_does_not_count():
    frame = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    disparity = torch.full((1, 1, 32, 32), 0.5, requires_grad=True)
    moving = motion_matrix(torch.zeros(1, 3), torch.tensor([[0.1, 0.0, 0.0]]))
    loss = reprojection_loss(frame, [frame], [disparity], torch.full((1, 2), 32.0), [moving])
    (gradient,) = torch.autograd.grad(loss, disparity)
    assert float(loss) < 1e-6
    assert gradient.abs().max() < 1e-6


def test_the_nearest_neighbour_of_a_pixel_counts():
    frame = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    good = torch.zeros(1, 3, 32, 32)
    still = motion_matrix(torch.zeros(1, 3), torch.zeros(1, 3))
    flat = torch.full((1, 1, 32, 32), 0.5)
    both = reprojection_loss(frame, [good, frame], [flat], torch.full((1, 2), 32.0), [still, still])
    assert float(both) < 1e-4


def test_images_are_as_far_apart_as_they_differ():
    one = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert distance(one, one).abs().max() < 1e-6
    assert 0 < float(distance(one, 0.9 * one).mean()) < float(distance(one, 1 - one).mean())


def test_a_step_is_rough_where_the_image_has_no_edge():
    step = torch.ones(1, 1, 8, 8)
    step[..., 4:] = 2
    flat, edge = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 3
    assert float(roughness(torch.ones(1, 1, 8, 8), flat)) == 0
    assert 0 < float(roughness(step, edge)) < 0.1 * float(roughness(step, flat))


def test_near_has_a_high_disparity():
    assert inverse_depth(torch.tensor([0.0, 1.0])).tolist() == pytest.approx([LEAST_INVERSE, MOST_INVERSE])
