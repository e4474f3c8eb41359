"""The dashboard of a project of two rounds; its numbers are recomputed from the ledger in another way."""

import json
import re
from contextlib import contextmanager
from types import SimpleNamespace
from urllib.parse import urljoin

import httpx
import pytest

from al_core.ledger.labelling.people import Role
from al_core.records import FrameRef, LabelRequest, Selected
from al_core.settings import Settings
from tasks.network.forwarded import PREFIX
from tasks.project.run_settings import settings_in_force
from tasks.project.snapshot import ask
from tasks.web.dashboard_routes import LINKS, frame_of
from tests.toys.labelled_project import finished_project, new_project, step
from tests.toys.models.depth_networks import keep_depth
from tests.toys.web.browser import browser as real_browser
from tests.toys.web.desk import CHANGING
from tests.toys.web.serving import served

PAGES = [*(f"/{address}" for _, address in LINKS), "/dashboard/videos/1"]


@pytest.fixture(scope="module")
def served_project(tmp_path_factory):
    """(context, address) of two finished rounds; a lead and an annotator are known."""
    project, _, _ = finished_project(tmp_path_factory.mktemp("dashboard"))
    with served(project) as (context, owner):
        yield context, owner.url


@contextmanager
def browser(served_project, name, role):
    """Somebody signed in by a personal link."""
    context, url = served_project
    known = {person.name for person in context.ledger.annotators()}
    token = context.ledger.renew_link(name) if name in known else context.ledger.add_annotator(name, role)
    with httpx.Client(base_url=url, follow_redirects=True, timeout=60) as client:
        client.post("/enter", json={"token": token}, headers=CHANGING).raise_for_status()
        yield client


@pytest.fixture(scope="module")
def lead(served_project):
    with browser(served_project, "lea", Role.LEAD) as client:
        yield client


def texts(html):
    """The cells of all tables, row by row."""
    rows = re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows]


def figures(html):
    """The descriptions of the page's charts."""
    return json.loads(re.search(r'id="figures">(.*?)</script>', html, re.DOTALL)[1])


@pytest.mark.parametrize("address", PAGES)
def test_a_page_needs_nothing_from_elsewhere(lead, address):
    answer = lead.get(address)
    assert answer.status_code == 200
    assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
    assert not re.findall(r'(?:href|src|action)="https?:', answer.text)
    # Addresses are relative: a proxy may show the page below another path.
    assert not re.findall(r'(?:href|src|action|data-address)="/', answer.text)
    files = re.findall(r'(?:href|src)="(?!data:)([^"#]+)"', answer.text)
    assert any(file.endswith("/live.js") for file in files)
    for file in files:
        assert lead.get(urljoin(str(answer.url), file)).status_code == 200, file


@pytest.mark.parametrize("address", PAGES)
def test_annotators_and_strangers_are_sent_away(served_project, address):
    _, url = served_project
    assert httpx.get(url + address).status_code == 401
    with browser(served_project, "ann", Role.ANNOTATOR) as client:
        assert client.get(address).status_code == 403


def test_the_page_of_ones_own_work_asks_for_nothing_that_is_refused(served_project):
    with browser(served_project, "ann", Role.ANNOTATOR) as client:
        assert "/dashboard/overview" not in client.get("/mine").text
        assert client.get("/dashboard/version").status_code == 200


def test_the_overview_says_what_is_next_and_who_took_the_time(lead):
    text = lead.get("/dashboard/overview").text
    assert "Next: the campaign is over (2 of 2 rounds are done): " in text
    assert "Time by person" in text


@pytest.mark.parametrize(("role", "labels"), [(Role.VIEWER, False), (Role.LEAD, True), (Role.REVIEWER, True)])
def test_who_may_label_finds_the_way_back_from_every_page(served_project, role, labels):
    with browser(served_project, f"the {role}", role) as client:
        for address in PAGES:
            assert (re.search(r'href="(\.\./)+label"', client.get(address).text) is not None) is labels, address


@pytest.mark.parametrize(
    ("prefix", "leads_to"),
    [("", None), ("/label-tool", None), ("/p/dogs", "../../../"), ("/videos/p/dogs", "../../../")],
)
def test_one_of_several_projects_leads_back_to_their_list(served_project, prefix, leads_to):
    context, _ = served_project
    request = SimpleNamespace(scope={"path": "/dashboard/overview", PREFIX: prefix})
    links = dict(frame_of(request, context, context.ledger.annotators()[0]).links)
    assert links.get("All projects") == leads_to


def test_a_reviewer_may_look(served_project):
    with browser(served_project, "rex", Role.REVIEWER) as client:
        assert client.get("/dashboard").status_code == 200


def test_the_rounds_table_is_what_the_ledger_says(served_project, lead):
    context, _ = served_project
    head, *rows = texts(lead.get("/dashboard/overview").text)
    column = {name: [row[i] for row in rows] for i, name in enumerate(head)}
    query = (
        "SELECT r.round_id, (SELECT count(DISTINCT frame_idx) FROM answer a WHERE a.round_id <= r.round_id), "
        "(SELECT avg(value) FROM quality q WHERE q.round_id = r.round_id AND metric = 'jf' AND provenance = 'all' "
        "AND track_id IS NULL), (SELECT sum(n_covered) FROM delivered_batch d WHERE d.round_id = r.round_id) / "
        "(SELECT sum(n_frames) FROM video) FROM round r ORDER BY 1"
    )
    expected = ask(context.project, context.ledger, query).rows
    assert column["round"] == [str(r) for r, *_ in expected]
    assert column["human frames"] == [str(n) for _, n, *_ in expected]
    assert column["J&amp;F"] == [f"{jf:.3f}" for *_, jf, _ in expected]
    assert column["has masks"] == [f"{100 * share:.0f}\N{NO-BREAK SPACE}%" for *_, share in expected]


def test_the_coverage_chart_counts_the_masks(served_project, lead):
    context, _ = served_project
    masks = figures(lead.get("/dashboard/overview").text)[1]
    shown = {trace["name"]: [int(n) for n, _ in trace["customdata"]] for trace in masks["data"]}
    query = "SELECT provenance, list(n_masks ORDER BY round_id) FROM delivered GROUP BY 1"
    assert shown == dict(ask(context.project, context.ledger, query).rows)


def test_the_queue_counts_requests(served_project, lead):
    tiles = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd></dl>", lead.get("/dashboard/overview").text))
    expected = {"Open": "0", "In hand now": "0", "Flagged for the lead": "0", "Answered": "2", "Dropped": "0"}
    expected["Expired"] = "0"
    assert tiles == expected | {"Oldest open": "–"}


def test_masks_by_category_are_counted_once(served_project):
    context, _ = served_project
    query = "SELECT provenance, sum(n_masks)::BIGINT FROM delivered WHERE round_id = 2 GROUP BY 1 ORDER BY 1"
    expected = [(1, *row) for row in ask(context.project, context.ledger, query).rows]
    assert context.ledger.category_masks(2) == expected


def test_videos_are_listed_with_their_worst_frame(served_project, lead):
    context, _ = served_project
    _, row = texts(lead.get("/dashboard/videos").text)
    ((peak,),) = ask(context.project, context.ledger, "SELECT max(uncertainty) FROM prediction WHERE round_id = 2").rows
    assert row[0] == "clip"
    assert row[4] == f"{peak:.3f}"


def test_a_video_shows_what_changed_since_the_round_before(lead):
    html = lead.get("/dashboard/videos/1").text
    assert "From round 1 to round 2: of 5 masks 0 added, 0 removed, 0 reshaped, 2 renamed" in html


def test_any_two_rounds_can_be_compared(lead):
    html = lead.get("/dashboard/videos/1", params={"before": 2, "after": 1}).text
    assert "From round 2 to round 1: of 5 masks 0 added, 0 removed, 0 reshaped, 2 renamed" in html
    assert 'data-rounds="2,1"' in html
    assert lead.get("/dashboard/videos/1", params={"before": 2, "after": 7}).status_code == 404


def test_a_frame_is_shown_as_each_round_delivered_it(lead):
    """Frame 3 was the teacher's after round 1; in round 2 a person drew it."""
    html = lead.get("/dashboard/videos/1/frames/3", params={"rounds": "1,2"}).text
    assert [row[2:] for row in texts(html) if row[0] == "1"] == [["teacher", "0.530"], ["human", "1.000"]]
    assert html.count("data:image/jpeg;base64,") == 2
    assert "Chosen in round 2" in html
    assert "class entropy 0.400" in html


def test_a_frame_without_masks_says_so(lead):
    assert "No mask." in lead.get("/dashboard/videos/1/frames/5", params={"rounds": "2"}).text


def test_depth_is_shown_beside_the_labels_where_the_project_learnt_it(tmp_path):
    project, ledger, _ = finished_project(tmp_path)
    with (
        served(project) as served_project,
        browser((served_project[0], served_project[1].url), "lea", Role.LEAD) as lead,
    ):
        frame, page = "/dashboard/videos/1/frames/3", "/dashboard/videos/1"
        assert 'name="depth"' not in lead.get(page).text
        assert "Depth cannot be shown" in lead.get(frame, params={"rounds": "2", "depth": "true"}).text
        keep_depth(project, settings_in_force(ledger).student)
        assert 'name="depth"' in lead.get(page).text
        shown = lead.get(frame, params={"rounds": "2", "depth": "true"}).text
        assert shown.count('src="data:image/jpeg') == 3
        assert lead.get(frame, params={"rounds": "2"}).text.count('src="data:image/jpeg') == 1


@pytest.mark.parametrize(
    ("frame", "rounds", "status"), [(6, "1", 404), (-1, "1", 404), (3, "", 422), (3, "1,2,3", 422), (3, "x", 422)]
)
def test_a_frame_that_cannot_be_shown(lead, frame, rounds, status):
    assert lead.get(f"/dashboard/videos/1/frames/{frame}", params={"rounds": rounds}).status_code == status


def test_everybody_sees_the_own_work_only(served_project):
    with browser(served_project, "ann", Role.ANNOTATOR) as ann, browser(served_project, "bob", Role.ANNOTATOR):
        html = ann.get("/mine").text
        file = re.search(r'href="\./(dashboard/static/[^"]+)"', html)[1]
        assert ann.get(f"/{file}").status_code == 200
    assert "<h1>ann</h1>" in html
    assert "bob" not in html
    assert "dashboard/runs" not in html


def test_own_work_needs_a_sign_in(served_project):
    assert httpx.get(served_project[1] + "/mine").status_code == 401


def test_a_step_that_failed_shows_its_error(served_project, lead):
    context, _ = served_project
    context.ledger.begin_step(2, "extra", "0" * 64, "1.2.3+abc")
    context.ledger.fail_step(2, "extra", "NoSpace: the disk <b>is full</b>; make room")
    (row,) = (row for row in texts(lead.get("/dashboard/runs").text) if row[0] == "extra")
    assert (row[1], row[6]) == ("failed", "1.2.3+abc")
    assert row[7] == "NoSpace: the disk &lt;b&gt;is full&lt;/b&gt;; make room"
    context.ledger.begin_step(2, "extra", "0" * 64)
    assert context.ledger.step(2, "extra").error == ""
    context.ledger.finish_step(2, "extra", {}, 1.0)


def test_a_click_on_the_time_line_shows_the_frame(served_project):
    context, url = served_project
    token = context.ledger.add_annotator("eva", Role.LEAD)
    with real_browser() as running:
        page = running.new_page()
        page.goto(f"{url}/enter#{token}")
        page.wait_for_url(f"{url}/dashboard/overview")
        page.goto(f"{url}/dashboard/videos/1")
        page.wait_for_selector(".chart .main-svg")
        box = page.locator(".chart .nsewdrag").first.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 3.5 / 6, box["y"] + box["height"] / 2)
        page.mouse.click(box["x"] + box["width"] * 3.5 / 6, box["y"] + box["height"] / 2)
        page.wait_for_selector("#shown img")
        assert page.inner_text("#shown h4").startswith("Frame 3 ")
        page.click("#viewer [data-step='1']")
        page.wait_for_selector("#shown h4:has-text('Frame 4 ')")


def test_a_video_that_is_not_there(lead):
    assert lead.get("/dashboard/videos/9").status_code == 404


def test_people_are_listed(served_project, lead):
    context, _ = served_project
    names = [row[0] for row in texts(lead.get("/dashboard/people").text)[1:]]
    assert names == [person.name for person in context.ledger.annotators()]


def test_runs_show_every_step_with_its_inputs(served_project, lead):
    context, _ = served_project
    rows = [row for row in texts(lead.get("/dashboard/runs").text) if row[0] in ("train", "predict")]
    query = (
        "SELECT name, left(inputs_sha256, 12) FROM step WHERE name IN ('train', 'predict') "
        "ORDER BY round_id DESC, started_at"
    )
    assert [(row[0], row[5]) for row in rows] == list(ask(context.project, context.ledger, query).rows)


def test_calibration_compares_what_was_delivered_with_what_was_drawn(lead):
    """Round 1 delivered frame 3 as the teacher's with 0.53, and in round 2 a person drew the same square."""
    rows = texts(lead.get("/dashboard/quality").text)
    row = rows[1 + [row[0] for row in rows].index("provenance")]
    assert row[:2] == ["teacher masks", "1"]
    assert row[2].startswith("0.470")


def test_the_version_changes_with_the_ledger(served_project, lead):
    context, _ = served_project
    before = lead.get("/dashboard/version").json()
    assert lead.get("/dashboard/version").json() == before
    context.ledger.begin_step(2, "publish", "0" * 64)
    assert lead.get("/dashboard/version").json() != before


@pytest.mark.parametrize(("hours", "overdue"), [(1e-9, "2"), (1.0, "0"), (0.0, None)])
def test_requests_are_overdue_when_the_deadline_of_their_round_has_passed(tmp_path, hours, overdue):
    project, own, _ = new_project(tmp_path)
    with own.held():
        own.begin_round(Settings().changed({"schedule.deadline_hours": hours}))
        chosen = [Selected(FrameRef(1, i), i, 0.5, "it moves") for i in range(2)]
        own.put_requests([LabelRequest.of(1, selected) for selected in chosen])
        step(own, 1, "request", 0.1)
    with served(project) as (context, owner), browser((context, owner.url), "lea", Role.LEAD) as lea:
        tiles = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd></dl>", lea.get("/dashboard/overview").text))
    assert tiles.get("Overdue") == overdue
    assert tiles["Open"] == "2"
