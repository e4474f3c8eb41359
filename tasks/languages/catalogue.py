"""The words of the pages in other languages than English.

English is what stands in templates and scripts, and it is the key: a catalogue says what each text is in its language.
So a page in English is what its template says, and a text that nobody has translated is shown in English.
"""

import html
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

LANGUAGES = {"en": "English", "de": "Deutsch"}
"""What may be chosen: code -> name of the language in itself."""
COOKIE = "fewframes_language"

_HERE = Path(__file__).parent
_TAG = re.compile(
    r"""(<!--.*?-->|<(script|style)\b.*?</\2>|<(?:[^<>"']|"[^"]*"|'[^']*')+>)""", re.DOTALL | re.IGNORECASE
)
_ATTRIBUTE = re.compile(r'(\s(?:title|aria-label|placeholder|alt)=")([^"]+)(")')
_HOLE = re.compile(r"\{\d\}")
_HINT = re.compile(r"(.+) \(([^()]+)\)")
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?%?")
_SIGNS = {"en": str.maketrans({"%": " %"}), "de": str.maketrans({",": ".", ".": ",", "%": " %"})}
"""What stands for the signs of English numbers."""


def chosen(kept: str | None, accepted: str) -> str:
    """Return the language to answer in.

    Args:
        kept: what the person chose, or None.
        accepted: the header Accept-Language.
    """
    if kept in LANGUAGES:
        return str(kept)
    wanted = [part.strip().partition(";") for part in accepted.split(",")]
    ranked = sorted(wanted, key=lambda part: -_weight(part[2]))
    codes = [name.strip().lower().partition("-")[0] for name, _, how in ranked if _weight(how) > 0]
    return next((code for code in codes if code in LANGUAGES), "en")


def _weight(parameter: str) -> float:
    found = re.fullmatch(r"\s*q=(\d(?:\.\d+)?)\s*", parameter)
    return float(found[1]) if found else 1.0


@cache
def catalogue(language: str) -> dict[str, str | dict[str, str]]:
    """Return English -> text, or -> the forms of its plural where it counts something; empty for English.

    A text with holes ``{1}``, ``{2}`` is that of a sentence that the server makes, with what it puts in.
    """
    return {} if language == "en" else {**of_scripts(language), **_file(f"{language}_dashboard")}


def of_scripts(language: str) -> dict[str, str | dict[str, str]]:
    """Return the part of a catalogue that pages with scripts are given."""
    return _file(language)


def with_signs(number: str, language: str) -> str:
    """Return a number that is written as in English with the signs of a language."""
    return number.replace(" %", "%").translate(_SIGNS.get(language, {}))


def _file(name: str) -> dict[str, str | dict[str, str]]:
    return json.loads((_HERE / f"{name}.json").read_text(encoding="utf-8"))


def in_words(text: str, language: str) -> str:
    """Return a text in a language: one that stands in the catalogue, or with a key behind it, as in ``Undo (Z)``."""
    return _translator(language)(text)


def translated(page: str, language: str) -> str:
    """Return a page of HTML in a language: its texts, and what is said of pictures, buttons and fields.

    Scripts get the catalogue as JSON in the element ``words``.
    """
    words = catalogue(language)
    if not words:
        return page
    said = _translator(language)
    parts = []
    rest = 0
    for tag in _TAG.finditer(page):
        parts += [_text(page[rest : tag.start()], said), _tag(tag[0], said, bool(tag[2]))]
        rest = tag.end()
    whole = "".join([*parts, _text(page[rest:], said)]).replace('<html lang="en">', f'<html lang="{language}">', 1)
    given = json.dumps(of_scripts(language), ensure_ascii=False).replace("<", "\\u003c")
    return whole.replace("</head>", f'<script type="application/json" id="words">{given}</script>\n</head>', 1)


@cache
def _translator(language: str) -> Callable[[str], str]:
    """Return what says a text in a language."""
    words = catalogue(language)
    patterns = [(re.compile(_pattern(text)), other) for text, other in words.items() if _HOLE.search(text)]

    def said(text: str) -> str:
        known = words.get(text)
        if isinstance(known, str):
            return known
        hint = _HINT.fullmatch(text)
        if hint and isinstance(words.get(hint[1]), str):
            return f"{words[hint[1]]} ({' '.join(str(words.get(key, key)) for key in hint[2].split())})"
        for pattern, other in patterns:
            if isinstance(other, str) and (found := pattern.fullmatch(text)):
                return re.sub(r"\{(\d)\}", lambda hole: inner(found[int(hole[1])]), other)
        if " · " in text:
            return " · ".join(map(said, text.split(" · ")))
        return with_signs(text, language) if _NUMBER.fullmatch(text) else text

    def inner(text: str) -> str:
        """Say what stands in a hole: a text, or several of them."""
        other = said(text)
        between = next((sign for sign in ("; ", ", ") if sign in text), "")
        return between.join(map(inner, text.split(between))) if other == text and between else other

    return said


def _pattern(text: str) -> str:
    return "(.+?)".join(map(re.escape, _HOLE.split(text)))


def _text(text: str, said: Callable[[str], str]) -> str:
    inner = text.strip()
    if not inner:
        return text
    plain = " ".join(html.unescape(inner).split())
    other = said(plain)
    return text if other == plain else text.replace(inner, html.escape(other, quote=False))


def _tag(tag: str, said: Callable[[str], str], opaque: bool) -> str:
    if opaque:
        return tag
    # Where a word may be parted matters only where it is seen on a button.
    whole = _ATTRIBUTE.sub(lambda found: found[1] + html.escape(said(html.unescape(found[2]))) + found[3], tag)
    return whole.replace("\u00ad", "")
