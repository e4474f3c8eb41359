"""The backbone that knows pictures sees what the propagators' one sees, goes on below it, and never learns."""

import copy

import pytest
import torch

from al_core.errors import BadCheckpoint
from al_core.networks import imagenet_weights
from al_core.networks.efficientnet import EfficientNet
from al_core.settings import StudentSettings
from al_core.students.build import build_config, build_model


@pytest.fixture(scope="module")
def model():
    made = build_model(build_config(StudentSettings(config="rtmdet_ins_lite0"), ["dog"]).model)
    made.init_weights()
    return made


def test_it_sees_what_propagators_see_and_goes_on_to_a_thirtysecond(model):
    pixels = torch.randint(0, 256, (3, 64, 96), dtype=torch.uint8)
    inputs = model.data_preprocessor({"inputs": [pixels]}, False)["inputs"]
    model.eval()
    eighth, sixteenth, thirtysecond = model.backbone(inputs)
    _, _, *known = EfficientNet()(pixels[None] / 255)
    torch.testing.assert_close([eighth, sixteenth], known, atol=1e-3, rtol=1e-3)
    assert thirtysecond.shape == (1, 320, 2, 3)


def test_it_never_learns_and_its_statistics_stay(model):
    model.train()
    before = copy.deepcopy(model.backbone.state_dict())
    model.backbone(torch.randn(2, 3, 64, 64))
    assert all(torch.equal(value, before[name]) for name, value in model.backbone.state_dict().items())
    assert not any(parameter.requires_grad for parameter in model.backbone.parameters())
    assert all(parameter.requires_grad for parameter in model.neck.parameters())


def test_weights_that_are_not_there_are_told(model, monkeypatch):
    monkeypatch.setattr(imagenet_weights, "PACKAGE", "no_such_package")
    with pytest.raises(BadCheckpoint, match=r"it is not installed; .* a student\.config other than rtmdet_ins_lite0"):
        model.backbone.init_weights()
