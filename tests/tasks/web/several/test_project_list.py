"""One sign-in for several projects, each of which decides by itself whom it lets in."""

import pytest

from al_core.ledger.labelling.people import Role, made_key
from tasks.web.several.project_list import LISTED
from tasks.web.several.project_servers import Trouble


def shared(projects, name, *among):
    """A link's token that opens these projects for a person."""
    key = made_key()
    for each in among:
        projects[each].ledger.add_annotator(name)
        projects[each].ledger.share_link(name, key)
    return key


@pytest.fixture
def ada(request):
    """A name that no other test has."""
    return f"ada {request.node.name[:50]}".replace("[", " ").replace("]", " ").strip()


def enter(front, token, path="/enter"):
    return front.post(path, json={"token": token})


def standing(front, name):
    return front.get(f"/p/{name}/api/standing")


def test_one_link_opens_every_project_that_knows_it_and_each_tells_how_it_stands(ada, front, projects):
    answer = enter(front, shared(projects, ada, "alpha", "beta"))
    assert answer.json() == {"page": "./", "projects": ["alpha", "beta"]}
    assert front.get("/api/projects").json() == {"projects": ["alpha", "beta"]}
    alpha, beta = (standing(front, name).json() for name in ("alpha", "beta"))
    assert (alpha["me"]["open"], beta["me"]["open"]) == (2, 1)
    assert (alpha["frames"], alpha["covered"], alpha["by_people"], alpha["has_room"]) == (6, 6, 0, True)


def test_cookies_go_to_their_project_only_and_scripts_see_none(ada, front, projects):
    cookies = enter(front, shared(projects, ada, "alpha", "beta")).headers.get_list("set-cookie")
    assert [cookie.partition("Path=")[2].partition(";")[0] for cookie in cookies] == ["/p/alpha/", "/p/beta/", "/"]
    assert all("HttpOnly" in cookie and "SameSite=strict" in cookie for cookie in cookies)


def test_an_invitation_to_one_project_opens_no_other_and_leaves_no_trace_there(ada, front, projects):
    token = projects["alpha"].ledger.add_annotator(ada)
    projects["beta"].ledger.add_annotator(ada)
    before = projects["beta"].ledger.audit_log()
    assert enter(front, token).json()["projects"] == ["alpha"]
    assert front.get("/api/projects").json() == {"projects": ["alpha"]}
    assert standing(front, "alpha").status_code == 200
    assert standing(front, "beta").status_code == 401
    assert projects["beta"].ledger.audit_log() == before


def test_the_session_of_one_project_is_nothing_to_another(ada, front, projects):
    enter(front, projects["alpha"].ledger.add_annotator(ada, Role.LEAD))
    session = next(cookie.value for cookie in front.cookies.jar if cookie.path == "/p/alpha/")
    front.cookies.clear()
    for name in ("fewframes_session", LISTED, _cookie(projects, "beta")):
        front.cookies.set(name, session)
    assert standing(front, "beta").status_code == 401


def _cookie(projects, name):
    from tasks.web.auth import cookie_name

    return cookie_name(projects[name].server.project, f"/p/{name}")


def test_who_names_projects_in_the_cookie_of_the_list_is_let_into_none(front):
    front.cookies.set(LISTED, "alpha/beta/nowhere")
    assert front.get("/api/projects").json() == {"projects": ["alpha", "beta"]}
    assert standing(front, "alpha").status_code == 401


def test_a_link_may_be_opened_below_its_project_too(ada, front, projects):
    token = shared(projects, ada, "alpha", "beta")
    assert enter(front, token, "/p/beta/enter").json()["projects"] == ["beta"]
    assert standing(front, "alpha").status_code == 401
    assert front.get("/api/projects").json() == {"projects": ["beta"]}


def test_what_was_opened_before_stays_in_the_list(ada, front, projects):
    enter(front, projects["beta"].ledger.add_annotator(ada))
    enter(front, projects["alpha"].ledger.add_annotator(ada))
    assert front.get("/api/projects").json() == {"projects": ["beta", "alpha"]}
    assert [standing(front, name).status_code for name in ("alpha", "beta")] == [200, 200]


def test_one_that_is_away_keeps_nobody_from_the_others(ada, front, projects, monkeypatch):
    token = shared(projects, ada, "alpha", "beta")
    monkeypatch.setattr(projects["alpha"].server, "owner", None)
    assert enter(front, token).json()["projects"] == ["beta"]
    refused = enter(front, projects["alpha"].ledger.renew_link(ada))
    assert refused.status_code == 401
    assert "no project that is served at the moment knows this link" in refused.json()["error"]


def test_who_revoked_somebody_in_one_project_did_so_in_that_one(ada, front, projects):
    enter(front, shared(projects, ada, "alpha", "beta"))
    projects["alpha"].ledger.revoke_annotator(ada)
    assert [standing(front, name).status_code for name in ("alpha", "beta")] == [401, 200]


def test_guesses_of_a_link_have_to_wait_and_the_good_one_never(ada, front, projects):
    token = shared(projects, ada, "alpha", "beta")
    guess = token.partition(".")[0] + "." + "x" * 43
    answers = [enter(front, guess).status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert enter(front, token).status_code == 200


def test_signing_out_ends_the_session_of_each_and_the_list(ada, front, projects):
    enter(front, shared(projects, ada, "alpha", "beta"))
    assert front.post("/p/alpha/api/leave").status_code == 204
    assert front.post("/api/leave").status_code == 204
    assert front.get("/api/projects").json() == {"projects": []}
    assert standing(front, "alpha").status_code == 401


@pytest.mark.parametrize("call", [("POST", "/enter"), ("POST", "/api/leave"), ("POST", "/p/alpha/api/next")])
def test_pages_of_other_sites_change_nothing(front, call):
    answer = front.request(*call, json={"token": "x"}, headers={"X-Fewframes": ""})
    assert answer.status_code == 403


def test_another_name_is_refused(front):
    assert front.get("/", headers={"Host": "evil.example.org"}).status_code == 400


def test_why_a_project_is_away_is_for_those_who_were_let_in(ada, front, projects, monkeypatch):
    enter(front, shared(projects, ada, "alpha", "beta"))
    server = projects["alpha"].server
    monkeypatch.setattr(server, "owner", None)
    monkeypatch.setattr(server, "trouble", Trouble("alpha/ledger.duckdb is damaged", "Restore a backup."))
    told = standing(front, "alpha")
    assert (told.status_code, told.json()) == (503, {"error": server.trouble.error, "mend": server.trouble.mend})
    assert standing(front, "beta").status_code == 200
    front.cookies.clear()
    other = front.get("/p/alpha/")
    assert other.status_code == 503
    assert "damaged" not in other.text
    page = front.get("/p/alpha/", headers={"Accept": "text/html", "Accept-Language": "de"})
    assert page.status_code == 503
    assert "<h1>Dieses Projekt ist gerade nicht erreichbar.</h1>" in page.text
    assert front.get("/p/alpha/../../static/now/page.css").status_code == 200


def test_the_page_is_one_and_knows_no_project(front):
    page = front.get("/").text
    assert front.get("/enter").text == page
    assert "alpha" not in page
    style = page.partition('href="')[2].partition("projects.css")[0].rpartition('"')[2]
    assert front.get(f"/{style}projects.css").headers["content-type"].startswith("text/css")
