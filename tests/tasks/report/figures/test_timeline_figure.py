"""The figure of one video."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.export.palette import COMPONENT_COLOURS, PROVENANCE_COLOURS
from al_core.records import Shots
from al_core.settings import UncertaintySettings
from tasks.report.figures.timeline_figure import time_line
from tasks.report.timeline import MAX_POINTS, DeliveredFrames, choices, delivered_frames, uncertainty
from tests.toys.labelled_project import delivered_masks
from tests.toys.web.html_page import checked, traces


@pytest.fixture(scope="module")
def ledger(finished):
    return finished[1]


@pytest.fixture(scope="module")
def line(ledger):
    video = ledger.videos()[0]
    labels = ledger.human_labels(1)
    by_frame = {}
    for mask in delivered_masks(2):
        by_frame.setdefault(mask.frame_idx, []).append(mask)
    return time_line(
        video,
        ledger.frame_times_us(1),
        uncertainty(ledger, 2, video, UncertaintySettings()),
        delivered_frames(by_frame.items(), labels, video.n_frames),
        choices({r: ledger.selection(r) for r in (1, 2)}, 1),
        [label.frame.frame_idx for label in labels],
    )


def test_uncertainty_is_a_stack_of_its_parts(line):
    found = traces(line)
    parts = [found[name.replace("_", " ")] for name in COMPONENT_COLOURS]
    assert {p["stackgroup"] for p in parts} == {"parts"}
    np.testing.assert_allclose(sum(np.array(p["y"]) for p in parts), found["uncertainty"]["y"], rtol=1e-3)


def test_chosen_frames_tell_their_rank_and_reason(line):
    found = traces(line)
    newest = found["chosen in round 2"]
    assert (newest["x"], newest["text"]) == ([3], ["1"])
    assert newest["customdata"] == [["frame 3 (0:00.12)", 2, 1, "labelled", "chosen &lt;i&gt;2&lt;/i&gt;"]]
    np.testing.assert_allclose(newest["y"], [0.4])
    assert found["chosen before"]["x"] == [0]
    assert found["human label"]["x"] == [0, 3]


def test_the_band_below_shows_who_labelled_what(line):
    (band,) = (t for t in line["data"] if t["type"] == "heatmap")
    assert band["text"] == [["human", "propagated", "teacher", "human", "propagated", "no mask"]]
    assert band["x"] == [0, 1, 2, 3, 4, 5]
    human = next(colour for share, colour in band["colorscale"] if share > (band["z"][0][0] - 0.01 + 0.5) / 5)
    assert human == PROVENANCE_COLOURS["human"]


def test_a_video_of_which_nothing_is_known_is_an_empty_line(ledger):
    figure = checked(time_line(ledger.videos()[0], ledger.frame_times_us(1), None, None, [], []))
    assert figure["data"] == []


def test_a_long_video_is_thinned_out(ledger):
    n = 4 * MAX_POINTS + 1
    video = replace(ledger.videos()[0], n_frames=n)
    codes = np.ones(n, np.uint8)
    codes[777] = 4
    figure = checked(
        time_line(video, np.arange(n) * 40_000, None, DeliveredFrames(codes, np.ones(n, np.float32)), [], [])
    )
    assert len(figure["data"][0]["x"]) == MAX_POINTS
    assert figure["data"][0]["text"][0].count("teacher") == 1


def test_cuts_stand_between_frames_and_repeats_are_underlined(ledger):
    shots = Shots((2,), ((3, 5),))
    figure = checked(time_line(ledger.videos()[0], ledger.frame_times_us(1), None, None, [], [], shots))
    found = traces(figure)
    assert (found["cut"]["x"], found["cut"]["customdata"]) == ([1.5], ["frame 2 (0:00.08)"])
    assert found["the same thing"]["x"] == [2.6, 5.4, None]
    assert set(found["the same thing"]["customdata"]) == {"frames 3 to 5 show the same"}
