"""The dashboard in another language, as a browser asks for it: no text on any page is outside of the catalogue."""

import html
import json
import re

import httpx
import pytest

from al_core.ledger.labelling.people import Role
from tasks.certificates.drawing_audits import draw_audit
from tasks.certificates.issuing import Wish, issue
from tasks.languages import catalogue as words
from tests.toys.audits.answering import drawn, say
from tests.toys.audits.audited_project import answer_all, audited_project
from tests.toys.labelled_project import finished_project
from tests.toys.web.desk import CHANGING
from tests.toys.web.serving import served

PAGES = (
    "dashboard/overview", "dashboard/quality", "dashboard/videos", "dashboard/videos/1",
    "dashboard/videos/1/frames/3?rounds=1", "dashboard/people", "dashboard/runs", "mine",
)  # fmt: skip
MARKED = re.compile(r"«[^«»]*»")
HIDDEN = re.compile(r"<(script|style|pre)\b.*?</\1>", re.DOTALL)
INLINE = re.compile(r"</?(a|code)\b[^>]*>")
DATA = re.compile(
    r"fewframes|project( <\d>)?|clip|one|two|square|ann|eve|lea|px|"
    r"spread|chosen <i>\d</i>|2 of 2 rounds are done|[0-9a-f]{12,64}|c\d-[0-9a-f]+|J&F|AP50|IoU|min"
)
"""What the toy projects are called, what their toy steps said, and the names of figures."""
SHOWN = ("text", "name", "hovertemplate", "ticktext", "customdata", "x", "y")


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """Three projects: with truth, with estimates, and with a certificate."""
    measured, _, _ = finished_project(tmp_path_factory.mktemp("measured"))
    estimated, ledger, _ = finished_project(tmp_path_factory.mktemp("estimated"), quality=None)
    sample = drawn(estimated, ledger, blind=1)
    for number, unit in enumerate(u for u in sample.units if not u.pair):
        say(ledger, sample, unit, good=number != 1)
    certified, ledger, _ = audited_project(tmp_path_factory.mktemp("certified"))
    answer_all(ledger, draw_audit(certified, ledger, seed=1, judged=200, frames=0))
    made = issue(certified, ledger, Wish())
    look = f"dashboard/certificates/{made.certificate_id}?verify=true"
    return {
        "measured": (measured, PAGES),
        "estimated": (estimated, PAGES[:2]),
        "certified": (certified, ("dashboard/overview", "dashboard/certificates", look)),
    }


@pytest.fixture(scope="module", params=["measured", "estimated", "certified"])
def office(request, projects):
    """(a client that is signed in as a lead, the addresses of pages) of each project."""
    project, pages = projects[request.param]
    with served(project) as (context, owner), httpx.Client(base_url=owner.url, timeout=60) as client:
        token = context.ledger.add_annotator("lea", Role.LEAD)
        client.post("/enter", json={"token": token}, headers=CHANGING).raise_for_status()
        yield client, pages


@pytest.fixture
def marked(monkeypatch):
    """A language in which every text of the catalogue stands between marks."""
    known = words.catalogue("de")
    texts = {
        key: f"«{key}»" if isinstance(other, str) else dict.fromkeys(("one", "other"), f"«{key}»")
        for key, other in known.items()
        if not key.startswith("%Y")
    }
    real = words.catalogue
    monkeypatch.setitem(words.LANGUAGES, "zz", "Marked")
    monkeypatch.setattr(words, "catalogue", lambda language: texts if language == "zz" else real(language))
    words._translator.cache_clear()
    yield
    words._translator.cache_clear()


def page(client, address, language):
    answer = client.get(f"/{address}", headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer


def shown(text):
    """All that people read on a page: texts, what is said of pictures and buttons, and the words of figures."""
    figures = re.search(r'id="figures">(.*?)</script>', text, re.DOTALL)
    plain = INLINE.sub("", HIDDEN.sub("", text))
    found = [html.unescape(part) for part in re.split(r"<[^>]*>", plain)]
    found += [
        html.unescape(value)
        for _, value in re.findall(r'\s(title|alt|aria-label|data-gone|data-away)="([^"]*)"', plain)
    ]
    return found + list(words_of(json.loads(figures[1]) if figures else []))


def words_of(figure, key=""):
    if isinstance(figure, dict):
        for name, value in figure.items():
            yield from words_of(value, name)
    elif isinstance(figure, list):
        for value in figure:
            yield from words_of(value, key)
    elif isinstance(figure, str) and key in SHOWN:
        yield html.unescape(re.sub(r"%\{[^}]*\}|</?extra>|<br>", " ", figure))


def outside(text):
    """What of a text stands between no marks, and is no data."""
    while MARKED.search(text):
        text = MARKED.sub(" ", text)
    return [word for word in re.split(r"[\s,;:·()]+", DATA.sub(" ", text)) if re.search("[A-Za-z]{2}", word)]


def test_no_text_of_any_page_is_outside_of_the_catalogue(office, marked):
    client, pages = office
    for address in pages:
        texts = shown(page(client, address, "zz").text)
        assert any("«" in text for text in texts)
        assert {text.strip(): outside(text) for text in texts if outside(text)} == {}, address


def test_every_page_is_german_where_the_browser_asks_for_it(office):
    client, pages = office
    known = words.catalogue("de")
    english = {text for text, other in known.items() if isinstance(other, str) and other != text and " " in text}
    for address in pages:
        answer = page(client, address, "de-AT,de;q=0.9")
        assert (answer.headers["Content-Language"], answer.headers["Vary"]) == ("de", "Accept-Language, Cookie")
        assert "/frames/" in address or '<html lang="de">' in answer.text
        texts = {" ".join(text.split()) for text in shown(answer.text)}
        assert not texts & english
        # A number never has a decimal point.
        assert not [text for text in texts if re.fullmatch(r"\d+\.\d{3} ?|\d+\.\d ?(s|min|h|%)", text)]


def test_english_stays_where_nothing_else_is_asked_for_or_was_chosen(office):
    client, (address, *_) = office
    plain = page(client, address, "en").text
    assert page(client, address, "fr").text == plain
    signed_in = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    chosen = {"Accept-Language": "de", "Cookie": f"{signed_in}; {words.COOKIE}=en"}
    assert client.get(f"/{address}", headers=chosen).text == plain


def test_dates_and_axes_are_german(office):
    client, _ = office
    runs = page(client, "dashboard/runs", "de").text
    assert re.search(r">\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d<", runs)
    assert not re.search(r">\d{4}-\d\d-\d\d ", runs)
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', runs, re.DOTALL)[1])
    assert {figure["layout"]["separators"] for figure in figures} == {",."}
