import pytest
from starlette.responses import JSONResponse
from starlette.testclient import TestClient

from al_core.errors import BadAddress
from tasks.network.forwarded import PREFIX, Forwarded, checked_prefix, trusted_networks


async def told(scope, receive, send):
    """Answer what the scope says."""
    what = {name: scope.get(name) for name in ("path", "scheme", PREFIX)} | {"client": scope["client"][0]}
    await JSONResponse(what)(scope, receive, send)


def ask(path="/label", client="10.0.0.9", prefix="", trusted=("10.0.0.0/8",), **headers):
    """What is behind sees of a request."""
    app = Forwarded(told, checked_prefix(prefix), trusted_networks(trusted))
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return TestClient(app, client=(client, 1), follow_redirects=False).get(path, headers=sent).json()


FORWARDED = {"X_Forwarded_For": "203.0.113.5", "X_Forwarded_Proto": "https", "X_Forwarded_Prefix": "/label-tool"}


def test_a_trusted_proxy_says_who_asks_how_and_below_which_path():
    assert ask(**FORWARDED) == {"path": "/label", "scheme": "https", PREFIX: "/label-tool", "client": "203.0.113.5"}


@pytest.mark.parametrize(("client", "trusted"), [("192.0.2.1", ["10.0.0.0/8"]), ("10.0.0.9", []), ("unix", ["::/0"])])
def test_nobody_else_is_believed(client, trusted):
    seen = ask(client=client, trusted=trusted, **FORWARDED)
    assert seen == {"path": "/label", "scheme": "http", PREFIX: "", "client": client}


def test_an_older_address_in_the_newer_form_is_the_same():
    assert ask(client="::ffff:10.0.0.9", **FORWARDED)["client"] == "203.0.113.5"


@pytest.mark.parametrize(
    ("chain", "who"),
    [
        ("203.0.113.5, 10.0.0.1", "203.0.113.5"),
        ("6.6.6.6, 203.0.113.5", "203.0.113.5"),
        ("2001:db8::1", "2001:db8::1"),
        ("unknown", "10.0.0.9"),
        ("10.0.0.1", "10.0.0.9"),
        ("", "10.0.0.9"),
    ],
)
def test_of_a_chain_the_last_one_that_is_no_proxy_asks(chain, who):
    assert ask(X_Forwarded_For=chain)["client"] == who


@pytest.mark.parametrize("prefix", ["//evil.example", "/a/../b", "label", "/a;b", "/a b", "https://evil.example"])
def test_a_prefix_that_is_none_is_not_believed(prefix):
    assert ask(X_Forwarded_Prefix=prefix)[PREFIX] == ""
    with pytest.raises(BadAddress, match="--prefix"):
        checked_prefix(prefix)


@pytest.mark.parametrize("path", ["/label-tool/api/me", "/api/me"])
def test_the_prefix_is_taken_off_where_a_proxy_hands_it_on(path):
    seen = ask(path, prefix="/label-tool/")
    assert (seen["path"], seen[PREFIX]) == ("/api/me", "/label-tool")


def test_the_prefix_without_its_slash_leads_to_the_start():
    app = Forwarded(told, "/label-tool")
    answer = TestClient(app, follow_redirects=False).get("/label-tool")
    assert (answer.status_code, answer.headers["location"]) == (307, "/label-tool/")
    assert TestClient(app).get("/label-tools").json()["path"] == "/label-tools"


def test_a_prefix_that_is_a_page_of_ours_is_refused():
    with pytest.raises(BadAddress, match="a page of the server is called /dashboard itself"):
        checked_prefix("/dashboard/x")
    assert checked_prefix("/") == checked_prefix("") == ""
    assert checked_prefix("/a/b.c/") == "/a/b.c"


def test_an_address_that_is_none_is_refused():
    with pytest.raises(BadAddress, match=r"--trusted-proxy.*'nginx'"):
        trusted_networks(["127.0.0.1", "nginx"])
