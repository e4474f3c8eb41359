"""Any zoo config becomes a student: our classes, no download, RGB, sides padded; members come back as they were."""

import copy
import importlib
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint, BadSettings, UnknownName
from al_core.networks import imagenet_weights
from al_core.networks.efficientnet import EfficientNet
from al_core.settings import StudentSettings
from al_core.students.build import (
    ToPythonLogging,
    _without_language,
    build_config,
    build_model,
    choose_device,
    config_text,
    fit_model,
    import_mmdet,
    load_config,
    load_members,
    middles_of,
    parse_config,
    read_checkpoint,
)

PLAIN = ["condinst_r50_fpn", "mask_rcnn_r101_fpn", "mask_rcnn_r50_fpn", "mask_rcnn_shapeprop"]
SHIPPED = [*PLAIN, "rtmdet_ins_lite0", "rtmdet_ins_tiny"]


@pytest.fixture(scope="module", autouse=True)
def mmdet() -> None:
    import_mmdet()


def find(node: Any, key: str) -> list[Any]:
    """Every value of a key in a nested config."""
    if isinstance(node, list | tuple):
        return [found for item in node for found in find(item, key)]
    if not isinstance(node, dict):
        return []
    here = [node[key]] if key in node else []
    return here + [found for item in node.values() for found in find(item, key)]


class TestShippedStudents:
    @pytest.mark.parametrize("name", SHIPPED)
    def test_is_fitted_to_the_categories_and_needs_no_network(self, name: str) -> None:
        model = build_config(StudentSettings(config=name), ["dog", "cat", "mouse"]).model
        assert set(find(model, "num_classes")) == {3}
        assert not [c for c in find(model, "init_cfg") if c and c.get("type") == "Pretrained"]
        learns = -1 if name != "rtmdet_ins_lite0" else 6  # weights that are installed stay as they are
        assert all(stages == learns for stages in find(model, "frozen_stages"))
        assert not any(find(model, "norm_eval"))
        assert "SyncBN" not in find(model, "type")
        assert model.data_preprocessor.pad_size_divisor == 32

    def test_the_list_is_the_folder(self) -> None:
        with pytest.raises(UnknownName, match=", ".join(SHIPPED)):
            load_config("rtmdet_ins_tini")

    def test_the_default_predicts(self) -> None:
        from mmdet.structures import DetDataSample

        model = build_model(build_config(StudentSettings(), ["dog"]).model).eval()
        meta = {"img_shape": (30, 50), "ori_shape": (30, 50), "scale_factor": (1.0, 1.0)}
        image = torch.zeros((3, 30, 50), dtype=torch.uint8)
        with torch.inference_mode():
            (result,) = model.test_step({"inputs": [image], "data_samples": [DetDataSample(metainfo=meta)]})
        assert result.pred_instances.masks.shape[1:] == (30, 50)


class TestPretrained:
    """The student whose backbone knows pictures, and does not learn."""

    @pytest.fixture(scope="class")
    def model(self) -> Any:
        made: Any = build_model(build_config(StudentSettings(config="rtmdet_ins_lite0"), ["dog"]).model)
        made.init_weights()
        return made

    def test_it_sees_what_propagators_see_and_goes_on_to_a_thirtysecond(self, model: Any) -> None:
        pixels = torch.randint(0, 256, (3, 64, 96), dtype=torch.uint8)
        inputs = model.data_preprocessor({"inputs": [pixels]}, False)["inputs"]
        model.eval()
        eighth, sixteenth, thirtysecond = model.backbone(inputs)
        _, _, *known = EfficientNet()(pixels[None] / 255)
        torch.testing.assert_close([eighth, sixteenth], known, atol=1e-3, rtol=1e-3)
        assert thirtysecond.shape == (1, 320, 2, 3)

    def test_it_never_learns_and_its_statistics_stay(self, model: Any) -> None:
        model.train()
        before = copy.deepcopy(model.backbone.state_dict())
        model.backbone(torch.randn(2, 3, 64, 64))
        assert all(torch.equal(value, before[name]) for name, value in model.backbone.state_dict().items())
        assert not any(parameter.requires_grad for parameter in model.backbone.parameters())
        assert all(parameter.requires_grad for parameter in model.neck.parameters())

    def test_weights_that_are_not_there_are_told(self, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(imagenet_weights, "PACKAGE", "no_such_package")
        with pytest.raises(BadCheckpoint, match="it is not installed; .* a student.config other than rtmdet_ins_lite0"):
            model.backbone.init_weights()


class TestZoo:
    def test_an_unmodified_config_with_one_override_file(self, tmp_path: Path) -> None:
        override = tmp_path / "small.py"
        override.write_text("model = dict(backbone=dict(depth=18), neck=dict(in_channels=[64, 128, 256, 512]))\n")
        settings = StudentSettings(config="mmdet::solov2/solov2_r50_fpn_1x_coco.py", override=str(override))
        model = build_model(build_config(settings, ["dog", "cat"]).model)
        assert type(model).__name__ == "SOLOv2"
        assert model.backbone.depth == 18
        assert model.mask_head.num_classes == 2

    def test_a_config_by_its_path(self, tmp_path: Path) -> None:
        path = tmp_path / "mine.py"
        path.write_text("_base_ = 'mmdet::rtmdet/rtmdet-ins_tiny_8xb32-300e_coco.py'\n")
        assert load_config(str(path)).model.type == "RTMDet"

    def test_a_config_may_be_changed_and_a_file_of_ones_own_is_read_again(self, tmp_path: Path) -> None:
        load_config("rtmdet_ins_tiny").model.type = "Other"
        assert load_config("rtmdet_ins_tiny").model.type == "RTMDet"
        path = tmp_path / "mine.py"
        path.write_text("model = dict(type='One')\n")
        assert load_config(str(path)).model.type == "One"
        path.write_text("model = dict(type='Two')\n")
        assert load_config(str(path)).model.type == "Two"

    def test_things_and_no_stuff_for_mask2former(self) -> None:
        source = load_config("mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py")
        model = fit_model(source.model, 2, 100)
        assert set(find(model, "num_things_classes")) == {2}
        assert set(find(model, "num_stuff_classes")) == {0}
        assert [len(w) for w in find(model, "class_weight")] == [3]
        assert model["data_preprocessor"]["batch_augments"] is None

    @pytest.mark.parametrize(
        ("config", "override", "message"),
        [
            ("mmdet::no/such_config.py", "", "the model zoo has no config"),
            ("nowhere.py", "", "no such file"),
            ("rtmdet_ins_tiny", "nowhere.py", "student.override: nowhere.py cannot be read"),
        ],
    )
    def test_what_cannot_be_read_is_named(self, config: str, override: str, message: str) -> None:
        with pytest.raises(BadSettings, match=message):
            load_config(config, override)

    def test_an_override_has_no_base_of_its_own(self, tmp_path: Path) -> None:
        path = tmp_path / "over.py"
        path.write_text("_base_ = './other.py'\n")
        with pytest.raises(BadSettings, match="only what differs"):
            load_config("rtmdet_ins_tiny", str(path))


class TestFitModel:
    def test_the_zoos_bgr_weights_see_the_same_colours(self) -> None:
        # Mask R-CNN turns BGR into RGB and normalises RGB; RTMDet normalises BGR.
        to_rgb = {"type": "X", "data_preprocessor": {"mean": [124, 116, 104], "bgr_to_rgb": True}}
        as_bgr = {"type": "X", "data_preprocessor": {"mean": [104, 116, 124], "bgr_to_rgb": False}}
        assert "rgb_to_bgr" not in fit_model(to_rgb, 1, 9)["data_preprocessor"]
        assert fit_model(as_bgr, 1, 9)["data_preprocessor"]["rgb_to_bgr"] is True
        assert not find([fit_model(to_rgb, 1, 9), fit_model(as_bgr, 1, 9)], "bgr_to_rgb")

    def test_weights_in_a_file_stay(self, tmp_path: Path) -> None:
        weights = tmp_path / "resnet.pth"
        torch.save({}, weights)
        backbone = {"frozen_stages": 1, "init_cfg": {"type": "Pretrained", "checkpoint": str(weights)}}
        assert fit_model({"backbone": backbone}, 1, 9)["backbone"] == backbone

    def test_at_most_so_many_objects(self) -> None:
        two_stages = {"test_cfg": {"rpn": {"max_per_img": 1000}, "rcnn": {"max_per_img": 100}}}
        assert fit_model(two_stages, 1, 9)["test_cfg"] == {"rpn": {"max_per_img": 1000}, "rcnn": {"max_per_img": 9}}

    def test_the_source_is_not_changed(self) -> None:
        source = {"bbox_head": {"num_classes": 80}}
        fit_model(source, 2, 9)
        assert source == {"bbox_head": {"num_classes": 80}}


class TestConfigText:
    def test_comes_back(self) -> None:
        config = build_config(StudentSettings(), ["dog"], 7)
        assert parse_config(config_text(config)).to_dict() == config.to_dict()

    def test_is_not_executed(self) -> None:
        with pytest.raises(BadCheckpoint, match="literal"):
            parse_config("__import__('os').getcwd()")

    def test_no_category(self) -> None:
        with pytest.raises(BadSettings, match="at least one category"):
            build_config(StudentSettings(), [])


class TestSchedule:
    def test_the_learning_rate_warms_up_and_falls(self) -> None:
        warm_up, fall = build_config(StudentSettings(learning_rate=0.1), ["dog"], 100).param_scheduler
        assert warm_up["end"] == fall["begin"]
        assert fall["end"] == 100

    def test_a_student_has_its_own_factor_on_the_rate(self) -> None:
        rates = {
            name: build_config(StudentSettings(config=name, learning_rate=0.1), ["dog"]).optim_wrapper.optimizer.lr
            for name in ("rtmdet_ins_tiny", "mask_rcnn_r50_fpn")
        }
        assert rates == {"rtmdet_ins_tiny": 0.4, "mask_rcnn_r50_fpn": 0.1}

    def test_a_config_may_change_the_optimizer(self, tmp_path: Path) -> None:
        path = tmp_path / "sgd.py"
        path.write_text("fewframes = dict(optim_wrapper=dict(optimizer=dict(_delete_=True, type='SGD', lr=0.02)))\n")
        config = build_config(StudentSettings(override=str(path)), ["dog"])
        assert config.optim_wrapper.optimizer == {"type": "SGD", "lr": 0.02}
        assert config.optim_wrapper.clip_grad.max_norm > 0


class TestCheckpoints:
    def test_members_are_the_teachers(self, tmp_path: Path) -> None:
        config = build_config(StudentSettings(), ["dog", "cat"])
        weights = build_model(config.model).state_dict()
        torch.save(
            {
                "config": config_text(config),
                "categories": {7: "cat", 3: "dog"},
                "teachers": [{"decay": d, "seed": 0, "state_dict": weights} for d in (0.9, 0.99)],
            },
            tmp_path / "s.pth",
        )
        members = load_members(tmp_path / "s.pth", "cpu")
        assert [m.name for m in members] == ["teacher 0.9 of seed 0", "teacher 0.99 of seed 0"]
        assert all(m.category_ids == [3, 7] and not m.model.training for m in members)
        loaded = members[0].model.state_dict()
        assert all(torch.equal(loaded[name], weights[name]) for name in weights)

    def test_a_flipped_bit_that_torch_would_not_notice(self, tmp_path: Path) -> None:
        path = tmp_path / "flipped.pth"
        torch.save({"weights": torch.full((1000,), 0.5)}, path)
        content = bytearray(path.read_bytes())
        content[content.index(torch.full((4,), 0.5).numpy().tobytes()) + 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(BadCheckpoint, match="expected a whole checkpoint, got: the checksum of .* is wrong"):
            read_checkpoint(path)

    def test_a_truncated_file(self, tmp_path: Path) -> None:
        path = tmp_path / "s.pth"
        torch.save({"a": torch.zeros(1000)}, path)
        path.write_bytes(path.read_bytes()[:700])
        with pytest.raises(BadCheckpoint, match=r"s\.pth: expected a whole checkpoint"):
            read_checkpoint(path)

    def test_a_missing_file_and_one_of_something_else(self, tmp_path: Path) -> None:
        with pytest.raises(BadCheckpoint, match="no such checkpoint"):
            load_members(tmp_path / "none.pth", "cpu")
        torch.save({"state_dict": {}}, tmp_path / "other.pth")
        with pytest.raises(BadCheckpoint, match="lacks categories, config, teachers"):
            load_members(tmp_path / "other.pth", "cpu")


def test_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    model = build_model(build_config(StudentSettings(), ["dog"]).model)
    assert np.isfinite([float(p.sum()) for p in model.parameters()]).all()
    assert capfd.readouterr() == ("", "")


def test_cuda_is_asked_for_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == "cpu"
    with pytest.raises(BadSettings, match="got 'cuda'; use one of 'auto', 'cpu'$"):
        choose_device("cuda")


def test_one_of_several_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [choose_device(name) for name in ("auto", "cpu", "cuda", "cuda:1")] == ["cuda", "cpu", "cuda", "cuda:1"]
    with pytest.raises(BadSettings, match="got 'cuda:2'; use one of 'auto', 'cpu', 'cuda:0', 'cuda:1'"):
        choose_device("cuda:2")


def test_records_of_mmengine_reach_pythons_logging(caplog: pytest.LogCaptureFixture) -> None:
    record = logging.LogRecord("student", logging.INFO, "here", 1, "iteration %d", (3,), None)
    with caplog.at_level(logging.INFO, "mmengine"):
        ToPythonLogging().emit(record)
    with caplog.at_level(logging.ERROR, "mmengine"):
        ToPythonLogging().emit(record)
    assert caplog.messages == ["iteration 3"]


def test_middles_of_masks_are_those_of_mmdet_to_the_bit() -> None:
    from mmdet.models.task_modules.assigners import dynamic_soft_label_assigner
    from mmdet.models.utils import center_of_mass

    masks = torch.rand(7, 40, 60, generator=torch.Generator().manual_seed(0)) < 0.2
    masks[3] = False
    one_by_one = [torch.stack(center_of_mass(mask, 1e-7)[::-1]) for mask in masks]
    assert torch.equal(middles_of(masks, 1e-7), torch.stack(one_by_one))
    assert dynamic_soft_label_assigner.center_of_mass is middles_of


def test_what_mmengine_warns_of_outside_of_trainings_is_not_printed(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    import_mmdet()
    from mmengine.logging import print_log

    with caplog.at_level(logging.WARNING, "mmengine"):
        print_log("FileClient will be deprecated", "current", logging.WARNING)
    assert caplog.messages == ["FileClient will be deprecated"]
    assert capsys.readouterr().out == ""


def test_mmdet_is_loaded_without_the_package_of_its_text_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    with _without_language(), pytest.raises(ImportError):
        importlib.import_module("transformers")
    assert "transformers" not in sys.modules
    monkeypatch.setitem(sys.modules, "transformers", sys)
    with _without_language():
        assert importlib.import_module("transformers") is sys
