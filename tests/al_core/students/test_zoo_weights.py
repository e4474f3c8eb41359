"""Which weights of mmdet's zoo fit which of our students: docs/students.md against the installed package."""

import re
from pathlib import Path

import mmdet
import pytest
import torch
import yaml

from al_core.settings import StudentSettings
from al_core.students.build import build_config, build_model, load_config
from al_core.students.weights import Start
from al_core.students.zoo import STUDENTS, ZOO

CONFIGS = Path(mmdet.__file__).parent / ".mim" / "configs"
PAGE = Path(__file__).parents[3] / "docs" / "students.md"
ROW = re.compile(
    r"\| `(\w+)` \| `(\w+/[\w-]+\.py)` \| `([\w.-]+\.pth)` \| ([\d.]+) \| (\d+ of \d+) tensors, ([\d.]+) % \|"
)
ROWS = ROW.findall(PAGE.read_text(encoding="utf-8"))


def published(config):
    """The zoo's own words on a config: what its file of weights is called, and its mask AP on COCO."""
    metafile = yaml.safe_load((CONFIGS / config).with_name("metafile.yml").read_text(encoding="utf-8"))
    (entry,) = (model for model in metafile["Models"] if model["Config"].endswith(config))
    (ap,) = (r["Metrics"]["mask AP"] for r in entry["Results"] if r["Task"] == "Instance Segmentation")
    return entry["Weights"].rpartition("/")[2], ap


def test_every_student_that_is_shipped_has_a_row_unless_its_network_is_ours():
    ours = {"semantic_unet", "rtmdet_ins_lite0"}
    assert [student for student, *_ in ROWS] == [student for student in STUDENTS if student not in ours]


@pytest.mark.parametrize(("student", "config", "file", "ap", "tensors", "share"), ROWS, ids=[row[0] for row in ROWS])
def test_the_file_is_the_zoos_and_fits_as_far_as_is_said(student, config, file, ap, tensors, share):
    assert published(config) == (file, float(ap))
    # Without numbers in them: names and shapes are all that is asked.
    with torch.device("meta"):
        model = build_model(build_config(StudentSettings(config=student), ["car"]).model)
        theirs = build_model(load_config(ZOO + config).model).state_dict()
    wanted = model.state_dict()
    fitting = [name for name, value in theirs.items() if name in wanted and wanted[name].shape == value.shape]
    found = sum(wanted[name].numel() for name in fitting) / sum(value.numel() for value in wanted.values())
    assert f"{len(fitting)} of {len(wanted)}" == tensors
    assert f"{100 * found:.3f}" == share
    told = Start(Path(file), {0: theirs}).load_student(model, 0)
    assert told.startswith(f"{file}: {tensors} tensors fit")
