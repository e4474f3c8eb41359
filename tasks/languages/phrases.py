"""What is said to whom is answered, in that person's language: ``words.js`` of the server.

English is what stands in the source, and so what files and commands are written in. A page says it in another language
within :func:`speaking`.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tasks.languages import catalogue

_language: ContextVar[str] = ContextVar("language", default="en")
_PLACE = re.compile(r"\{(\w+)\}")


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Say everything in a language, until the block ends."""
    before = _language.set(language)
    try:
        yield
    finally:
        _language.reset(before)


def spoken() -> str:
    """Return the language that is spoken."""
    return _language.get()


def t(text: str, **values: object) -> str:
    """Say a text; ``{name}`` in it is the place of a value."""
    known = catalogue.catalogue(spoken()).get(text)
    return _filled(known if isinstance(known, str) else text, values)


def all_of(texts: Iterable[str]) -> list[str]:
    """Say each of some texts, such as the head of a table."""
    return [t(text) for text in texts]


def counted(n: int, one: str, many: str, **values: object) -> str:
    """Say a text with a number ``{n}``: ``one`` is its English form for 1, ``many`` that for all others, by which it is
    looked up."""
    known = catalogue.catalogue(spoken()).get(many)
    forms = known if isinstance(known, dict) else {"one": one, "other": many}
    text = forms.get("one", forms["other"]) if n == 1 else forms["other"]
    return _filled(text, {"n": numeral(n, ","), **values})


def heard(text: str) -> str:
    """Say what came as English, from the ledger or another layer: as it stands in the catalogue, or with values in it;
    else as it came, clause by clause."""
    said = catalogue.in_words(text, spoken())
    return "; ".join(map(heard, text.split("; "))) if said == text and "; " in text else said


def numeral(value: float, form: str) -> str:
    """Write a number by a form of :func:`format`, with the signs of the language."""
    return catalogue.with_signs(format(value, form), spoken())


def signs(number: str) -> str:
    """Write what was formatted as in English with the signs of the language."""
    return catalogue.with_signs(number, spoken())


def _filled(text: str, values: dict[str, object]) -> str:
    return _PLACE.sub(lambda place: str(values.get(place[1], place[0])), text) if values else text
