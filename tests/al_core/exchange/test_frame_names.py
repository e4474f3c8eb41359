"""Names of files that mean frames, and names that do not."""

from fractions import Fraction

import pytest

from al_core.errors import BadLabel, UnknownName
from al_core.exchange.drawn import FrameName
from al_core.exchange.frame_names import Matcher, Template, nearest_frame
from al_core.records import Video


def video(video_id, name, n_frames=20, files=()):
    return Video(
        video_id,
        name,
        f"/{name}",
        "folder" if files else "file",
        str(video_id) * 64,
        Fraction(10),
        n_frames,
        4,
        4,
        files=files,
    )


BEAR = video(1, "bear", 3, ("00010.jpg", "00011.jpg", "00012.jpg"))
CAR = video(2, "car")
CAR_2 = video(3, "car-2")
OWL = video(4, "owl", 2, ("a_night.png", "00011.jpg"))


def times_us(video_id):
    return [100_000 * i for i in range(20)]


def found(name, videos=(BEAR, CAR, CAR_2, OWL), template=None, **more):
    matcher = Matcher(videos, times_us, Template(template) if template else None)
    where, index = matcher(FrameName(name, **more))
    return where.name, index


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("car/00007.jpg", ("car", 7)),
        ("train/images/car/7.png", ("car", 7)),
        (r"data\car\frame_007.png", ("car", 7)),
        ("CAR.mp4/7.png", ("car", 7)),
        ("car_000007.jpg", ("car", 7)),
        ("car-2_frame_7.jpg", ("car-2", 7)),
        ("bear/00011.png", ("bear", 1)),
        ("bear/11.png", ("bear", 1)),
        ("bear_0012.jpg", ("bear", 2)),
        ("a_night.jpg", ("owl", 0)),
        ("masks/00010.png", ("bear", 0)),
    ],
)
def test_a_name_tells_video_and_frame(name, where):
    assert found(name) == where


def test_what_a_file_says_in_words_goes_before_the_path():
    assert found("bear/00010.jpg", video="car", index=5) == ("car", 5)
    assert found("bear/00011.jpg", video="a video of another project", index=5) == ("bear", 1)
    assert found("", videos=(CAR,), index=5) == ("car", 5)


def test_the_only_video_is_meant_by_a_number():
    assert found("shot 12.jpg", videos=(CAR,)) == ("car", 12)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cat_1.jpg", r"cat_1\.jpg: unknown video 'cat_1\.jpg'; known: bear, car, car-2, owl.*--match"),
        ("car/20.jpg", r"means frame 20 of car, which has the frames 0 to 19"),
        ("bear/00013.jpg", r"bear has no frame 13; it has 00010\.jpg to 00012\.jpg"),
        ("car/first.jpg", "no number in it says which frame of car"),
        ("00011.jpg", "2 videos have a frame of this name"),
    ],
)
def test_a_name_that_means_no_one_frame_is_told_why(name, message):
    with pytest.raises(BadLabel, match=message):
        found(name)


@pytest.mark.parametrize(
    ("template", "name", "where"),
    [
        ("{video}/frame_{number}.jpg", "x/car/frame_0001.jpg", ("car", 0)),
        ("{index}-{video}.png", "0003-car.png", ("car", 3)),
        ("{video}@{seconds}s", "car@1.2s.png", ("car", 12)),
        ("{video}/{milliseconds}", "car/1210", ("car", 12)),
        ("*_{video}/*{index}.jpg", "2026_car/shot9.jpg", ("car", 9)),
    ],
)
def test_a_template_says_how_files_are_named(template, name, where):
    assert found(name, template=template) == where


def test_a_template_that_cannot_be_used_is_refused():
    with pytest.raises(UnknownName, match="unknown place in a template 'frame'; known: index"):
        Template("{video}/{frame}.jpg")
    with pytest.raises(BadLabel, match="expected one of"):
        Template("{video}.jpg")
    with pytest.raises(BadLabel, match="once"):
        Template("{index}/{index}.jpg")
    with pytest.raises(BadLabel, match="4 videos, so {video} has to stand in it"):
        found("1.jpg", template="{index}.jpg")
    with pytest.raises(BadLabel, match="does not fit --match"):
        found("car_1.jpg", template="{video}/{index}.jpg")


def test_a_time_beyond_the_video_is_refused():
    assert nearest_frame([0, 40_000, 80_000], 0.05, "a") == 1
    with pytest.raises(BadLabel, match=r"a: means 0\.3 s, the video ends at 0\.08 s"):
        nearest_frame([0, 40_000, 80_000], 0.3, "a")
