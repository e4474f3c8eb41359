import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from al_core.errors import BadLabel
from al_core.export.contents import ExportOptions
from al_core.export.davis import index_image
from al_core.export.exporters import write_export
from al_core.footage.discovery import discover
from al_core.masks.rle import decode, encode
from tests.toys.footage.export_clips import (
    ACCEPTED,
    CORNER,
    HUMAN,
    PROPAGATED,
    RING,
    TEACHER,
    delivered,
    make_clip,
    usual_clip,
)

FULL = np.ones((5, 6), bool)


def written_index(folder, frame_idx, name="toy"):
    return np.array(Image.open(folder / "Annotations" / "Full-Resolution" / name / f"{frame_idx:05d}.png"))


def test_objects_are_painted_with_their_own_numbers(tmp_path):
    report = write_export("davis", [usual_clip()], {1: "dog", 2: "cat"}, tmp_path / "out")
    np.testing.assert_array_equal(written_index(tmp_path / "out", 0), RING * 1)
    np.testing.assert_array_equal(written_index(tmp_path / "out", 1), RING * 1 + CORNER * 2)
    np.testing.assert_array_equal(written_index(tmp_path / "out", 2), np.zeros((5, 6)))
    assert report.lossy_pixels == 0
    assert report.warnings == ()
    assert json.loads((tmp_path / "out" / "categories.json").read_text()) == {"toy": {"1": "dog", "2": "cat"}}
    assert (tmp_path / "out" / "ImageSets" / "all.txt").read_text() == "toy\n"


def test_the_palette_is_that_of_davis(tmp_path):
    write_export("davis", [usual_clip()], {1: "dog", 2: "cat"}, tmp_path / "out")
    file = tmp_path / "out" / "Annotations" / "Full-Resolution" / "toy" / "00001.png"
    palette = np.array(Image.open(file).getpalette()).reshape(-1, 3)
    known = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128], [0, 128, 128]]
    assert palette[:7].tolist() == known
    assert palette[255].tolist() == [224, 224, 192]


def test_an_unlabelled_frame_has_a_frame_and_no_index_image(tmp_path):
    options = ExportOptions(provenances=frozenset([HUMAN]))
    report = write_export("davis", [usual_clip()], {1: "dog", 2: "cat"}, tmp_path / "out", options)
    frames = tmp_path / "out" / "JPEGImages" / "Full-Resolution" / "toy"
    masks = tmp_path / "out" / "Annotations" / "Full-Resolution" / "toy"
    assert sorted(p.name for p in frames.iterdir()) == [f"{i:05d}.jpg" for i in range(4)]
    assert [p.name for p in masks.iterdir()] == ["00000.png"]
    assert report.frames == 1


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (delivered(0, 1, RING, HUMAN, 0.1), delivered(0, 2, FULL, ACCEPTED, 0.9)),
        (delivered(0, 1, RING, ACCEPTED, 0.1), delivered(0, 2, FULL, PROPAGATED, 0.9)),
        (delivered(0, 1, RING, PROPAGATED, 0.1), delivered(0, 2, FULL, TEACHER, 0.9)),
        (delivered(0, 2, RING, TEACHER, 0.7), delivered(0, 1, FULL, TEACHER, 0.6)),
        (delivered(0, 1, RING, TEACHER, 0.5), delivered(0, 2, FULL, TEACHER, 0.5)),
    ],
)
def test_the_better_founded_mask_keeps_the_pixel_and_the_loss_is_told(tmp_path, winner, loser):
    report = write_export("davis", [make_clip([loser, winner], n_frames=1)], {1: "dog"}, tmp_path / "out")
    index = written_index(tmp_path / "out", 0)
    np.testing.assert_array_equal(index == winner.track_id, RING)
    np.testing.assert_array_equal(index == loser.track_id, ~RING)
    assert report.lossy_pixels == 8
    assert report.warnings == ("objects overlap: 8 of 38 mask pixels went to a better founded mask",)


def test_high_object_numbers_are_counted_anew_and_it_is_told(tmp_path):
    clip = make_clip([delivered(0, 300, RING), delivered(0, 9, CORNER)], n_frames=1)
    report = write_export("davis", [clip], {1: "dog"}, tmp_path / "out")
    np.testing.assert_array_equal(written_index(tmp_path / "out", 0), RING * 2 + CORNER * 1)
    assert report.warnings == ("toy: object numbers go up to 300; here they go from 1",)


def test_more_objects_than_8_bits_number_come_back_from_16_bits(tmp_path):
    numbers = np.arange(20 * 20).reshape(20, 20)
    clip = make_clip([delivered(0, t, numbers == t) for t in range(1, 400)], n_frames=1, size=(20, 20))
    report = write_export("davis", [clip], {1: "dog"}, tmp_path / "out")
    assert report.lossy_pixels == 0
    assert report.warnings[0].startswith("toy: 399 objects need 16-bit index images; fewframes reads them")
    (source,) = discover(tmp_path / "out")
    truth = source.truth(source.probe(), "object")
    assert {m.track_id: m.rle for m in truth[0]} == {t: encode(numbers == t) for t in range(1, 400)}


def test_more_objects_than_indices_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("al_core.export.davis.MAX_OBJECTS_16_BIT", 300)
    pixel = np.zeros((5, 6), bool)
    pixel[0, 0] = True
    clip = make_clip([delivered(0, track, pixel) for track in range(1, 303)], n_frames=1)
    with pytest.raises(BadLabel, match="tells 300 objects apart, the video has 302"):
        write_export("davis", [clip], {1: "dog"}, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 4)),
    st.sampled_from([HUMAN, PROPAGATED, TEACHER]),
)
def test_masks_that_do_not_overlap_come_back_identical(index, provenance):
    masks = [delivered(0, t, index == t, provenance) for t in range(1, 5) if (index == t).any()]
    painted, lost = index_image(masks, {t: t for t in range(1, 5)}, *index.shape)
    np.testing.assert_array_equal(painted, index)
    assert lost == 0


@given(st.lists(hnp.arrays(bool, (3, 4)), min_size=1, max_size=4))
def test_the_loss_is_what_is_painted_over(stack):
    masks = [delivered(0, t, m) for t, m in enumerate(stack, start=1)]
    painted, lost = index_image(masks, {t: t for t in range(1, 5)}, 3, 4)
    assert lost == sum(int((m & (painted != t)).sum()) for t, m in enumerate(stack, start=1))


def test_ingesting_an_export_gives_identical_masks_and_categories(tmp_path):
    report = write_export("davis", [usual_clip()], {1: "dog", 2: "cat"}, tmp_path / "out")
    assert report.lossy_pixels == 0
    (source,) = discover(tmp_path / "out")
    assert source.name == "toy"
    truth = source.truth(source.probe())
    assert sorted(truth) == [0, 1, 2, 3]
    read = {i: [(o.track_id, o.category, o.rle) for o in objects] for i, objects in truth.items()}
    assert read == {
        0: [(1, "dog", encode(RING))],
        1: [(1, "dog", encode(RING)), (2, "cat", encode(CORNER))],
        2: [],
        3: [(2, "cat", encode(CORNER))],
    }


@given(st.lists(hnp.arrays(np.uint8, (6, 7), elements=st.sampled_from([0, 0, 1, 2, 9, 254])), min_size=1, max_size=4))
@settings(max_examples=25)
def test_any_video_without_overlap_survives_export_and_ingest(tmp_path_factory, frames):
    masks = [
        delivered(i, int(track), index == track, category_id=1)
        for i, index in enumerate(frames)
        for track in np.unique(index[index > 0])
    ]
    out = tmp_path_factory.mktemp("davis") / "out"
    write_export("davis", [make_clip(masks, n_frames=len(frames), size=(6, 7))], {1: "dog"}, out)
    (source,) = discover(out)
    truth = source.truth(source.probe())
    assert list(truth) == list(range(len(frames)))
    for i, index in enumerate(frames):
        back = np.zeros_like(index)
        for item in truth[i]:
            back[decode(item.rle)] = item.track_id
        np.testing.assert_array_equal(back, index)
