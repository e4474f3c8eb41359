"""The network sees frames of any size, and its encoder is the student's backbone."""

import numpy as np
import pytest
import torch

from al_core.depth.depth_network import load_depth_network, new_depth_network, seen_size
from al_core.errors import BadCheckpoint, BadSettings
from al_core.networks.network_state import to_bytes
from al_core.settings import StudentSettings
from al_core.students.build import build_config, build_model
from al_core.students.weights import read_start


@pytest.fixture(scope="module")
def network(student):
    return new_depth_network(student, 2, seed=0).eval()


def test_disparities_of_four_scales_the_finest_first(network):
    with torch.no_grad():
        found = network(torch.rand(2, 3, 64, 96))
    assert [tuple(d.shape) for d in found] == [(2, 1, 32, 48), (2, 1, 16, 24), (2, 1, 8, 12), (2, 1, 4, 6)]
    assert all(float(d.min()) > 0 and float(d.max()) < 1 for d in found)


def test_a_frame_of_any_size_has_a_disparity_of_its_size(network):
    seen = network.disparity(np.zeros((37, 90, 3), np.uint8))
    assert (seen.shape, seen.dtype) == ((37, 90), np.float32)


def test_motion_is_small_at_first(network):
    motion = network.motion_between(*(torch.rand(2, 3, 64, 96) for _ in range(2)))
    assert torch.allclose(motion[:, :, :3], torch.eye(3).expand(2, 3, 3), atol=0.02)


def test_the_seed_gives_the_weights(student, network):
    assert to_bytes(new_depth_network(student, 2, 0)) == to_bytes(network)
    assert to_bytes(new_depth_network(student, 2, 1)) != to_bytes(network)


def test_a_given_focal_length_is_not_learnt(student, network):
    given = new_depth_network(student, 1, 0, focal=0.7)
    assert given.focal == pytest.approx([0.7])
    assert not given.log_focal.requires_grad
    assert network.focal == [1.0, 1.0]
    assert network.log_focal.requires_grad


def test_a_student_starts_from_its_encoder(student, network, tmp_path):
    path = tmp_path / "depth.pt"
    path.write_bytes(to_bytes(network))
    model = build_model(build_config(student, ["object"], 1).model)
    told = read_start(path).load_student(model, 0)
    assert "tensors fit" in told
    weights = model.state_dict()
    names = [name for name in network.state_dict() if name.startswith("backbone.")]
    assert len(names) > 50
    assert all(torch.equal(weights[name], network.state_dict()[name]) for name in names)


def test_a_kept_network_is_read_again_and_that_of_another_student_refused(student, network, tmp_path):
    path = tmp_path / "depth.pt"
    path.write_bytes(to_bytes(network))
    assert to_bytes(load_depth_network(path, student)) == to_bytes(network)
    with pytest.raises(BadCheckpoint, match="has another one; train it again with: fewframes pretrain --depth"):
        load_depth_network(path, StudentSettings())
    path.write_bytes(to_bytes(torch.nn.Linear(2, 1)))
    with pytest.raises(BadCheckpoint, match="expected a network of depth, it is none"):
        load_depth_network(path, student)


def test_a_student_without_coarse_features_is_refused(tmp_path):
    fine = tmp_path / "fine.py"
    fine.write_text("model = dict(backbone=dict(widen_factor=0.125, out_indices=(1,)))")
    with pytest.raises(BadSettings, match="student.config: depth is learnt with a backbone whose feature maps"):
        new_depth_network(StudentSettings(override=str(fine)), 1, 0)


def test_sides_are_multiples_of_the_stride():
    assert seen_size(480, 854, 192) == (96, 192)
    assert seen_size(854, 480, 192) == (192, 96)
    assert seen_size(10, 854, 192) == (32, 192)


def test_nearness_is_scaled_within_a_frame(network):
    near = network.nearness(np.random.default_rng(0).integers(0, 256, (40, 70, 3), np.uint8))
    assert (near.min(), near.max(), near.shape) == (0, 1, (40, 70))
