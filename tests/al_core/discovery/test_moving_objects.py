import numpy as np

from al_core.discovery.moving_objects import LEAST_FRAMES, PATIENCE, Follower, by_frame, parts_of, stretches
from al_core.masks.rle import decode

SIZE = (40, 60)
BACK = np.tile(np.array([-3, 0], np.float32), (*SIZE, 1))
"""Everything came from three pixels to the left."""


def chance(*corners, sure=0.9):
    """Squares of ten pixels that are likely to move."""
    found = np.full(SIZE, 0.1, np.float32)
    for x, y in corners:
        found[y : y + 10, x : x + 10] = sure
    return found


def follow(frames):
    follower = Follower()
    for index, found in enumerate(frames):
        follower.add(index, found, BACK if index else None)
    return follower.found()


def test_a_part_is_followed_along_the_flow():
    (found,) = follow([chance((4 + 3 * i, 8)) for i in range(8)])
    assert [s.frame_idx for s in found.seen] == list(range(8))
    assert decode(found.seen[2].mask)[8:18, 10:20].mean() > 0.9
    assert 0.8 < found.confidence <= 1


def test_two_parts_are_two_objects():
    found = follow([chance((4 + 3 * i, 4), (4 + 3 * i, 24)) for i in range(8)])
    assert len(found) == 2
    tracks = by_frame(found, 5)
    assert [track for track, _, _ in tracks[3]] == [5, 6]


def test_what_is_seen_in_few_frames_is_no_object():
    assert follow([chance((4, 8))] * (LEAST_FRAMES - 1) + [chance()] * 9) == []


def test_an_object_is_found_again_after_a_while():
    gone = [chance()] * (PATIENCE - 1)
    shown = [chance((4 + 3 * i, 8)) for i in range(5 + len(gone) + 5)]
    shown[5 : 5 + len(gone)] = gone
    (found,) = follow(shown)
    assert len(found.seen) == 10


def test_doubtful_parts_are_left_out():
    jumping = [chance((4 + 30 * (i % 2), 4 + 12 * (i % 3)), sure=0.55) for i in range(12)]
    assert follow(jumping) == []


def test_specks_and_the_whole_picture_are_no_parts():
    everything = np.full(SIZE, 0.9, np.float32)
    speck = chance()
    speck[5, 5] = 0.9
    assert parts_of(everything) == [] == parts_of(speck)
    holed = chance((10, 10))
    holed[14:16, 14:16] = 0
    assert parts_of(holed)[0][14:16, 14:16].all()


def test_a_shot_is_cut_into_even_stretches():
    assert [len(part) for part in stretches(range(10, 210), 96)] == [67, 66, 67]
    assert list(stretches(range(3, 9), 96)) == [range(3, 9)]
