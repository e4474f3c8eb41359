from fractions import Fraction

import av
import numpy as np
import pytest

from al_core.errors import BadSettings
from al_core.export.contents import ExportClip, ExportOptions, LabelledFrame
from al_core.export.exporters import write_export
from al_core.export.overlay import _object_labels, draw_frame
from al_core.export.palette import PROVENANCE_COLOURS, UNLABELLED_COLOUR, rgb, track_colour
from al_core.records import Video
from tests.toys.footage.export_clips import HUMAN, PROPAGATED, TEACHER, delivered, make_clip, usual_clip

HEIGHT, WIDTH = 121, 161
BLOB = np.zeros((HEIGHT, WIDTH), bool)
BLOB[60:100, 40:120] = True


def grey_clip(fps=Fraction(30000, 1001), n_frames=4, variable=False, times=None):
    video = Video(1, "toy", "/v", "file", "0" * 64, fps, n_frames, HEIGHT, WIDTH, variable_fps=variable)
    masks = [(0, [delivered(0, 1, BLOB, HUMAN, 1.0)]), (1, [delivered(1, 1, BLOB, TEACHER, 0.5)])]
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    return ExportClip(
        video, lambda: iter(masks), lambda indices: ((i, frame) for i in indices), frozenset([0]), 2, times
    )


def decoded(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [(frame.pts * frame.time_base, frame.to_ndarray(format="rgb24")) for frame in container.decode(stream)]
        return stream.average_rate, (stream.height, stream.width), frames


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(15, 2)])
def test_the_frame_rate_is_exactly_that_of_the_source(tmp_path, fps):
    write_export("overlay-mp4", [grey_clip(fps)], {1: "dog"}, tmp_path / "a.mp4")
    rate, _, frames = decoded(tmp_path / "a.mp4")
    assert rate == fps
    assert [time for time, _ in frames] == [i / fps for i in range(4)]


def test_a_varying_rate_keeps_the_time_of_each_frame(tmp_path):
    times = np.array([40_000, 73_333, 140_000, 500_000])
    write_export("overlay-mp4", [grey_clip(variable=True, times=times)], {1: "dog"}, tmp_path / "a.mp4")
    _, _, frames = decoded(tmp_path / "a.mp4")
    assert [round(time * 1_000_000) for time, _ in frames] == [0, 33_333, 100_000, 460_000]


def test_odd_sizes_are_filled_up_to_even_ones(tmp_path):
    write_export("overlay-mp4", [grey_clip()], {1: "dog"}, tmp_path / "a.mp4")
    _, size, _ = decoded(tmp_path / "a.mp4")
    assert size == (122, 162)


def test_the_mask_is_tinted_and_the_rest_keeps_its_colour(tmp_path):
    write_export("overlay-mp4", [grey_clip()], {1: "dog"}, tmp_path / "a.mp4")
    _, _, frames = decoded(tmp_path / "a.mp4")
    first = frames[0][1].astype(int)
    tint = 0.65 * 128 + 0.35 * np.array(rgb(track_colour(1)))
    np.testing.assert_allclose(first[80, 80], tint, atol=12)
    np.testing.assert_allclose(first[110, 140], [128] * 3, atol=6)


@pytest.mark.parametrize(
    ("frame", "colour"),
    [
        (LabelledFrame(0, (delivered(0, 1, BLOB, HUMAN),), True, True), PROVENANCE_COLOURS["human"]),
        (LabelledFrame(0, (), True, True), PROVENANCE_COLOURS["human"]),
        (
            LabelledFrame(0, (delivered(0, 1, BLOB, PROPAGATED),), True, False),
            PROVENANCE_COLOURS["propagated"],
        ),
        (
            LabelledFrame(0, (delivered(0, 1, BLOB, PROPAGATED), delivered(0, 2, BLOB, TEACHER)), True, False),
            PROVENANCE_COLOURS["teacher"],
        ),
        (LabelledFrame(0, (), True, False), UNLABELLED_COLOUR),
        (LabelledFrame(0, (), False, False), UNLABELLED_COLOUR),
    ],
)
def test_the_chip_of_a_frame_has_the_colour_of_its_least_founded_mask(frame, colour):
    drawn = draw_frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8), frame, {1: "dog"}, 2)
    assert drawn[0, 0].tolist() == list(rgb(colour))


@pytest.mark.parametrize(
    ("room", "expected"),
    [(10**6, ["dog 1  human", "dog 2  teacher 0.50"]), (900, ["1", "2"]), (100, [])],
)
def test_labels_say_as_much_as_there_is_room_for(room, expected):
    masks = [delivered(0, 1, BLOB, HUMAN), delivered(0, 2, BLOB, TEACHER)]
    assert _object_labels(masks, {1: "dog"}, 10, room) == expected


def test_what_is_said_of_the_frame_does_not_cover_what_is_said_of_an_object():
    human, image = [], np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for top in (0, 60):
        pixels = np.zeros((HEIGHT, WIDTH), bool)
        pixels[top : top + 40, 10:60] = True
        frame = LabelledFrame(0, (delivered(0, 1, pixels, HUMAN),), True, True)
        drawn = draw_frame(image, frame, {1: "dog"}, 2)
        human.append((drawn == rgb(PROVENANCE_COLOURS["human"])).all(axis=2).sum())
    assert human[0] == human[1]


def test_the_source_image_is_not_drawn_on():
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    draw_frame(image, LabelledFrame(0, (delivered(0, 1, BLOB, HUMAN),), True, True), {1: "dog"}, 2)
    assert not image.any()


def test_several_videos_need_a_folder(tmp_path):
    clips = [usual_clip(), usual_clip(name="other", video_id=2)]
    with pytest.raises(BadSettings, match="^an mp4 file shows one video, got 2: give a folder, or one --video NAME$"):
        write_export("overlay-mp4", clips, {1: "dog", 2: "cat"}, tmp_path / "a.mp4")
    write_export("overlay-mp4", clips, {1: "dog", 2: "cat"}, tmp_path / "all")
    assert {p.name for p in (tmp_path / "all").iterdir()} == {"toy.mp4", "other.mp4", "export.json"}


def test_every_frame_is_shown_also_those_that_do_not_go_out(tmp_path):
    options = ExportOptions(provenances=frozenset([HUMAN]))
    report = write_export("overlay-mp4", [grey_clip()], {1: "dog"}, tmp_path / "a.mp4", options)
    assert report.frames == 1
    assert len(decoded(tmp_path / "a.mp4")[2]) == 4


def test_a_frame_of_a_few_pixels_can_be_shown(tmp_path):
    write_export("overlay-mp4", [make_clip([], n_frames=2)], {1: "dog"}, tmp_path / "a.mp4")
    assert decoded(tmp_path / "a.mp4")[1] == (6, 6)
