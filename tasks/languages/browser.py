"""The language that a browser is answered in."""

from starlette.requests import HTTPConnection

from tasks.languages.catalogue import COOKIE, chosen


def language_of(request: HTTPConnection) -> str:
    """Return the language that a browser is answered in."""
    return chosen(request.cookies.get(COOKIE), request.headers.get("accept-language", ""))
