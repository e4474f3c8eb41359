"""Look over the installation and a project: what is there, whether it works, how to mend what does not."""

import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from al_core.errors import FewframesError, MissingDependency
from al_core.project import Project
from tasks.processes.surroundings import provide

if TYPE_CHECKING:
    from rich.table import Table

_ROOT = Path(__file__).resolve().parents[2]
_SET_UP = "run: make -B setup"
_MODULES = {
    "imaug": "imgaug",
    "markdown-it-py": "markdown_it",
    "onedl-mmcv": "mmcv",
    "onedl-mmdetection": "mmdet.models",
    "onedl-mmengine": "mmengine",
    "opencv-python": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}
"""Packages whose module is not named as they are; of mmdet the part that needs mmcv's operators."""

_WITH_TORCH = {"torch", "torchvision", "mmcv", "mmdet.models", "mmengine", "imgaug"}
"""Modules that load torch, or are loaded with it, which takes as long as all others together."""
_NAME_WIDTH = 22
"""Of the longest name of what is looked at."""

Probe = tuple[str, str]
Answer = tuple[bool, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        detail: what was seen, for example a version or a path.
        mend: what to do about it; empty when it is in order.
    """

    name: str
    ok: bool
    detail: str
    mend: str = ""


def examine(root: Path, patience: float = 300.0, free_gigabytes: float = 1.0) -> Iterator[Finding]:
    """Look at everything that the product needs, and yield what is seen as soon as it is; changes nothing and needs no
    network.

    What libraries take for granted and this machine has not (see ``tasks/processes/surroundings.py``) they get as in a
    run.

    Args:
        root: the project's folder; it need not exist yet.
        patience: seconds that the libraries of one process may take to show that they work.
        free_gigabytes: less free disk space than this is a finding.

    Raises:
        MissingDependency: so much is missing that the rest cannot be looked at.
    """
    project = Project.at(root)
    requirements = dict(_requirements())
    of_torch = [name for name in requirements if _module(name) in _WITH_TORCH]
    others = [name for name in requirements if name not in of_torch]
    place = [("ledger", str(project.ledger_path))] if project.ledger_path.is_file() else []
    if place:
        with suppress(OSError):
            provide(project.prefect_home)
    # Both processes are at work while the answers of the first are read.
    usual = run_probes([*place, *_imports(others), ("codecs", "")], patience)
    slow = run_probes([*_imports(of_torch), ("mmcv_operators", ""), ("gpu", "")], patience)
    yield _python()
    yield from _state(project, free_gigabytes)
    yield _ledger(project, next(usual) if place else None)
    yield from _rounds(project)
    yield from _environment()
    yield from _messages(project)
    for name in others:
        yield _package(name, requirements[name], next(usual))
    yield _codecs(*next(usual))
    for name in of_torch:
        yield _package(name, requirements[name], next(slow))
    yield _operators(*next(slow))
    yield Finding("GPU", True, next(slow)[1])


def finding_line(finding: Finding) -> "Table":
    """Return a finding for a terminal; what has to be mended stands below what is wrong."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False)
    table.add_column(width=4)
    table.add_column(width=_NAME_WIDTH)
    table.add_column()
    mark = Text("ok", "green") if finding.ok else Text("mend", "bold red")
    seen = Text(finding.detail, overflow="fold")
    if finding.mend:
        seen.append(f"\n-> {finding.mend}", "yellow")
    table.add_row(mark, Text(finding.name), seen)
    return table


def run_probes(probes: Sequence[Probe], patience: float) -> Iterator[Answer]:
    """Let ``tasks.project.probes`` begin; returns its answers, one a probe, in order, each as soon as it is there.

    A probe that brings its process down is the one that had not answered; those after it are tried in another process.
    """
    return _answers(probes, _begun(probes), patience)


def _answers(probes: Sequence[Probe], child: "subprocess.Popen[str]", patience: float) -> Iterator[Answer]:
    left = list(probes)
    while True:
        failure = yield from _said(child, left, patience)
        if not left:
            return
        yield False, failure
        if not left[1:]:
            return
        left = left[1:]
        child = _begun(left)


def _said(child: "subprocess.Popen[str]", left: list[Probe], patience: float) -> Generator[Answer, None, str]:
    """Yield what a process answers, and take it from what is ``left``; returns why it said no more."""
    late = threading.Event()

    def end() -> None:
        late.set()
        child.kill()

    clock = threading.Timer(patience, end)
    clock.start()
    try:
        assert child.stdout is not None
        for line in child.stdout:
            # The last words of a process that was ended may be cut off.
            if line.endswith("}\n"):
                answer = json.loads(line)
                del left[0]
                yield answer["ok"], answer["detail"]
        status = child.wait()
    finally:
        clock.cancel()
        child.kill()
        child.wait()
    return (
        f"did not answer within {patience:g} s"
        if late.is_set()
        else f"the process that tried it ended with status {status}"
    )


def _begun(probes: Sequence[Probe]) -> "subprocess.Popen[str]":
    search = [p for p in (os.environ.get("PYTHONPATH"), str(_ROOT)) if p]
    return subprocess.Popen(
        [sys.executable, "-m", "tasks.project.probes", json.dumps(probes)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(search)},
    )


def _imports(names: Iterable[str]) -> list[Probe]:
    return [("imports", _module(name)) for name in names]


def _requirements() -> list[tuple[str, str]]:
    """Return (name, version specifier) of every package that is needed, as the installation or checkout says."""
    try:
        from packaging.requirements import Requirement
    except ImportError as error:
        raise MissingDependency(f"the installation is not whole ({error}); {_SET_UP}") from None
    try:
        texts = metadata.requires("fewframes") or []
    except metadata.PackageNotFoundError:
        texts = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    requirements = [Requirement(text) for text in texts]
    needed = [r for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    return [(r.name, str(r.specifier)) for r in needed]


def _module(package: str) -> str:
    return _MODULES.get(package, package.replace("-", "_"))


def _python() -> Finding:
    detail = f"{platform.python_version()} in {sys.prefix}"
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("Python", True, detail)
    return Finding("Python", False, detail, f"Python 3.11, 3.12 or 3.13 is needed: install one and {_SET_UP}")


def _package(name: str, wanted: str, imported: tuple[bool, str]) -> Finding:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, False, "not installed", _SET_UP)
    works, detail = imported
    if not works:
        return Finding(
            name,
            False,
            f"{version} cannot be imported: {detail}",
            f"{_SET_UP}, or {_reinstall(name, version)}",
        )
    if not _fits(version, wanted):
        return Finding(name, False, f"{version}, expected {wanted}", f'{_SET_UP}, or {_pip()} "{name}{wanted}"')
    return Finding(name, True, version)


def _fits(version: str, wanted: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(wanted).contains(version, prereleases=True)


def _operators(works: bool, detail: str) -> Finding:
    if works:
        return Finding("mmcv operators", True, detail)
    mend = (
        "they must be compiled beside the installed torch: delete .venv and run: make setup"
        if "CUDA" not in detail
        else "they were compiled without CUDA: install the CUDA compiler (nvcc), delete .venv and run: make "
        "setup; or train on the CPU with: --set student.device=cpu"
    )
    return Finding("mmcv operators", False, detail, mend)


def _codecs(works: bool, detail: str) -> Finding:
    mend = (
        "" if works else f'install PyAV\'s own build, which carries the codecs: {_pip()} --force-reinstall "av>=18,<19"'
    )
    return Finding("video codecs", works, detail, mend)


def _state(project: Project, free_gigabytes: float) -> list[Finding]:
    place = _existing_parent(project.root)
    writable = place.is_dir() and os.access(place, os.W_OK)
    there = str(project.root) if project.root.is_dir() else f"{project.root} (made when it is needed)"
    free = shutil.disk_usage(place).free / 1e9
    roomy = free >= free_gigabytes
    server = os.environ.get("PREFECT_API_URL")
    return [
        Finding(
            "project",
            writable,
            there,
            "" if writable else f"{place} cannot be written: choose another --project",
        ),
        Finding(
            "Prefect's state",
            True,
            f"{project.prefect_home}" + (f", with the server at {server}" if server else ""),
        ),
        Finding("frame cache", True, str(project.cache)),
        Finding(
            "free disk space",
            roomy,
            f"{free:.1f} GB",
            "" if roomy else f"free at least {free_gigabytes:g} GB, or choose a --project on another disk",
        ),
    ]


def _ledger(project: Project, answer: tuple[bool, str] | None) -> Finding:
    if answer is None:
        return Finding("ledger", True, f"none in {project.root} yet")
    works, detail = answer
    mend = "" if works else "upgrade fewframes, or put back a copy of the file from a time when it worked"
    return Finding("ledger", works, detail, mend)


def _rounds(project: Project) -> list[Finding]:
    """Tell whether the round under way can go on."""
    from tasks.ledger.client import open_ledger
    from tasks.project.round_control import stuck
    from tasks.reviews.approvals import approvals_of

    if not project.ledger_path.is_file():
        return []
    try:
        ledger = open_ledger(project)
        problem, last, approvals = stuck(project, ledger), ledger.last_round(), approvals_of(ledger)
    except FewframesError:
        # Said of the ledger already.
        return []
    if problem is not None:
        detail, _, mend = problem.partition(". Change")
        return [Finding("rounds", False, detail, f"change{mend}")]
    found = [Finding("rounds", True, "none has begun" if last is None else f"round {last.round_id} is {last.status}")]
    if approvals.due:
        mend = approvals.mend(project.option)
        found.append(Finding("reviews", not approvals.stuck, approvals.in_words(), mend))
    return found


def _environment() -> list[Finding]:
    """Tell what of the proxies and certificates that the environment names is of use."""
    from tasks.network.loopback import is_bypassed, misfits

    found = [Finding(misfit.variable, False, f"it {misfit.problem}", misfit.mend) for misfit in misfits()]
    if not is_bypassed():
        detail = (
            "127.0.0.1, localhost and ::1 are not in NO_PROXY; fewframes reaches this machine directly all the same"
        )
        found.append(Finding("proxy", True, detail))
    return found


def _messages(project: Project) -> list[Finding]:
    """Tell whether the last message about a round came through."""
    from tasks.scheduling.notify import undelivered

    missed = undelivered(project)
    return [Finding("webhook", False, str(missed), "look at notify.url")] if missed else []


def _existing_parent(path: Path) -> Path:
    return next(p for p in (path, *path.parents) if p.exists())


def _pip() -> str:
    return f"{sys.executable} -m pip install"


def _reinstall(name: str, version: str) -> str:
    return f"{_pip()} --force-reinstall --no-deps {name}=={version}"
