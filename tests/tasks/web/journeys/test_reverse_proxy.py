"""Behind a reverse proxy with TLS that shows the server below a path: labelled and looked at in a real browser."""

import pytest

from al_core.ledger.labelling.people import Role
from tasks.network.forwarded import trusted_networks
from tasks.web.auth import cookie_name
from tests.toys.web.browser import browser, needs_chromium
from tests.toys.web.desk import desk
from tests.toys.web.label_page import Person
from tests.toys.web.reverse_proxy import proxied
from tests.toys.web.serving import served

pytestmark = needs_chromium

PREFIX = "/label-tool"
TRUSTED = trusted_networks(["127.0.0.1"])
WAYS = {
    "strips and says so": ({"strips": True, "says": True}, {"proxies": TRUSTED}),
    "strips, and serve knows the prefix": ({"strips": True, "says": False}, {"proxies": TRUSTED, "prefix": PREFIX}),
    "hands the whole path on": ({"strips": False, "says": False}, {"proxies": TRUSTED, "prefix": PREFIX}),
    "strips, and nobody says anything": ({"strips": True, "says": False}, {}),
}


@pytest.fixture(scope="module")
def running():
    with browser() as running:
        yield running


@pytest.mark.parametrize("way", WAYS)
def test_everything_works_below_the_path_and_no_token_is_left_anywhere(tmp_path, running, way):
    proxy_options, serve_options = WAYS[way]
    with desk(tmp_path / "work") as found:
        found.ask(1, 2, round_id=2)
        project = found.project
        tokens = {"ada": found.ledger.add_annotator("ada"), "lea": found.ledger.add_annotator("lea", Role.LEAD)}
    with (
        served(project, **serve_options) as (context, owner),
        proxied(tmp_path, owner.url, PREFIX, **proxy_options) as proxy,
    ):
        label(running, proxy, tokens["ada"], context, cookie_path=f"{PREFIX}/" if serve_options else "/")
        look_around(running, proxy, tokens["lea"])
    assert not any(token.partition(".")[2] in line for token in tokens.values() for line in proxy.log)
    assert not any(" 404" in line or "?token" in line for line in proxy.log)


def label(running, proxy, token, context, cookie_path):
    """Somebody labels a frame; the pages ask for nothing outside of the path."""
    person = Person(running, f"{proxy.url}/enter#{token}", ignore_https_errors=True)
    failed = []
    person.page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    frame = person.task()["frame"]["frame_idx"]
    assert person.page.url == f"{proxy.url}/label"
    person.drag((2, 2), (20, 3))
    person.go_on()
    person.next_after(frame)
    (cookie,) = person.context.cookies()
    assert cookie["name"] == cookie_name(context.project, cookie_path.rstrip("/"))
    assert (cookie["path"], cookie["secure"]) == (cookie_path, bool(cookie_path != "/"))
    # Its place in the bar depends on what is in hand.
    person.page.evaluate("() => document.getElementById('person').click()")
    person.page.wait_for_url(f"{proxy.url}/mine")
    assert failed == []
    person.context.close()


def look_around(running, proxy, token):
    """A lead goes through the pages of the dashboard by their links."""
    context = running.new_context(ignore_https_errors=True)
    page = context.new_page()
    failed = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    page.goto(f"{proxy.url}/enter#{token}")
    page.wait_for_url(lambda url: not url.partition("#")[0].endswith("/enter"))
    assert token not in page.url
    page.goto(f"{proxy.url}/dashboard")
    page.wait_for_url(f"{proxy.url}/dashboard/overview")
    for name in ("Quality", "Videos", "People", "Runs", "Overview", "Videos"):
        page.click(f"nav >> text={name}")
        page.wait_for_url(f"{proxy.url}/dashboard/{name.lower()}")
    page.click("main table a")
    page.wait_for_url(f"{proxy.url}/dashboard/videos/1")
    page.click("#viewer >> text=Show")
    page.wait_for_selector("#shown img")
    page.wait_for_function("() => performance.getEntriesByType('resource').some((e) => e.name.endsWith('/version'))")
    assert all(
        url.startswith(proxy.url)
        for url in page.evaluate(
            "() => performance.getEntriesByType('resource').map((e) => e.name).filter((n) => n.startsWith('http'))"
        )
    )
    assert failed == []
    context.close()
