import subprocess
import sys

import pytest

from al_core.errors import BadSettings, UnknownName
from al_core.settings import StudentSettings
from al_core.students.zoo import STUDENTS, check_start, config_base, override_text


def test_names_paths_and_the_zoo_are_found(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("model = dict()\n")
    assert config_base("rtmdet_ins_tiny") == str(STUDENTS["rtmdet_ins_tiny"])
    assert config_base(str(mine)) == str(mine)
    zoo = "mmdet::rtmdet/rtmdet-ins_s_8xb32-300e_coco.py"
    assert config_base(zoo) == zoo


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rtmdet_ins_tinny", "Did you mean 'rtmdet_ins_tiny'"),
        ("", "unknown student ''"),
        ("/nowhere/mine.py", "student.config: no such file"),
        (
            "mmdet::rtmdet/rtmdet-ins_z_8xb32-300e_coco.py",
            "the model zoo has no config .*Did you mean 'rtmdet/rtmdet-ins",
        ),
        ("mmdet::", "the model zoo has no config ''"),
    ],
)
def test_what_is_no_student_is_refused_with_what_may_be_meant(name, message):
    with pytest.raises((UnknownName, BadSettings), match=message):
        config_base(name)


def test_an_override_has_to_be_python_without_a_base(tmp_path):
    file = tmp_path / "small.py"
    assert override_text("") == ""
    for text, message in [
        ("model = dict(", "expected a config, which is Python"),
        ("_base_ = 'x.py'\n", "only what differs"),
        ("\0", "expected a config, which is Python"),
    ]:
        file.write_text(text)
        with pytest.raises(BadSettings, match=message):
            override_text(str(file))
    with pytest.raises(BadSettings, match="cannot be read"):
        override_text(str(tmp_path))
    file.write_text("model = dict()\n")
    assert override_text(str(file)) == "model = dict()\n"


def test_names_are_looked_up_without_the_heavy_packages():
    code = (
        "import sys; from al_core.students.zoo import config_base; "
        "config_base('mmdet::rtmdet/rtmdet-ins_s_8xb32-300e_coco.py'); "
        "print(sorted({'torch', 'mmdet'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_what_starts_from_weights_can_keep_its_backbone():
    check_start(StudentSettings(), starts=False)
    check_start(StudentSettings(train="heads"), starts=True)
    with pytest.raises(BadSettings, match="student.train: 'heads' leaves backbone and neck as they are.*init_weights"):
        check_start(StudentSettings(train="heads"), starts=False)
