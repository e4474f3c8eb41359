import json

import cv2
import numpy as np
import pytest

from al_core.errors import BadLabel, BadVideo
from al_core.footage.discovery import discover
from al_core.footage.sources import TrueObject
from al_core.masks import rle
from tests.toys.footage.clips import FRAMES, write_frames, write_mask
from tests.toys.footage.layouts import BLANK, LEFT, RIGHT, davis, truth_of
from tests.toys.soft_masks import soft_disk

# ---- identity of the content


def test_the_hash_is_of_names_and_bytes_wherever_they_lie(tmp_path):
    here, there = (discover(write_frames(tmp_path / place))[0] for place in ("here", "there"))
    assert here.sha256() == there.sha256()
    assert len(here.sha256()) == 64
    renumbered = discover(write_frames(tmp_path / "later", range(1, FRAMES + 1)))[0]
    assert renumbered.sha256() != here.sha256()
    write_mask(tmp_path / "there" / "00003.png", LEFT)
    assert here.sha256() != there.sha256()


def test_masks_are_no_part_of_the_hash(tmp_path):
    with_, without = (discover(davis(tmp_path / n, masks=m))[0] for n, m in (("a", (LEFT,)), ("b", ())))
    assert with_.sha256() == without.sha256()


def test_a_file_is_hashed_by_its_bytes(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    assert discover(tmp_path / "a.mp4")[0].sha256() == expected


# ---- frames of a folder


@pytest.mark.parametrize("numbers", [range(0, 12), range(1, 13), range(95, 107), range(0, 60, 5)])
def test_numbering_may_start_anywhere_and_keep_a_step(tmp_path, numbers):
    (source,) = discover(write_frames(tmp_path / "walk", numbers))
    assert source.files() == tuple(f"{n:05d}.png" for n in numbers)


def test_frames_are_ordered_by_number_and_not_by_name(tmp_path):
    for i in range(8, 12):
        write_mask(tmp_path / f"take2_frame{i}.png", BLANK)
    (source,) = discover(tmp_path)
    assert source.files() == tuple(f"take2_frame{i}.png" for i in (8, 9, 10, 11))


def test_a_size_in_the_name_is_no_number(tmp_path):
    for i in range(3):
        write_mask(tmp_path / "JPEGImages" / "walk" / f"{i:04d}_1080p.png", BLANK)
        write_mask(tmp_path / "Annotations" / "walk" / f"{i:04d}_1080p.png", LEFT)
    (source,) = discover(tmp_path)
    assert source.files() == ("0000_1080p.png", "0001_1080p.png", "0002_1080p.png")
    assert sorted(truth_of(source)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([0, 1, 2, 4, 5], r"walk: the numbering has a gap: 00002\.png is followed by 00004\.png"),
        ([1, 3], r"walk: the numbering has a gap: 00001\.png is followed by 00003\.png"),
        ([0, 2, 4, 8], r"walk: the numbering has a gap: 00004\.png is followed by 00008\.png"),
    ],
)
def test_gaps_are_an_error(tmp_path, numbers, message):
    (source,) = discover(write_frames(tmp_path / "walk", numbers))
    with pytest.raises(BadVideo, match=message + r"\. Add the missing frames, or number them without gaps"):
        source.sha256()


def test_a_number_twice_is_an_error(tmp_path):
    write_frames(tmp_path)
    write_mask(tmp_path / "left_00003.png", BLANK)
    with pytest.raises(BadVideo, match=r"two frames have one number: 00003\.png, left_00003\.png"):
        discover(tmp_path)[0].files()


def test_a_name_without_a_number_is_an_error(tmp_path):
    write_mask(tmp_path / "cover.png", BLANK)
    with pytest.raises(BadVideo, match=r"cover\.png: expected a number in a frame's name, e\.g\. 00000\.png"):
        discover(tmp_path)[0].files()


def test_frames_of_several_sizes_are_an_error(tmp_path):
    write_frames(tmp_path / "walk")
    write_mask(tmp_path / "walk" / "00005.png", LEFT[:4])
    with pytest.raises(BadVideo, match=r"00005\.png: .* 4x8 .* first frame of the folder is 6x8 .*folder of its own"):
        discover(tmp_path / "walk")[0].probe()


def test_a_frame_that_was_cut_short_is_an_error(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.jpg"), noise)
    content = (tmp_path / "1.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadVideo, match=r"1\.jpg: cannot be read as an image .*truncated"):
        discover(tmp_path)[0].probe()


def test_a_frame_that_is_a_link_to_nothing_is_an_error(tmp_path):
    write_frames(tmp_path / "walk")
    (tmp_path / "walk" / "99999.png").symlink_to(tmp_path / "gone.png")
    (source,) = discover(tmp_path)
    with pytest.raises(BadVideo, match=r"99999.png: the frame is a link to what is not there. Bring back the file"):
        source.probe()


def test_an_empty_sequence_is_an_error_of_its_own(tmp_path):
    davis(tmp_path, "dog")
    (tmp_path / "JPEGImages" / "480p" / "empty").mkdir()
    dog, empty = discover(tmp_path)
    assert dog.probe().n_frames == FRAMES
    with pytest.raises(BadVideo, match=r"480p/empty: the folder holds no frames; expected numbered \.jpg"):
        empty.sha256()


# ---- masks


def test_mask_values_are_tracks_and_255_is_ignored(tmp_path):
    (source,) = discover(davis(tmp_path, masks=(LEFT + RIGHT, BLANK)))
    truth = truth_of(source)
    assert truth == {
        0: (
            TrueObject(0, None, rle.encode(RIGHT == 255)),
            TrueObject(1, "object", rle.encode(LEFT == 1)),
            TrueObject(2, "object", rle.encode(RIGHT == 2)),
        ),
        1: (),
    }


def test_255_is_the_object_where_grey_masks_hold_nothing_else(tmp_path):
    write_frames(tmp_path / "JPEGImages" / "dog")
    for i, mask in enumerate((BLANK, LEFT * 255)):
        write_mask(tmp_path / "Annotations" / "dog" / f"{i:05d}.png", mask, mode="L")
    truth = truth_of(discover(tmp_path)[0])
    assert truth == {0: (), 1: (TrueObject(1, "object", rle.encode(LEFT == 1)),)}
    write_mask(tmp_path / "Annotations" / "dog" / "00002.png", LEFT, mode="L")
    truth = truth_of(discover(tmp_path)[0])
    assert truth[1] == (TrueObject(0, None, rle.encode(LEFT == 1)),)


def test_whether_255_is_the_object_is_asked_where_a_palette_holds_nothing_else(tmp_path):
    (source,) = discover(davis(tmp_path, masks=(BLANK, LEFT * 255)))
    with pytest.raises(BadLabel, match=r"dog: every marked pixel has the value 255, .* is 255 the object\?"):
        truth_of(source)


def test_soft_edges_are_refused_with_the_file(tmp_path):
    write_frames(tmp_path / "JPEGImages" / "dog", size=(40, 40))
    write_mask(tmp_path / "Annotations" / "dog" / "00003.png", soft_disk(40, 12), mode="L")
    with pytest.raises(BadLabel, match=r"dog/00003\.png: \d+ objects in one frame, \d+ of them rims one pixel wide"):
        truth_of(discover(tmp_path)[0])


def test_sixteen_bit_masks_hold_more_objects(tmp_path):
    write_frames(tmp_path / "JPEGImages" / "cells")
    mask = np.uint16(LEFT * 254 + LEFT + RIGHT * 150)
    folder = tmp_path / "Annotations" / "cells"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "00004.png"), mask)
    ((frame, objects),) = truth_of(discover(tmp_path)[0]).items()
    assert frame == 4
    assert [o.track_id for o in objects] == [255, 300, 38250]


@pytest.mark.parametrize("names", [{"1": "dog", "2": "ball"}, {"dog": {"1": "dog", "2": "ball"}, "cat": {"1": "cat"}}])
def test_categories_are_read_beside_the_annotations(tmp_path, names):
    davis(tmp_path)
    (tmp_path / "categories.json").write_text(json.dumps(names))
    truth = truth_of(discover(tmp_path)[0])
    assert [(o.track_id, o.category) for o in truth[0]] == [(0, None), (1, "dog"), (2, "ball")]


def test_objects_without_a_name_get_the_default_category(tmp_path):
    davis(tmp_path)
    (tmp_path / "categories.json").write_text('{"2": "ball"}')
    (source,) = discover(tmp_path)
    truth = source.truth(source.probe(), "thing")
    assert [o.category for o in truth[0]] == [None, "thing", "ball"]


@pytest.mark.parametrize("content", ["[1", "[1, 2]", '{"one": "car"}', '{"1": 7}', '{"dog": {"0": "car"}}'])
def test_categories_of_another_form_are_an_error(tmp_path, content):
    davis(tmp_path)
    (tmp_path / "categories.json").write_text(content)
    with pytest.raises(BadLabel, match=r'categories\.json: .*expected \{"1": "car", \.\.\.\} or \{"dog": \{"1"'):
        truth_of(discover(tmp_path)[0])


def test_a_mask_of_another_size_is_an_error(tmp_path):
    (source,) = discover(davis(tmp_path, masks=(LEFT, LEFT[:, :7])))
    expected = r"dog/00001\.png: the mask is 6x7 pixels \(height x width\), its frame is 6x8 pixels"
    with pytest.raises(BadLabel, match=expected):
        truth_of(source)


def test_a_mask_for_no_frame_is_an_error(tmp_path):
    (source,) = discover(davis(tmp_path))
    write_mask(source.masks / "00012.png", LEFT)
    expected = r"dog/00012\.png: a mask for no frame: .*JPEGImages/480p/dog has no frame named 00012"
    with pytest.raises(BadLabel, match=expected):
        truth_of(source)


def test_a_mask_that_is_no_image_is_an_error(tmp_path):
    (source,) = discover(davis(tmp_path))
    (source.masks / "00002.png").write_text("hello")
    with pytest.raises(BadLabel, match=r"dog/00002\.png: cannot be read as a mask"):
        truth_of(source)


# ---- the real thing


def test_real_sequences(shared_data):
    sources = {s.name: s for s in discover(shared_data / "video_masks" / "other")}
    tabletop, highway = sources["tabletop"], sources["cdnet-highway"]
    truth = tabletop.truth(tabletop.probe())
    assert len(truth) == 77
    assert {o.track_id for objects in truth.values() for o in objects} == set(range(1, 8))
    ignored = [o for objects in highway.truth(highway.probe()).values() for o in objects if o.category is None]
    assert ignored
