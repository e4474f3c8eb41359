"""What a GPU makes is near what the processor makes, and seeds side by side share GPUs as they should. Where torch can
use no GPU these tests are skipped."""

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from al_core.masks.rle import iou
from al_core.masks.soft import encode_patch, patch_of
from al_core.project import Project
from al_core.records import FrameRef
from al_core.settings import ComputeSettings, StudentSettings, TeacherSettings
from al_core.stores.predictions import FramePrediction
from al_core.students.build import load_members
from al_core.students.train import TrainedStudent, train_seed, train_student
from al_core.uncertainty.augment import views_named
from al_core.uncertainty.ensemble import predict_frames
from tasks.engines.engine import engine_of
from tasks.engines.jobs import Place, gpus_here
from tests.al_core.students.conftest import HEIGHT, WIDTH, draw, sample
from tests.toys.students import NARROW

GPU = "cuda:0"
ITERATIONS = 30
TEACHERS = TeacherSettings(decays=(0.5,), score_threshold=0.01)

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU that torch can use")


def student(folder: Path, device: str) -> StudentSettings:
    """A narrow student that sees frames at 64 pixels."""
    override = folder / "narrow.py"
    override.write_text(NARROW)
    return StudentSettings(long_side=64, batch_size=2, checkpoint_interval=100, device=device, override=str(override))


def arguments(folder: Path, device: str) -> dict[str, object]:
    return {
        "student": student(folder, device),
        "teachers": TEACHERS,
        "samples": [sample(0), sample(3), sample(6)],
        "categories": {1: "square"},
        "read_image": draw,
        "work_dir": folder / device.replace(":", ""),
        "seed": 5,
        "iterations": ITERATIONS,
        "statistics_batches": 2,
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrainedStudent]:
    """The same training on either device."""
    folder = tmp_path_factory.mktemp("trained")
    return {device: train_student(**arguments(folder, device)) for device in ("cpu", GPU)}


def predicted(checkpoint: Path, device: str) -> list[FramePrediction]:
    members = load_members(checkpoint, device, TEACHERS)
    assert {parameter.device for one in members for parameter in one.model.parameters()} == {torch.device(device)}
    frames = [(number, draw(FrameRef(1, number))) for number in (1, 4)]
    return list(predict_frames(members, views_named(["identity", "flip"]), frames, TEACHERS, 64, 8))


def test_a_short_training_learns_the_same(trained: dict[str, TrainedStudent]) -> None:
    assert trained[GPU].device == GPU
    losses = {device: [loss for _, loss, _ in one.curve] for device, one in trained.items()}
    assert len(losses[GPU]) == len(losses["cpu"]) > 0
    assert losses[GPU] == pytest.approx(losses["cpu"], rel=0.1)


def test_what_it_trained_predicts_the_same_on_either_device(trained: dict[str, TrainedStudent]) -> None:
    """The surest object of a frame has nearly the same mask and existence."""
    for there, here in zip(*(predicted(trained[GPU].checkpoint, device) for device in (GPU, "cpu")), strict=True):
        surest = [max(frame.objects, key=lambda seen: seen.existence) for frame in (there, here)]
        assert surest[0].existence == pytest.approx(surest[1].existence, abs=0.02)
        masks = [encode_patch(patch_of(seen.soft_mask), (HEIGHT, WIDTH)) for seen in surest]
        assert iou(masks[:1], masks[1:])[0, 0] > 0.9


@dataclass(frozen=True)
class Seed:
    """Train a seed on the one GPU that its process sees; returns which that was, and from when to when (seconds)."""

    key: int
    folder: Path

    @property
    def name(self) -> str:
        return f"seed {self.key}"

    def work(self, place: Place) -> tuple[str, float, float]:
        assert torch.cuda.device_count() == 1
        began = time.time()
        own = self.folder / str(self.key)
        own.mkdir()
        _, device = train_seed(self.key, **arguments(own, "auto"))
        assert device == "cuda"
        return str(torch.cuda.get_device_properties(0).uuid), began, time.time()


def test_seeds_side_by_side_are_limited_on_each_gpu(tmp_path: Path) -> None:
    """With half a GPU for each, two at a time are on every GPU, and never three."""
    n_gpus = len(gpus_here())
    jobs = [Seed(number, tmp_path) for number in range(3 * n_gpus)]
    with engine_of(ComputeSettings(gpus_per_task=0.5), Project.at(tmp_path / "project"), "train", lambda: None) as two:
        found = [value for _, value in two.each("train", jobs)]
    at_a_time = Counter[str]()
    for gpu, began, _ in found:
        beside = sum(other == gpu and first <= began < last for other, first, last in found)
        at_a_time[gpu] = max(at_a_time[gpu], beside)
    assert len(at_a_time) == n_gpus
    assert set(at_a_time.values()) == {2}
