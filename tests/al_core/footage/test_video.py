from fractions import Fraction

import av
import numpy as np
import pytest

from al_core.errors import BadVideo
from al_core.footage.video import decode, index_frames, probe
from tests.toys.footage.clips import FRAMES, number_of, turn, write_clip

NTSC = Fraction(30000, 1001)
B_FRAMES = {"bf": "3", "g": "6", "x264-params": "b-adapt=0:scenecut=0"}
OPEN_GOP = "open-gop=1:keyint=10:min-keyint=10:bframes=3:b-adapt=0:scenecut=0"
NUMBERS = list(range(FRAMES))


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """60 frames of noise that moves, with B-frames and a keyframe every 10: every frame differs."""
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    images = [np.ascontiguousarray(noise[i : i + 48, i : i + 64]) for i in range(60)]
    options = {"bf": "3", "g": "10"}
    return write_clip(tmp_path_factory.mktemp("footage") / "noise.mp4", images=images, options=options)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("plain.mp4", {}),
        ("b-frames.mp4", {"options": B_FRAMES}),
        ("late.mp4", {"pts": range(100, 112)}),
        ("fragments.mp4", {"container": {"movflags": "frag_keyframe+empty_moov"}, "options": {"g": "4"}}),
        ("plain.mkv", {}),
        ("plain.mov", {"codec": "png", "pix_fmt": "rgb24"}),
        ("plain.avi", {"codec": "mpeg4"}),
        ("b-frames.avi", {"codec": "mpeg4", "options": {"bf": "2"}}),
        (
            "invisible-frames.webm",
            {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "10"}},
        ),
        ("plain.webm", {"codec": "libvpx-vp9"}),
        ("hevc.mp4", {"codec": "libx265", "options": {"x265-params": "bframes=3:keyint=5:log-level=none"}}),
        ("grey.mkv", {"codec": "ffv1", "pix_fmt": "gray"}),
        ("alpha.mov", {"codec": "png", "pix_fmt": "rgba"}),
        ("odd.mkv", {"codec": "ffv1", "pix_fmt": "yuv444p", "size": (37, 51)}),
    ],
)
def test_frames_come_by_number_whatever_the_file(tmp_path, name, made):
    path = write_clip(tmp_path / name, **made)
    info = probe(path)
    assert (info.n_frames, info.height, info.width) == (FRAMES, *made.get("size", (48, 64)))
    assert (info.fps, info.variable_fps, info.rotation) == (25, False, 0)
    # A fragmented mp4 has no edit list to take the delay of its B-frames back.
    assert info.times_us[0] == {"late.mp4": 4_000_000, "fragments.mp4": 80_000}.get(name, 0)
    assert np.abs(np.diff(info.times_us) - 40_000).max() == 0
    assert [(n, number_of(image)) for n, image in decode(path)] == [(n, n) for n in NUMBERS]
    assert [(n, number_of(image)) for n, image in decode(path, [0, 3, 4, 11])] == [(n, n) for n in (0, 3, 4, 11)]
    index = index_frames(path, info.n_frames)
    for wanted in ([11], [0, 11], [5, 7, 10], NUMBERS):
        assert [(n, number_of(i)) for n, i in decode(path, wanted, index=index)] == [(n, n) for n in wanted]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("rate", [NTSC, Fraction(24000, 1001), Fraction(60), Fraction(25, 2)])
def test_rates_are_exact(tmp_path, rate, suffix):
    info = probe(write_clip(tmp_path / f"clip{suffix}", 40, rate=rate))
    assert info.fps == rate
    assert not info.variable_fps
    tick = 1 if suffix == ".mp4" else 1000
    np.testing.assert_allclose(info.times_us, np.arange(40) * float(1_000_000 / rate), atol=tick)


def test_time_stamps_are_those_of_the_file(tmp_path):
    stamps = [3, 4, 5, 8, 9, 10, 20, 21, 22, 40, 41, 43]
    info = probe(write_clip(tmp_path / "vfr.mp4", pts=stamps, rate=10))
    assert info.variable_fps
    assert info.times_us.tolist() == [100_000 * s for s in stamps]
    assert info.times_us.dtype == np.int64
    assert info.fps == Fraction(11, 4)


@pytest.mark.parametrize(("degrees", "corner"), [(90, (0, -1)), (180, (-1, -1)), (270, (-1, 0))])
def test_turned_videos_are_put_upright(tmp_path, degrees, corner):
    image = np.zeros((48, 64, 3), np.uint8)
    image[:16, :16] = 255
    path = turn(write_clip(tmp_path / "phone.mp4", images=[image] * 3), degrees)
    upright = (48, 64) if degrees == 180 else (64, 48)
    info = probe(path)
    assert (info.rotation, info.height, info.width) == (degrees, *upright)
    for _, frame in decode(path):
        assert frame.shape == (*upright, 3)
        assert frame[corner].min() > 200
        assert (frame > 128).mean() == pytest.approx(256 / (48 * 64), rel=0.1)
    small = [frame.shape for _, frame in decode(path, [1], size=(upright[0] // 2, upright[1] // 2))]
    assert small == [(upright[0] // 2, upright[1] // 2, 3)]


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("open-gop.mkv", {"options": {"x264-params": OPEN_GOP}}),
        ("open-gop.avi", {"options": {"x264-params": OPEN_GOP}}),
        ("open-gop-hevc.mp4", {"codec": "libx265", "options": {"x265-params": OPEN_GOP + ":log-level=none"}}),
        ("intra-refresh.mp4", {"options": {"x264-params": "intra-refresh=1:keyint=10:bframes=0"}}),
        ("mpeg2.mkv", {"codec": "mpeg2video", "options": {"bf": "2", "g": "9"}}),
        ("mpeg4.avi", {"codec": "mpeg4", "options": {"bf": "2", "g": "9"}}),
        ("vp8.webm", {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "10"}}),
    ],
)
def test_every_frame_of_every_kind_is_sought_exactly(tmp_path, name, made):
    noise = np.random.default_rng(0).integers(0, 255, (90, 110, 3), np.uint8)
    images = [np.ascontiguousarray(noise[i : i + 48, i : i + 64]) for i in range(40)]
    path = write_clip(tmp_path / name, images=images, **made)
    whole = dict(decode(path))
    index = index_frames(path, 40)
    for wanted in range(40):
        ((_, image),) = decode(path, [wanted], index=index)
        np.testing.assert_array_equal(image, whole[wanted])


def test_damage_behind_a_keyframe_does_not_hide_the_frames_before_it(footage, tmp_path):
    content = bytearray(footage.read_bytes())
    end = content.index(b"moov") - 60
    content[end - 300 : end] = bytes(300)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    index = index_frames(damaged, 60)
    assert [n for n, _ in decode(damaged, [3, 12], index=index)] == [3, 12]
    with pytest.raises(BadVideo, match=r"damaged\.mp4"):
        list(decode(damaged, [3, 59], index=index))


@pytest.mark.parametrize("wanted", [[0], [59], [9, 10, 11], [3, 33, 58], [29, 31], list(range(0, 60, 7))])
def test_seeking_gives_the_very_same_pixels(footage, wanted):
    whole = dict(decode(footage))
    index = index_frames(footage, 60)
    assert index.keyframes[0] == 0
    assert len(index.keyframes) == 6
    found = list(decode(footage, wanted, index=index))
    assert [n for n, _ in found] == wanted
    for n, image in found:
        np.testing.assert_array_equal(image, whole[n])


def test_a_wrong_index_costs_time_and_never_a_wrong_frame(footage):
    whole = dict(decode(footage))
    index = index_frames(footage, 60)
    index.pts[30:] += 1
    for n, image in decode(footage, [2, 41, 59], index=index):
        np.testing.assert_array_equal(image, whole[n])


def test_there_is_no_index_where_packets_are_not_frames(footage):
    assert index_frames(footage, 59) is None


def test_a_smaller_size_is_the_mean_over_areas(tmp_path):
    ramp = np.add.outer(np.arange(48) * 2, np.arange(64) * 2).astype(np.uint8)
    path = write_clip(tmp_path / "ramp.mp4", images=[np.dstack([ramp] * 3)])
    ((_, small),) = decode(path, size=(12, 16))
    means = ramp.reshape(12, 4, 16, 4).mean((1, 3))[..., None]
    assert np.abs(small - means).max() < 6


def test_progress_reaches_the_end(footage):
    seen = []
    probe(footage, seen.append)
    assert [p.done for p in seen] == [50, 60]
    assert seen[-1].total == 60


@pytest.mark.parametrize(("name", "codec", "container"), [
    ("index-first.mp4", "libx264", {"movflags": "faststart"}),
    ("index-last.mp4", "libx264", {}),
    ("clip.mov", "libx264", {}),
    ("clip.mkv", "libx264", {}),
    ("clip.webm", "libvpx-vp9", {}),
    ("clip.avi", "mpeg4", {}),
])  # fmt: skip
@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_a_file_that_was_cut_short_is_an_error(tmp_path, name, codec, container, kept):
    noise = np.random.default_rng(1).integers(0, 255, (FRAMES, 48, 64, 3), np.uint8)
    path = write_clip(tmp_path / name, codec=codec, container=container, images=noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(BadVideo, match=rf"{name}: the file is cut short: it has \d+ bytes, its header promises"):
        probe(path)


def test_damage_between_the_headers_is_an_error(footage, tmp_path):
    content = bytearray(footage.read_bytes())
    with av.open(str(footage)) as container:
        keyframes = [packet for packet in container.demux(video=0) if packet.is_keyframe]
    # A decoder may guess what a small difference picture lost; it cannot guess a whole keyframe.
    start = keyframes[len(keyframes) // 2].pos
    content[start : start + 500] = bytes(500)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    with pytest.raises(BadVideo, match=r"damaged\.mp4: (what follows|reading fails after).*ffmpeg -i damaged\.mp4"):
        probe(damaged)


def test_a_reader_that_stops_early_is_noticed(tmp_path):
    noise = np.random.default_rng(1).integers(0, 255, (75, 48, 64, 3), np.uint8)
    path = write_clip(tmp_path / "hole.webm", images=noise, codec="libvpx-vp9", options={"deadline": "realtime"})
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = bytes(third)
    path.write_bytes(content)
    with pytest.raises(BadVideo, match=r"hole\.webm: (frames are missing|what follows|reading fails)"):
        probe(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", "the file is empty"),
        ("text.mkv", b"not a video\n" * 50, "cannot be read as a video"),
        ("noise.avi", bytes(range(256)) * 20, "cannot be read as a video"),
    ],
)
def test_what_is_no_video_is_an_error(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadVideo, match=f"{name}: {message}"):
        probe(path)


def test_a_video_without_frames_is_an_error(tmp_path):
    path = tmp_path / "none.mp4"
    with av.open(str(path), "w", options={"movflags": "empty_moov"}) as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        output.start_encoding()
    with pytest.raises(BadVideo, match=r"none\.mp4: the video stream holds no frames"):
        probe(path)


def test_sound_alone_is_an_error(tmp_path):
    path = tmp_path / "sound.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 8000, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with pytest.raises(BadVideo, match=r"sound\.mkv: the file holds no video stream"):
        probe(path)


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(BadVideo, match="there is no such file"):
        probe(tmp_path / "nowhere.mp4")
    with pytest.raises(BadVideo, match="there is no such file"):
        next(decode(tmp_path / "nowhere.mp4"))


def test_a_change_of_size_within_a_video_is_an_error(tmp_path):
    parts = [write_clip(tmp_path / f"{s}.mkv", codec="mjpeg", pix_fmt="yuvj420p", size=(s, 64)) for s in (48, 32)]
    path = tmp_path / "joined.mkv"
    with av.open(str(path), "w") as output:
        for i, part in enumerate(parts):
            with av.open(str(part)) as source:
                if not i:
                    stream = output.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(source.streams.video[0]):
                    if packet.size:
                        packet.pts = packet.dts = packet.pts + 1000 * i
                        packet.stream = stream
                        output.mux(packet)
    with pytest.raises(BadVideo, match=r"joined\.mkv: the size changes from 64x48 to 64x32 at frame 12"):
        probe(path)


@pytest.mark.parametrize("wanted", [[3, 3], [5, 4], [-1, 2]])
def test_frame_numbers_are_asked_for_in_order(footage, wanted):
    with pytest.raises(ValueError, match="expected from 0 and rising"):
        list(decode(footage, wanted))


@pytest.mark.parametrize("indexed", [False, True])
def test_a_frame_beyond_the_end_is_an_error(footage, indexed):
    index = index_frames(footage, 60) if indexed else None
    with pytest.raises(BadVideo, match="frame 60 was asked for, the video has 60 frames"):
        list(decode(footage, [58, 60], index=index))


def test_nothing_asked_for_is_nothing_decoded(tmp_path):
    assert list(decode(tmp_path / "nowhere.mp4", [])) == []


def test_real_videos_are_read_whole_and_sought_exactly(shared_data):
    known = {
        "bikes": (250, 25, 272, 640),
        "carphone_pristine": (120, NTSC, 144, 176),
        "sam2_01_dog": (289, NTSC, 720, 1280),
    }
    for name, expected in known.items():
        path = shared_data / "videos" / f"{name}.mp4"
        info = probe(path)
        assert (info.n_frames, info.fps, info.height, info.width) == expected
        index = index_frames(path, info.n_frames)
        wanted = [7, info.n_frames - 2]
        size = (info.height // 4, info.width // 4)
        from_start = dict(decode(path, wanted, size=size))
        for n, image in decode(path, wanted, index=index, size=size):
            np.testing.assert_array_equal(image, from_start[n])
