"""Windows show what lies around an object, and pass gradients to it."""

import pytest
import torch

from al_core.adversary.object_windows import LEAST_SIDE, boxes_of, cut, jittered, whole, windows_around


def test_a_window_is_square_around_the_longer_side() -> None:
    windows = windows_around(torch.tensor([[10.0, 20.0, 30.0, 60.0], [5.0, 5.0, 5.0, 5.0]]))
    assert windows.tolist() == [[-10, 10, 50, 70], [5 - LEAST_SIDE / 2] * 2 + [5 + LEAST_SIDE / 2] * 2]


def test_a_window_of_its_own_size_is_the_map_itself() -> None:
    maps = torch.rand(1, 2, 6, 8)
    span = whole(1, 6, 8, maps)
    assert torch.allclose(cut(maps, span, span, (6, 8)), maps, atol=1e-6)


def test_what_lies_beyond_the_map_is_zero_and_gradients_reach_the_rest() -> None:
    maps = torch.ones(1, 1, 4, 4, requires_grad=True)
    found = cut(maps, whole(1, 4, 4, maps), torch.tensor([[-4.0, 0.0, 4.0, 4.0]]), (4, 8))
    assert torch.allclose(found[0, 0, :, :4].detach()[:, :3], torch.zeros(4, 3))
    assert torch.allclose(found[0, 0, :, 5:].detach(), torch.ones(4, 3))
    found.sum().backward()
    assert (maps.grad[0, 0, :, 1:] > 0).all()


def test_a_map_of_a_box_lands_where_the_box_is() -> None:
    box = torch.tensor([[4.0, 2.0, 8.0, 6.0]])
    frame = cut(torch.ones(1, 1, 28, 28), box, whole(1, 8, 10, box), (8, 10))
    assert boxes_of(frame[:, 0] > 0.5).tolist() == box.tolist()


def test_boxes_enclose_masks_and_an_empty_one_has_none() -> None:
    masks = torch.zeros(2, 5, 7, dtype=torch.bool)
    masks[0, 1:3, 2:6] = True
    assert boxes_of(masks).tolist() == [[2, 1, 6, 3], [0, 0, 0, 0]]


def test_jitter_stays_within_its_share_and_follows_from_the_generator() -> None:
    windows = torch.tensor([[0.0, 0.0, 100.0, 100.0]]).repeat(50, 1)
    one, again = (jittered(windows, torch.Generator().manual_seed(1), 0.1) for _ in range(2))
    assert torch.equal(one, again)
    sides = one[:, 2] - one[:, 0]
    assert 90 <= float(sides.min()) < float(sides.max()) <= 110
    assert float(((one[:, :2] + one[:, 2:]) / 2 - 50).abs().max()) == pytest.approx(10, abs=1.5)
