"""How Sphinx makes the site of these pages; ``make docs`` calls it.

The lists of ``index.md`` are the navigation: each heading with links becomes a part of the side bar, so that a page has
one place, on the site and where the file is read as it is.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from site_navigation import contents, notebook

project = "fewframes"
copyright = "the authors of fewframes, Apache-2.0"
release = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "version"
]

extensions = ["myst_parser"]
exclude_patterns = ["plugin"]
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 4
nitpicky = True
html_theme = "furo"
html_title = f"fewframes {release}"
html_favicon = "../tasks/report/static/icon.svg"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_copy_source = False


class NotebookParser(MystParser):
    """A notebook as a page: its texts, its code, and what came out, as the notebook keeps it."""

    supported = ("ipynb",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Parse the notebook as the Markdown that says the same."""
        super().parse(notebook(json.loads(inputstring)), document)


def _with_navigation(app: Any, name: str, source: list[str]) -> None:
    if name == "index":
        source[0] += "\n" + contents(source[0])


def setup(app: Any) -> None:
    """Tell Sphinx of notebooks and of the navigation."""
    app.add_source_suffix(".ipynb", "ipynb")
    app.add_source_parser(NotebookParser)
    app.connect("source-read", _with_navigation)
