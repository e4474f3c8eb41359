import pytest

from al_core.records import Shots
from tasks.report.formatting import awaited, clock, duration, many, percent, score, shots_told


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (3.21, "3.2 s"),
        (84, "84 s"),
        (119.4, "119 s"),
        (120, "2.0 min"),
        (744, "12.4 min"),
        (7200, "2.0 h"),
        (7.2e6, "2,000.0 h"),
    ],
)
def test_durations_have_the_unit_that_reads_best(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (0, "0 %"),
        (0.042, "4.2 %"),
        (0.13, "13 %"),
        (0.994, "99 %"),
        (0.9996, "99.9 %"),
        (1, "100 %"),
    ],
)
def test_shares_are_per_cent(share, text):
    assert percent(share) == text


def test_a_share_just_below_all_does_not_read_as_all():
    assert percent(0.9951) == "99.5 %"


def test_scores_have_three_decimals():
    assert (score(0.8725), score(None)) == ("0.873", "–")


def test_counts_have_their_noun():
    assert (many(1, "frame"), many(0, "frame"), many(1200, "frame")) == (
        "1 frame",
        "0 frames",
        "1,200 frames",
    )


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "0:00.00"), (4_120_000, "0:04.12"), (59_999_000, "1:00.00"), (3_724_120_000, "1:02:04.12")],
)
def test_times_within_a_video(microseconds, text):
    assert clock(microseconds) == text


def test_cuts_and_repeated_frames_of_videos():
    assert shots_told([]) == shots_told([Shots()]) == []
    assert shots_told([Shots((3,), ((0, 1),))]) == ["1 cut", "1 frame that repeats others"]
    assert shots_told([Shots((3, 6)), Shots((2,), ((4, 8),))]) == ["3 cuts", "4 frames that repeat others"]


@pytest.mark.parametrize(
    ("labels", "approvals", "text"),
    [(3, 0, "3 labels"), (0, 1, "1 approval"), (1, 2, "1 label and 2 approvals"), (0, 0, "0 labels")],
)
def test_what_a_round_waits_for(labels, approvals, text):
    assert awaited(labels, approvals) == text
