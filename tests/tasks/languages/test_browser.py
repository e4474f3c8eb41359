"""The language of a browser: what its person chose, or what it asks for."""

from starlette.requests import HTTPConnection

from tasks.languages.browser import language_of
from tasks.languages.catalogue import COOKIE


def asked(**headers):
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": given})


def test_the_choice_that_was_kept_counts_before_what_the_browser_likes():
    assert language_of(asked()) == "en"
    assert language_of(asked(accept_language="de")) == "de"
    assert language_of(asked(accept_language="de", cookie=f"{COOKIE}=en")) == "en"
