"""Pages and their figures, taken apart."""

import json
from html.parser import HTMLParser

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """The page's text by tag, its tables, its pictures; fails on tags that do not match. All spaces are alike."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts, self.tables, self.images, self.attributes = [], [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.attributes += attributes
        if tag == "img":
            self.images.append(dict(attributes)["src"])
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        data = data.replace("\N{NO-BREAK SPACE}", " ")
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data
        if "script" not in self.open and "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())

    def tiles(self):
        """Name -> (figure, what else is said) of the header."""
        names = (
            "Videos", "Labelled by people", "Human time", "Has masks", "J&F", "AP50", "Machine time"
        )  # fmt: skip
        places = {name: self.texts.index(name) for name in names}
        return {name: (self.texts[i + 1], self.texts[i + 2]) for name, i in places.items()}


def own_part(html):
    """The page without plotly's library."""
    library = get_plotlyjs()
    assert html.count(library) == 1
    return html.replace(library, "")


def checked(figure):
    """The figure, after plotly has looked at every name and value in it."""
    text = json.dumps(figure).replace('"ink"', '"#000000"').replace('"surface"', '"#ffffff"')
    go.Figure(**json.loads(text))
    return figure


def traces(figure):
    return {trace["name"]: trace for trace in checked(figure)["data"] if "name" in trace}
