"""Measures of the source tree, beside those of an earlier state of it: ``python -m tests.house [--base REV]``."""

import argparse
import ast
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from radon.complexity import cc_rank, cc_visit

ROOT = Path(__file__).resolve().parents[1]
BASE = "7c52e30"
"""The revision that the table compares with unless another is named."""
SOURCES = ("al_core", "flows", "tasks")
CLUMP = {"project", "ledger", "frames", "settings"}
"""Parameters that all follow from a project and a round's number."""
EXEMPTION = re.compile(r"#\s*noqa|#\s*type:\s*ignore|pytest\.(?:skip|importorskip|mark\.(?:skip|skipif|xfail))\b")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A Python file, its path relative to the root of its tree."""

    path: Path
    text: str

    @property
    def lines(self) -> int:
        """Return the number of lines."""
        return len(self.text.splitlines())

    @cached_property
    def functions(self) -> list[Function]:
        """Return all functions and methods, nested ones too."""
        return [node for node in ast.walk(ast.parse(self.text)) if isinstance(node, Function)]

    @property
    def public(self) -> list[Function]:
        """Return the functions, and the methods of classes, that do not begin with an underscore."""
        tree = ast.parse(self.text)
        bodies = [tree.body, *(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
        return [n for body in bodies for n in body if isinstance(n, Function) and not n.name.startswith("_")]


class House:
    """The Python files below a root. Every method that measures returns the places that it found, as text."""

    def __init__(self, root: Path):
        """Read all files; `root` holds the folders of the source and ``tests``."""
        self.root = root
        self.source = [module for folder in SOURCES for module in self._below(folder)]
        self.tests = list(self._below("tests"))

    def _below(self, folder: str) -> Iterator[Module]:
        for path in sorted((self.root / folder).rglob("*.py")):
            yield Module(path.relative_to(self.root), path.read_text(encoding="utf-8"))

    def folders(self) -> Counter[str]:
        """Count the modules directly in each folder, tests too, ``__init__`` not."""
        files = (module.path for module in [*self.source, *self.tests])
        return Counter(path.parent.as_posix() for path in files if path.stem != "__init__")

    def small_files(self) -> list[str]:
        """List the source files of fewer than 40 lines, ``__init__`` not."""
        return [f"{m.path}: {m.lines}" for m in self.source if m.lines < 40 and m.path.stem != "__init__"]

    def shared_names(self) -> list[str]:
        """List the base names that stand on two or more source files, with their folders."""
        where = defaultdict(list)
        for module in self.source:
            where[module.path.stem].append(module.path.parent.as_posix())
        where.pop("__init__", None)
        return [f"{name}: {', '.join(found)}" for name, found in sorted(where.items()) if len(found) > 1]

    def clumps(self) -> list[str]:
        """List the functions that take project, ledger, frames and settings together."""
        return [f"{m.path}:{f.lineno} {f.name}" for m in self.source for f in m.functions if _parameters(f) >= CLUMP]

    def long_functions(self, most: int = 60) -> list[str]:
        """List the functions of more than `most` lines, from ``def`` to the last."""
        lengths = ((m, f, f.end_lineno - f.lineno + 1) for m in self.source for f in m.functions)
        return [f"{m.path}:{f.lineno} {f.name}: {lines}" for m, f, lines in lengths if lines > most]

    def tangled(self) -> list[str]:
        """List the functions and classes whose cyclomatic complexity is of grade D (21) or worse."""
        blocks = ((m, block) for m in self.source for block in cc_visit(m.text))
        return [
            f"{m.path}:{block.lineno} {block.name}: {cc_rank(block.complexity)} ({block.complexity})"
            for m, block in blocks
            if cc_rank(block.complexity) >= "D"
        ]

    def not_imperative(self) -> list[str]:
        """List the functions whose docstring does not begin with a verb in the imperative (ruff's D401)."""
        ruff = [Path(sys.executable).parent / "ruff", "check", "--isolated", "--no-cache", "--select", "D401"]
        folders = [name for name in SOURCES if (self.root / name).is_dir()]
        command = [*ruff, "--output-format", "json", *folders]
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"ruff ended with {done.returncode}: {done.stderr}")
        places = ((Path(found["filename"]), found["location"]["row"]) for found in json.loads(done.stdout))
        return [f"{path.resolve().relative_to(self.root.resolve())}:{row}" for path, row in places]

    def untested(self, most: int = 60) -> list[str]:
        """List the modules of more than `most` lines that have no test of their name at the mirrored place."""
        return [
            f"{m.path}: {m.lines}"
            for m in self.source
            if m.lines > most and not (self.root / mirrored(m.path)).is_file()
        ]

    def undocumented(self) -> list[str]:
        """List the public functions and methods without a docstring."""
        public = ((m, f) for m in self.source for f in m.public)
        return [f"{m.path}:{f.lineno} {f.name}" for m, f in public if not ast.get_docstring(f)]

    def exemptions(self) -> list[str]:
        """List the lines, tests too, that silence a check or skip a test."""
        lines = ((m, n, line) for m in [*self.source, *self.tests] for n, line in enumerate(m.text.splitlines(), 1))
        return [f"{m.path}:{n}" for m, n, line in lines if EXEMPTION.search(line)]

    def tests_as_libraries(self) -> list[str]:
        """List the imports of one test file by another."""
        test_module = re.compile(r"^\s*(?:from|import) tests(?:\.\w+)*(?:\.| import )test_\w+", re.MULTILINE)
        return [f"{m.path}: {found[0].strip()}" for m in self.tests for found in test_module.finditer(m.text)]


def mirrored(path: Path) -> Path:
    """Return where the test of the source file `path` stands; that of a package is named for its folder."""
    name = path.parent.name if path.stem == "__init__" else path.stem
    return Path("tests") / path.parent / f"test_{name}.py"


def _parameters(function: Function) -> set[str]:
    given = function.args
    return {a.arg for a in [*given.posonlyargs, *given.args, *given.kwonlyargs]}


class Measure(NamedTuple):
    """A figure, the most (or least) that is wanted of it, and the places that it counts."""

    figure: str
    wanted: str = ""
    places: Sequence[str] = ()


def _size(modules: Sequence[Module]) -> str:
    return f"{len(modules)} files, {sum(m.lines for m in modules):,} lines"


def _count(places: Sequence[str], wanted: str = "0") -> Measure:
    return Measure(str(len(places)), wanted, places)


def measured(house: House) -> dict[str, Measure]:
    """Return every measure of a tree by what it measures."""
    folders = house.folders()
    fullest = max((count, name) for name, count in folders.items())
    full = [f"{name}: {count}" for name, count in folders.most_common() if count > 12]
    undocumented = house.undocumented()
    documented = 1 - len(undocumented) / sum(len(module.public) for module in house.source)
    return {
        "source": Measure(_size(house.source), "34,500 lines"),
        "files under 40 lines": _count(house.small_files(), ""),
        "modules in the fullest folder": Measure(f"{fullest[0]} ({fullest[1]})", "12", full),
        "modules in al_core itself": Measure(str(folders["al_core"]), "6"),
        "base names on two or more files": _count(house.shared_names(), "8"),
        "functions with project, ledger, frames and settings": _count(house.clumps(), "2"),
        "functions over 60 lines": _count(house.long_functions()),
        "complexity of grade D or worse": _count(house.tangled()),
        "docstrings not in the imperative (D401)": _count(house.not_imperative()),
        "public functions with a docstring": Measure(f"{documented:.1%}", "94% or more", undocumented),
        "modules over 60 lines without a mirrored test": _count(house.untested()),
        "imports of one test file by another": _count(house.tests_as_libraries()),
        "noqa, type: ignore and skips": _count(house.exemptions(), "no more"),
        "tests": Measure(_size(house.tests)),
    }


def at_revision(revision: str, folder: Path) -> House:
    """Unpack the tree of a git revision into `folder` and read it."""
    command = ["git", "archive", "--format=tar", revision]
    packed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return House(folder)


def table(before: dict[str, Measure], after: dict[str, Measure], base: str) -> str:
    """Return a Markdown table of both states and what is wanted."""
    rows = [("", base, "now", "wanted"), ("---",) * 4]
    rows += [(what, before[what].figure, measure.figure, measure.wanted) for what, measure in after.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and with ``--list`` the places behind the figures of the present tree."""
    parser = argparse.ArgumentParser(prog="python -m tests.house", description="Measure the source tree.")
    parser.add_argument("--base", default=BASE, help="the git revision to compare with (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the places behind each figure too")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        before = measured(at_revision(asked.base, Path(folder)))
    after = measured(House(ROOT))
    print(table(before, after, asked.base))
    if asked.list:
        for what, measure in after.items():
            print("", f"{what}: {measure.figure}", *(f"  {place}" for place in measure.places), sep="\n")


if __name__ == "__main__":
    main()
