"""What fits is loaded and reported; what fits nowhere is an error."""

from pathlib import Path

import pytest
import torch
from torch import nn

from al_core.errors import BadCheckpoint
from al_core.students.weights import class_rows, read_start


class Net(nn.Module):
    """A backbone and a head, one number each."""

    def __init__(self, classes: int = 1) -> None:
        super().__init__()
        self.backbone = nn.Linear(1, 1, bias=False)
        self.head = nn.Linear(1, classes, bias=False)


def weights(value: float, classes: int = 1) -> dict[str, torch.Tensor]:
    return {"backbone.weight": torch.full((1, 1), value), "head.weight": torch.full((classes, 1), value)}


def saved(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "w.pth"
    torch.save(content, path)
    return path


class TestKindsOfFiles:
    @pytest.mark.parametrize(
        "wrap", [lambda w: w, lambda w: {"state_dict": w, "meta": {"epoch": 3}}, lambda w: {"model": w}]
    )
    def test_plain_and_wrapped(self, tmp_path: Path, wrap: object) -> None:
        net = Net()
        note = read_start(saved(tmp_path, wrap(weights(5.0)))).load_student(net, 0)  # type: ignore[operator]
        assert [float(p) for p in net.parameters()] == [5.0, 5.0]
        assert note == "w.pth: 2 of 2 tensors fit (100% of the weights)"

    def test_ours_with_teachers_and_other_seeds(self, tmp_path: Path) -> None:
        content = {
            "student": weights(1.0),
            "other_students": {1: weights(2.0)},
            "teachers": [{"decay": 0.9, "seed": 1, "updates": 40, "state_dict": weights(3.0)}],
        }
        start = read_start(saved(tmp_path, content))
        nets = [Net(), Net(), Net()]
        for number, net in enumerate(nets):
            start.load_student(net, number)
        assert [float(net.head.weight) for net in nets] == [1.0, 2.0, 1.0]
        found = start.teacher(Net(), 0.9, 1)
        assert found is not None
        assert (float(found[0]["head.weight"]), found[1]) == (3.0, 40)
        assert start.teacher(Net(), 0.9, 0) is None
        assert start.teacher(Net(classes=2), 0.9, 1) is None

    @pytest.mark.parametrize("prefix", ["", "module."])
    def test_a_backbone_alone(self, tmp_path: Path, prefix: str) -> None:
        net = Net()
        note = read_start(saved(tmp_path, {prefix + "weight": torch.full((1, 1), 7.0)})).load_student(net, 0)
        assert float(net.backbone.weight) == 7.0
        assert note == "w.pth: 1 of 2 tensors fit (50% of the weights); new: head (1 of 1)"


class TestWhatDoesNotFit:
    def test_other_shapes_are_left_out(self, tmp_path: Path) -> None:
        net = Net(classes=3)
        note = read_start(saved(tmp_path, weights(5.0))).load_student(net, 0)
        assert float(net.backbone.weight) == 5.0
        assert "1 of 2 tensors fit (25% of the weights); new: head (1 of 1)" in note

    def test_nothing_fits(self, tmp_path: Path) -> None:
        start = read_start(saved(tmp_path, {"conv.kernel": torch.zeros(2)}))
        with pytest.raises(BadCheckpoint, match=r"it has conv.kernel, the student backbone.weight, head.weight"):
            start.load_student(Net(), 0)

    def test_no_weights(self, tmp_path: Path) -> None:
        with pytest.raises(BadCheckpoint, match="holds only epoch"):
            read_start(saved(tmp_path, {"epoch": 3}))


class Softmax(nn.Module):
    """A head with a row for each class, a row for the background, and two numbers of a box for each class."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = nn.Linear(1, 1, bias=False)
        self.head = nn.Linear(1, classes + 1, bias=False)
        self.box = nn.Linear(1, 2 * classes, bias=False)


def known(first: float, classes: int) -> dict[str, torch.Tensor]:
    """Weights in which class i has ``first`` + i, the background -1, and the box ten times that and a half more."""
    values = [first + i for i in range(classes)]
    return {
        "backbone.weight": torch.full((1, 1), 7.0),
        "head.weight": torch.tensor([[v] for v in (*values, -1.0)]),
        "box.weight": torch.tensor([[v * 10 + half] for v in values for half in (0.0, 0.5)]),
    }


def head_after(before: dict[int, str], after: dict[int, str], tmp_path: Path) -> tuple[list[float], list[float]]:
    """Rows of the head and of the boxes of a model of some categories that starts from one of others."""
    content = {
        "student": known(1.0, len(before)),
        "teachers": [{"decay": 0.9, "seed": 0, "updates": 40, "state_dict": known(1.0, len(before))}],
        "categories": before,
    }
    net = Softmax(len(after))
    nn.init.zeros_(net.head.weight)
    nn.init.zeros_(net.box.weight)
    start = read_start(saved(tmp_path, content))
    rows = class_rows(net.state_dict(), Softmax(len(after) + 1).state_dict(), start.categories, after)
    fitted = start.fitted(rows, net.state_dict())
    fitted.load_student(net, 0)
    teacher = fitted.teacher(net, 0.9, 0)
    assert teacher is not None
    assert torch.equal(teacher[0]["head.weight"], net.head.weight)
    assert float(net.backbone.weight) == 7.0
    return net.head.weight[:, 0].tolist(), net.box.weight[:, 0].tolist()


class TestOtherCategories:
    @pytest.mark.parametrize(
        ("after", "head"),
        [
            ({1: "car", 2: "dog", 3: "cat"}, [1.0, 2.0, 0.0, -1.0]),
            ({2: "dog"}, [2.0, -1.0]),
            ({2: "dog", 3: "cat"}, [2.0, 0.0, -1.0]),
            ({1: "van", 2: "dog"}, [1.0, 2.0, -1.0]),
            ({1: "dog", 2: "car"}, [2.0, 1.0, -1.0]),
        ],
        ids=["one more", "one less", "one for another", "renamed", "other numbers"],
    )
    def test_what_is_known_of_each_is_kept(self, after: dict[int, str], head: list[float], tmp_path: Path) -> None:
        found, boxes = head_after({1: "car", 2: "dog"}, after, tmp_path)
        assert found == head
        assert boxes == [v * 10 + half if v else 0.0 for v in head[:-1] for half in (0.0, 0.5)]

    def test_another_kind_of_head_is_left_alone(self, tmp_path: Path) -> None:
        start = read_start(saved(tmp_path, {"student": weights(5.0), "teachers": [], "categories": {1: "car"}}))
        net = Softmax(2)
        rows = class_rows(net.state_dict(), Softmax(3).state_dict(), start.categories, {1: "car", 2: "dog"})
        fitted = start.fitted(rows, net.state_dict())
        assert torch.equal(fitted.student[0]["head.weight"], weights(5.0)["head.weight"])
