import re
import threading

import pytest
from fastapi.testclient import TestClient

from al_core.ledger.labelling.people import Role
from al_core.project import Project
from tasks.network.forwarded import trusted_networks
from tasks.web.app import create_app
from tasks.web.auth import COOKIE, FAILURE_SECONDS, FAILURES, FailedLinks, cookie_name
from tasks.web.state import WebContext
from tests.toys.web.attacks import CALLS
from tests.toys.web.desk import ADDRESS, CHANGING, desk


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    with desk(tmp_path_factory.mktemp("auth")) as found:
        yield found


@pytest.fixture
def stranger(office):
    """Somebody who is not signed in."""
    office.app.state.failed_links = FailedLinks()
    return TestClient(office.app, base_url=ADDRESS, headers=CHANGING)


@pytest.fixture(scope="module")
def link(office):
    return office.ledger.add_annotator("ada")


def enter(client, link):
    return client.post("/enter", json={"token": link})


def test_a_link_signs_in_with_a_cookie_that_scripts_and_other_sites_cannot_use(office, stranger, link):
    answer = enter(stranger, link)
    assert (answer.status_code, answer.json()) == (200, {"page": "label"})
    cookie = answer.headers["set-cookie"].lower()
    for word in ("httponly", "samesite=strict", "path=/", "max-age=", cookie_name(office.project)):
        assert word in cookie
    assert "secure" not in cookie
    assert link.partition(".")[2].lower() not in cookie
    assert stranger.get("/api/me").json() == {"name": "ada", "role": "annotator", "done": 0, "open": 0}


def test_the_page_of_a_link_signs_nobody_in_by_itself(stranger, link):
    answer = stranger.get("/enter", params={"token": link})
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert link not in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_who_is_signed_in_is_known_without_another_thread(office, stranger, link, monkeypatch):
    enter(stranger, link)
    threads, ask = [], office.ledger.session_holder

    def noted(key):
        threads.append(threading.current_thread().name)
        return ask(key)

    monkeypatch.setattr(office.ledger, "session_holder", noted)
    assert stranger.get("/api/me").status_code == 200
    monkeypatch.setattr(type(office.ledger), "is_at_hand", False)
    assert stranger.get("/api/me").status_code == 200
    assert ["worker thread" in name for name in threads] == [False, True]


@pytest.mark.parametrize("body", [{}, {"token": 5}, {"token": "a" * 201}])
def test_what_is_no_token_is_refused(stranger, body):
    assert stranger.post("/enter", json=body).status_code == 422


def test_projects_on_one_host_have_cookies_of_their_own(tmp_path, office):
    names = {cookie_name(office.project), cookie_name(Project.at(tmp_path)), cookie_name(office.project, "/videos")}
    assert len(names) == 3


def test_a_session_of_an_earlier_version_goes_on(office, stranger, link):
    stranger.cookies.set(COOKIE, office.ledger.sign_in(link, 60.0))
    assert stranger.get("/api/me").status_code == 200


@pytest.mark.parametrize(
    ("headers", "prefix", "secure"),
    [
        ({}, "", False),
        ({"X-Forwarded-Proto": "https"}, "", True),
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/label-tool/"}, "/label-tool", True),
        ({"X-Forwarded-Prefix": "/label-tool; Domain=example.org"}, "", False),
    ],
)
@pytest.mark.parametrize("trusted", [False, True])
def test_a_proxy_that_is_trusted_says_where_the_cookie_may_go(office, link, headers, prefix, secure, trusted):
    proxies = trusted_networks(["10.0.0.0/8"] if trusted else [])
    app = create_app(WebContext(office.project, office.ledger, proxies=proxies))
    client = TestClient(app, base_url=ADDRESS, headers=CHANGING, client=("10.1.2.3", 5000))
    answer = client.post("/enter", json={"token": link}, headers=headers)
    cookie = answer.headers["set-cookie"]
    assert ("Secure" in cookie) is (secure and trusted)
    assert f"Path={prefix if trusted else ''}/;" in cookie


def test_over_tls_the_cookie_is_never_sent_without(tmp_path):
    with desk(tmp_path) as found:
        app = create_app(WebContext(found.project, found.ledger, tls=True))
        client = TestClient(app, base_url="https://127.0.0.1", headers=CHANGING)
        answer = enter(client, found.ledger.add_annotator("ada"))
        assert "secure" in answer.headers["set-cookie"].lower()


def test_who_leaves_is_signed_out_also_with_a_copied_cookie(office, stranger, link):
    enter(stranger, link)
    copied = stranger.cookies[cookie_name(office.project)]
    assert stranger.post("/api/leave").status_code == 204
    assert stranger.get("/api/me").status_code == 401
    stranger.cookies.set(cookie_name(office.project), copied)
    assert stranger.get("/api/me").status_code == 401


def test_who_is_revoked_is_out_with_the_next_call(office):
    client = office.person("cyd")
    assert client.get("/api/me").status_code == 200
    office.ledger.revoke_annotator("cyd")
    answer = client.get("/api/me")
    assert answer.status_code == 401
    assert answer.json()["mend"].startswith("Open your personal link again")


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_needs_a_session(stranger, method, path):
    for cookie in (None, "", "nonsense", "0" * 16 + "." + "A" * 43):
        if cookie is not None:
            stranger.cookies.set(COOKIE, cookie)
        answer = stranger.request(method, path, json={} if method != "GET" else None)
        assert (answer.status_code, answer.json()["error"]) == (401, "nobody is signed in here")


def test_every_route_of_the_api_is_among_those(office):
    mounted = {path for path in office.app.openapi()["paths"] if path.startswith("/api/")}
    assert len(mounted) >= len({path for _, path in CALLS})
    for path in mounted - {"/api/leave", "/api/state"}:
        shape = re.sub(r"\{\w+\}", "[^/]+", path)
        assert any(re.fullmatch(shape, call) for _, call in CALLS), path


@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if call[0] != "GET"])
def test_a_changing_call_without_the_header_is_refused(office, method, path):
    client = TestClient(office.app, base_url=ADDRESS)
    answer = client.request(method, path, json={})
    assert answer.status_code == 403
    assert "X-Fewframes" in answer.json()["error"]


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.VIEWER, {"people", "dashboard"}),
        (Role.ANNOTATOR, {"next", "mine", "skip", "guide"}),
        (Role.REVIEWER, {"people", "dashboard", "next", "mine", "skip", "guide"}),
        (Role.LEAD, {"people", "dashboard", "next", "mine", "skip", "guide", "log", "drop", "category"}),
    ],
)
def test_roles_open_what_they_should_and_refusals_are_noted(office, role, allowed):
    client = office.person(f"a {role}", role)
    (request,) = office.ask(5)
    calls = {
        "people": lambda: client.get("/api/people"),
        "dashboard": lambda: client.get("/dashboard/people"),
        "mine": lambda: client.get("/mine"),
        "next": lambda: client.post("/api/next"),
        "skip": lambda: client.post(f"/api/requests/{request.request_id}/skip", json={"lease": "none"}),
        "guide": lambda: client.get("/api/categories"),
        "category": lambda: client.post("/api/categories", json={"name": "cat"}),
        "log": lambda: client.get("/api/log"),
        "drop": lambda: client.post(f"/api/requests/{request.request_id}/drop", json={"lease": "none"}),
    }
    statuses = {name: call().status_code for name, call in calls.items()}
    assert {name for name, status in statuses.items() if status != 403} == allowed
    refused = {entry.subject for entry in office.ledger.audit_log(who=f"a {role}") if f"{role} is no " in entry.detail}
    assert len(refused) == len(calls) - len(allowed)


@pytest.mark.parametrize(
    ("role", "page"),
    [
        (Role.VIEWER, "dashboard/overview"),
        (Role.LEAD, "dashboard/overview"),
        (Role.ANNOTATOR, "label"),
        (Role.REVIEWER, "label"),
    ],
)
def test_a_link_opens_the_dashboard_for_who_looks_first_and_takes_no_frame(office, stranger, role, page):
    office.ask(5)
    before = office.ledger.queue_state().in_hand
    answer = enter(stranger, office.ledger.add_annotator(f"new {role}", role))
    assert answer.json()["page"] == page
    assert office.ledger.queue_state().in_hand == before


def test_a_viewer_is_never_handed_a_frame_by_the_ledger_either(office):
    office.ask(5)
    office.ledger.add_annotator("vic", Role.VIEWER)
    assert office.ledger.claim("vic", 60.0) is None


def test_who_guesses_slows_down_guesses_of_that_link_and_nobody_else(office, stranger, link):
    bad, other = f"{link.partition('.')[0]}.guess", f"{'0' * 16}.guess"
    for _ in range(FAILURES):
        assert enter(stranger, bad).status_code == 401
    stopped = enter(stranger, bad)
    assert stopped.status_code == 429
    assert "Try again in" in stopped.json()["mend"]
    assert enter(stranger, other).status_code == 401
    assert enter(stranger, link).status_code == 200


def test_guesses_do_not_fill_the_audit_log(office, stranger):
    before = len(office.ledger.audit_log(1000))
    for number in range(3 * FAILURES):
        assert enter(stranger, f"{number:016}.guess").status_code == 401
    refused = office.ledger.audit_log(1000)[: -before or None]
    assert [entry.action for entry in refused] == ["refused"] * FAILURES
    assert refused[0].detail == "a link that is not good, from testclient"


def test_failures_are_forgotten_with_time_and_counted_by_address():
    time = [0.0]
    failed = FailedLinks(lambda: time[0])
    for _ in range(FAILURES):
        assert failed.wait("a") == 0
        failed.note("a")
    assert failed.wait("a") == FAILURE_SECONDS
    assert failed.wait("b") == 0
    time[0] = FAILURE_SECONDS
    assert failed.wait("a") == 0


def test_addresses_that_failed_do_not_pile_up():
    failed = FailedLinks(lambda: 0.0)
    for number in range(10_050):
        failed.note(str(number))
    assert len(failed._failures) == 10_000
