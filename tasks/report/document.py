"""The skeleton that all pages share: one HTML file that needs nothing else, not even a network."""

import os
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from pathlib import Path

from tasks.report.html import Charts

# The browser itself is told to fetch nothing: the page is whole.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def document(title: str, header: str, parts: Mapping[str, str], charts: Charts, footer: str) -> str:
    """A whole page.

    Args:
        title, footer: plain text.
        header: HTML above the links to the sections.
        parts: name of each section, in order, and its HTML.
        charts: the figures that have a place in ``parts``.
    """
    from plotly.offline import get_plotlyjs

    anchors = {name: escape("-".join(name.lower().split())) for name in parts}
    links = "".join(f'<a href="#{anchors[name]}">{escape(name)}</a>' for name in parts)
    body = "".join(f'<section id="{anchors[n]}"><h2>{escape(n)}</h2>{html}</section>' for n, html in parts.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>\n{_asset('page.css')}</style>\n</head>\n<body>\n"
        f"<header>{header}</header>\n<nav><div>{links}</div></nav>\n<main>{body}</main>\n"
        f"<footer>{escape(footer)}</footer>\n"
        f'<script type="application/json" id="figures">{charts.to_json()}</script>\n'
        f"<script>{get_plotlyjs()}</script>\n<script>\n{_asset('page.js')}</script>\n</body>\n</html>\n"
    )


def write_whole(text: str, out: Path) -> Path:
    """Write a page; it appears whole or not at all, and an older one stays until then."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    return out


def _asset(name: str) -> str:
    return files("tasks.report").joinpath(name).read_text(encoding="utf-8")
