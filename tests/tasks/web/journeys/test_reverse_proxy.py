"""Behind a reverse proxy with TLS that shows the server below a path: labelled and looked at in a real browser."""

import pytest

from al_core.ledger.labelling.people import Role
from tasks.network.forwarded import trusted_networks
from tests.toys.web.browser import browser, needs_chromium
from tests.toys.web.desk import desk
from tests.toys.web.reverse_proxy import proxied
from tests.toys.web.serving import served
from tests.toys.web.visits import label_a_frame, look_around

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
        label_a_frame(running, proxy.url, tokens["ada"], context.project, f"{PREFIX}/" if serve_options else "/")
        look_around(running, proxy.url, tokens["lea"])
    assert not any(token.partition(".")[2] in line for token in tokens.values() for line in proxy.log)
    assert not any(" 404" in line or "?token" in line for line in proxy.log)
