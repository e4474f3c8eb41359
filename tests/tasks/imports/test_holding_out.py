"""Which frames are held out, how many people are asked for, and what is given back."""

import pytest

from al_core.errors import BadLabel, UnknownName
from al_core.ledger.labelling.queue import Purpose
from al_core.records import Shots
from tasks.imports.holding_out import chosen_frames, evenly, give_back_frames, hold_out_frames, measured_in_words
from tests.toys.labelled_project import new_project
from tests.toys.ledgers import clip, times_us


@pytest.fixture
def ledger(tmp_path):
    """One clip of six frames, and no rounds."""
    return new_project(tmp_path)[1]


def test_a_whole_video_is_held_out_and_people_are_asked_for_some_of_it(ledger):
    said = hold_out_frames(ledger, "clip", (), 2, "eve")
    assert said == "clip: 6 frames newly held out, 6 of 6 in all with these; people are asked for 2"
    assert ledger.holdout_frames()["frame_idx"].tolist() == [0, 1, 2, 3, 4, 5]
    (row,) = ledger.held_out()
    assert (row.frames, row.asked, row.answered) == (6, 2, 0)


def test_of_frames_that_show_the_same_people_are_asked_for_one(ledger):
    still = ledger.add_video(clip("still", 6), times_us(6))
    ledger.put_shots(still.video_id, Shots(stills=((1, 4),)))
    assert hold_out_frames(ledger, "still", (), 5, "eve").endswith("6 of 6 in all with these; people are asked for 3")
    assert [r.frame.frame_idx for r in ledger.requests(purpose=Purpose.HOLDOUT)] == [0, 1, 5]


def test_people_are_asked_for_all_frames_that_are_named(ledger):
    assert hold_out_frames(ledger, "clip", (range(1, 4),), 1, "eve").endswith("people are asked for 3")


def test_frames_are_given_back(ledger):
    hold_out_frames(ledger, "clip", (), 0, "eve")
    assert give_back_frames(ledger, "clip", (range(1, 2), range(4, 6)), "eve").startswith("clip: 3 frames no longer")
    assert ledger.holdout_frames()["frame_idx"].tolist() == [0, 2, 3]
    assert give_back_frames(ledger, "clip", (), "eve").startswith("clip: 3 frames no longer held out")
    assert not len(ledger.holdout_frames()["frame_idx"])


def test_frames_that_are_not_there_are_refused(ledger):
    video = ledger.video("clip")
    assert chosen_frames(video, (range(4, 6), range(0, 2))) == [0, 1, 4, 5]
    with pytest.raises(BadLabel, match="clip has the frames 0 to 5, got 6"):
        chosen_frames(video, (range(3, 10**12),))
    with pytest.raises(BadLabel, match="got 9"):
        give_back_frames(ledger, "clip", (range(9, 10),), "eve")
    with pytest.raises(UnknownName, match="clap"):
        hold_out_frames(ledger, "clap", (), 1, "eve")


@pytest.mark.parametrize(("n_frames", "n", "expected"), [(6, 2, [1, 4]), (6, 1, [3]), (3, 9, [0, 1, 2]), (5, 0, [])])
def test_frames_are_spread_evenly(n_frames, n, expected):
    assert evenly(n_frames, n) == expected


def test_without_labels_nothing_is_measured(ledger):
    assert measured_in_words(ledger).startswith("Nothing is measured")
