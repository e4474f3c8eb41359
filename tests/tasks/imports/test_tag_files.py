"""Tables of tags: what is taken, and what is refused with the line in which it stands."""

import pytest

from al_core.errors import BadLabel
from al_core.records import CategoryTag
from tasks.imports.tag_files import plan_tags
from tests.toys.ledgers import ledger_with_clip


@pytest.fixture
def ledger(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    ledger.add_categories(["car"])
    return ledger


def table(folder, *lines, head="video,first,last,category,present"):
    path = folder / "tags.csv"
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def test_rows_become_tags(ledger, tmp_path):
    plan = plan_tags(ledger, [table(tmp_path, "clip,0,9,car,0", "clip, 10, ,car, 1")])
    assert plan.tags == [CategoryTag(1, 0, 9, 2, False), CategoryTag(1, 10, 10, 2, True)]
    assert (plan.faults, plan.counts()) == ([], {1: (1, 1)})


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("clop,0,1,car,0", "tags.csv, line 2: unknown video 'clop'; known: clip. Did you mean 'clip'?"),
        ("clip,0,1,cat,0", "tags.csv, line 2: unknown category 'cat'; known: car, object. Did you mean 'car'?"),
        ("clip,0,12,car,0", "tags.csv, line 2: 'clip' has the frames 0 to 11, got 12; end the stretch there"),
        ("clip,5,1,car,0", "tags.csv, line 2: a stretch goes from a frame to the same or a later one, got 5 to 1"),
        ("clip,x,1,car,0", "tags.csv, line 2: frames are whole numbers from 0, got 'x'"),
        ("clip,0,1,car,no", "tags.csv, line 2: present is 1 (every frame shows it) or 0 (none does), got 'no'"),
        ("clip,0,1", "tags.csv, line 2: unknown category ''; known: car, object."),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(ledger, tmp_path, row, fault):
    plan = plan_tags(ledger, [table(tmp_path, row, "clip,3,4,car,1")])
    assert (plan.faults, len(plan.tags)) == ([fault], 1)


def test_tags_that_contradict_each_other_are_told(ledger, tmp_path):
    plan = plan_tags(ledger, [table(tmp_path, "clip,0,5,car,0", "clip,5,6,car,1")])
    assert plan.faults == ["clip: frame 5 is said both to show 'car' and not to; keep one of the two"]


def test_a_file_that_is_no_table_of_tags_is_refused(ledger, tmp_path):
    with pytest.raises(BadLabel, match="expected a table with the columns video,first,last,category,present, got a,b"):
        plan_tags(ledger, [table(tmp_path, head="a,b")])
    with pytest.raises(BadLabel, match="there is no such file"):
        plan_tags(ledger, [tmp_path / "none.csv"])
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadLabel, match="it cannot be read"):
        plan_tags(ledger, [tmp_path / "binary.csv"])
