"""The cards of videos."""

from dataclasses import replace

import pytest

from al_core.records import QualityRow
from tasks.report.content import gather, gather_video
from tasks.report.pages import video_section
from tasks.report.pages.document import Charts
from tests.toys.labelled_project import new_project
from tests.toys.web.html_page import Page


@pytest.fixture(scope="module")
def content(finished):
    project, ledger, frames = finished
    return gather_video(project, ledger, frames, ledger.videos()[0])


def shown(content):
    return Page(video_section.videos(content, Charts()))


def of_object(track, value, round_id=2, provenance="all"):
    return QualityRow(round_id, 1, track, provenance, "jf", value, 5)


def test_the_card_tells_the_size_and_length_of_the_video(content):
    assert "6 frames · 32 × 24 px · 25 frames/s · 0.2 s · 2 human frames" in shown(content).text


def test_quality_is_told_per_object_where_there_are_several(content):
    assert "J&F after round" not in shown(content).text
    rows = (of_object(1, 0.1, 1), of_object(1, 0.5), of_object(2, 0.25), of_object(2, 0.9, provenance="teacher"))
    text = shown(replace(content, quality=rows)).text
    assert "J&F after round 2: object 1: 0.500object 2: 0.250" in text
    assert "0.900" not in text


def test_of_many_objects_some_are_named(content, monkeypatch):
    monkeypatch.setattr(video_section, "MAX_OBJECTS", 2)
    rows = tuple(of_object(track, track / 10) for track in range(1, 6))
    assert "object 2: 0.200and 3 more" in shown(replace(content, quality=rows)).text


def test_what_was_tried_and_chosen_to_carry_masks_is_told(content):
    assert "carried by" not in shown(content).text
    chosen = {
        "1": {"tracks": {"1": "flow", "2": "affinity"}, "tried": [["flow", 0.8, 2, 1.0], ["affinity", 0.9, 2, 9.0]]}
    }
    (step,) = (s for s in content.steps if (s.round_id, s.name) == (content.delivered_round, "propagate"))
    steps = (replace(step, result={**step.result, "chosen": chosen}),)
    told = "carried by flow (object 1) and affinity (object 2); J of labels left out: flow 0.800 in 1 s, affinity 0.900"
    assert told in shown(replace(content, steps=steps)).text


def test_a_choice_is_numbered_and_its_reason_is_text(content):
    html = video_section.videos(content, Charts())
    assert "<b>1.</b> <b>frame 3</b>" in html
    assert "chosen &lt;i&gt;2&lt;/i&gt;" in html
    assert "Chosen in round 2</h4>" in html


def test_the_name_of_a_video_is_text(content):
    item = replace(content.shown[0], video=replace(content.shown[0].video, name='<img src="x">'))
    assert shown(replace(content, shown=(item,))).images == shown(content).images


def test_a_video_that_nothing_is_known_of_has_samples_and_no_figure(tmp_path):
    charts = Charts()
    page = Page(video_section.videos(gather(*new_project(tmp_path)), charts))
    assert "Nothing is predicted yet." in page.text
    assert "Some of its frames" in page.text
    assert charts.figures == []
