"""Write ``docs/api.md`` from the docstrings of ``fewframes.py``; ``make docs`` calls it.

A test compares the page with what this makes.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "api.md"

HEAD = """# Python API

*Written by `docs/api_page.py` from `fewframes.py`; change it there.*

[A notebook](fewframes.ipynb) shows all of it at work. What is not on this page may change with any version.
"""
SECTIONS = {"Args:": "Values", "Returns:": "Returns", "Yields:": "Yields", "Raises:": "Errors"}


def page() -> str:
    """Return the whole page: what the module offers, in the order of its source."""
    module = ast.parse((ROOT / "fewframes.py").read_text(encoding="utf-8"))
    public = [node for node in module.body if _public(node)]
    return "\n".join([HEAD, _text(module), *(part for node in public for part in _part(node, "##"))])


def _public(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")


def _part(node: ast.ClassDef | ast.FunctionDef, level: str) -> list[str]:
    """Return a function, or a class and what can be done with it."""
    if isinstance(node, ast.FunctionDef):
        return [f"{level} {node.name}\n\n{_signature(node, node.name)}\n{_text(node)}"]
    made = next((each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), None)
    head = f"{level} {node.name}\n\n{_signature(made, node.name) if made else ''}\n{_text(node)}"
    return [head, *(part for each in node.body if _public(each) for part in _part(each, level + "#"))]


def _signature(node: ast.FunctionDef, name: str) -> str:
    """Return how something is called, a line for each value where one line is too long."""
    result = f" -> {_plain(node.returns)}" if node.returns and name == node.name else ""
    if any(ast.unparse(decorator) == "property" for decorator in node.decorator_list):
        return f"```python\n{name}: {result.removeprefix(' -> ')}\n```\n"
    asked, first = node.args, len(node.args.args) - len(node.args.defaults)
    values = [
        f"{value.arg}: {_plain(value.annotation)}"
        + (f" = {ast.unparse(asked.defaults[number - first])}" if number >= first else "")
        for number, value in enumerate(asked.args)
        if value.arg != "self"
    ]
    line = f"{name}({', '.join(values)}){result}"
    if len(line) > 80:
        line = "\n".join([f"{name}(", *(f"    {value}," for value in values), f"){result}"])
    return f"```python\n{line}\n```\n"


def _plain(annotation: ast.expr | None) -> str:
    return "" if annotation is None else ast.unparse(annotation).replace("'", "")


def _text(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> str:
    """Return a docstring as Markdown: names are code, sections are lists, what is set in is code."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", (ast.get_docstring(node) or "").replace("``", "`"))
    blocks = [_block(block) for block in text.split("\n\n")]
    return "\n\n".join(blocks).replace("\n```\n\n```python\n", "\n\n") + "\n"


def _block(block: str) -> str:
    first, *rest = block.split("\n")
    if first in SECTIONS:
        return "\n".join([f"{SECTIONS[first]}:", "", *(_entry(line[4:], first) for line in rest)])
    if first.startswith("    "):
        return "\n".join(["```python", *(line[4:] for line in [first, *rest]), "```"])
    return block


def _entry(line: str, section: str) -> str:
    """Return a line of a section; the names that it begins with are code."""
    if line.startswith(" "):
        return f"  {line.strip()}"
    if section in ("Args:", "Raises:"):
        names, _, said = line.partition(": ")
        return f"- {', '.join(f'`{name}`' for name in names.split(', '))}: {said}"
    return line


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
