"""Whose masks a separate folder holds."""

import pytest

from al_core.errors import BadLabel
from al_core.footage.discovery import discover
from al_core.footage.mask_folders import with_masks
from al_core.footage.sources import Source, TrueObject
from al_core.masks import rle
from tests.toys.footage.clips import write_clip, write_frames, write_mask
from tests.toys.footage.layouts import BLANK, LEFT, truth_of

# ---- a folder of masks somewhere else


def test_masks_for_a_video_go_by_frame_number(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", size=(6, 8))
    write_mask(tmp_path / "masks" / "frame_0.png", LEFT)
    write_mask(tmp_path / "masks" / "frame_11.png", BLANK)
    (tmp_path / "masks" / "categories.json").write_text('{"1": "car"}')
    (source,) = with_masks(discover(path), tmp_path / "masks")
    assert truth_of(source) == {0: (TrueObject(1, "car", rle.encode(LEFT == 1)),), 11: ()}
    write_mask(tmp_path / "masks" / "frame_12.png", LEFT)
    with pytest.raises(BadLabel, match=r"frame_12\.png: a mask for no frame: .*has no frame 12 \(of 12, from 0\)"):
        truth_of(source)


def test_a_frame_with_several_masks_is_an_error(tmp_path):
    path = write_clip(tmp_path / "clip.mp4", size=(6, 8))
    write_mask(tmp_path / "masks" / "a_3.png", LEFT)
    write_mask(tmp_path / "masks" / "b_3.png", LEFT)
    (source,) = with_masks(discover(path), tmp_path / "masks")
    with pytest.raises(BadLabel, match=r"masks: frame 3 has several masks: a_3\.png, b_3\.png"):
        truth_of(source)


def test_masks_for_several_videos_go_by_name(tmp_path):
    sources = [*discover(write_frames(tmp_path / "a")), *discover(write_frames(tmp_path / "b"))]
    write_mask(tmp_path / "masks" / "Annotations" / "480p" / "b" / "00000.png", LEFT)
    a, b = with_masks(sources, tmp_path / "masks")
    assert a.masks is None
    assert list(truth_of(b)) == [0]


def test_masks_that_fit_nothing_are_an_error(tmp_path):
    a, b = (discover(write_frames(tmp_path / name))[0] for name in "ab")
    with pytest.raises(BadLabel, match="nowhere: there is no such folder of masks"):
        with_masks([a], tmp_path / "nowhere")
    write_mask(tmp_path / "masks" / "c" / "00000.png", LEFT)
    with pytest.raises(BadLabel, match="masks: holds no masks for a, b"):
        with_masks([a, b], tmp_path / "masks")
    with pytest.raises(BadLabel, match="c: holds the masks of one video, got 2 videos"):
        with_masks([a, b], tmp_path / "masks" / "c")
    (tmp_path / "hollow").mkdir()
    with pytest.raises(BadLabel, match="hollow: the folder holds no masks"):
        truth_of(Source("a", a.path, tmp_path / "hollow"))


def footage(root, *places):
    """Sources at these places below a folder, and masks (see ``masks``) that say which one they belong to."""
    return [discover(write_frames(root / place))[0] for place in places]


def masks(root, *places):
    for place in places:
        write_mask(root / place / "00000.png", LEFT)
    return root


def given(sources, root):
    return [s.masks and s.masks.relative_to(root).as_posix() for s in with_masks(sources, root)]


@pytest.mark.parametrize(
    ("places", "mask_places", "expected"),
    [
        (["day1/clip", "day2/clip"], ["day1/clip", "day2/clip"], ["day1/clip", "day2/clip"]),
        (["day1/clip", "day2/clip"], ["Annotations/480p/day2/clip"], [None, "Annotations/480p/day2/clip"]),
        (["clip", "day2/clip"], ["clip", "day2/clip"], ["clip", "day2/clip"]),
        (["clip", "day2/clip"], ["day2/clip"], [None, "day2/clip"]),
        (["a/cam1/clip", "a/cam2/clip"], ["a/cam2/clip", "a/cam1/clip"], ["a/cam1/clip", "a/cam2/clip"]),
        (["cam1/clip", "cam2/clip"], ["set/cam1/clip", "set/cam2/clip"], ["set/cam1/clip", "set/cam2/clip"]),
        (["day1/one", "day2/two"], ["two", "one"], ["one", "two"]),
        (["day1/one"], ["elsewhere/one"], ["elsewhere/one"]),
        (["day2/clip"], ["day1/clip", "day2/clip"], ["day2/clip"]),
    ],
)
def test_masks_of_videos_of_one_name_go_by_their_place(tmp_path, places, mask_places, expected):
    sources = footage(tmp_path / "footage", *places)
    assert given(sources, masks(tmp_path / "masks", *mask_places)) == expected
    assert given(sources[::-1], tmp_path / "masks") == expected[::-1]


@pytest.mark.parametrize(
    ("places", "mask_places", "message"),
    [
        (["day1/clip", "day2/clip"], ["clip"], "masks/clip: these masks may belong to .*day1/clip or .*day2/clip"),
        (["clip"], ["a/clip", "b/clip"], "footage/clip: several folders of masks fit: .*a/clip, .*b/clip"),
        (["day1/clip", "day2/clip"], ["a/clip", "b/clip"], "holds no masks for clip, clip"),
    ],
)
def test_masks_that_cannot_be_told_apart_are_refused(tmp_path, places, mask_places, message):
    sources = footage(tmp_path / "footage", *places)
    with pytest.raises(BadLabel, match=message):
        with_masks(sources, masks(tmp_path / "masks", *mask_places))


def test_videos_of_one_stem_are_told_apart_by_their_endings(tmp_path):
    for name in ("clip.mp4", "clip.avi"):
        (tmp_path / name).touch()
    sources = discover(tmp_path)
    with pytest.raises(BadLabel, match="these masks may belong to"):
        with_masks(sources, masks(tmp_path / "some", "clip"))
    assert given(sources, masks(tmp_path / "each", "clip.mp4", "clip.avi")) == ["clip.avi", "clip.mp4"]


def test_a_file_of_labels_is_no_folder_of_masks(tmp_path):
    (tmp_path / "coco.json").write_text('{"annotations": []}')
    with pytest.raises(BadLabel, match=r"coco\.json: it looks like labels: take in the videos first"):
        with_masks(footage(tmp_path / "footage", "clip"), tmp_path / "coco.json")
