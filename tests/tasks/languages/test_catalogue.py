"""The catalogue of words: which language is chosen, what a page becomes, and that no text is outside of it."""

import json
import re
from http import HTTPStatus

import pytest

from tasks.auditing.samples import BLIND_REASON, JUDGED_REASON, LOOKED_REASON
from tasks.languages import catalogue as words
from tasks.languages.catalogue import LANGUAGES, catalogue, chosen, in_words, of_scripts, translated
from tasks.web import pages
from tests.tasks.languages import spoken

OTHERS = sorted(set(LANGUAGES) - {"en"})
SAME = {"fewframes", *LANGUAGES.values()}
"""Names, which are the same in all languages."""
TEMPLATES = ("start.html", "tags.html", "projects.html")
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
CALL = re.compile(r'\bt\(\s*"((?:[^"\\\n]|\\.)*)"|\bcounted\([^"]*"[^"]*", "([^"]*)"')
WORDS = re.compile(r"[A-Za-z]{2,} [a-z{]|^[A-Z][a-z]+$")
KEYS = re.compile(r"((Shift|Alt|Ctrl)\+|Arrow|AltGraph|Control|CapsLock|Meta|Dead|Content-Type|Delete Backspace|Alt 1)")
INSIDE = {
    "cut polygon", "fill holes", "cut out of the others", "new object", "notes seen", "600 12px system-ui, sans-serif",
    "a run-length code is damaged", "a run-length code does not fit its frame", "{n} late drawing",
    "{n} object has no mask", "{n} frame to label", "{n} answer to review", "{n} flagged frame to decide about",
    "round {round} waits for {n} frame",
}  # fmt: skip
"""What scripts hold in words that nobody sees: names of steps, a font, damage; and English forms for one thing."""


@pytest.mark.parametrize(
    ("kept", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "en;q=0.8, de;q=0.9", "de"),
        (None, "fr, en;q=0.7, de;q=0.3", "en"),
        (None, "de;q=0", "en"),
        (None, "*;q=x, \x00,;;", "en"),
        ("en", "de", "en"),
        ("de", "en", "de"),
        ("klingon", "de", "de"),
    ],
)
def test_the_language_is_what_was_chosen_or_what_the_browser_likes_best(kept, accepted, language):
    assert chosen(kept, accepted) == language


def test_a_page_is_translated_where_people_read_it_and_nowhere_else():
    page = (
        '<html lang="en"><head><title>Label – fewframes</title></head><body><!-- Skip --><script>"Skip"</script>'
        '<button id="Skip" title="Undo (Shift z)">Hide <kbd>Del</kbd></button>\n'
        "  <p>Nothing is\nhere?</p><i>cat</i></html>"
    )
    german = translated(page, "de")
    assert german.startswith(
        '<html lang="de"><head><title>Annotieren – fewframes</title><script type="application/json"'
    )
    assert german.endswith(
        '<!-- Skip --><script>"Skip"</script><button id="Skip" title="Rückgängig (Umschalt z)">Aus\u00adblenden '
        "<kbd>Entf</kbd></button>\n  <p>Hier ist nichts?</p><i>cat</i></html>"
    )
    given = re.search(r'id="words">(.*)</script>\n</head>', german)[1]
    assert json.loads(given) == of_scripts("de")
    assert translated(page, "en") == page


def test_a_sentence_of_the_server_is_found_by_its_form():
    assert in_words("ada has this frame in hand now", "de") == "ada hat dieses Bild jetzt"
    assert in_words("Try again in 2.5 s.", "de") == "Versuchen Sie es in 2,5 s noch einmal."
    assert in_words("over: one, two", "de") == "over: one, two"
    assert in_words("My work · cells", "de") == "Meine Arbeit · cells"
    assert in_words("something else", "de") == "something else"


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize(
    "reason",
    [
        BLIND_REASON,
        JUDGED_REASON,
        LOOKED_REASON,
        "Held out: this frame measures quality, and nothing is learned from it.",
        "uncertainty 0.300, largest part shape (0.200)",
        "its patches do not find their way to any labelled frame and back (dissimilarity 0.20)",
    ],
)
def test_people_read_why_they_are_asked_in_their_language(reason, language):
    assert in_words(reason, language) != reason


def shown():
    """Everything that the templates show."""
    found = set()

    def note(text):
        hint = words._HINT.fullmatch(text)
        found.update([text] if text in catalogue("de") or not hint else [hint[1]])
        return text

    for page in (*(pages._label_page(r, "en") for r in (False, True)), *(pages._page(n, "en") for n in TEMPLATES)):
        rest = 0
        for tag in words._TAG.finditer(page):
            words._text(page[rest : tag.start()], note)
            words._tag(tag[0], note, bool(tag[2]))
            rest = tag.end()
    return {text for text in found | set(pages.COMPONENTS.values()) if re.search("[A-Za-z]{2}", text)} - SAME


def scripts():
    return "\n".join(path.read_text() for name, path in pages.static_files().items() if name.endswith(".js"))


def strings(found):
    """Strings of scripts, as they are said; patterns with escapes are none."""
    return {json.loads(f'"{text}"') for text in found if not re.search(r"\\[^\"\\nu]", text)}


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_of_templates_and_scripts_is_in_the_catalogue(language):
    known = set(of_scripts(language))
    assert shown() <= known
    said = strings(one or other for one, other in CALL.findall(scripts()))
    assert len(said) > 100
    assert said <= known


def test_scripts_hold_no_words_outside_of_the_catalogue():
    held = {text for text in strings(STRING.findall(scripts())) if WORDS.search(text) and not KEYS.match(text)}
    assert held - set(catalogue("de")) == INSIDE
    filled = [re.sub(r"\$\{[^}]*\}", "", text) for text in re.findall(r"`((?:[^`\\]|\\.)*)`", scripts())]
    assert [t for t in filled if re.search(r"(?:^|[^\w.{-])[A-Za-z]{3,} [a-z]", t)] == [
        "a run-length code has  pixels, its frame "
    ]


@pytest.mark.parametrize("language", OTHERS)
def test_everything_that_the_server_says_is_in_the_catalogue(language):
    said = spoken.said()
    assert {"Next: {step}.", "{n} frames", "What it rests on", "expected calibration error", "not finished"} <= said
    assert len(said) > 300
    assert said - set(catalogue(language)) == set()


@pytest.mark.parametrize("language", OTHERS)
def test_scripts_are_given_nothing_that_only_the_dashboard_says(language):
    dashboard = set(catalogue(language)) - set(of_scripts(language))
    assert not dashboard & (shown() | strings(one or other for one, other in CALL.findall(scripts())))
    assert len(dashboard) + len(of_scripts(language)) == len(catalogue(language))


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_in_the_catalogue_is_of_no_use(language):
    held = shown() | strings(STRING.findall(scripts())) | spoken.said() | {status.phrase for status in HTTPStatus}
    sources = " ".join(
        path.read_text() for top in ("al_core", "tasks") for path in (pages._HERE.parents[1] / top).rglob("*.py")
    )
    counted = [re.sub(r"\{many\([^{}]*, '(\w+)'\)\}", rf"\1{end}", sources) for end in ("", "s")]
    bare = re.sub(r'"\s+f?"|\{[^{}\n]*\}', "", "".join(counted))
    put_together = re.compile("|".join(spoken.put_together()))
    for text in set(catalogue(language)) - held:
        if text not in of_scripts(language) and not spoken.SENTENCE.search(text):
            names = (f'"{text}"', f'"{text.replace(" ", "_")}"')
            assert any(name in sources for name in names) or put_together.fullmatch(text), text
            continue
        assert text in sources or all(
            piece.strip(" :") in bare or piece.strip(" :") in sources for piece in re.split(r"\{\d\}|\.$", text)
        ), text


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_holes_of_their_text_and_all_forms_of_a_plural(language):
    for text, other in catalogue(language).items():
        forms = other if isinstance(other, dict) else {"other": other}
        if isinstance(other, dict):
            assert set(forms) == {"one", "other"}
        for form in forms.values():
            assert places(form) == places(text), text


def places(text):
    return sorted(re.findall(r"%?\{[^{}]*\}", text))
