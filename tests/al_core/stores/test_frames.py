import os
import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from al_core.errors import BadVideo, UnknownName
from al_core.footage.discovery import discover
from al_core.records import FrameRef, Video
from al_core.settings import FrameSettings
from al_core.stores.frames import CHUNK_FRAMES, FrameStore, _ahead, thumbnail
from tests.toys.footage.clips import number_of, write_clip, write_frames

SMALL = FrameSettings(working_long_side=32)
LONG = 2 * CHUNK_FRAMES + 6


def video_of(path, video_id=1):
    (source,) = discover(path)
    info = source.probe()
    return Video(
        video_id, source.name, str(source.path), source.kind, source.sha256(), info.fps, info.n_frames,
        info.height, info.width, info.rotation, info.variable_fps, files=source.files(),
    )  # fmt: skip


@pytest.fixture(params=["file", "folder"])
def long_video(request, tmp_path):
    """70 frames in three chunks; frame i shows i % 12."""
    if request.param == "file":
        return video_of(write_clip(tmp_path / "long.mp4", LONG, options={"g": "16", "bf": "2"}))
    folder = tmp_path / "long"
    folder.mkdir()
    for i in range(LONG):
        cv2.imwrite(str(folder / f"{i:04d}.png"), np.full((48, 64, 3), 10 + 20 * (i % 12), np.uint8))
    return video_of(folder)


@contextmanager
def gone(video):
    """Without the video itself for the length of the block: only what was kept can be read."""
    path = Path(video.uri)
    aside = path.rename(path.with_name(f"away-{path.name}"))
    yield
    aside.rename(path)


def test_frames_come_by_number_at_working_size(long_video, tmp_path):
    store = FrameStore(tmp_path / "cache", [long_video], SMALL)
    assert store.size(1) == (24, 32)
    for i in (40, 0, 69, 33):
        image = store.read(FrameRef(1, i))
        assert image.shape == (24, 32, 3)
        assert number_of(image) == i % 12
        full = store.read_full(FrameRef(1, i))
        assert full.shape == (48, 64, 3)
        assert number_of(full) == i % 12


def test_iteration_gives_every_frame_in_order(long_video, tmp_path):
    store = FrameStore(tmp_path / "cache", [long_video], SMALL)
    seen = [(i, number_of(image)) for i, image in store.iterate(1)]
    assert seen == [(i, i % 12) for i in range(LONG)]
    wanted = [3, 31, 32, 69]
    assert [(i, number_of(image)) for i, image in store.iterate(1, wanted)] == [(i, i % 12) for i in wanted]
    assert list(store.iterate(1, [])) == []


def test_a_frame_is_the_same_however_it_was_come_by(long_video, tmp_path):
    swept, single = (FrameStore(tmp_path / name, [long_video], SMALL) for name in ("a", "b"))
    whole = dict(swept.iterate(1))
    again = dict(FrameStore(tmp_path / "a", [long_video], SMALL).iterate(1))
    for i in (5, 40, 68):
        np.testing.assert_array_equal(single.read(FrameRef(1, i)), whole[i])
        np.testing.assert_array_equal(again[i], whole[i])


def test_what_was_decoded_is_kept_for_every_store(long_video, tmp_path):
    store = FrameStore(tmp_path / "cache", [long_video], SMALL)
    store.read(FrameRef(1, 40))
    with gone(long_video):
        assert [number_of(image) for _, image in store.iterate(1, range(32, 64))] == [i % 12 for i in range(32, 64)]
        with pytest.raises(BadVideo):
            store.read(FrameRef(1, 7))
    list(store.iterate(1))
    with gone(long_video):
        other = FrameStore(tmp_path / "cache", [long_video], SMALL)
        assert [number_of(image) for _, image in other.iterate(1)] == [i % 12 for i in range(LONG)]
        assert other.thumbnails(1).shape == (LONG, 96)


def test_other_sizes_are_kept_apart(long_video, tmp_path):
    for long_side in (32, 16):
        store = FrameStore(tmp_path / "cache", [long_video], FrameSettings(working_long_side=long_side))
        assert store.read(FrameRef(1, 0)).shape[1] == long_side


def test_content_is_shared_and_names_are_not(long_video, tmp_path):
    list(FrameStore(tmp_path / "cache", [long_video], SMALL).iterate(1))
    renamed = replace(long_video, video_id=9, name="other project")
    with gone(long_video):
        assert number_of(FrameStore(tmp_path / "cache", [renamed], SMALL).read(FrameRef(9, 5))) == 5


def test_the_cache_keeps_below_its_size(long_video, tmp_path):
    sizes = [path.stat().st_size for path in _filled(tmp_path / "all", long_video, 20.0)]
    assert len(sizes) == 3
    cap = 1.5 * max(sizes)
    kept = [path.stat().st_size for path in _filled(tmp_path / "capped", long_video, cap / 1e9)]
    assert 0 < sum(kept) <= cap < sum(sizes)
    settings = FrameSettings(working_long_side=32, cache_gigabytes=cap / 1e9)
    store = FrameStore(tmp_path / "capped", [long_video], settings)
    assert [number_of(image) for _, image in store.iterate(1)] == [i % 12 for i in range(LONG)]


def _filled(folder, video, gigabytes):
    store = FrameStore(folder, [video], FrameSettings(working_long_side=32, cache_gigabytes=gigabytes))
    list(store.iterate(1))
    return [p for p in folder.rglob("*") if p.is_file()]


def test_a_damaged_or_vanished_chunk_is_made_again(long_video, tmp_path):
    store = FrameStore(tmp_path / "cache", [long_video], SMALL)
    list(store.iterate(1))
    first, second, third = sorted(p for p in (tmp_path / "cache").rglob("*.npz"))
    first.write_bytes(first.read_bytes()[:500])
    second.write_bytes(b"")
    third.unlink()
    fresh = FrameStore(tmp_path / "cache", [long_video], SMALL)
    assert fresh.thumbnails(1).shape == (LONG, 96)
    assert [number_of(image) for _, image in fresh.iterate(1)] == [i % 12 for i in range(LONG)]


def test_memory_holds_the_last_chunks_only(tmp_path):
    video = video_of(write_frames(tmp_path / "walk", range(12 * CHUNK_FRAMES)))
    store = FrameStore(tmp_path / "cache", [video], SMALL)
    list(store.iterate(1))
    shutil.rmtree(tmp_path / "cache")
    with gone(video):
        assert store.read(FrameRef(1, 11 * CHUNK_FRAMES)).shape == (6, 8, 3)
        with pytest.raises(BadVideo):
            store.read(FrameRef(1, 0))


def test_frames_are_decoded_ahead_and_not_too_far():
    made = []

    def items():
        for i in range(100):
            made.append(i)
            yield i

    ahead = _ahead(items(), 4)
    assert next(ahead) == 0
    for _ in range(1000):
        if len(made) >= 6:
            break
        threading.Event().wait(0.005)
    assert 5 <= len(made) <= 6  # four wait, one is in hand, one was taken
    assert list(ahead) == list(range(1, 100))


def test_leaving_an_iteration_early_ends_its_thread(long_video, tmp_path):
    before = threading.active_count()
    frames = FrameStore(tmp_path / "cache", [long_video], SMALL).iterate(1)
    next(frames)
    frames.close()
    assert threading.active_count() == before


def test_an_error_in_the_thread_reaches_the_caller(tmp_path):
    video = video_of(write_frames(tmp_path / "walk"))
    (tmp_path / "walk" / "00007.png").write_text("hello")
    with pytest.raises(BadVideo, match=r"00007\.png: cannot be read as an image"):
        list(FrameStore(tmp_path / "cache", [video], SMALL).iterate(1))


def test_several_threads_may_read_at_once(long_video, tmp_path):
    store = FrameStore(tmp_path / "cache", [long_video], SMALL)
    wrong = []

    def read():
        wrong.extend(i for i, image in store.iterate(1) if number_of(image) != i % 12)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_thumbnail_is_the_mean_colour_of_each_field():
    image = np.zeros((8, 16, 3), np.uint8)
    image[:2, 2:4] = 255  # the second field of the first row
    fields = thumbnail(image).reshape(4, 8, 3)
    assert fields.dtype == np.float32
    np.testing.assert_allclose(fields[0, 1], [1, 0, 0], atol=1e-3)
    assert np.abs(fields).sum() == pytest.approx(1, abs=1e-2)
    red = thumbnail(np.full((8, 16, 3), [255, 0, 0], np.uint8)).reshape(4, 8, 3)[2, 5]
    np.testing.assert_allclose(red, [0.532, 0.801, 0.672], atol=2e-3)  # L*a*b* of sRGB red


def test_thumbnails_tell_frames_apart(long_video, tmp_path):
    store = FrameStore(tmp_path / "cache", [long_video], SMALL)
    wanted = [2, 14, 33, 69]
    cold = store.thumbnails(1, wanted)
    assert cold.shape == (4, 96)
    assert cold.dtype == np.float32
    np.testing.assert_array_equal(store.thumbnails(1)[wanted], cold)
    np.testing.assert_allclose(cold[0], cold[1], atol=0.02)  # both show 2
    lightness = cold.reshape(4, 32, 3)[..., 0].mean(1)
    assert lightness[0] < lightness[2] == pytest.approx(lightness[3], abs=0.02)  # 2 < 9 = 9
    assert store.thumbnails(1, []).shape == (0, 96)


@pytest.mark.parametrize("wanted", [[70], [-1], [4, 3], [2, 2]])
def test_frames_that_are_not_there_are_an_error(long_video, tmp_path, wanted):
    store = FrameStore(tmp_path / "cache", [long_video], SMALL)
    with pytest.raises(BadVideo, match="long: expected rising frame numbers from 0 to 69"):
        store.iterate(1, wanted)
    with pytest.raises(BadVideo, match="long: expected rising frame numbers from 0 to 69"):
        store.thumbnails(1, wanted)


def test_an_unknown_video_is_an_error(long_video, tmp_path):
    store = FrameStore(tmp_path / "cache", [long_video], SMALL)
    for ask in (store.size, store.iterate, store.thumbnails, lambda v: store.read(FrameRef(v, 0))):
        with pytest.raises(UnknownName, match="unknown video '7'; known: 1"):
            ask(7)


def test_a_video_that_was_moved_away_is_an_error(long_video, tmp_path):
    store = FrameStore(tmp_path / "cache", [long_video], SMALL)
    list(store.iterate(1))
    os.rename(long_video.uri, tmp_path / "elsewhere")
    assert number_of(store.read(FrameRef(1, 40))) == 4
    with pytest.raises(BadVideo, match="'long' is no longer there; put it back, or ingest it from its new place"):
        store.read_full(FrameRef(1, 40))


def test_a_video_that_was_changed_is_an_error(tmp_path):
    video = video_of(write_frames(tmp_path / "walk"))
    write_frames(tmp_path / "walk", size=(8, 8))
    store = FrameStore(tmp_path / "cache", [video], SMALL)
    with pytest.raises(BadVideo, match=r"00000\.png: was 6x8 pixels .* when it was ingested, is 8x8 now"):
        store.read(FrameRef(1, 3))


@pytest.mark.parametrize("size", [(37, 51), (1, 3), (6, 8)])
def test_odd_and_tiny_frames(tmp_path, size):
    video = video_of(write_frames(tmp_path / "walk", size=size))
    store = FrameStore(tmp_path / "cache", [video], SMALL)
    assert [number_of(image) for _, image in store.iterate(1)] == list(range(12))
    assert store.read(FrameRef(1, 3)).shape[:2] == store.size(1)
    assert store.thumbnails(1).shape == (12, 96)
