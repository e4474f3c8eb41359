"""What is written for plain mmdet: read as mmdet reads it, by a process that knows nothing of fewframes."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from al_core.errors import BadCheckpoint, UnknownName
from al_core.footage.images import working_size
from al_core.settings import StudentSettings, TeacherSettings
from al_core.students.build import Member, import_mmdet, load_members
from al_core.students.plain_mmdet import plain_model
from al_core.students.train import train_student
from tests.toys.students import NARROW, tiny_student

from .conftest import draw, sample

LONG_SIDE = 48
PALETTE = [(255, 0, 0), (0, 200, 0)]
TEACHERS = TeacherSettings(decays=(0.5, 0.9), score_threshold=0.005)

BARE = '''
import importlib.abc, sys, warnings

class Refuse(importlib.abc.MetaPathFinder):
    """Nothing of fewframes can be imported."""
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("al_core", "tasks", "flows", "configs", "tests"):
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
warnings.simplefilter("ignore")
import torch
from mmdet.apis import inference_detector, init_detector

image, *folders = sys.argv[1:]
for folder in folders:
    model = init_detector(folder + "/config.py", folder + "/model.pth", device="cpu")
    found = inference_detector(model, image).pred_instances
    named = {name: getattr(found, name) for name in ("scores", "labels", "bboxes", "masks")}
    torch.save({"meta": model.dataset_meta, **named}, folder + "/found.pth")
assert "al_core" not in sys.modules
'''


def narrow_student(folder: Path) -> StudentSettings:
    """RTMDet-Ins with a third of its channels."""
    override = folder / "narrow.py"
    override.write_text(NARROW)
    return StudentSettings(override=str(override), long_side=LONG_SIDE, device="cpu")


def pretrained_student(folder: Path) -> StudentSettings:
    """One whose backbone knows pictures, with a narrow neck and head."""
    override = folder / "narrow_head.py"
    override.write_text("model = dict(neck=dict(out_channels=32), bbox_head=dict(in_channels=32, feat_channels=32))")
    return StudentSettings(config="rtmdet_ins_lite0", override=str(override), long_side=LONG_SIDE, device="cpu")


STUDENTS = {"rtmdet": narrow_student, "mask_rcnn": tiny_student, "lite0": pretrained_student}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name students of two categories after three steps."""
    import_mmdet()
    samples, categories = [sample(0), sample(3, category_id=5)], {1: "square", 5: "box"}
    folders = {name: tmp_path_factory.mktemp(name) for name in STUDENTS}
    return {
        name: train_student(
            *(STUDENTS[name](folder), TEACHERS, samples, categories, draw, folder / "work", 1, 3), statistics_batches=2
        ).checkpoint
        for name, folder in folders.items()
    }


@pytest.fixture(params=STUDENTS)
def checkpoint(request: pytest.FixtureRequest, checkpoints: dict[str, Path]) -> Path:
    """Each of them."""
    return checkpoints[request.param]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture larger than the student sees, of odd sides."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(60, 140, (75, 101, 3), dtype=np.uint8)
    pixels[20:50, 30:70] = (40, 40, 230)
    path = tmp_path_factory.mktemp("image") / "image.png"
    cv2.imwrite(str(path), pixels)
    return path


def within(member: Member, image: Path) -> dict[str, torch.Tensor]:
    """What a member says of a picture within fewframes, brought to the picture's own size."""
    from mmdet.structures import DetDataSample

    from al_core.uncertainty.augment import VIEWS

    rgb = cv2.cvtColor(cv2.imread(str(image)), cv2.COLOR_BGR2RGB)
    full = rgb.shape[:2]
    seen = working_size(*full, LONG_SIDE)
    tensor = torch.from_numpy(VIEWS["identity"].apply(rgb, seen)).permute(2, 0, 1).contiguous()
    scale = (seen[1] / full[1], seen[0] / full[0])
    meta = {"img_shape": seen, "ori_shape": full, "scale_factor": scale}
    with torch.inference_mode():
        batch = {"inputs": [tensor], "data_samples": [DetDataSample(metainfo=meta)]}
        found = member.model.test_step(batch)[0].pred_instances
    return {name: getattr(found, name) for name in ("scores", "labels", "bboxes", "masks")}


def test_plain_mmdet_predicts_the_same_to_the_bit(checkpoints: dict[str, Path], image: Path, tmp_path: Path) -> None:
    for name, checkpoint in checkpoints.items():
        (tmp_path / name).mkdir()
        model = plain_model(checkpoint, PALETTE, LONG_SIDE, TEACHERS.score_threshold)
        model.write(tmp_path / name / "config.py", tmp_path / name / "model.pth")
    script = tmp_path / "bare.py"
    script.write_text(BARE)
    # Isolated: no folder of ours on the path; the number of threads decides the order of sums.
    command = [sys.executable, "-I", script, image, *(tmp_path / name for name in checkpoints)]
    environment = {"OMP_NUM_THREADS": str(torch.get_num_threads()), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, checkpoint in checkpoints.items():
        found = torch.load(tmp_path / name / "found.pth", weights_only=True)
        expected = within(load_members(checkpoint, "cpu", TEACHERS)[1], image)
        assert len(expected["scores"])
        assert all(torch.equal(found[key], expected[key]) for key in expected), name
        assert found["masks"].shape[1:] == (75, 101)
        assert found["meta"] == {"classes": ("square", "box"), "palette": PALETTE}


def test_the_config_names_nothing_of_ours_and_the_checkpoint_holds_plain_values(
    checkpoint: Path, tmp_path: Path
) -> None:
    model = plain_model(checkpoint, PALETTE, LONG_SIDE, 0.25)
    model.write(tmp_path / "config.py", tmp_path / "model.pth")
    text = (tmp_path / "config.py").read_text()
    assert "al_core" not in text
    assert "import" not in text
    assert "'rgb_to_bgr'" not in text
    assert "'score_thr': 0.25" in text
    held = torch.load(tmp_path / "model.pth", weights_only=True)
    assert held["meta"]["weights"] == "teacher 0.9 of seed 0"
    assert held["state_dict"].keys() == model.state.keys()


def test_any_member_can_be_taken(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    student = plain_model(checkpoint, PALETTE, LONG_SIDE, 0.3, "student")
    assert all(torch.equal(student.state[name], value) for name, value in content["student"].items())
    first = plain_model(checkpoint, PALETTE, LONG_SIDE, 0.3, "teacher 0.5 of seed 0")
    assert first.member == "teacher 0.5 of seed 0"
    with pytest.raises(UnknownName, match="unknown member of the student 'teacher'; known: student, teacher 0.5 of"):
        plain_model(checkpoint, PALETTE, LONG_SIDE, 0.3, "teacher")


def test_colours_repeat_where_there_are_more_classes(checkpoint: Path) -> None:
    assert plain_model(checkpoint, PALETTE[:1], LONG_SIDE, 0.3).palette == ((255, 0, 0), (255, 0, 0))


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "other.pth")
    with pytest.raises(BadCheckpoint, match="expected a student's checkpoint, it lacks categories, config, student"):
        plain_model(tmp_path / "other.pth", PALETTE, LONG_SIDE, 0.3)
