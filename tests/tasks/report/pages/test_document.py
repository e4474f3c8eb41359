"""The skeleton of all pages, and the templates."""

import json
import re
from types import SimpleNamespace

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from tasks.languages.phrases import speaking
from tasks.report.figures.round_figures import chart_layout
from tasks.report.pages import document as documents
from tasks.report.pages.document import Charts, asset, document, header, note, render
from tests.toys.web.browser import browser, needs_chromium
from tests.toys.web.html_page import Page, own_part

HOSTILE = '<script>alert("1")</script>'


def figure(title):
    return {"data": [], "layout": {"height": 200, "title": title}}


def test_text_is_escaped_and_markup_is_not():
    html = header(HOSTILE, Markup("<i>lead</i>"), [("name", HOSTILE, "")])
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html
    assert "<i>lead</i>" in html


def test_a_tile_without_more_to_say_has_two_parts():
    html = header("t", "l", [("Open", "3", ""), ("Videos", "2", "9 frames")])
    assert "<dt>Open</dt><dd>3</dd></dl>" in html
    assert "<dt>Videos</dt><dd>2</dd><dd>9 frames</dd></dl>" in html


def test_no_line_ends_between_a_number_and_its_unit():
    part = Markup('<p title="3 s">12.4 min, 90 % of 3 shots, <b>3 s</b> and 8 MB: 4 hours</p>')
    html = document("t", header("A", "b", [("Time", "3.2 h", "")]), {"x": part}, Charts(), "", static="/static")
    nb = "\N{NO-BREAK SPACE}"
    text = f'<p title="3 s">12.4{nb}min, 90{nb}% of 3 shots, <b>3{nb}s</b> and 8{nb}MB: 4 hours</p>'
    assert text in html
    assert f"<dd>3.2{nb}h</dd>" in html


@needs_chromium
def test_a_long_legend_takes_nothing_from_a_chart_on_a_phone(tmp_path):
    charts, path = Charts(), tmp_path / "page.html"
    lines = [{"type": "scatter", "x": [0, 1], "y": [0, 1], "name": f"a name as long as this, {i}"} for i in range(8)]
    drawn = {"data": lines, "layout": chart_layout("frames", "J&F") | {"height": 300}}
    part = Markup('<div class="chart" data-figure="{}" style="height:300px"></div>').format(charts.add(drawn))
    path.write_text(document("t", header("A", "b", []), {"x": part}, charts, ""), encoding="utf-8")
    heights = "(c => [c.clientHeight, c._fullLayout._size.h])(document.querySelector('.chart'))"
    with browser() as running:
        found = {}
        for width in (390, 1280):
            page = running.new_page(viewport={"width": width, "height": 844})
            page.goto(path.as_uri())
            page.wait_for_selector(".legend")
            found[width] = page.evaluate(heights)
    assert found[1280][0] == 300
    assert found[390][0] == 460
    assert found[390][1] > 150, "pixels of the plot itself"


def test_a_template_says_what_it_lacks():
    with pytest.raises(UndefinedError, match="rows"):
        render("rounds.html")


def test_a_served_page_brings_its_icon():
    html = document("t", header("A", "b"), {}, Charts(), "", static="/static")
    assert '<link rel="icon" href="data:image/svg+xml,%3Csvg' in html


def test_a_note_is_text():
    assert note("a < b") == '<p class="note">a &lt; b</p>'


def test_a_whole_page_holds_its_files_and_links_to_its_sections():
    charts = Charts()
    assert charts.add(figure("</script>")) == 0
    html = document("A & B", header("A", "b"), {"One part": Markup("<p>x</p>"), "Two": Markup("")}, charts, "foot < er")
    own = own_part(html)
    assert '<a href="#one-part">One part</a>' in own
    assert '<section id="one-part"><h2>One part</h2><p>x</p></section>' in own
    assert "<title>A &amp; B</title>" in own
    assert "<footer>foot &lt; er</footer>" in own
    assert asset("page.css") in own
    assert asset("page.js") in own
    assert not re.search(r"(src|href)=\"(?!#)", own)
    Page(html)


def test_figures_cannot_end_their_script():
    charts = Charts()
    charts.add(figure("</script><b>"))
    html = document("t", header("t", "l"), {}, charts, "f", static="/static")
    (text,) = re.findall(r'id="figures">(.*?)</script>', html, re.DOTALL)
    assert json.loads(text) == charts.figures


def test_a_served_page_names_its_files_and_the_page_that_is_shown():
    links = [("Overview", "/o"), ("Runs", "/r")]
    html = document("t", header("t", "l"), {}, Charts(), "f", links, "Runs", "/dashboard/static/1")
    assert '<a href="/o">Overview</a><a href="/r" aria-current="page">Runs</a>' in html
    assert '<link rel="stylesheet" href="/dashboard/static/1/page.css">' in html
    assert re.findall(r'<script defer src="/dashboard/static/1/(\w+)\.js">', html) == [
        "plotly",
        "page",
        "viewer",
        "live",
    ]
    assert "<style>" not in html


def test_a_template_speaks_the_language_of_each_who_asks():
    """Jinja keeps what it can compute once; the first who asks is not to choose for all others."""
    documents._templates.cache_clear()
    change = SimpleNamespace(frame_idx=3, track_id=1, what="added", iou=None, before=None, after=None)
    heads = []
    for language in ("de", "en", "de"):
        with speaking(language):
            page = Page(render("changes.html", told="", changes=[change]))
            heads.append(page.tables[0][0][:3])
    assert heads == [["Bild", "Objekt", "Änderung"], ["frame", "track", "change"], ["Bild", "Objekt", "Änderung"]]
