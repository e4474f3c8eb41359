"""A student as an ONNX graph, read as its own description says, finds what plain mmdet finds."""

import re
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest

from al_core.errors import BadSettings, MissingDependency
from al_core.settings import StudentSettings, TeacherSettings
from al_core.students import onnx_graph
from al_core.students.build import import_mmdet
from al_core.students.onnx_graph import OUTPUTS, write_onnx
from al_core.students.plain_mmdet import PlainModel, plain_model
from al_core.students.train import train_student
from tests.toys.students import NARROW, tiny_student

from .conftest import draw, sample

LEAST = 0.02


def trained(student: StudentSettings, folder: Path) -> PlainModel:
    """A student of two categories after three steps, for plain mmdet."""
    import_mmdet()
    samples = [sample(0), sample(3, category_id=5)]
    done = train_student(
        student, TeacherSettings(), samples, {1: "square", 5: "box"}, draw, folder / "work", seed=1, iterations=3
    )
    return plain_model(done.checkpoint, [(255, 0, 0)], 64, LEAST)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


@pytest.fixture(scope="module")
def model(folder: Path) -> PlainModel:
    """RTMDet-Ins with a third of its channels; it sees pictures at 64 pixels."""
    (folder / "narrow.py").write_text(NARROW)
    return trained(StudentSettings(override=str(folder / "narrow.py"), long_side=64, device="cpu"), folder)


@pytest.fixture(scope="module")
def described(model: PlainModel, folder: Path) -> str:
    """What is said of the graph in ``model.onnx``."""
    return write_onnx(model, folder / "model.onnx", (33, 64))


def test_read_as_described_it_finds_what_mmdet_finds(
    model: PlainModel, folder: Path, described: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmdet.apis import inference_detector, init_detector

    cv2.imwrite(str(folder / "image.jpg"), np.kron(draw(sample(2).frame), np.ones((2, 2, 1), np.uint8)))
    monkeypatch.chdir(folder)
    (code,) = re.findall(r"```python\n(.*?)```", described, re.DOTALL)
    read: dict[str, object] = {}
    exec(code, read)
    model.write(folder / "config.py", folder / "model.pth")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector = init_detector("config.py", "model.pth", device="cpu")
        found = inference_detector(detector, "image.jpg").pred_instances
    numbers = [i for i, _ in read["found"]]
    assert len(numbers) == len(found.scores) > 0
    assert np.allclose(read["scores"][numbers], found.scores, atol=1e-4)
    assert read["labels"][numbers].tolist() == found.labels.tolist()
    masks = np.array([mask for _, mask in read["found"]])
    assert masks.shape == tuple(found.masks.shape)
    assert (masks == found.masks.numpy()).mean() > 0.999


def test_the_graph_is_one_file_that_says_its_sizes(folder: Path, described: str) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "model.onnx")
    assert [one.shape for one in session.get_inputs()] == [[1, 3, 64, 64]]
    assert tuple(one.name for one in session.get_outputs()) == OUTPUTS
    assert [one.shape for one in session.get_outputs()] == [[168], [168], [168, 4], [168, 8, 8]]
    assert "float32 RGB [1, 3, 64, 64]" in described
    assert not list(folder.glob("*.data"))


def test_a_student_of_two_stages_is_refused_with_the_reason(tmp_path: Path) -> None:
    model = trained(tiny_student(tmp_path), tmp_path)
    with pytest.raises(BadSettings, match=r"a MaskRCNN cannot be written as one graph: its second stage .* RoIAlign"):
        write_onnx(model, tmp_path / "model.onnx", (64, 64))
    assert not (tmp_path / "model.onnx").exists()


def test_packages_that_are_not_there_are_named(
    model: PlainModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graph, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"needs onnx and onnxscript: pip install 'fewframes\[onnx\]'"):
        write_onnx(model, tmp_path / "model.onnx", (64, 64))
