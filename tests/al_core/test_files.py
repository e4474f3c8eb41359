import os
from pathlib import Path

import pytest

from al_core.files import is_printable, json_bytes, noted_in, printable, replaced, write_whole


def test_a_file_is_replaced_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "folder" / "notes.json"
    with replaced(path) as unfinished:
        unfinished.write_text("whole")
        assert not path.exists()
        assert unfinished.suffix == ".json"
    assert path.read_text() == "whole"
    assert [p.name for p in path.parent.iterdir()] == ["notes.json"]


def test_what_was_there_stays_when_the_block_fails(tmp_path):
    path = tmp_path / "notes.json"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), replaced(path) as unfinished:
        unfinished.write_text(str(1 / 0))
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["notes.json"]


def test_a_folder_is_put_in_place_with_all_that_is_in_it(tmp_path):
    with replaced(tmp_path / "out") as unfinished:
        unfinished.mkdir()
        (unfinished / "a").write_text("1")
    assert (tmp_path / "out" / "a").read_text() == "1"


def test_a_folder_takes_the_place_of_an_older_one(tmp_path):
    out = tmp_path / "out"
    for number in ("1", "2"):
        with replaced(out) as unfinished:
            unfinished.mkdir()
            (unfinished / number).touch()
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "2"]


def test_folders_and_files_take_each_others_place(tmp_path):
    out = tmp_path / "out"
    write_whole(out, b"1")
    with replaced(out) as unfinished:
        unfinished.mkdir()
    assert out.is_dir()
    write_whole(out, b"2")
    assert out.read_bytes() == b"2"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_older_folder_is_back_when_the_new_one_cannot_follow(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").touch()
    with pytest.raises(FileNotFoundError), replaced(out):
        pass
    assert [p.name for p in tmp_path.rglob("*")] == ["out", "old"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "notes.json"
    with replaced(path) as first:
        first.write_text("first")
        write_whole(path, b"second")
        assert path.read_text() == "second"
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("notes.json", "first")]


def test_json_is_written_for_people():
    assert json_bytes({"who": "J\u00f6rg"}).decode() == '{\n "who": "J\u00f6rg"\n}\n'


def test_a_name_that_is_no_utf_8_is_shown_byte_by_byte():
    latin = os.fsdecode(b"caf\xe9 \xc3\xa9.mp4")
    assert not is_printable(latin)
    assert printable(latin) == "caf\\xe9 é.mp4"
    assert is_printable(Path("café é.mp4"))
    assert printable(Path("café é.mp4")) == "café é.mp4"


def test_what_is_noted_is_read_and_what_is_damaged_is_nothing(tmp_path):
    path = tmp_path / "notes.json"
    assert noted_in(path) == {}
    path.write_bytes(json_bytes({"ä": [1]}))
    assert noted_in(path) == {"ä": [1]}
    for damaged in (b'{"a": ', b"\xff\xfe", b"[1]", b""):
        path.write_bytes(damaged)
        assert noted_in(path) == {}
