"""The pages of the dashboard, rendered without a server: what they show is what the ledger says, as text."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from al_core.evaluation.calibration import Samples
from al_core.ledger.labelling.people import Role
from al_core.ledger.labelling.queue import QueueState
from al_core.records import LabelKind
from tasks.project.annotator_stats import PersonRow, person_rows
from tasks.project.label_versions import compare_rounds
from tasks.project.outlook import hours_by_person
from tasks.report.content import gather_rounds, gather_video, highest_uncertainty, training_curves, with_outlook
from tasks.report.formatting import duration, many, percent
from tasks.report.pages import dashboard_pages
from tasks.report.pages.dashboard_pages import Frame, Work
from tests.toys.labelled_project import copied, new_project
from tests.toys.web.html_page import Page

HOSTILE = '"><script>alert(1)</script>'
FRAME = Frame("project <1>", "/static", (("Overview", "/dashboard/overview"), ("Videos", "/dashboard/videos")))
IDLE = Work(QueueState(0, 0, 0, 0, 0, 0, None), None, None, (), ())


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    project, ledger, _ = new_project(tmp_path_factory.mktemp("empty"), [])
    return project, ledger


def tiles(page):
    """Name -> figure, of a page without its sections' text."""
    return {name: page.texts[i + 1] for i, name in enumerate(page.texts[:-1])}


def person(name="ann", **changes):
    row = PersonRow(name, Role.ANNOTATOR, False, 3, 90.0, {LabelKind.MASK: 30.0}, 0.5, None, 0.875, None, 1)
    return replace(row, **changes)


def test_the_overview_shows_the_figures_of_the_ledger(finished):
    project, ledger, _ = finished
    content = with_outlook(gather_rounds(project, ledger), ledger)
    ahead = (f"Next: {HOSTILE}.", "Left of the budget: 1 frame")
    work = Work(ledger.queue_state(), None, None, ahead, hours_by_person(ledger))
    page = Page(dashboard_pages.overview(content, work, FRAME))
    shown = tiles(page)
    assert set(ahead) <= set(page.texts)
    ((name, frames, seconds),) = work.hours
    assert (shown[name], page.texts.count(many(frames, "frame")) > 0) == (duration(seconds), True)
    (_, first), (_, second) = ((row["round_id"], row) for row in ledger.coverage())
    assert shown["Human time"] == duration(second["human_seconds"])
    assert shown["Has masks"] == percent(second["covered"] / second["n_frames"])
    assert shown["Answered"] == str(ledger.queue_state().done) == "2"
    assert shown["Oldest open"] == "–"
    assert "Overdue" not in shown
    columns = page.tables[0][0]
    assert [dict(zip(columns, row, strict=True))["has masks"] for row in page.tables[0][1:]] == [
        percent(row["covered"] / row["n_frames"]) for row in (first, second)
    ]


def test_a_message_that_nobody_got_stands_on_the_overview(finished):
    project, ledger, _ = finished
    content, state = gather_rounds(project, ledger), ledger.queue_state()
    page = Page(dashboard_pages.overview(content, Work(state, None, None, (), (), "it answered <404>"), FRAME))
    assert "Nobody was told: it answered <404>." in page.text
    assert "Nobody was told" not in Page(dashboard_pages.overview(content, Work(state, None, None, (), ()), FRAME)).text


def test_the_address_of_a_hook_is_not_shown_with_the_settings(finished):
    _, ledger, _ = finished
    secret = ledger.rounds()[0].settings.changed({"notify.url": "https://hooks.example.org/s3cret"})
    page = dashboard_pages.runs([replace(ledger.rounds()[0], settings=secret)], [], {}, "", FRAME)
    assert "s3cret" not in page
    assert '"url": "(set, not shown)"' in Page(page).text


def test_the_queue_counts_what_it_holds(finished):
    content = gather_rounds(*finished[:2])
    state = QueueState(open=1234, in_hand=5, flagged=6, done=7, dropped=8, expired=9, oldest=datetime(2026, 1, 1))
    shown = tiles(Page(dashboard_pages.overview(content, Work(state, 300.0, 4, (), ()), FRAME)))
    names = ("Open", "In hand now", "Flagged for the lead", "Answered", "Dropped", "Expired", "Overdue", "Oldest open")
    assert [shown[name] for name in names] == ["1,234", "5", "6", "7", "8", "9", "4", "5.0 min"]


def test_quality_says_what_to_do_where_nothing_can_be_compared(finished):
    assert "Nothing can be compared yet" in Page(dashboard_pages.quality(gather_rounds(*finished[:2]), {}, FRAME)).text


def test_calibration_tells_the_distance_of_confidence_and_overlap(finished):
    samples = {"teacher": Samples(np.full(8, 0.9), np.full(8, 0.5), np.arange(8) % 2)}
    page = Page(dashboard_pages.quality(gather_rounds(*finished[:2]), samples, FRAME))
    (row,) = page.tables[-1][1:]
    assert row[:2] == ["teacher masks", "8"]
    assert row[2].startswith("0.400")


def test_videos_are_listed_by_their_least_certain_frame(finished):
    _, ledger, _ = finished
    (video,) = ledger.videos()
    sure, unknown = replace(video, video_id=2, name="sure"), replace(video, video_id=3, name="unknown")
    peaks = highest_uncertainty(ledger, 2) | {2: 0.125}
    html = dashboard_pages.videos([unknown, sure, video], {1: 0.7}, peaks, FRAME)
    rows = Page(html).tables[0]
    assert [row[0] for row in rows[1:]] == ["clip", "sure", "unknown"]
    assert rows[1][1:] == ["6", "32 × 24", "0.2 s", f"{peaks[1]:.3f}", "0.700"]
    assert rows[3][-2:] == ["–", "–"]
    assert '<a href="videos/2">sure</a>' in html


def test_a_video_shows_what_changed_between_two_rounds(finished):
    project, ledger, frames = finished
    (video,) = ledger.videos()
    content = gather_video(project, ledger, frames, video)
    compared = compare_rounds(project, ledger, 1, 2)["clip"]
    html = dashboard_pages.video(content, video, compared, (1, 2), FRAME)
    page = Page(html)
    assert "From round 1 to round 2: of 5 masks" in page.text
    assert page.tables[-1][1:] == [
        ["3", "1", "renamed", "1.000", "teacher", "human"],
        ["4", "1", "renamed", "1.000", "teacher", "propagated"],
    ]
    assert 'data-frame="3"' in html
    assert 'data-rounds="1,2"' in html


def test_a_video_before_any_delivery_has_no_viewer(tmp_path):
    project, ledger, frames = new_project(tmp_path)
    (video,) = ledger.videos()
    page = Page(dashboard_pages.video(gather_video(project, ledger, frames, video), video, None, None, FRAME))
    assert "Time line" in page.text
    assert "Compare round" not in page.text


def test_people_are_listed_with_what_they_did(finished, tmp_path):
    project, ledger, _ = copied(finished, tmp_path)
    assert "Nobody has access yet" in dashboard_pages.people(person_rows(project, ledger), FRAME)
    ledger.add_annotator("ann")
    page = Page(dashboard_pages.people(person_rows(project, ledger), FRAME))
    row = dict(zip(*page.tables[0], strict=True))
    assert (row["name"], row["frames"], row["time"], row["drawn s"]) == ("ann", "2", "2.7 min", "80.0")


def test_own_work_is_that_of_one_person():
    page = Page(dashboard_pages.mine(person(), FRAME))
    shown = tiles(page)
    assert (shown["Frames"], shown["Active time"]) == ("3", "90 s")
    assert (shown["Accepted as shown"], shown["Agreement with others"]) == ("50 %", "0.875")
    assert "median of a frame: mask 30.0 s" in page.text
    assert "1 frame skipped or flagged" in page.text
    assert "nothing yet" in Page(dashboard_pages.mine(person(seconds={}), FRAME)).text


def test_runs_list_each_round_with_its_steps_and_settings(finished):
    _, ledger, _ = finished
    rounds, steps = ledger.rounds(), ledger.steps()
    page = Page(dashboard_pages.runs(rounds, steps, training_curves(ledger), "", FRAME))
    assert [len(rows) - 1 for rows in page.tables] == [sum(s.round_id == r for s in steps) for r in (2, 1)]
    assert [row[3] for row in page.tables[0][1:]] == [duration(s.seconds) for s in steps if s.round_id == 2]
    assert f"settings {rounds[1].settings.sha256[:12]} · 2 of 2 rounds are done" in page.text
    assert '"uncertainty"' in page.text


def test_of_many_rounds_the_newest_are_shown(finished, monkeypatch):
    monkeypatch.setattr(dashboard_pages, "MAX_ROUNDS", 1)
    _, ledger, _ = finished
    page = Page(dashboard_pages.runs(ledger.rounds(), ledger.steps(), {}, "", FRAME))
    assert len(page.tables) == 1
    assert "The newest 1 of 2 rounds are shown." in page.text


def test_a_round_links_to_its_run_where_prefect_can_be_reached(finished):
    _, ledger, _ = finished
    this = replace(ledger.rounds()[0], flow_run_id="1<2")
    steps = ledger.steps()
    assert '<a href="http://p/runs/1&lt;2">Prefect run 1&lt;2</a>' in dashboard_pages.runs(
        [this], steps, {}, "http://p/runs/", FRAME
    )
    assert "· Prefect run 1&lt;2</p>" in dashboard_pages.runs([this], steps, {}, "", FRAME)


NONE_YET = "1970-01-01T00:00:00"
"""When the newest answer came, of a step that had none."""


def test_results_of_steps_are_plain_and_lists_are_counted(finished):
    _, ledger, _ = finished
    this = replace(ledger.steps()[0], result={"as_of": NONE_YET, "hashes": [1, 2, 3], "loss": 0.5, "note": "x" * 99})
    failed = replace(this, error=f"NoSpace: {HOSTILE}", code="1.0+abc")
    html = dashboard_pages.runs(ledger.rounds()[:1], [this, failed], {}, "", FRAME)
    first, second = Page(html).tables[0][1:]
    assert first[6:] == ["–", f"hashes 3 · loss 0.5 · note {'x' * 40}"]
    assert (second[1], second[6], second[7]) == ("failed", "1.0+abc", f"NoSpace: {HOSTILE}")
    assert HOSTILE not in html


@pytest.mark.parametrize("name", ["overview", "quality", "people", "videos", "runs", "mine"])
def test_names_from_outside_are_text(finished, name):
    project, ledger, _ = finished
    (video,) = ledger.videos()
    hostile = replace(FRAME, project=HOSTILE)
    content = replace(gather_rounds(project, ledger), name=HOSTILE, videos=(replace(video, name=HOSTILE),))
    html = {
        "overview": lambda: dashboard_pages.overview(content, IDLE, hostile),
        "quality": lambda: dashboard_pages.quality(content, {}, hostile),
        "people": lambda: dashboard_pages.people([person(HOSTILE)], hostile),
        "videos": lambda: dashboard_pages.videos(content.videos, {}, {}, hostile),
        "runs": lambda: dashboard_pages.runs(ledger.rounds(), ledger.steps(), {}, "", hostile),
        "mine": lambda: dashboard_pages.mine(person(HOSTILE), hostile),
    }[name]()
    assert HOSTILE not in html
    assert HOSTILE in Page(html).text


def test_a_project_without_anything_says_so_on_each_page(empty):
    project, ledger = empty
    content = gather_rounds(project, ledger)
    texts = {
        "No masks are delivered yet": dashboard_pages.overview(content, IDLE, FRAME),
        "No round has started": dashboard_pages.overview(content, IDLE, FRAME),
        "Nothing is measured": dashboard_pages.quality(content, {}, FRAME),
        "The project has no videos yet": dashboard_pages.videos([], {}, {}, FRAME),
        "Nobody has access yet": dashboard_pages.people([], FRAME),
        "No student has been trained yet": dashboard_pages.runs([], [], {}, "", FRAME),
    }
    for text, html in texts.items():
        assert text in Page(html).text


def test_the_page_that_is_shown_is_marked_and_named(empty):
    html = dashboard_pages.videos([], {}, {}, FRAME)
    assert '<a href="/dashboard/videos" aria-current="page">Videos</a>' in html
    assert "<title>Videos · project &lt;1&gt;</title>" in html
