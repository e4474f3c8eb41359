"""Real detectors with random weights on 64-pixel frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmcv.cnn import ConvModule
from torch import nn

from al_core.errors import BadSettings
from al_core.masks.soft import SoftMask
from al_core.settings import StudentSettings, TeacherSettings
from al_core.stores.predictions import FramePrediction, PredictedObject
from al_core.students.build import Member, build_config, build_model
from al_core.uncertainty import ensemble
from al_core.uncertainty.augment import views_named
from al_core.uncertainty.ensemble import agreed, in_fast_layout, in_fast_precision, predict_frames, weakest_score
from tests.toys.students import NARROW, tiny_student

SETTINGS = TeacherSettings()


def member(seed: int, student: StudentSettings) -> Member:
    """A member whose random weights see patterns of their own in every frame, with scores of about 1/3."""
    config = build_config(student, ["a", "b"])
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build_model(config.model)
    return Member(f"teacher {seed}", model.eval().requires_grad_(False), [1, 2])


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[Member]:
    student = tiny_student(tmp_path_factory.mktemp("student"))
    return in_fast_layout([member(0, student), member(1, student)])


def clip(n: int, height: int = 64, width: int = 64) -> list[tuple[int, np.ndarray]]:
    """Grey frames, numbered 10, 11, ..., with a bright square that moves to the right."""
    frames = []
    for i in range(n):
        image = np.full((height, width, 3), 90, np.uint8)
        image[16:40, 8 + 6 * i : 32 + 6 * i] = [250, 200, 30]
        frames.append((10 + i, image))
    return frames


def predict(
    members: list[Member],
    frames: list[tuple[int, np.ndarray]],
    views: tuple[str, ...] = ("identity", "flip"),
    images_per_pass: int | None = None,
    long_side: int = 64,
    settings: TeacherSettings = SETTINGS,
) -> list[FramePrediction]:
    found = predict_frames(members, views_named(views), frames, settings, long_side, 8, images_per_pass)
    return list(found)


def test_every_frame_is_predicted_in_order(members: list[Member]) -> None:
    found = predict(members, clip(5))
    assert [f.frame_idx for f in found] == [10, 11, 12, 13, 14]
    assert all(f.objects for f in found)
    for frame in found:
        assert frame.feature.dtype == np.float32
        assert np.linalg.norm(frame.feature) == pytest.approx(1, abs=1e-5)
        assert len(frame.objects) <= 8
        for seen in frame.objects:
            assert seen.soft_mask.size == (64, 64)
            assert len(seen.class_probabilities) == 3
            assert 1 <= seen.members <= 4


def test_how_frames_are_batched_does_not_matter(members: list[Member]) -> None:
    views = ("identity", "flip", "scale_small", "bright")
    alone = predict(members, clip(3), views, images_per_pass=1)
    together = predict(members, clip(3), views, images_per_pass=12)
    for first, second in zip(alone, together, strict=True):
        assert np.allclose(first.feature, second.feature, atol=1e-4)
        assert len(first.objects) == len(second.objects)
        for a, b in zip(first.objects, second.objects, strict=True):
            assert np.allclose(a.box, b.box, atol=0.05)
            assert a.class_probabilities == pytest.approx(b.class_probabilities, abs=1e-3)


def test_a_mirrored_frame_has_the_mirrored_objects(members: list[Member]) -> None:
    """Seen as it is and mirrored, both frames give the same images to the networks."""
    frames = clip(1, width=56)
    (found,) = predict(members, frames)
    (mirrored,) = predict(members, [(10, frames[0][1][:, ::-1])])
    assert len(found.objects) == len(mirrored.objects) > 0
    for a, b in zip(found.objects, mirrored.objects, strict=True):
        x0, y0, x1, y1 = b.box
        assert np.allclose(a.box, (56 - x1, y0, 56 - x0, y1), atol=0.01)
        assert np.allclose(a.soft_mask.full(), b.soft_mask.full()[:, ::-1], atol=2 / 255)
        assert a.class_entropy == pytest.approx(b.class_entropy, abs=1e-4)


def test_masks_have_the_working_size_whatever_the_student_sees(members: list[Member]) -> None:
    (found,) = predict(members, clip(1, 96, 128))
    assert {o.soft_mask.size for o in found.objects} == {(96, 128)}
    assert max(o.box[2] for o in found.objects) > 64


def test_frames_of_other_sizes_may_follow(members: list[Member]) -> None:
    found = predict(members, clip(1) + clip(2, 48, 64), images_per_pass=8)
    assert [f.objects[0].soft_mask.size for f in found] == [(64, 64), (48, 64), (48, 64)]


def test_frames_are_taken_as_they_are_needed(members: list[Member]) -> None:
    taken: list[int] = []

    def frames() -> Iterator[tuple[int, np.ndarray]]:
        for index, image in clip(9):
            taken.append(index)
            yield index, image

    found = predict_frames(members, views_named(["identity"]), frames(), SETTINGS, 64, 8, images_per_pass=2)
    assert next(found).frame_idx == 10
    assert len(taken) <= 5
    assert not torch.is_inference_mode_enabled()
    found.close()
    assert not any(m.model.neck._forward_hooks for m in members)


def test_one_stage_students_predict_too() -> None:
    found = predict([member(2, StudentSettings())], clip(2, 48, 64))
    assert [f.frame_idx for f in found] == [10, 11]
    assert all(o.soft_mask.size == (48, 64) for f in found for o in f.objects)
    assert np.linalg.norm(found[0].feature) == pytest.approx(1, abs=1e-5)


def test_what_cannot_be_predicted_with(members: list[Member]) -> None:
    with pytest.raises(BadSettings, match="at least one member"):
        predict([], clip(1))
    with pytest.raises(BadSettings, match="at least one view"):
        predict(members, clip(1), views=())
    other = Member("stranger", members[1].model, [1, 3])
    with pytest.raises(BadSettings, match=r"teacher 0 knows \[1, 2\], stranger knows \[1, 3\]"):
        predict([members[0], other], clip(1))


def test_the_fast_layout_changes_nothing(tmp_path: Path) -> None:
    """A two-stage student takes regions out of its features by a compiled operator, a one-stage student does not."""
    (tmp_path / "narrow.py").write_text(NARROW)
    for student in (tiny_student(tmp_path), StudentSettings(override=str(tmp_path / "narrow.py"))):
        (before,), (after,) = (predict(f([member(0, student)]), clip(1), ("identity",)) for f in (list, in_fast_layout))
        assert len(before.objects) == len(after.objects) > 0
        for a, b in zip(before.objects, after.objects, strict=True):
            assert np.allclose(a.box, b.box, atol=0.01)
            assert a.existence == pytest.approx(b.existence, abs=1e-4)


def seen(members: int = 2, mask_iou: float = 0.95, existence: float = 0.9) -> PredictedObject:
    mask = SoftMask.of(np.ones((4, 4), bool))
    return PredictedObject(1, (existence, 1 - existence), existence, members, (0, 0, 4, 4), 0, mask_iou, 0, 0, mask)


@pytest.mark.parametrize(
    ("objects", "enough"),
    [
        ([seen(), seen()], True),
        ([seen(), seen(members=1)], False),
        ([seen(mask_iou=0.89)], False),
        ([seen(existence=0.69)], False),
        ([], False),
    ],
)
def test_one_view_is_enough_where_all_surely_see_the_same(objects: list[PredictedObject], enough: bool) -> None:
    found = FramePrediction(0, tuple(objects), np.ones(1, np.float32))
    assert agreed(found, 2, 0.9) == enough


def counted(
    members: list[Member], frames: list[tuple[int, np.ndarray]], views: tuple[str, ...] = ("identity", "flip")
) -> tuple[list[FramePrediction], int]:
    """Predictions through two views, and how many images the first member looked at."""
    images: list[int] = []
    backbone = members[0].model.backbone
    handle = backbone.register_forward_pre_hook(lambda _module, inputs: images.append(len(inputs[0])))
    try:
        return predict(members, frames, views, images_per_pass=2), sum(images)
    finally:
        handle.remove()


def test_where_members_agree_frames_are_seen_through_one_view(
    members: list[Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One network twice agrees with itself; two with random weights see other things."""
    monkeypatch.setattr(ensemble, "SURE", 0.0)
    same, n_images = counted([members[0], members[0]], clip(5), ("identity", "identity"))
    assert [f.frame_idx for f in same] == [10, 11, 12, 13, 14]
    assert n_images == 2 * 5
    once = predict([members[0]], clip(5), ("identity",))
    assert [[o.box for o in f.objects] for f in same] == [[o.box for o in f.objects] for f in once]
    others, n_images = counted(members, clip(5))
    assert n_images == 2 * 5
    every = predict(members, clip(5), settings=TeacherSettings(agreement_iou=1))
    for found, wanted in zip(others, every, strict=True):
        assert [o.existence for o in found.objects] == pytest.approx([o.existence for o in wanted.objects])


def test_each_member_sees_a_frame_through_another_view_first(
    members: list[Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is said is enough here, so that the other views are left out."""
    monkeypatch.setattr(ensemble, "agreed", lambda *_: True)
    ask = ensemble._ask
    asked: list[list[int]] = []

    def noted(*given: Any) -> Any:
        asked.append(list(given[2]))
        return ask(*given)

    monkeypatch.setattr(ensemble, "_ask", noted)
    predict([*members, members[0]], clip(1))
    assert asked == [[0], [1], [0]]
    monkeypatch.setattr(ensemble, "agreed", lambda *_: False)
    predict([*members, members[0]], clip(1))
    assert asked[3:] == [[0], [1], [0], [1], [0], [1]]
    predict(members, clip(1), settings=TeacherSettings(agreement_iou=1))
    assert asked[9:] == [[0, 1], [0, 1]]


def test_bfloat16_hardly_changes_what_is_predicted(tmp_path: Path) -> None:
    (tmp_path / "narrow.py").write_text(NARROW)
    student = StudentSettings(override=str(tmp_path / "narrow.py"))
    exact, quick = (in_fast_precision([member(0, student)], quick) for quick in (False, True))
    for before, after in zip(predict(exact, clip(2)), predict(quick, clip(2)), strict=True):
        assert np.abs(before.feature - after.feature).max() < 0.02
        assert not np.array_equal(before.feature, after.feature)
        # Random weights see two objects about as surely: rounding may change which of them comes first.
        assert any(np.allclose(before.objects[0].box, found.box, atol=1) for found in after.objects)
    assert predict(exact, clip(1))[0].objects[0].soft_mask.values.any()


class TwoLevels(nn.Module):
    """Two levels that share a convolution and have a normalization each, as heads of detectors do."""

    def __init__(self) -> None:
        super().__init__()
        self.levels = nn.ModuleList(ConvModule(3, 4, 3, norm_cfg={"type": "BN"}) for _ in range(2))
        self.levels[1].conv = self.levels[0].conv
        for number, level in enumerate(self.levels):
            level.norm.running_mean.fill_(number - 0.5)
            level.norm.running_var.fill_(number + 0.1)

    def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
        return [level(image) for level in self.levels]


def test_normalization_becomes_part_of_the_convolution_also_where_levels_share_one() -> None:
    model = nn.ModuleDict({"backbone": TwoLevels()}).eval().requires_grad_(False)
    image = torch.rand(1, 3, 8, 8)
    before = model.backbone(image)
    in_fast_precision([Member("teacher", model, [1])], True)
    after = model.backbone(image)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in model.modules())
    assert (before[0] - before[1]).abs().max() > 0.5
    for exact, quick in zip(before, after, strict=True):
        assert (exact - quick).abs().max() < 0.05


def test_weak_sightings_are_looked_at_below_the_threshold() -> None:
    assert 0 < weakest_score(TeacherSettings(score_threshold=0.3)) < 0.3
