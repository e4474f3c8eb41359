"""Hashes of files that are read only where they changed."""

import hashlib
import os
import time

import pytest

from al_core.stores import file_hashes
from al_core.stores.file_hashes import FILE, SETTLED_NS, FileHashes


@pytest.fixture
def read(monkeypatch):
    """Files that were read, since one looked last; the clock says that all were written long ago."""
    names = []
    plain = file_hashes.fingerprint_file
    monkeypatch.setattr(file_hashes, "fingerprint_file", lambda path: [names.append(path.name), plain(path)][1])
    later = time.time_ns() + 2 * SETTLED_NS
    monkeypatch.setattr(file_hashes.time, "time_ns", lambda: later)
    return lambda: [names.copy(), names.clear()][0]


def hashed(folder, *names):
    hashes = FileHashes(folder / "kept")
    found = [hashes.of(folder / name) for name in names]
    hashes.keep()
    return found


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_an_unchanged_file_is_read_once(tmp_path, read):
    for name in "ab":
        (tmp_path / name).write_bytes(name.encode())
    assert hashed(tmp_path, "a", "b") == hashed(tmp_path, "a", "b") == [sha256(b"a"), sha256(b"b")]
    assert read() == ["a", "b"]
    assert hashed(tmp_path, "a") == [sha256(b"a")]
    assert hashed(tmp_path, "b") == [sha256(b"b")]
    assert read() == []


def replaced(path):
    new = path.with_name("new")
    new.write_bytes(b"B")
    state = path.stat()
    os.utime(new, ns=(state.st_atime_ns, state.st_mtime_ns))
    os.replace(new, path)


def rewritten_in_secret(path):
    state = path.stat()
    # The file system's clock goes by hundredths of a second.
    time.sleep(0.05)
    path.write_bytes(b"B")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b"B"),
        # Of the same size, at the same time: the number of the file, or of its entry's change, tells.
        replaced,
        rewritten_in_secret,
    ],
)
def test_a_changed_file_is_read_again(tmp_path, read, change):
    (tmp_path / "a").write_bytes(b"A")
    hashed(tmp_path, "a")
    change(tmp_path / "a")
    assert hashed(tmp_path, "a") == [sha256(b"B")]
    assert read() == ["a", "a"]


def test_a_file_that_was_written_just_now_is_read_again(tmp_path, read, monkeypatch):
    (tmp_path / "a").write_bytes(b"A")
    monkeypatch.setattr(file_hashes.time, "time_ns", lambda: (tmp_path / "a").stat().st_ctime_ns + SETTLED_NS)
    assert hashed(tmp_path, "a") == hashed(tmp_path, "a")
    assert read() == ["a", "a"]


def test_what_is_kept_may_be_gone(tmp_path, read):
    (tmp_path / "a").write_bytes(b"A")
    hashed(tmp_path, "a")
    (tmp_path / "kept" / FILE).unlink()
    assert hashed(tmp_path, "a") == [sha256(b"A")]
    assert read() == ["a", "a"]


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        FileHashes(tmp_path).of(tmp_path / "none")
