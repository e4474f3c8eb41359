import os

import numpy as np
import pytest

from al_core.stores.disk_cache import DiskCache
from tests.toys.privileges import read_only


def names(folder):
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


def test_what_was_put_is_there(tmp_path):
    cache = DiskCache(tmp_path / "cache", 1000)
    assert not cache.has("video/0")
    assert cache.use("video/0") is None
    cache.put("video/0", b"abc")
    assert cache.has("video/0")
    assert cache.use("video/0").read_bytes() == b"abc"
    cache.put("video/0", b"de")
    assert cache.use("video/0").read_bytes() == b"de"


def age(cache, key, seconds):
    os.utime(cache.path(key), (seconds, seconds))


def test_the_least_recently_used_go_first(tmp_path):
    cache = DiskCache(tmp_path, 100)
    for number in range(4):
        cache.put(str(number), bytes(25))
        age(cache, str(number), 1000 + number)
    cache.use("0")
    cache.put("4", bytes(25))
    assert names(tmp_path) == ["0", "3", "4"]


def test_the_newest_file_stays_even_if_it_is_too_big(tmp_path):
    cache = DiskCache(tmp_path, 100)
    cache.put("small", bytes(50))
    cache.put("big", bytes(500))
    assert names(tmp_path) == ["big"]


def test_what_others_wrote_counts_too(tmp_path):
    first, second = DiskCache(tmp_path, 100), DiskCache(tmp_path, 100)
    first.put("a", bytes(60))
    age(first, "a", 1000)
    second.put("b", bytes(60))
    assert names(tmp_path) == ["b"]


def test_nothing_is_left_half_written(tmp_path, monkeypatch):
    cache = DiskCache(tmp_path, 1000)
    cache.put("a", b"old")

    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        cache.put("a", b"new")
    assert names(tmp_path) == ["a"]
    assert cache.path("a").read_bytes() == b"old"


def test_remains_of_a_killed_writer_are_cleared_after_a_while(tmp_path):
    (tmp_path / ".writing-dead").write_bytes(bytes(50))
    os.utime(tmp_path / ".writing-dead", (1000, 1000))
    (tmp_path / ".writing-alive").write_bytes(bytes(50))
    DiskCache(tmp_path, 1000).put("a", b"abc")
    assert names(tmp_path) == [".writing-alive", "a"]


def test_arrays_are_kept_by_name(tmp_path):
    cache = DiskCache(tmp_path, 10_000)
    assert cache.arrays("a", ["x"]) is None
    cache.put_arrays("a", {"x": np.arange(3), "y": np.zeros((2, 2), np.uint8)})
    y, x = cache.arrays("a", ["y", "x"])
    assert (x.tolist(), y.shape, y.dtype) == ([0, 1, 2], (2, 2), np.uint8)
    assert cache.arrays("a", ["z"]) is None


@pytest.mark.parametrize("at", [60, -5])
def test_damaged_arrays_are_as_good_as_gone(tmp_path, at):
    cache = DiskCache(tmp_path, 10_000)
    cache.put_arrays("a", {"x": np.arange(100)})
    content = bytearray(cache.path("a").read_bytes())
    content[at] ^= 0xFF
    for damaged in (content, content[:-20], b""):
        cache.path("a").write_bytes(damaged)
        assert cache.arrays("a", ["x"]) is None


def test_a_folder_that_cannot_be_written_is_only_read(tmp_path):
    folder = tmp_path / "cache"
    DiskCache(folder, 1000).put("video/0", b"abc")
    with read_only(folder):
        cache = DiskCache(folder, 1000)
        cache.put("video/1", b"def")
        assert cache.use("video/0").read_bytes() == b"abc"
    assert names(folder) == ["0"]
