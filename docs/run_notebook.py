"""Runs the cells of a notebook in one process, in the current folder; with --write, the outputs are kept in it.

python docs/run_notebook.py docs/fewframes.ipynb --write
"""

import ast
import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any


def run(cells: list[dict[str, Any]], names: dict[str, Any]) -> None:
    """Run code cells in order; what each prints, and the value of its last line, become its outputs."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    for number, cell in enumerate(code, start=1):
        printed = io.StringIO()
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with redirect_stdout(printed):
            exec(compile(tree, f"cell {number}", "exec"), names)
            value = None if last is None else eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
        cell["execution_count"] = number
        cell["outputs"] = [*_stream(printed.getvalue()), *_result(value, number)]


def _stream(text: str) -> list[dict[str, Any]]:
    return [{"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}] if text else []


def _result(value: Any, number: int) -> list[dict[str, Any]]:
    if value is None:
        return []
    text = repr(value).splitlines(keepends=True)
    data = {"text/plain": text}
    return [{"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": data}]


if __name__ == "__main__":
    notebook = Path(sys.argv[1]).resolve()
    content = json.loads(notebook.read_text(encoding="utf-8"))
    run(content["cells"], globals())
    if "--write" in sys.argv[2:]:
        notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
