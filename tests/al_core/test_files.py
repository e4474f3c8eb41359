import pytest

from al_core.files import replaced, write_whole


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


def test_leftovers_of_a_killed_writer_are_removed(tmp_path):
    path = tmp_path / "notes.json"
    with replaced(path) as unfinished:
        pass_to = unfinished
        unfinished.write_text("1")
    pass_to.write_text("left behind")
    write_whole(path, b"2")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("notes.json", "2")]
