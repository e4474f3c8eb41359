"""The page of a project: what was gathered, as one HTML file."""

from pathlib import Path

from al_core.files import write_whole
from al_core.ledger.store import Ledger
from al_core.project import Project
from al_core.stores.frames import FrameStore
from tasks.report.content import Content, gather
from tasks.report.pages import sections
from tasks.report.pages.document import Charts, document
from tasks.report.pages.video_section import videos


def write_page(project: Project, ledger: Ledger, frames: FrameStore, out: Path) -> Path:
    """Gather, render and write the page; it appears whole or not at all."""
    write_whole(out, render(gather(project, ledger, frames)).encode())
    return out


def render(content: Content) -> str:
    """Return the HTML of the page."""
    charts = Charts()
    parts = {
        "Rounds": sections.rounds(content),
        "Labels": sections.labels(content, charts),
        "Quality": sections.quality(content, charts),
        "Videos": videos(content, charts),
        "Training": sections.training(content.steps, content.curves, charts),
        "Steps": sections.steps(content),
    }
    if content.people:
        parts["People"] = sections.people(content.people)
    title = f"{content.name}: labelled with fewframes"
    footer = "Written by fewframes. Every figure names whose masks it is about."
    return document(title, sections.header(content), parts, charts, footer)
