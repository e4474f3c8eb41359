"""The page of a project: what was gathered, as one HTML file."""

from tasks.report.content import Content
from tasks.report.pages import sections
from tasks.report.pages.certificate_section import certificates
from tasks.report.pages.document import Charts, document
from tasks.report.pages.estimate_section import estimates
from tasks.report.pages.video_section import videos


def render(content: Content) -> str:
    """Return the HTML of the page."""
    charts = Charts()
    parts = {
        "Rounds": sections.rounds(content),
        "Labels": sections.labels(content, charts),
        "Estimated quality": estimates(content, charts),
        "Certificates": certificates(content.certificates),
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
