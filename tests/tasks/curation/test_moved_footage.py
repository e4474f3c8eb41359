"""Footage that lies elsewhere now."""

from pathlib import Path

import pytest

from al_core.errors import BadVideo
from tasks.curation.moved_footage import relocate
from tests.toys.labelled_project import new_project, write_frames


@pytest.fixture
def built(tmp_path):
    return new_project(tmp_path, ("one", "two"))


def test_moved_and_renamed_footage_is_found_by_its_content(built, tmp_path):
    _, ledger, _ = built
    before = ledger.video("one").uri
    Path(before).rename(tmp_path / "called otherwise")
    write_frames(tmp_path, "not ours", 3)
    moves = relocate(ledger, [tmp_path / "called otherwise", tmp_path / "not ours"])
    assert [(video.name, was) for video, was in moves.moved] == [("one", before)]
    assert ledger.video("one").uri == str(tmp_path / "called otherwise")
    assert (moves.missing, moves.others) == ((), (tmp_path / "not ours",))


def test_what_lies_where_it_was_stays_and_what_is_gone_is_told(built, tmp_path):
    _, ledger, _ = built
    one, two = (Path(video.uri) for video in ledger.videos())
    two.rename(tmp_path / "hidden")
    moves = relocate(ledger, [one])
    assert moves.moved == ()
    assert [video.name for video in moves.missing] == ["two"]


def test_a_place_that_is_not_there(built, tmp_path):
    with pytest.raises(BadVideo, match="there is no such file or folder; name where the footage lies now"):
        relocate(built[1], [tmp_path / "nowhere"])
