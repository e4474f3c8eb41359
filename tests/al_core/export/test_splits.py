"""Videos are split whole; frames that are the same on both sides are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from al_core.errors import BadSettings
from al_core.export.splits import leaks, parse_shares, sampled, split_videos

SHARES = {"train": 0.8, "val": 0.2}


def test_shares_are_read():
    assert parse_shares("train=0.7, val=0.2,test=0.1") == {"train": 0.7, "val": 0.2, "test": 0.1}


@pytest.mark.parametrize("text", ["train", "train=0.8", "a=0.5,a=0.5", "a=x,b=0.5", "a=1.5,b=-0.5", "../a=0.5,b=0.5"])
def test_other_forms_are_refused(text):
    with pytest.raises(BadSettings):
        parse_shares(text)


def test_splits_have_their_shares_of_the_frames():
    lengths = {f"v{i}": 10 for i in range(10)}
    found = split_videos(lengths, SHARES, np.random.default_rng(0))
    assert {name: len(videos) for name, videos in found.items()} == {"train": 8, "val": 2}


def test_a_long_video_is_not_cut():
    found = split_videos({"long": 1000, "b": 10, "c": 10}, SHARES, np.random.default_rng(0))
    assert found == {"train": ["long"], "val": ["b", "c"]}


@given(st.dictionaries(st.text("abcdef", min_size=1), st.integers(1, 500), min_size=2, max_size=12), st.integers(0, 9))
def test_every_video_is_in_one_split_and_no_split_is_empty(lengths, seed):
    found = split_videos(lengths, SHARES, np.random.default_rng(seed))
    assert sorted(v for videos in found.values() for v in videos) == sorted(lengths)
    assert all(found.values())
    assert found == split_videos(lengths, SHARES, np.random.default_rng(seed))


def test_too_few_videos():
    with pytest.raises(BadSettings, match="at least as many videos, the project has 1"):
        split_videos({"a": 3}, SHARES, np.random.default_rng(0))


def test_long_videos_are_sampled_from_end_to_end():
    assert sampled(3).tolist() == [0, 1, 2]
    assert (len(sampled(10_000)), sampled(10_000)[0], sampled(10_000)[-1]) == (600, 0, 9999)


def test_the_same_frame_in_two_splits_is_found():
    rng = np.random.default_rng(0)
    a, b, c = (rng.random((5, 96), dtype=np.float32) for _ in range(3))
    b[3] = a[1] + 0.005
    numbers = np.array([0, 10, 20, 30, 40])
    thumbnails = {"a": (numbers, a), "b": (numbers, b), "c": (numbers, c)}
    (leak,) = leaks({"train": ["a", "c"], "val": ["b"]}, thumbnails)
    assert (leak.first, leak.first_frame, leak.second, leak.second_frame) == ("a", 10, "b", 30)
    assert leak.distance == pytest.approx(0.005, rel=1e-3)
    assert leaks({"train": ["a", "b"], "val": ["c"]}, thumbnails) == []
