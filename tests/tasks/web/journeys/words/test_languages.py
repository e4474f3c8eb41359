"""The page in another language than English, as a browser asks for it or a person chooses it."""

import re

import pytest

from al_core.ledger.labelling.people import Role
from tasks.languages import catalogue as words
from tests.toys.web.label_page import Person, stored

VISIBLE = """() => {
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement.closest("script, noscript, kbd, option[lang]")) texts.push(node.data.trim());
  }
  for (const name of ["title", "aria-label", "placeholder", "alt"]) {
    for (const element of document.querySelectorAll(`[${name}]`)) texts.push(element.getAttribute(name));
  }
  return texts.filter((text) => /[A-Za-z]{2}/.test(text));
}"""


@pytest.fixture
def berta(ledger, running):
    """Berta's browser asks for German."""
    person = Person(running, f"{ledger[1]}/enter#{ledger[0].add_annotator('Berta')}", locale="de-DE")
    person.task()
    yield person
    person.context.close()


def text(person, selector):
    return person.page.locator(selector).inner_text()


def test_a_frame_is_labelled_in_german(ledger, berta):
    assert berta.page.evaluate("document.documentElement.lang") == "de"
    assert text(berta, "#why h2") == "Warum dieses Bild"
    assert re.fullmatch(r"Bild \d+ von 6 · \d,\d\d s", text(berta, "#place"))
    assert text(berta, "#accept-text") == "Bild bestätigen"
    berta.page.keyboard.press("Enter")
    berta.page.wait_for_selector("#sent-text:has-text('Bestätigt.')")
    assert len(stored(ledger)) == 1
    berta.page.keyboard.press("?")
    assert "Umschalt" in text(berta, "#keys")
    assert "Den Clip abspielen oder anhalten" in text(berta, "#keys")


def test_who_chooses_english_keeps_it(berta):
    berta.page.evaluate("document.querySelector('details.look').open = true")
    berta.page.select_option("#language", "en")
    berta.page.wait_for_function("document.documentElement.lang === 'en'")
    berta.task()
    assert text(berta, "#why h2") == "Why this frame"
    berta.page.reload()
    berta.task()
    assert text(berta, "#why h2") == "Why this frame"
    assert berta.page.input_value("#language") == "en"


@pytest.fixture
def marked(monkeypatch):
    """A language in which every text of the catalogue is marked."""
    known = words.catalogue("de")
    plain = {key: "«»" + key for key, other in known.items() if isinstance(other, str)}
    plural = {key: {"other": "«»" + key} for key, other in known.items() if not isinstance(other, str)}
    real = words.catalogue
    monkeypatch.setitem(words.LANGUAGES, "xx", "Marked")
    both = plain | plural
    monkeypatch.setattr(words, "catalogue", lambda language: both if language == "xx" else real(language))
    monkeypatch.setattr(words, "of_scripts", words.catalogue)


def test_nothing_on_the_page_is_outside_of_the_catalogue(ledger, running, marked):
    link = f"{ledger[1]}/enter#{ledger[0].add_annotator('Ada', role=Role.LEAD)}"
    person = Person(running, link, extra_http_headers={"Accept-Language": "xx"})
    person.page.goto(f"{ledger[1]}/label")
    person.task()
    person.page.keyboard.press("?")
    person.page.evaluate("fewframes.look.change('opacity', -0.1)")
    names = r"fewframes|Ada|Marked|square \d+|square( \(\d\))?|object \(\d\)|clip|it moves|\d+ (px|s)"
    texts = person.page.evaluate(VISIBLE)
    person.page.goto(f"{ledger[1]}/mine")
    texts += person.page.evaluate(VISIBLE)
    outside = {found for found in texts if "«»" not in found and not re.fullmatch(names, found)}
    person.context.close()
    assert outside == set()
