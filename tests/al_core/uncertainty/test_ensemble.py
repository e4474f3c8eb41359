"""Real detectors with random weights on 64-pixel frames."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from al_core.errors import BadSettings
from al_core.settings import StudentSettings, TeacherSettings
from al_core.stores.predictions import FramePrediction
from al_core.students.build import Member, build_config, build_model
from al_core.uncertainty.augment import views_named
from al_core.uncertainty.ensemble import in_fast_layout, predict_frames, weakest_score
from tests.toys.students import tiny_student

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
) -> list[FramePrediction]:
    found = predict_frames(members, views_named(views), frames, SETTINGS, long_side, 8, images_per_pass)
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


def test_weak_sightings_are_looked_at_below_the_threshold() -> None:
    assert 0 < weakest_score(TeacherSettings(score_threshold=0.3)) < 0.3
