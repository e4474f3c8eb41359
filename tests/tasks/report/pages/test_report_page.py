import json
import re

import pytest

from al_core.project import Project
from al_core.settings import Settings
from tasks.ledger.client import open_ledger
from tasks.report import write_report
from tasks.report.content import gather
from tasks.report.pages.report_page import render
from tests.toys.labelled_project import (
    answer,
    copied,
    deliver,
    finished_project,
    frames_of,
    new_project,
    predict,
    select,
    train_and_predict,
)
from tests.toys.web.browser import browser, needs_chromium
from tests.toys.web.html_page import Page, own_part

PAPER_WIDTH = 186 / 25.4 * 96
"""What the margins leave of A4, in pixels of the page."""


@pytest.fixture(scope="module")
def html(finished, tmp_path_factory):
    out = write_report(*finished, tmp_path_factory.mktemp("page") / "pages" / "report.html")
    assert [p.name for p in out.parent.iterdir()] == ["report.html"]
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_asks_for_nothing_from_outside(html):
    own = own_part(html)
    assert "http://" not in own
    assert "https://" not in own
    assert "<link" not in own
    assert "@import" not in own
    assert re.search(r"""(src|href)\s*=\s*["'](?!data:image/jpeg;base64,|#)""", own) is None
    assert "default-src 'none'" in own, "the browser is told to fetch nothing"


def test_the_figures_of_the_header_are_those_of_the_ledger(page):
    assert page.tiles() == {
        "Videos": ("1", "6 frames"),
        "Labelled by people": ("2 frames", "33 % of all"),
        "Human time": ("2.7 min", "80 s a frame"),
        "Has masks": ("83 %", "5 of 6 frames, right or wrong"),
        "J&F": ("0.700", "mean of 1 video, round 2"),
        "AP50": ("0.750", "mean of 1 video, round 2"),
        "Machine time": ("2.4 min", "train 80 s, predict 40 s, other 24 s"),
    }
    assert "2 rounds · 2 of 2 rounds are done" in page.text


def test_the_table_of_rounds_is_that_of_the_ledger(page):
    head, first, second = page.tables[0]
    assert head == [
        "round",
        "human frames",
        "human time",
        "has masks",
        "estimated good",
        "J&F",
        "AP50",
        "train",
        "predict",
        "other",
        "state",
    ]
    assert first == ["1", "1", "80 s", "83 %", "–", "0.600", "0.650", "40 s", "20 s", "12 s", "finished"]
    assert second == [
        "2",
        "2",
        "2.7 min",
        "83 %",
        "–",
        "0.700",
        "0.750",
        "40 s",
        "20 s",
        "12 s",
        "2 of 2 rounds are done",
    ]


def test_quality_is_told_per_video_and_provenance(page):
    assert page.tables[1] == [
        ["video", "frames measured", "J", "F", "J&F", "AP50", "J&F, propagated", "J&F, teacher"],
        ["clip", "5", "0.690", "0.710", "0.700", "0.750", "0.720", "0.650"],
    ]


def test_every_step_is_listed(page):
    head, *rows = page.tables[2]
    assert head == ["round", "step", "state", "attempts", "time", "started (UTC)"]
    assert [row[:5] for row in rows[:4]] == [
        ["1", "select", "finished", "1", "0.5 s"],
        ["1", "request", "finished", "1", "0.2 s"],
        ["1", "collect", "finished", "1", "0.2 s"],
        ["1", "train", "finished", "1", "40 s"],
    ]
    assert len(rows) == 14


def test_frames_are_shown_with_their_masks_provenance_and_reason(page):
    assert all(image.startswith("data:image/jpeg;base64,") for image in page.images)
    assert "1. frame 3 at 0:00.12 human" in re.sub(r"(?<=\d)(?=human)", " ", page.text)
    assert "Least confident masks after round 2" in page.text
    assert "teacher 0.52" in page.text
    assert "propagated 0.75" in page.text
    assert len(page.images) == 1 + 3


def test_what_others_wrote_is_text_not_markup(html, page):
    own = own_part(html)
    assert "chosen <i>2</i>" in page.text
    assert "<i>2</i>" not in own
    assert "project <1>" in page.text


def test_every_place_has_its_figure(html):
    own = own_part(html)
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', own, re.S)[1])
    places = [int(n) for n in re.findall(r'data-figure="(\d+)"', own)]
    assert places == list(range(len(figures)))
    assert len(figures) == 3 + 4 + 1 + 2


def test_both_colour_schemes_are_served(html):
    assert "prefers-color-scheme: dark" in own_part(html)


@needs_chromium
def test_printed_it_loses_no_picture_and_no_chart_runs_over_the_border(html, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(html, encoding="utf-8")
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1400, "height": 900})
        page.goto(file.as_uri())
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        page.wait_for_function("[...document.querySelectorAll('.chart')].every(c => c.querySelector('.main-svg'))")
        rights = page.evaluate(
            "[...document.querySelectorAll('svg, table, img')].map(e => e.getBoundingClientRect().right)"
        )
        pictures = set(page.evaluate("[...document.images].map(i => i.src)"))
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.emulate_media(media="screen")
        page.wait_for_function("document.querySelector('.main-svg').getBoundingClientRect().width > 0")
        wide = page.evaluate("document.body.clientWidth")
        printed = page.pdf(prefer_css_page_size=True)
    assert max(rights) <= PAPER_WIDTH
    assert wide > PAPER_WIDTH
    assert pictures
    assert printed.count(b"/Subtype /Image") >= len(pictures)


def page_of(project, ledger, frames):
    return Page(render(gather(project, ledger, frames)))


def test_a_project_before_its_first_round(tmp_path):
    page = page_of(*new_project(tmp_path))
    assert "no rounds yet" in page.text
    assert "No round has started" in page.text
    assert page.tiles()["Has masks"] == ("–", "nothing delivered yet")
    assert len(page.images) == 6, "some frames to know the video by"


def test_a_project_without_videos(tmp_path):
    project = Project.at(tmp_path)
    ledger = open_ledger(project)
    page = page_of(project, ledger, frames_of(project, ledger))
    assert "The project has no videos yet" in page.text
    assert page.tiles()["Labelled by people"] == ("0 frames", "0 % of all")


def test_a_project_without_truth_says_so(tmp_path):
    page = page_of(*finished_project(tmp_path, quality=None))
    assert "Nothing is measured against truth: no video has any that is held back from the loop" in page.text
    assert page.tiles()["J&F"] == ("–", "nothing measured")


def test_a_round_that_waits_for_people(tmp_path):
    project, ledger, frames = new_project(tmp_path)
    ledger.begin_round(Settings())
    select(ledger, 1)
    page = page_of(project, ledger, frames)
    assert "1 round · waits for 1 label" in page.text
    assert "chosen <i>1</i>" in page.text
    assert "No masks are delivered yet" in page.text


def test_a_round_that_has_predicted_but_not_delivered(tmp_path):
    project, ledger, frames = new_project(tmp_path)
    ledger.begin_round(Settings())
    answer(ledger, 1, select(ledger, 1))
    train_and_predict(ledger, 1)
    page = page_of(project, ledger, frames)
    assert "Uncertainty as predicted in round 1" in page.text
    assert page.tiles()["Human time"] == ("80 s", "80 s a frame")


def test_missing_masks_are_told(finished, tmp_path):
    project, ledger, frames = copied(finished, tmp_path)
    (project.round_dir(2) / "delivered" / "1.parquet").unlink()
    assert "The delivered masks cannot be shown: " in page_of(project, ledger, frames).text


def test_frames_that_are_gone_are_told(tmp_path):
    project, ledger, _ = new_project(tmp_path)
    ledger.begin_round(Settings())
    select(ledger, 1)
    for file in (tmp_path / "source" / "clip").iterdir():
        file.unlink()
    page = page_of(project, ledger, frames_of(project, ledger))
    assert "The frame cannot be read: its video is gone or was changed." in page.text
    assert page.images == []


def test_of_many_videos_the_least_certain_are_shown(tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.report.content.MAX_VIDEOS", 2)
    project, ledger, frames = new_project(tmp_path, ["one", "two", "three", "four"])
    ledger.begin_round(Settings())
    for video_id, scale in ((2, 0.5), (3, 1.0), (4, 0.9)):
        predict(ledger, 1, video_id, scale=scale)
    content = gather(project, ledger, frames)
    assert [item.video.name for item in content.shown] == ["three", "four"]
    assert "The 2 videos with the least certain frames are shown, of 4." in Page(render(content)).text


def test_a_failing_report_keeps_the_old_one(tmp_path, monkeypatch):
    project, ledger, frames = new_project(tmp_path)
    out = tmp_path / "report.html"
    out.write_text("old")

    def broken(content):
        raise RuntimeError("stop")

    monkeypatch.setattr("tasks.report.pages.report_page.render", broken)
    with pytest.raises(RuntimeError, match="stop"):
        write_report(project, ledger, frames, out)
    assert out.read_text() == "old"


def test_a_new_round_shows_what_the_last_delivery_was_until_it_delivers(finished, tmp_path):
    project, ledger, frames = copied(finished, tmp_path)
    content = gather(project, ledger, frames)
    assert (content.predicted_round, content.delivered_round) == (2, 2)
    ledger.begin_round(Settings())
    assert gather(project, ledger, frames).delivered_round == 2
    deliver(project, ledger, 3)
    assert gather(project, ledger, frames).delivered_round == 3
