"""Every setting with wrong values of each kind: what is said, and whether anything was stored.

``python -m tests.bench.wrong_settings`` prints a table; the tests go through the same cases.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin
from unittest.mock import patch

from annotated_types import Ge, Gt, Le, Lt
from click.testing import CliRunner
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from al_core.ledger.store import Ledger
from al_core.settings import Settings
from flows.cli.main import main
from tests.toys.ledgers import ledger_with_clip


class Case(NamedTuple):
    """A wrong value.

    Attributes:
        setting: that the message has to name.
        kind: of the mistake.
        given: what is given with --set, NAME=VALUE; several for a contradiction.
        without_truth: in a project whose videos have no masks.
    """

    setting: str
    kind: str
    given: tuple[str, ...]
    without_truth: bool = False


class Outcome(NamedTuple):
    """What came of a case: the exit code, the message, and what was stored that had not been there."""

    code: int
    message: str
    stored: tuple[str, ...]


WRONG_TEXTS: dict[str, dict[str, str]] = {
    "student.config": {
        "misspelt": '"rtmdet_ins_tinny"',
        "misspelt zoo": '"mmdet::rtmdet/rtmdet-ins_z_8xb32-300e_coco.py"',
        "no such file": '"nowhere/student.py"',
        "empty": '""',
    },
    "student.override": {"no such file": '"nowhere.py"', "no Python": '"FOLDER/text.pth"', "a folder": '"FOLDER"'},
    "student.train": {"misspelt": '"head"', "nothing to start from": '"heads"'},
    "student.when": {"misspelt": '"allways"'},
    "student.unlabelled": {"misspelt": '"selv"'},
    "student.mix": {"misspelt": '"clas"', "nothing to mix": '"class"'},
    "student.init_weights": {
        "no such file": '"nowhere.pth"',
        "a folder": '"FOLDER"',
        "no weights": '"FOLDER/text.pth"',
        "not a tensor in it": '"FOLDER/numbers.pth"',
        "none in the project": '"project"',
    },
    "student.device": {"misspelt": '"cudaa"', "not here": '"cuda"', "too many": '"cuda:7"'},
    "teachers.views": {"misspelt": '["identity", "flipp"]'},
    "selection.strategy": {"misspelt": '"vlaue"', "empty": '""'},
    "annotator.backend": {"misspelt": '"pages"', "empty": '""'},
    "uncertainty.plugins": {"misspelt": '["edge_dout"]', "not importable": '["nowhere:doubt"]'},
    "annotator.refiner": {"misspelt": '"lerned"', "empty": '""'},
    "annotator.kinds": {"misspelt": '["maks"]', "none": "[]"},
    "annotator.attributes": {"empty": '[""]', "two in one": '["occluded, truncated"]', "taken": '["number"]'},
    "annotator.review": {"misspelt": '"befor"', "empty": '""'},
    "annotator.review_order": {"misspelt": '"least agreed"', "empty": '""'},
    "annotator.label_studio_url": {"no address": '"somewhere"', "with a secret": '"http://me:secret@host"'},
    "annotator.label_studio_token_variable": {"no variable": '"eyJ.token-itself"', "empty": '""'},
    "annotator.cvat_url": {"no address": '"ftp://host"'},
    "annotator.cvat_token_variable": {"no variable": '"not a name"'},
    "propagation.methods": {"misspelt": '["flow", "trakcs"]'},
    "discovery.methods": {"misspelt": '["montion"]', "two": '["motion", "motion"]'},
    "discovery.backbone": {"no such file": '"nowhere.pth"', "a folder": '"FOLDER"', "no weights": '"FOLDER/text.pth"'},
    "propagation.flow_preset": {"misspelt": '"medum"'},
    "propagation.encoder": {"no such file": '"nowhere.pth"', "none in the project": '"project"'},
    "propagation.backbone": {"misspelt": '"efficientnet"', "a file": '"FOLDER/one.pth"'},
    "propagation.parent": {"no such file": '"nowhere.pth"', "none in the project": '"project"'},
    "propagation.cutie_weights": {"no such file": '"nowhere.pth"', "a folder": '"FOLDER"'},
    "propagation.sam_weights": {"no such folder": '"nowhere"', "a file": '"FOLDER/one.pth"', "no weights": '"FOLDER"'},
    "stopping.target_metric": {"misspelt": '"goood"'},
    "notify.url": {"no address": '"mail.example.org"'},
    "notify.url_variable": {"no variable": '"https://hooks.example.org/secret"'},
    "notify.page_url": {"no address": '"file:///page"'},
    "compute.engine": {"no engine": "slurm"},
    "compute.address": {"nobody is asked": "tcp://10.0.0.5:8786"},
    "compute.shared": {"no folder": "/nowhere/at/all"},
}
"""Texts that a setting cannot have, as TOML, by what is wrong with them. FOLDER stands for one with two files that hold
no weights."""

CONTRADICTIONS = [
    Case("compute.address", "no scheduler", ("compute.engine=dask",)),
    Case("compute.address", "no address", ("compute.engine=dask", "compute.address=here")),
    Case(
        "student.device",
        "of one machine",
        ("compute.engine=dask", "compute.address=tcp://10.0.0.5:8786", "student.device=cuda:1"),
    ),
    Case("student.device", "of each process", ("compute.gpus_per_task=1", "student.device=cuda:1")),
    Case("student.batch_size", "too big", ("student.batch_size=2147483647",)),
    Case("propagation.cutie_weights", "not given", ('propagation.methods=["cutie"]',)),
    Case("propagation.sam_weights", "not given", ('propagation.methods=["sam2"]',)),
    Case("selection.planned_frames", "contradiction", ("selection.planned_frames=3", "selection.frames_per_round=5")),
    Case(
        "student.unlabelled",
        "no way to leave regions out",
        ("student.config=condinst_r50_fpn", "student.unlabelled=self"),
    ),
    Case("student.unlabelled", "not for this student", ("student.unlabelled=cycle",)),
    Case("student.mix", "no depth in the project", ("student.unlabelled=self", "student.mix=depth")),
    Case("student.unlabelled", "no objects", ("student.config=semantic_unet", "student.unlabelled=s4gan")),
    Case("selection.min_gap", "contradiction", ("selection.min_gap=12", "selection.frames_per_round=2")),
    Case("annotator.backend", "without truth", ("annotator.backend=simulated",), without_truth=True),
    Case("annotator.review", "nobody to review", ("annotator.backend=simulated", "annotator.review=before")),
    Case("annotator.review_share", "contradiction", ("annotator.review=before", "annotator.review_share=0.5")),
    Case("annotator.label_studio_token_variable", "no token", ("annotator.backend=label_studio",)),
    Case("annotator.cvat", "no token", ("annotator.backend=cvat", "annotator.cvat_url=https://cvat.example.org")),
    Case(
        "propagation.encoder", "no weights", ('propagation.methods=["affinity"]', "propagation.encoder=FOLDER/text.pth")
    ),
    Case(
        "propagation.encoder", "other weights", ('propagation.methods=["tracks"]', "propagation.encoder=FOLDER/one.pth")
    ),
    Case(
        "propagation.parent",
        "other weights",
        ('propagation.methods=["specialist"]', "propagation.parent=FOLDER/one.pth"),
    ),
    Case(
        "propagation.cutie_weights",
        "other weights",
        ('propagation.methods=["cutie"]', "propagation.cutie_weights=FOLDER/one.pth"),
    ),
    Case("certificates.judged", "too few", ("certificates.automatic=true", "certificates.judged=9", "audit.judged=9")),
    Case("certificates.judged", "too small error", ("certificates.automatic=true", "certificates.error=0.001")),
    Case("certificates.automatic", "nobody is asked", ("certificates.automatic=true", "annotator.backend=inbox")),
    Case(
        "certificates.automatic",
        "simulated answers are not wished for",
        ("certificates.automatic=true", "annotator.backend=simulated"),
    ),
    Case(
        "certificates.corrected",
        "contradiction",
        ("certificates.automatic=true", "certificates.corrected=true", "audit.blind=0"),
    ),
    *(Case(name, "too small", (f"{name}=8",)) for name in ("frames.working_long_side", "student.long_side")),
    Case("propagation.flow_long_side", "too small", ("propagation.flow_long_side=8",)),
    *(
        Case("stopping.target_quality", kind, ("stopping.target_quality=0.9", *others))
        for kind, others in {
            "nobody is asked": ("annotator.backend=inbox",),
            "simulated without audits": ("annotator.backend=simulated",),
            "no audits": ("audit.judged=0", "audit.blind=0", "audit.frames=0"),
            "frames say nothing of masks": ("audit.judged=0", "audit.blind=0"),
            "too few judgements": ("audit.judged=3", "audit.blind=0"),
            "never measured": ("audit.blind=0", "stopping.target_metric=jf"),
            "measured too seldom": ("audit.blind=2", "stopping.target_metric=j"),
            "too sure": ("audit.judged=9", "stopping.target_confidence=0.9999"),
        }.items()
    ),
]


def leaves(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting by its dotted name."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def cases() -> list[Case]:
    """Return wrong values of every setting.

    Raises:
        KeyError: a setting of text without wrong values of its own.
    """
    found = []
    for name, field in leaves():
        found.append(Case(name, "misspelt name", (f"{_misspelt(name)}=1",)))
        found += [Case(name, "wrong type", (f"{name}={value}",)) for value in _wrong_types(field)]
        found += [Case(name, "out of range", (f"{name}={value}",)) for value in _out_of_range(field)]
        texts = WRONG_TEXTS[name] if _holds_text(field) else {}
        found += [Case(name, kind, (f"{name}={value}",)) for kind, value in texts.items()]
    return found + CONTRADICTIONS


def _misspelt(name: str) -> str:
    return name[:-2] + name[-1] if "." in name else name + "d"


def _holds_text(field: FieldInfo) -> bool:
    kind = field.annotation
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    return kind is str or get_origin(kind) is Literal


def _number_of(field: FieldInfo) -> tuple[Any, list[Any]]:
    """Return type and limits of a setting; of a number that may be "auto", those of the number."""
    kind, limits = field.annotation, list(field.metadata)
    if get_origin(kind) in (Union, UnionType):
        kind, *limits = get_args(get_args(kind)[0])
    return kind, limits


def _wrong_types(field: FieldInfo) -> list[str]:
    kind, _ = _number_of(field)
    if get_origin(kind) is tuple:
        return ['"text"', "5", "[[1]]", *(["[]"] if field.default else [])]
    if kind is bool:
        return ['"maybe"', "2"]
    return {int: ['"many"', "1.5", "true"], float: ['"much"', "true", "inf", "nan"]}.get(kind, ["5", "[]", "true"])


def _out_of_range(field: FieldInfo) -> list[str]:
    kind, metadata = _number_of(field)
    in_list = get_origin(field.annotation) is tuple
    if in_list:
        inner = get_args(field.annotation)[0]
        metadata = [m for entry in get_args(inner)[1:] for m in getattr(entry, "metadata", [entry])]
    metadata = [m for entry in metadata for m in (entry.metadata if isinstance(entry, FieldInfo) else [entry])]
    beyond = {Ge: lambda m: m.ge - 1, Gt: lambda m: m.gt, Le: lambda m: m.le + 1, Lt: lambda m: m.lt}
    values = [beyond[type(m)](m) for m in metadata if type(m) in beyond]
    if kind is int:
        values.append(2**63)
    return [f"[{value}]" if in_list else str(value) for value in values]


def tried(case: Case, folder: Path, command: str = "run") -> Outcome:
    """Give a command with a wrong value to a project of one small video."""
    project = _projects(folder)[not case.without_truth]
    before = _stored(project)
    given = [part for change in case.given for part in ("--set", change.replace("FOLDER", str(folder)))]
    with _without_gpu_and_tokens():
        result = CliRunner().invoke(main, [command, "--project", str(project), *given])
    return Outcome(result.exit_code, result.output.strip(), tuple(sorted(_stored(project) ^ before)))


@contextmanager
def kept_open(folder: Path) -> Iterator[None]:
    """Keep the ledgers of the projects open until the block ends, which saves opening them for each command."""
    with ExitStack() as stack:
        for project in _projects(folder).values():
            stack.enter_context(Ledger(project / "ledger.duckdb").held())
        yield


def _projects(folder: Path) -> dict[bool, Path]:
    """Return a project whose video has truth and one whose has none, which are made where they are not there."""
    projects = {True: folder / "with", False: folder / "without"}
    for with_truth, project in projects.items():
        if not (project / "ledger.duckdb").is_file():
            ledger_with_clip(project, with_truth)
            _write_files(folder)
    return projects


def _write_files(folder: Path) -> None:
    import torch

    (folder / "text.pth").write_text("these are (no weights")
    torch.save({"numbers": [1, 2]}, folder / "numbers.pth")
    torch.save({"one": torch.zeros(1)}, folder / "one.pth")


@contextmanager
def _without_gpu_and_tokens() -> Iterator[None]:
    kept = {name: value for name, value in os.environ.items() if "TOKEN" not in name}
    with patch.dict(os.environ, kept, clear=True), patch("torch.cuda.is_available", lambda: False):
        yield


def _stored(project: Path) -> set[str]:
    """Return the project's files with the hashes of their content; the log of errors is no state."""
    files = (path for path in project.rglob("*") if path.is_file() and path.name != "errors.log")
    return {f"{path.relative_to(project)} {hashlib.sha256(path.read_bytes()).hexdigest()[:8]}" for path in files}


def table() -> list[dict[str, Any]]:
    """Return every case with what came of it."""
    with tempfile.TemporaryDirectory() as name:
        return [case._asdict() | tried(case, Path(name))._asdict() for case in cases()]


if __name__ == "__main__":
    rows = table()
    print("| setting | mistake | given | message | stored |\n|---|---|---|---|---|")
    for row in rows:
        given = " ".join(row["given"])
        message = row["message"].replace("|", "\\|").replace("\n", " / ")
        print(f"| {row['setting']} | {row['kind']} | `{given}` | {message} | {', '.join(row['stored']) or 'nothing'} |")
    wrong = [row for row in rows if row["code"] != 1 or row["stored"] or "\n" in row["message"]]
    print(f"\n{len(rows)} wrong values, {len(wrong)} not refused in one line with nothing stored: {json.dumps(wrong)}")
