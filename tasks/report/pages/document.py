"""The skeleton that all pages share: one HTML file that needs nothing else, not even a network."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from tasks.report.pages.html import Charts

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

    links = [(name, f"#{_anchor(name)}") for name in parts]
    return (
        f'{_head(title)}<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<style>\n{asset('page.css')}</style>\n</head>\n<body>\n"
        f"{_body(header, links, parts, charts, footer)}"
        f"<script>{get_plotlyjs()}</script>\n<script>\n{asset('page.js')}</script>\n</body>\n</html>\n"
    )


def served_document(
    title: str,
    header: str,
    links: Sequence[tuple[str, str]],
    parts: Mapping[str, str],
    charts: Charts,
    footer: str,
    static: str,
    here: str = "",
) -> str:
    """The same as it is served: styles and scripts lie at ``static``, and links lead to other pages.

    Args:
        links: (name, address) of the pages.
        here: the name of the page that is shown.
    """
    return (
        f'{_head(title)}<link rel="stylesheet" href="{static}/page.css">\n'
        f'<script defer src="{static}/plotly.js"></script>\n<script defer src="{static}/page.js"></script>\n'
        f'<script defer src="{static}/viewer.js"></script>\n'
        f'<script defer src="{static}/live.js"></script>\n</head>\n<body>\n'
        f"{_body(header, links, parts, charts, footer, here)}</body>\n</html>\n"
    )


def asset(name: str) -> str:
    """A style sheet or script of the pages."""
    return files("tasks.report").joinpath(name).read_text(encoding="utf-8")


def _head(title: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
    )


def _body(
    header: str,
    links: Sequence[tuple[str, str]],
    parts: Mapping[str, str],
    charts: Charts,
    footer: str,
    here: str = "",
) -> str:
    current = ' aria-current="page"'
    menu = "".join(f'<a href="{escape(to)}"{current if name == here else ""}>{escape(name)}</a>' for name, to in links)
    body = "".join(f'<section id="{_anchor(n)}"><h2>{escape(n)}</h2>{html}</section>' for n, html in parts.items())
    return (
        f"<header>{header}</header>\n<nav><div>{menu}</div></nav>\n<main>{body}</main>\n"
        f"<footer>{escape(footer)}</footer>\n"
        f'<script type="application/json" id="figures">{charts.to_json()}</script>\n'
    )


def _anchor(name: str) -> str:
    return escape("-".join(name.lower().split()))
