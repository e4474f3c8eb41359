"""A training learns, is repeatable bit for bit, goes on where it was killed, and starts from what it is given."""

import copy
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch import nn

from al_core.errors import BadCheckpoint, BadLabel, BadSettings, TrainingDiverged
from al_core.records import FrameRef, Progress
from al_core.settings import StudentSettings, TeacherSettings
from al_core.students.build import STATISTICS_PIPELINE, build_config, build_model, import_mmdet, load_members
from al_core.students.dataset import LabelledFrames
from al_core.students.train import TrainedStudent, TrainingSample, measure_batch_norm, train_seed, train_student
from tests.toys.models.trainings import Killed, content, equal, kill_at, same
from tests.toys.students import NARROW, tiny_student

SMALL = StudentSettings(long_side=64, batch_size=2, checkpoint_interval=2, device="cpu")
TWO = TeacherSettings(decays=(0.5, 0.9))


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> StudentSettings:
    """The default student with a third of its channels."""
    override = tmp_path_factory.mktemp("student") / "narrow.py"
    override.write_text(NARROW)
    return SMALL.model_copy(update={"override": str(override)})


@pytest.fixture(scope="module")
def train_in(
    samples: Sequence[TrainingSample], read_image: Any, narrow: StudentSettings
) -> Callable[..., TrainedStudent]:
    """A training of three iterations in a folder, its statistics from two batches; keywords change it."""

    def call(folder: Path, train: Callable[..., Any] = train_student, **changed: Any) -> Any:
        arguments: dict[str, Any] = {
            "student": narrow,
            "teachers": TWO,
            "samples": samples,
            "categories": {1: "square"},
            "read_image": read_image,
            "seed": 5,
            "iterations": 3,
            "statistics_batches": 2,
        }
        return train(**{**arguments, **changed}, work_dir=folder)

    return call


@pytest.fixture
def train(train_in: Any, tmp_path: Path) -> Callable[..., TrainedStudent]:
    """The training in a folder of the test's own."""
    return lambda folder, **changed: train_in(tmp_path / folder, **changed)


@pytest.fixture(scope="module")
def first(train_in: Any, tmp_path_factory: pytest.TempPathFactory) -> TrainedStudent:
    """What came of the training as it is; tests only read it."""
    trained: TrainedStudent = train_in(tmp_path_factory.mktemp("first"))
    return trained


@pytest.fixture(scope="module")
def four(train_in: Any, tmp_path_factory: pytest.TempPathFactory) -> TrainedStudent:
    """As ``first``, of four iterations."""
    trained: TrainedStudent = train_in(tmp_path_factory.mktemp("four"), iterations=4)
    return trained


@pytest.fixture(scope="module")
def heads_only(narrow: StudentSettings, first: TrainedStudent) -> dict[str, Any]:
    """How the heads alone are trained on from the first training."""
    return {"student": narrow.model_copy(update={"train": "heads"}), "init_checkpoint": first.checkpoint}


@pytest.fixture(scope="module")
def of_heads(train_in: Any, heads_only: Any, tmp_path_factory: pytest.TempPathFactory) -> TrainedStudent:
    """What came of that; tests only read it."""
    trained: TrainedStudent = train_in(tmp_path_factory.mktemp("heads"), **heads_only)
    return trained


@pytest.fixture(scope="module", autouse=True)
def mmdet() -> None:
    import_mmdet()


class TestResult:
    def test_says_whose_weights_it_holds(self, train: Any, capfd: pytest.CaptureFixture[str]) -> None:
        told: list[Progress] = []
        trained = train("a", student=SMALL, on_progress=told.append)
        held = content(trained)
        assert held["holds"]["teachers"] == ["teacher 0.5 of seed 0", "teacher 0.9 of seed 0"]
        assert held["categories"] == {1: "square"}
        assert [t["updates"] for t in held["teachers"]] == [3, 3]
        assert not equal(held["student"], held["teachers"][1]["state_dict"])
        assert [i for i, _, _ in trained.curve] == [1, 2, 3]
        assert [(p.done, p.total) for p in told] == [(1, 3), (2, 3), (3, 3)]
        assert [p.name for p in trained.checkpoint.parent.iterdir()] == ["student.pth"]
        assert [m.category_ids for m in load_members(trained.checkpoint, "cpu")] == [[1], [1]]
        assert capfd.readouterr() == ("", "")

    def test_is_repeatable_and_leaves_the_global_generators_alone(self, train: Any, first: TrainedStudent) -> None:
        torch.manual_seed(99)
        state = torch.get_rng_state()
        assert same(first, train("b"))
        assert torch.equal(torch.get_rng_state(), state)
        assert not same(first, train("c", seed=6))

    def test_a_second_call_does_nothing(self, train_in: Any, first: TrainedStudent) -> None:
        written = first.checkpoint.stat().st_mtime_ns
        again = train_in(first.checkpoint.parent, on_progress=kill_at(1))
        assert again.checkpoint == first.checkpoint
        assert again.checkpoint.stat().st_mtime_ns == written
        assert again.curve == first.curve

    def test_other_inputs_are_another_training(
        self, train: Any, first: TrainedStudent, samples: Any, tmp_path: Path
    ) -> None:
        shutil.copytree(first.checkpoint.parent, tmp_path / "a")
        assert train("a").curve == first.curve
        assert train("a", samples=samples[:2]).curve != first.curve

    def test_several_seeds_give_several_students(self, train: Any) -> None:
        with pytest.raises(Killed):
            train("a", teachers=TeacherSettings(decays=(0.5,), seeds=2), iterations=2, on_progress=kill_at(3))
        several = train("a", teachers=TeacherSettings(decays=(0.5,), seeds=2), iterations=2)
        held = content(several)
        assert [(t["decay"], t["seed"]) for t in held["teachers"]] == [(0.5, 0), (0.5, 1)]
        assert not equal(held["student"], held["other_students"][1])
        assert [i for i, _, _ in several.curve] == [1, 2, 3, 4]
        assert [p.name for p in several.checkpoint.parent.iterdir()] == ["student.pth"]

    def test_seeds_may_be_trained_by_themselves_in_any_order(
        self, train_in: Any, tmp_path: Path, narrow: StudentSettings
    ) -> None:
        """Each in a folder of its own, from copies of the files that settings name; a training that finds them there
        trains none, and holds the same."""
        copied = tmp_path / f"{'0' * 64}.py"
        shutil.copy(narrow.override, copied)
        elsewhere = narrow.model_copy(update={"override": str(copied)})
        two = {"teachers": TeacherSettings(decays=(0.5,), seeds=2), "iterations": 2, "unlabelled": []}
        whole = train_in(tmp_path / "whole", **two)
        together = tmp_path / "together"
        together.mkdir()
        for number in (1, 0):
            made, device = train_in(tmp_path / f"{number}", train=partial(train_seed, number), student=elsewhere, **two)
            assert device == "cpu"
            shutil.copy(made, together)
        found = train_in(together, on_progress=kill_at(1), **two)
        assert found.checkpoint.read_bytes() == whole.checkpoint.read_bytes()


class TestKilled:
    @pytest.mark.parametrize("interval", [1, 2])
    def test_goes_on_to_the_same_bits(
        self, train: Any, four: TrainedStudent, narrow: StudentSettings, interval: int
    ) -> None:
        settings = narrow.model_copy(update={"checkpoint_interval": interval})
        told: list[int] = []
        with pytest.raises(Killed):
            train("killed", student=settings, iterations=4, on_progress=kill_at(3))
        resumed = train("killed", student=settings, iterations=4, on_progress=lambda p: told.append(p.done))
        assert told == ([4] if interval == 1 else [3, 4])
        assert same(four, resumed)

    def test_a_damaged_resume_point_is_reported_and_training_starts_anew(
        self, train: Any, first: TrainedStudent, tmp_path: Path
    ) -> None:
        with pytest.raises(Killed):
            train("killed", on_progress=kill_at(2))
        point = tmp_path / "killed" / "seed0.resume.pth"
        point.write_bytes(point.read_bytes()[:5000])
        told: list[int] = []
        resumed = train("killed", on_progress=lambda p: told.append(p.done))
        assert told == [1, 2, 3]
        assert any("seed0.resume.pth: expected a whole checkpoint" in note for note in resumed.notes)
        assert same(resumed, first)

    def test_a_resume_point_of_another_training_is_not_gone_on_from(self, train: Any, first: TrainedStudent) -> None:
        with pytest.raises(Killed):
            train("killed", seed=1, on_progress=kill_at(2))
        assert same(train("killed"), first)


class TestStart:
    def test_from_the_round_before(self, train: Any, first: TrainedStudent, narrow: StudentSettings) -> None:
        slow = narrow.model_copy(update={"learning_rate": 1e-5})
        second = train("b", student=slow, init_checkpoint=first.checkpoint, iterations=1)
        before, after = content(first), content(second)
        assert [t["updates"] for t in after["teachers"]] == [4, 4]
        assert after["holds"]["started_from"] == "student.pth"
        assert "100% of the weights" in second.notes[0]
        # One iteration away from where the first ended, and much further from random weights.
        name = "bbox_head.rtm_kernel.0.weight"
        assert torch.dist(after["student"][name], before["student"][name]) < 0.1 * before["student"][name].norm()

    def test_with_another_category_what_is_known_of_the_others_is_kept(
        self, train: Any, first: TrainedStudent, narrow: StudentSettings
    ) -> None:
        slow = narrow.model_copy(update={"learning_rate": 1e-7})
        grown = train(
            "b", student=slow, init_checkpoint=first.checkpoint, iterations=1, categories={1: "square", 2: "x"}
        )
        shrunk = train("c", student=slow, init_checkpoint=grown.checkpoint, iterations=1)
        before, more, less = content(first)["student"], content(grown)["student"], content(shrunk)["student"]
        name = "bbox_head.rtm_cls.0.weight"
        assert (len(before[name]), len(more[name]), len(less[name])) == (1, 2, 1)
        assert torch.allclose(more[name][0], before[name][0], atol=1e-5)
        assert torch.allclose(less[name][0], before[name][0], atol=1e-5)
        assert "100% of the weights" in grown.notes[0]
        assert [t["updates"] for t in content(grown)["teachers"]] == [4, 4]

    def test_weights_that_fit_nowhere(self, train: Any, tmp_path: Path) -> None:
        torch.save({"conv.kernel": torch.zeros(2)}, tmp_path / "other.pth")
        with pytest.raises(BadCheckpoint, match="nothing in it fits the student"):
            train("a", init_checkpoint=tmp_path / "other.pth")


class TestHeads:
    def test_backbone_and_neck_stay_to_the_bit_with_their_statistics(
        self, first: TrainedStudent, of_heads: TrainedStudent
    ) -> None:
        before, after = content(first)["student"], content(of_heads)["student"]
        kept = [name for name in before if name.startswith(("backbone.", "neck."))]
        assert kept
        assert equal({n: before[n] for n in kept}, {n: after[n] for n in kept})
        changed = [n for n in before if n.startswith("bbox_head.") and not torch.equal(before[n], after[n])]
        assert any(n.endswith("weight") for n in changed)
        assert any(n.endswith("running_mean") for n in changed)

    def test_teachers_that_begin_there_keep_them_too(
        self, train: Any, first: TrainedStudent, narrow: StudentSettings, tmp_path: Path
    ) -> None:
        torch.save(content(first)["student"], tmp_path / "weights.pth")
        heads = narrow.model_copy(update={"train": "heads"})
        second = content(train("b", student=heads, init_checkpoint=tmp_path / "weights.pth"))
        for teacher in second["teachers"]:
            found = teacher["state_dict"]
            kept = [n for n in found if n.startswith(("backbone.", "neck.")) and found[n].is_floating_point()]
            assert equal({n: second["student"][n] for n in kept}, {n: found[n] for n in kept})

    def test_a_killed_one_goes_on_to_the_same_bits(self, train: Any, heads_only: Any, of_heads: TrainedStudent) -> None:
        with pytest.raises(Killed):
            train("killed", **heads_only, on_progress=kill_at(2))
        assert same(train("killed", **heads_only), of_heads)

    def test_it_is_another_training_than_of_all(
        self, train: Any, first: TrainedStudent, of_heads: TrainedStudent
    ) -> None:
        identity = content(train("b", init_checkpoint=first.checkpoint))["identity"]
        assert content(of_heads)["identity"] != identity

    def test_without_weights_to_start_from_it_is_refused(self, train: Any, narrow: StudentSettings) -> None:
        with pytest.raises(BadSettings, match="student.train: 'heads' leaves backbone and neck as they are"):
            train("a", student=narrow.model_copy(update={"train": "heads"}))


class TestLabels:
    def test_only_empty_frames(self, train: Any) -> None:
        empty = [TrainingSample(FrameRef(1, i), ()) for i in (0, 1)]
        assert len(train("a", samples=empty, iterations=1).curve) == 1

    def test_none(self, train: Any) -> None:
        with pytest.raises(BadLabel, match="at least one labelled frame"):
            train("a", samples=[])


def test_a_loss_that_explodes_is_an_error(train: Any, narrow: StudentSettings) -> None:
    with pytest.raises(TrainingDiverged, match="expected a finite loss"):
        train("a", student=narrow.model_copy(update={"learning_rate": 1e30}), iterations=9)


@pytest.mark.parametrize("config", ["mask_rcnn_r50_fpn", "condinst_r50_fpn"])
@pytest.mark.parametrize("empty", [False, True])
def test_other_students_train(train: Any, samples: Any, config: str, empty: bool, tmp_path: Path) -> None:
    override = tmp_path / "small.py"
    backbone = "backbone=dict(depth=18, base_channels=16, stem_channels=16)"
    heads = {
        "mask_rcnn_r50_fpn": "rpn_head=dict(feat_channels=32), roi_head=dict(bbox_head=dict(fc_out_channels=64))",
        "condinst_r50_fpn": "bbox_head=dict(stacked_convs=1)",
    }
    override.write_text(f"model = dict({backbone}, neck=dict(in_channels=[16, 32, 64, 128]), {heads[config]})\n")
    student = SMALL.model_copy(update={"config": config, "override": str(override)})
    labels = samples[-1:] if empty else samples
    assert len(train("a", student=student, samples=labels, iterations=2).curve) == 2


def test_the_log_of_mmengine_reaches_python_and_not_the_terminal(
    train: Callable[..., TrainedStudent], caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("INFO", "mmengine"):
        curve = train("told").curve
    lines = [line for line in caplog.messages if line.startswith("Iter(train)")]
    assert len(lines) == 1
    assert lines[0].startswith("Iter(train) [3/3]")
    assert f"loss: {sum(loss for _, loss, _ in curve) / 3:.2f}"[:-1] in lines[0]
    assert "Iter(train)" not in "".join(capsys.readouterr())


class NormOnly(nn.Module):
    """Takes batches as mmdet's detectors do; its norm sees the numbers themselves."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1, momentum=0.25)
        self.drop = nn.Dropout()

    def data_preprocessor(self, batch: dict[str, Any], training: bool) -> dict[str, Any]:
        """Passes everything on."""
        assert training
        return batch

    def forward(self, inputs: torch.Tensor, mode: str) -> torch.Tensor:
        """A loss."""
        assert mode == "loss"
        return self.norm(inputs).sum()


def batch(*values: float) -> dict[str, Any]:
    return {"inputs": torch.tensor(values, dtype=torch.float32)[:, None]}


def test_mean_over_the_batches() -> None:
    model = NormOnly().eval()
    model.norm.running_mean.fill_(99.0)
    measure_batch_norm(model, [batch(0, 2), batch(4, 6)])
    assert float(model.norm.running_mean) == pytest.approx(3.0)
    assert float(model.norm.running_var) == pytest.approx(2.0)


def test_mode_momentum_and_weights_are_left_as_they_were() -> None:
    model = NormOnly().eval()
    weight = model.norm.weight.detach().clone()
    measure_batch_norm(model, [batch(0, 2)])
    assert not model.training
    assert not model.norm.training
    assert model.norm.momentum == 0.25
    assert torch.equal(model.norm.weight, weight)


def test_frozen_parts_keep_their_statistics() -> None:
    model = NormOnly().eval()
    measure_batch_norm(model, [batch(4, 6)], frozen=["norm", "neck"])
    assert float(model.norm.running_mean) == 0.0


def test_without_heads_that_measure_nothing_it_is_what_whole_steps_measure(
    samples: Any, read_image: Any, tmp_path: Path
) -> None:
    model: Any = build_model(build_config(tiny_student(tmp_path), ["square"]).model)
    frames = LabelledFrames(samples, [1], read_image, 64, STATISTICS_PIPELINE, 0, 4)
    batches = [pseudo_collate([frames[i], frames[i + 1]]) for i in (0, 2)]
    twin = copy.deepcopy(model).train()
    for norm in [one for one in twin.modules() if isinstance(one, nn.BatchNorm2d)]:
        norm.momentum = None
    with torch.random.fork_rng(devices=[]):
        for one in copy.deepcopy(batches):
            twin(**twin.data_preprocessor(one, True), mode="loss")
    measure_batch_norm(model, batches)
    assert float(model.backbone.bn1.running_mean.abs().sum()) > 0
    assert equal(model.state_dict(), twin.state_dict())


def test_a_model_without_batch_norm_is_not_run() -> None:
    measure_batch_norm(nn.Linear(1, 1), [batch(1, 2)])
