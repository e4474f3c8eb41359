"""What is found below a path, and what is passed over."""

import av
import cv2
import numpy as np
import pytest

from al_core.errors import BadVideo
from al_core.footage.discovery import discover, survey
from tests.toys.footage.clips import FRAMES, write_frames, write_mask
from tests.toys.footage.layouts import BLANK, LEFT, davis, truth_of


def found(path):
    return [(s.name, s.kind) for s in discover(path)]


# ---- what is found


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", ".mov", ".webm", ".MP4"])
def test_a_video_file(tmp_path, suffix):
    (tmp_path / f"clip{suffix}").touch()
    assert found(tmp_path / f"clip{suffix}") == [("clip", "file")]


def test_a_folder_of_frames(tmp_path):
    (source,) = discover(write_frames(tmp_path / "walk"))
    assert (source.name, source.kind, source.masks) == ("walk", "folder", None)
    assert source.files() == tuple(f"{i:05d}.png" for i in range(FRAMES))
    info = source.probe()
    assert (info.n_frames, info.height, info.width, info.fps, info.variable_fps) == (FRAMES, 6, 8, 25, False)
    assert info.times_us.tolist() == [40_000 * i for i in range(FRAMES)]


def test_a_folder_of_videos_and_sequences(tmp_path):
    (tmp_path / "b.mp4").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "paper.pdf").touch()
    write_frames(tmp_path / "a")
    write_frames(tmp_path / "deep" / "c")
    assert found(tmp_path) == [("b", "file"), ("a", "folder"), ("c", "folder")]


def test_davis_layout_with_its_masks(tmp_path):
    davis(davis(tmp_path), "swan")
    sources = discover(tmp_path)
    assert [s.name for s in sources] == ["dog", "swan"]
    assert sources[0].masks == tmp_path / "Annotations" / "480p" / "dog"
    (alone,) = discover(tmp_path / "JPEGImages" / "480p" / "dog")
    assert alone == sources[0]


def test_davis_layout_without_the_level_of_the_resolution(tmp_path):
    davis(tmp_path, level=".")
    (source,) = discover(tmp_path)
    assert (source.name, source.masks) == ("dog", tmp_path / "Annotations" / "dog")


def test_a_sequence_without_masks(tmp_path):
    davis(tmp_path, masks=())
    (source,) = discover(tmp_path)
    assert source.masks is None
    assert truth_of(source) == {}


def test_several_davis_folders_together(tmp_path):
    davis(tmp_path / "train", "dog")
    davis(tmp_path / "val", "swan")
    assert found(tmp_path) == [("dog", "folder"), ("swan", "folder")]


def test_a_project_among_the_videos_is_no_source(tmp_path):
    write_frames(tmp_path / "walk")
    write_frames(tmp_path / "work" / "outbox")
    (tmp_path / "work" / "ledger.duckdb").touch()
    (tmp_path / "nothing").mkdir()
    assert found(tmp_path) == [("walk", "folder")]


def test_a_project_itself_is_told_from_a_folder_of_nothing(tmp_path):
    write_frames(tmp_path / "walk")
    (tmp_path / "ledger.duckdb").touch()
    with pytest.raises(BadVideo, match="the folder is a project.*; name the videos and folders in it that are footage"):
        survey(tmp_path)
    assert found(tmp_path / "walk") == [("walk", "folder")]


# ---- what cannot be found


def test_a_link_to_nothing_is_told(tmp_path):
    write_frames(tmp_path / "walk")
    (tmp_path / "clip.mp4").symlink_to(tmp_path / "gone.mp4")
    search = survey(tmp_path)
    assert [s.name for s in search.sources] == ["walk"]
    assert [(p.path.name, p.reason) for p in search.passed_over] == [("clip.mp4", "links to what is not there")]


def test_a_missing_path_is_an_error(tmp_path):
    with pytest.raises(BadVideo, match="nowhere: there is no such file or folder"):
        discover(tmp_path / "nowhere")


@pytest.mark.parametrize(("name", "hint"), [("notes.txt", "a folder"), ("1.png", "Give the folder of frames")])
def test_a_file_of_another_kind_is_an_error(tmp_path, name, hint):
    (tmp_path / name).touch()
    with pytest.raises(BadVideo, match=rf"{name}: expected a video .*{hint}"):
        discover(tmp_path / name)


def test_a_folder_of_nothing_is_an_error(tmp_path):
    with pytest.raises(BadVideo, match="the folder holds no frames and no videos; expected"):
        discover(tmp_path)


@pytest.mark.parametrize("images", [("clip.jpg",), ("00000.png", "00001.png", "00002.png"), ("cover.png", "back.jpg")])
def test_images_beside_videos_do_not_hide_them(tmp_path, images):
    (tmp_path / "clip.mp4").touch()
    for name in images:
        cv2.imwrite(str(tmp_path / name), BLANK)
    search = survey(tmp_path)
    assert [s.name for s in search.sources] == ["clip"]
    assert {(p.path.name, p.reason) for p in search.passed_over} == {
        (name, "images beside videos; put them into a folder of their own if they are frames") for name in images
    }


@pytest.mark.parametrize("images", [("IMG_0001.jpg",), ("cover.png", "back.jpg"), ("one.png", "two.png")])
def test_pictures_above_the_videos_do_not_hide_them(tmp_path, images):
    for name in ("one", "two"):
        (tmp_path / "day1").mkdir(exist_ok=True)
        (tmp_path / "day1" / f"{name}.mp4").touch()
    for name in images:
        cv2.imwrite(str(tmp_path / name), BLANK)
    search = survey(tmp_path)
    assert [(s.name, s.kind) for s in search.sources] == [("one", "file"), ("two", "file")]
    assert [p.path.name for p in search.passed_over] == sorted(images)


def test_frames_with_a_video_below_are_both_taken(tmp_path):
    write_frames(tmp_path / "walk")
    (tmp_path / "walk" / "preview").mkdir()
    (tmp_path / "walk" / "preview" / "preview.mp4").touch()
    assert found(tmp_path / "walk") == [("walk", "folder"), ("preview", "file")]


def test_images_below_frames_are_no_footage_of_their_own(tmp_path):
    write_frames(tmp_path / "walk")
    write_frames(tmp_path / "walk" / "masks")
    search = survey(tmp_path)
    assert [s.name for s in search.sources] == ["walk"]
    assert len(search.passed_over) == FRAMES
    assert "images below other frames" in search.passed_over[0].reason


def test_one_image_alone_is_a_video_of_one_frame(tmp_path):
    write_mask(tmp_path / "one" / "0.png", BLANK)
    assert found(tmp_path) == [("one", "folder")]


def test_however_deep(tmp_path):
    folder = tmp_path / "a" / "b" / "c" / "d" / "e" / "f"
    folder.mkdir(parents=True)
    (folder / "clip.mp4").touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert found(tmp_path) == [("clip", "file")]


@pytest.mark.parametrize(
    ("suffix", "codec", "container"),
    [
        (".m4v", "libx264", "mp4"), (".MTS", "libx264", "mpegts"), (".m2ts", "libx264", "mpegts"),
        (".ts", "libx264", "mpegts"), (".3gp", "libx264", "mp4"), (".GIF", "gif", "gif"),
        (".mpg", "mpeg2video", "mpeg"), (".wmv", "wmv2", "asf"), (".flv", "flv", "flv"), (".vob", "mpeg2video", "vob"),
        (".dat", "libx264", "mp4"), (".LRV", "libx264", "mp4"), ("", "libx264", "matroska"), (".ogv", "mpeg4", "nut"),
    ],
)  # fmt: skip
def test_whatever_the_decoder_plays_is_taken(tmp_path, suffix, codec, container):
    path = tmp_path / f"clip{suffix}"
    pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, pix_fmt
        for i in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * i, np.uint8), format="rgb24")
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    assert found(tmp_path) == [("clip", "file")]
    assert found(path) == [("clip", "file")]
    assert discover(path)[0].probe().n_frames == 5


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nclip.mp4\n",
        bytes(range(256)) * 40,
        b"\x00" * 5000,
    ],
)
@pytest.mark.parametrize("name", ["notes.txt", "list.m3u8", "model.pth", "code.ts", "picture.gif"])
def test_what_is_no_video_is_passed_over(tmp_path, name, content):
    write_frames(tmp_path / "walk")
    (tmp_path / name).write_bytes(content)
    search = survey(tmp_path)
    assert [s.name for s in search.sources] == ["walk"]
    assert [(p.path.name, p.reason) for p in search.passed_over] == [
        (name, "no video that can be played, and no frames")
    ]


def test_a_gif_of_one_picture_is_no_video(tmp_path):
    write_mask(tmp_path / "logo.gif", LEFT)
    assert [p.path.name for p in survey(tmp_path).passed_over] == ["logo.gif"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("instances.json", '{"videos": [], "annotations": []}'),
        ("annotations.json", '{"images": [' + '{"id": 1},' * 20_000 + '{"id": 2}], "annotations": []}'),
        ("annotations.xml", '<?xml version="1.0"?><annotations><version>1.1</version></annotations>'),
        ("00000.json", '{"version": "5.0", "shapes": []}'),
    ],
)
def test_labels_beside_footage_are_named(tmp_path, name, content):
    davis(tmp_path)
    (tmp_path / "categories.json").write_text("{}")
    (tmp_path / "export.json").write_text("{}")
    (tmp_path / name).write_text(content)
    search = survey(tmp_path)
    assert [s.name for s in search.sources] == ["dog"]
    ((path, reason),) = [(p.path, p.reason) for p in search.passed_over]
    assert path == tmp_path / name
    assert "looks like labels: take in the videos first, then these with: fewframes import FILE --as labels" in reason
    with pytest.raises(BadVideo, match=rf"{name}: it looks like labels"):
        discover(tmp_path / name)


def test_a_folder_may_be_left_out(tmp_path):
    write_frames(tmp_path / "walk")
    write_frames(tmp_path / "masks" / "walk")
    assert [s.path for s in survey(tmp_path, without=tmp_path / "masks").sources] == [tmp_path / "walk"]


def test_several_resolutions_are_an_error_that_names_them(tmp_path):
    davis(davis(tmp_path), level="1080p")
    (source,) = discover(tmp_path)
    with pytest.raises(BadVideo, match=r"several sizes \(1080p, 480p\); name one of them"):
        source.probe()
    assert found(tmp_path / "JPEGImages" / "480p") == [("dog", "folder")]


def test_a_folder_of_masks_without_frames_is_an_error(tmp_path):
    davis(tmp_path)
    write_mask(tmp_path / "Annotations" / "480p" / "ghost" / "00000.png", LEFT)
    dog, ghost = discover(tmp_path)
    assert len(truth_of(dog)) == 2
    with pytest.raises(BadVideo, match="Annotations/480p/ghost: masks for no frames: there is no folder .*ghost"):
        ghost.sha256()
