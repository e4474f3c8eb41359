"""Which students there are: those in ``configs/students``, files of the user's own, and mmdet's model zoo; and which
of their parts are trained.

Names are looked up without loading torch or mmdet.
"""

import ast
from importlib.util import find_spec
from pathlib import Path

from al_core.errors import BadSettings, did_you_mean
from al_core.settings import CONFIGS, StudentSettings, Table

ZOO = "mmdet::"
STUDENTS: Table[Path] = Table(
    "student", {path.stem: path for path in sorted((CONFIGS / "students").glob("*.py")) if path.stem != "__init__"}
)
"""Our own configs, by the name that settings use."""

PRETRAINED = "rtmdet_ins_lite0"
"""The one of them whose backbone has weights that are installed with fewframes."""

FROZEN: dict[str, tuple[str, ...]] = {"all": (), "heads": ("backbone", "neck")}
"""Parts of a detector that are not trained, by ``student.train``."""


def check_start(student: StudentSettings, starts: bool) -> None:
    """Refuse to keep parts of a student as they are where it starts from no weights.

    Raises:
        BadSettings: they would stay random.
    """
    if FROZEN[student.train] and not starts:
        raise BadSettings(
            f"student.train: {student.train!r} leaves backbone and neck as they are in the weights that the student "
            "starts from, and there are none: name some with student.init_weights, or train 'all' in the first round"
        )


def config_base(name: str) -> str:
    """Return what a config has to name as its ``_base_`` to be this student.

    Args:
        name: a name in ``configs/students``, the path of a config file, or ``mmdet::...`` for one of mmdet's zoo.

    Raises:
        UnknownName: no such student. BadSettings: no such file, or no such config in the zoo.
    """
    if name.startswith(ZOO):
        return ZOO + _in_zoo(name.removeprefix(ZOO))
    if name.endswith(".py"):
        path = Path(name).expanduser().resolve()
        if not path.is_file():
            raise BadSettings(f"student.config: no such file {name!r}; known students: {', '.join(STUDENTS)}")
        return str(path)
    return str(STUDENTS[name])


def override_text(name: str) -> str:
    """Return the text of an override file; nothing where none is named.

    Raises:
        BadSettings: it cannot be read, is no Python, or names a base of its own.
    """
    if not name:
        return ""
    path = Path(name).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
        ast.parse(text)
    except OSError as error:
        raise BadSettings(f"student.override: {path} cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise BadSettings(f"student.override: {path}: expected a config, which is Python, got: {error}") from None
    if "_base_ =" in text or "_base_=" in text:
        raise BadSettings(f"student.override: {path} says only what differs; its base is student.config")
    return text


def _in_zoo(name: str) -> str:
    """Return the path of a config below the zoo's folder, which is part of the installed package."""
    spec = find_spec("mmdet")
    folders = [Path(place) / ".mim" / "configs" for place in (spec and spec.submodule_search_locations) or ()]
    for folder in folders:
        if (folder / name).is_file() or not folder.is_dir():
            continue
        known = (path.relative_to(folder).as_posix() for path in folder.glob("*/*.py"))
        hint = did_you_mean(name, known)
        raise BadSettings(f"student.config: the model zoo has no config {name!r}; all are in {folder}.{hint}")
    return name
