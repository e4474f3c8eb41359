"""Videos, their categories and their truth."""

from dataclasses import replace

import pytest

from al_core.errors import UnknownName
from al_core.records import (
    FrameLabel,
    FrameRef,
    MaskLabel,
)
from tests.toys.ledgers import clip, ledger_with_clip, square, times_us


@pytest.fixture
def ledger(tmp_path):
    """A ledger with one clip."""
    return ledger_with_clip(tmp_path)


def test_a_video_comes_back_as_it_was_stored(ledger):
    (video,) = ledger.videos()
    assert (video.name, video.n_frames, video.video_id) == ("clip", 12, 1)
    assert str(video.fps) == "30000/1001"
    assert ledger.frame_times_us(1).tolist() == times_us().tolist()


def test_the_bits_in_use_are_kept(ledger):
    stored = ledger.add_video(replace(clip("deep"), sha256="d" * 64, bits=12), times_us())
    assert [video.bits for video in ledger.videos()] == [16, 12]
    assert stored.bits == 12


def test_the_same_content_is_stored_once(ledger):
    assert ledger.add_video(clip(), times_us()) is None
    assert len(ledger.videos()) == 1


def test_another_content_of_the_same_name_gets_a_number(ledger):
    stored = ledger.add_video(replace(clip(), sha256="f" * 64), times_us())
    assert stored.name == "clip-2"


def test_an_unknown_video_lists_the_known_ones(ledger):
    with pytest.raises(UnknownName, match="known: clip"):
        ledger.video("clpi")


def test_categories_are_numbered_from_one_and_kept(ledger):
    assert ledger.add_categories(["car", "object"]) == {"object": 1, "car": 2}
    assert ledger.categories() == {1: "object", 2: "car"}


def test_truth_tells_nothing_here_from_unknown(tmp_path):
    ledger = ledger_with_clip(tmp_path / "other", with_truth=False)
    truth = [FrameLabel(FrameRef(0, 0), (MaskLabel(1, 1, square()),)), FrameLabel(FrameRef(0, 3), ())]
    stored = ledger.add_video(replace(clip("sparse"), sha256="e" * 64), times_us(), truth)
    known = ledger.truth(stored.video_id)
    assert list(known) == [0, 3]
    assert known[0].masks[0].rle == square()
    assert known[3].masks == ()
    # Of a video without truth, and of one that there is not, nothing is known.
    assert ledger.truths([1, 9, stored.video_id]) == {stored.video_id: known}


def test_a_video_that_was_moved_keeps_all_but_its_place(ledger):
    (before,) = ledger.videos()
    assert ledger.move_video(1, "/elsewhere/clip.mp4") == replace(before, uri="/elsewhere/clip.mp4")
    assert ledger.video("clip").uri == "/elsewhere/clip.mp4"


def test_truth_may_come_later(tmp_path):
    ledger = ledger_with_clip(tmp_path, with_truth=False)
    assert ledger.truth(1) == {}
    ledger.add_truth(1, [FrameLabel(FrameRef(1, 4), (MaskLabel(1, 1, square()),)), FrameLabel(FrameRef(1, 6), ())])
    assert ledger.truth_frames()["frame_idx"].tolist() == [4, 6]
    assert list(ledger.truth(1, [6, 7])) == [6]
    assert ledger.video_lengths() == {1: 12}
