"""The page's building blocks: cards, notes, tables, chips, and places for figures."""

import json
from collections.abc import Collection, Iterable, Sequence
from html import escape

from al_core.export.palette import readable_on
from tasks.report.figures.round_figures import Figure


class Markup(str):
    """A table's cell that is HTML already, not text."""

    __slots__ = ()


class Charts:
    """The page's figures: a place is left in the text, the description goes to the end of the page."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def place(self, figure: Figure) -> str:
        """Room for a figure."""
        self.figures.append(figure)
        height = figure["layout"]["height"]
        return f'<div class="chart" data-figure="{len(self.figures) - 1}" style="height:{height}px"></div>'

    def card(self, figure: Figure, name: str, text: str = "") -> str:
        """A card with a title, room for a figure, and a note below it."""
        return f'<div class="card"><h3>{escape(name)}</h3>{self.place(figure)}{note(text)}</div>'

    def to_json(self) -> str:
        """All figures, safe within a script element."""
        text = json.dumps(self.figures, separators=(",", ":"), allow_nan=False)
        return text.replace("<", "\\u003c")


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    text: Collection[int] = (),
    wide: Collection[int] = (),
) -> str:
    """A table of numbers; columns in ``text`` are aligned left, those in ``wide`` break their lines too.

    Cells are text, or :class:`Markup`.
    """
    left = {**dict.fromkeys(text, ' class="text"'), **dict.fromkeys(wide, ' class="text wrap"')}
    heads = "".join(f"<th{left.get(i, '')}>{escape(name)}</th>" for i, name in enumerate(head))
    lines = "".join(
        "<tr>" + "".join(f"<td{left.get(i, '')}>{_cell(cell)}</td>" for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    body = f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div class="card table">{body}</div>'


def note(text: str) -> str:
    """A paragraph in small print; nothing for an empty text."""
    return f'<p class="note">{escape(text)}</p>' if text else ""


def empty(text: str) -> str:
    """What a section says that has nothing to show yet."""
    return f'<div class="card"><p class="lead">{escape(text)}</p></div>'


def chip(text: str, colour: str) -> str:
    """A small label on a coloured ground."""
    style = f"--colour:{colour};--on:{readable_on(colour)}"
    return f'<span class="chip" style="{style}">{escape(text)}</span>'


def swatch(colour: str) -> str:
    """A small field of colour."""
    return f'<span class="swatch" style="--colour:{colour}"></span>'


def _cell(cell: str) -> str:
    return cell if isinstance(cell, Markup) else escape(cell)
