"""The pages' templates, and the skeleton that all pages share: one HTML file, whole or with its files beside it."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from al_core.export.palette import readable_on, track_colour
from tasks.languages.phrases import all_of, heard, numeral, spoken, t
from tasks.report import formatting
from tasks.report.figures import round_figures
from tasks.report.figures.round_figures import Figure

Tile = tuple[str, str, str]
"""(name, figure, what else there is to say)."""


_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|s|min|h|[kMG]B)(?!\w)[^<>]*(?:<|$))")
"""The space in what people read between a number and its unit; not within a tag."""


class Charts:
    """The page's figures: a place is left in the text, the description goes to the end of the page."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def add(self, figure: Figure) -> int:
        """Keep a figure; returns its number."""
        self.figures.append(figure)
        return len(self.figures) - 1


def render(template: str, **values: Any) -> Markup:
    """Fill in a template; what is not :class:`Markup` already is escaped.

    Args:
        template: a file of ``tasks/report/templates``.
        values: all that the template names.
    """
    return Markup(_templates().get_template(template).render(values))


def note(text: str) -> Markup:
    """Render a paragraph in small print."""
    return Markup('<p class="note">{}</p>').format(text)


def header(title: str, lead: str, tiles: Sequence[Tile] = (), legend: Sequence[tuple[str, str, str]] = ()) -> Markup:
    """Render what stands above the links to the sections.

    Args:
        legend: (name, meaning, colour).
    """
    return render("header.html", title=title, lead=lead, tiles=tiles, legend=legend)


def document(
    title: str,
    header: Markup,
    parts: Mapping[str, Markup],
    charts: Charts,
    footer: str,
    links: Sequence[tuple[str, str]] = (),
    here: str = "",
    static: str = "",
) -> str:
    """Render a whole page; it needs nothing else, not even a network, unless styles and scripts lie elsewhere.

    Args:
        parts: name of each section, in order, and its HTML.
        charts: the figures that have a place in ``parts``.
        links: (name, address) of other pages; by default the menu leads to the sections of this one.
        here: the name of the page that is shown.
        static: address of styles and scripts, where they are served; "" puts them into the page.
    """
    parts = {name: _unbroken(part) for name, part in parts.items()}
    page = {"title": title, "header": _unbroken(header), "parts": parts, "charts": charts, "footer": footer}
    links = links or [(name, f"#{_anchor(name)}") for name in parts]
    inline = {} if static else {name: Markup(asset(name)) for name in ("page.css", "page.js", "plotly.js")}
    icon = quote(asset("icon.svg"))
    return render(
        "document.html", **page, links=links, here=here, static=static, inline=inline, icon=icon, language=spoken()
    )


@cache
def asset(name: str) -> str:
    """Read a style sheet, a script or the icon of the pages."""
    if name == "plotly.js":
        from plotly.offline import get_plotlyjs

        return str(get_plotlyjs())
    return files("tasks.report").joinpath("static", name).read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("tasks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    found.filters |= {name: getattr(formatting, name) for name in ("clock", "duration", "many", "percent", "score")}
    found.filters |= {"anchor": _anchor, "thousands": lambda count: numeral(count, ","), "readable_on": readable_on}
    found.filters["track_colour"] = track_colour
    found.filters["indented"] = partial(json.dumps, indent=1, ensure_ascii=False)
    found.filters |= {"heard": heard, "numeral": numeral}
    # Functions: of a filter of what stands in a template Jinja keeps its first result, whatever is spoken then.
    found.globals |= {"figures": round_figures, "t": _said, "all_of": all_of}
    return found


def _said(text: str, **values: object) -> Markup:
    """Say a text, with values that are escaped."""
    return escape(t(text)).format(**values)


def _unbroken(html: Markup) -> Markup:
    """Return the same with numbers that no end of a line parts from their unit."""
    return Markup(_BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", html))


def _anchor(name: str) -> str:
    return "-".join(name.lower().split())
