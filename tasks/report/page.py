"""The page itself: what was gathered, as one HTML file that needs nothing else, not even a network."""

import os
from html import escape
from importlib.resources import files
from pathlib import Path

from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.stores.frames import FrameStore
from tasks.report import sections
from tasks.report.content import Content, gather
from tasks.report.html import Charts
from tasks.report.video_section import videos

# The browser itself is told to fetch nothing: the page is whole.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def write_page(project: Project, ledger: Ledger, frames: FrameStore, out: Path) -> Path:
    """Gather, render and write the page; it appears whole or not at all."""
    text = render(gather(project, ledger, frames))
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    return out


def render(content: Content) -> str:
    """The HTML of the page."""
    from plotly.offline import get_plotlyjs

    charts = Charts()
    parts = {
        "Rounds": sections.rounds(content),
        "Labels": sections.labels(content, charts),
        "Quality": sections.quality(content, charts),
        "Videos": videos(content, charts),
        "Training": sections.training(content, charts),
        "Steps": sections.steps(content),
    }
    links = "".join(f'<a href="#{name.lower()}">{name}</a>' for name in parts)
    body = "".join(f'<section id="{n.lower()}"><h2>{n}</h2>{html}</section>' for n, html in parts.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(content.name)}: labelled with fewframes</title>\n"
        f"<style>\n{_asset('page.css')}</style>\n</head>\n<body>\n"
        f"<header>{sections.header(content)}</header>\n<nav><div>{links}</div></nav>\n<main>{body}</main>\n"
        "<footer>Written by fewframes. Every figure names whose masks it is about.</footer>\n"
        f'<script type="application/json" id="figures">{charts.to_json()}</script>\n'
        f"<script>{get_plotlyjs()}</script>\n<script>\n{_asset('page.js')}</script>\n</body>\n</html>\n"
    )


def _asset(name: str) -> str:
    return files("tasks.report").joinpath(name).read_text(encoding="utf-8")
