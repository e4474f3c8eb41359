"""The objects of a student: one for each place, soft, and with gradients to the weights that drew them."""

from typing import Any

import pytest
import torch

from al_core.adversary.object_windows import whole, windows_around
from al_core.students.build import build_config, build_model
from al_core.students.semi.soft_objects import SoftObjects, objects_of


@pytest.fixture(params=["one_stage", "two_stages"])
def detector(request: pytest.FixtureRequest) -> Any:
    """A detector with random weights, in training."""
    torch.manual_seed(0)
    return build_model(build_config(request.getfixturevalue(request.param), ["square", "disk"], 1).model).train()


def test_objects_of_each_image_pass_gradients_to_masks_and_scores(detector: Any) -> None:
    if hasattr(detector, "roi_head"):
        detector.roi_head.test_cfg.score_thr = 0.0  # random weights are sure of nothing
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    meta = {"img_shape": (48, 64), "ori_shape": (48, 64), "scale_factor": (1.0, 1.0)}
    features = detector.extract_feat(images)
    found = objects_of(detector, features, [meta, meta], 3)
    assert len(found) == 2
    assert all(0 < len(one) <= 3 for one in found)
    assert all(len(one.scores) == len(one.categories) == len(one.logits) == len(one) for one in found)
    assert all(float(one.boxes[:, 3].max()) <= 48 for one in found)
    assert not any(one.boxes.requires_grad for one in found)
    for value in (found[0].seen_in(windows_around(found[0].boxes)).mean(), found[1].scores.mean()):
        detector.zero_grad()
        value.backward(retain_graph=True)
        assert any(p.grad is not None and p.grad.any() for p in detector.backbone.parameters())


def test_masks_are_where_they_are_spanned() -> None:
    box = torch.tensor([[8.0, 4.0, 16.0, 12.0]])
    one = SoftObjects(box, torch.zeros(1, dtype=torch.int64), torch.ones(1), torch.full((1, 1, 4, 4), 9.0), box)
    mask = one.masks((16, 24))[0]
    assert mask.sum() == 64
    assert mask[4:12, 8:16].all()
    assert float(one.seen_in(whole(1, 16, 24, box)).mean()) == pytest.approx(64 / (16 * 24), abs=0.03)
