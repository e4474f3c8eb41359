import numpy as np
import pytest

from al_core.errors import BadVideo, UnknownName
from al_core.footage.clips import EMPTY, RearrangedClip, clips_of
from tests.toys.footage.davis import SIDE, grey, ramp, write_sequence, write_still_scene


@pytest.fixture
def clip(tmp_path):
    (found,) = clips_of(write_sequence(tmp_path))
    return found


def shown(footage):
    """The number of the clip's frame that each frame shows, by its grey value."""
    return [(int(footage.read(i)[0, 0, 0]) - grey(0)) // 10 for i in range(footage.n_frames)]


def test_a_clip_knows_its_frames_and_their_truth(clip):
    assert (clip.name, clip.n_frames, clip.size, clip.tracks) == ("toy", 6, (SIDE, SIDE), (3,))
    assert shown(clip) == [0, 1, 2, 3, 4, 5]
    assert clip.truth_frames == (0, 1, 2, 3, 4, 5)
    mask = clip.truth(2)[3]
    assert mask.sum() == 16
    assert mask[4:8, 2:6].all()
    assert clip.ignore(2)[-1].all()
    assert clip.ignore(2).sum() == SIDE


def test_frames_and_masks_may_be_given_smaller(tmp_path):
    write_sequence(tmp_path)
    (small,), (full,) = clips_of(tmp_path, long_side=8), clips_of(tmp_path, long_side=100)
    assert (small.size, small.read(1).shape) == ((8, 8), (8, 8, 3))
    assert small.truth(2)[3].sum() == 4
    assert full.size == (SIDE, SIDE)
    assert small.sha256 != full.sha256


def test_frames_without_a_mask_have_no_truth(tmp_path):
    (clip,) = clips_of(write_sequence(tmp_path, masked={1, 4}))
    assert clip.truth_frames == (1, 4)
    with pytest.raises(BadVideo, match="truth of frame 0 is not known"):
        clip.truth(0)


def test_a_square_in_white_is_an_object_not_a_region_to_ignore(tmp_path):
    import cv2

    root = write_sequence(tmp_path)
    for file in (root / "Annotations" / "480p" / "toy").iterdir():
        mask = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(file), np.where(mask == 3, 255, 0).astype(np.uint8))
    (clip,) = clips_of(root)
    assert (clip.tracks, clip.truth(0)[1].sum(), clip.ignore(0)) == ((1,), 16, None)


def test_clips_are_found_by_name(tmp_path):
    write_sequence(write_sequence(tmp_path, "b"), "a")
    assert [c.name for c in clips_of(tmp_path)] == ["a", "b"]
    assert [c.name for c in clips_of(tmp_path, ["b"])] == ["b"]
    with pytest.raises(UnknownName, match="known: a, b"):
        clips_of(tmp_path, ["c"])


def test_two_clips_of_one_name_are_refused(tmp_path):
    for group in ("one", "two"):
        write_sequence(tmp_path / group)
    with pytest.raises(BadVideo, match="2 sequences have the name toy"):
        clips_of(tmp_path)


def test_a_view_shows_the_frames_in_its_own_order(clip):
    view = RearrangedClip(clip, "again", (0, 1, 1, 1, 0, 5))
    assert shown(view) == [0, 1, 1, 1, 0, 5]
    assert (view.n_frames, view.size, view.truth_frames) == (6, clip.size, (0, 1, 2, 3, 4, 5))
    np.testing.assert_array_equal(view.truth(5)[3], clip.truth(5)[3])


def test_noise_is_small_and_the_same_each_time(clip):
    view = RearrangedClip(clip, "grainy", (1, 1), noise=2.0, seed=7)
    first, second = view.read(0).astype(float), view.read(1).astype(float)
    np.testing.assert_array_equal(first, view.read(0))
    assert not np.array_equal(first, second)
    assert np.std(first) == pytest.approx(2.0, abs=0.3)
    assert np.mean(first) == pytest.approx(grey(1), abs=0.3)


def test_what_is_shown_makes_the_hash(clip):
    hashes = {RearrangedClip(clip, "v", index, noise).sha256 for index in ((0, 1), (1, 0)) for noise in (0.0, 1.0)}
    assert len(hashes) == 4
    assert RearrangedClip(clip, "other name", (0, 1)).sha256 in hashes


def test_the_empty_scene_is_what_no_object_covers(tmp_path):
    (clip,) = clips_of(write_still_scene(tmp_path))
    view = RearrangedClip(clip, "quiet", (0, EMPTY))
    np.testing.assert_array_equal(view.read(1), ramp())
    assert view.truth(1) == {}
    assert view.ignore(1) is None


def test_pixels_that_nobody_ever_knew_stay_ignored_in_the_empty_scene(clip):
    assert RearrangedClip(clip, "quiet", (EMPTY,)).ignore(0)[-1].all()


@pytest.mark.parametrize("index", [(), (6,), (-2,)])
def test_a_view_of_frames_that_are_not_there_is_refused(clip, index):
    with pytest.raises(ValueError, match="shows frames 0 to 5"):
        RearrangedClip(clip, "v", index)


def test_a_frame_beyond_the_end_is_refused(clip):
    view = RearrangedClip(clip, "v", (0, 1))
    for footage, n in ((clip, 6), (view, 2)):
        for ask in (footage.read, footage.truth):
            with pytest.raises(BadVideo, match=f"from 0 to {n - 1}, got {n}"):
                ask(n)
