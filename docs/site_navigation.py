"""What the site makes of the first page and of notebooks, as Markdown; used by ``conf.py``."""

import re
from typing import Any

PART = re.compile(r"^## (?P<caption>.+)\n\n(?P<links>(?:- .*\n(?:  .*\n)*)+)", re.MULTILINE)
LINK = re.compile(r"^- \[(.+?)\]\((.+?)\)", re.MULTILINE)


def parts(text: str) -> dict[str, list[tuple[str, str]]]:
    """Return the headings with links below them: heading -> (title, file) of each."""
    return {part["caption"]: LINK.findall(part["links"]) for part in PART.finditer(text)}


def contents(text: str) -> str:
    """Return a hidden table of contents for each part, from which the side bar is made."""
    return "\n".join(
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *map(_entry, links), "```", ""])
        for caption, links in parts(text).items()
    )


def _entry(link: tuple[str, str]) -> str:
    title, page = link
    return f"{title} <{page.rsplit('.', 1)[0]}>"


def notebook(content: dict[str, Any]) -> str:
    """Return a notebook as a page: its texts, its code, and what came out, as the notebook keeps it."""
    return "\n\n".join(map(_cell, content["cells"]))


def _cell(cell: dict[str, Any]) -> str:
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return text
    outputs = ["".join(out.get("text") or out["data"]["text/plain"]).rstrip() for out in cell["outputs"]]
    return "\n\n".join([f"```python\n{text}\n```", *(f"```text\n{out}\n```" for out in outputs)])
