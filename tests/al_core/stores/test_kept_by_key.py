"""Values by key in one file."""

import pytest

from al_core.stores.kept_by_key import KeptByKey


def kept(folder):
    return KeptByKey(folder, "values.json")


def test_what_is_kept_is_known_to_the_next_process(tmp_path):
    first = kept(tmp_path)
    assert first.get("a") is None
    first.put("a", [1, 0.1])
    assert first.get("a") == [1, 0.1]
    assert kept(tmp_path).get("a") is None
    first.keep(10)
    assert kept(tmp_path).get("a") == [1, 0.1]


def test_the_file_is_written_where_something_is_new(tmp_path):
    first = kept(tmp_path)
    first.put("a", 1)
    first.keep(10)
    before = (tmp_path / "values.json").stat().st_ino
    second = kept(tmp_path)
    second.get("a")
    second.keep(10)
    assert (tmp_path / "values.json").stat().st_ino == before
    second.put("b", 2)
    second.keep(10)
    assert [kept(tmp_path).get(key) for key in "ab"] == [1, 2]


def test_those_used_last_stay_and_all_that_were_used(tmp_path):
    first = kept(tmp_path)
    for key in "abc":
        first.put(key, key)
    first.keep(1)
    second = kept(tmp_path)
    assert [second.get(key) for key in "abc"] == ["a", "b", "c"]
    third = kept(tmp_path)
    third.get("b")
    third.put("d", "d")
    third.keep(2)
    assert [kept(tmp_path).get(key) for key in "abcd"] == [None, "b", None, "d"]


@pytest.mark.parametrize("damage", [b"", b"[1, 2]", b'{"a": [', b"\xff\xfe"])
def test_of_a_damaged_file_nothing_is_known(tmp_path, damage):
    (tmp_path / "values.json").write_bytes(damage)
    assert kept(tmp_path).get("a") is None


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path):
    (tmp_path / "file").write_text("no folder")
    first = kept(tmp_path / "file")
    first.put("a", 1)
    first.keep(10)
    assert first.get("a") == 1
