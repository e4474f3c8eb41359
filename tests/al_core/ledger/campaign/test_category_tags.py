"""Tags: what people say of a category in a stretch of frames."""

from datetime import timedelta

import pytest

from al_core.errors import BadLabel, UnknownName
from al_core.ledger.campaign.category_tags import stretches
from al_core.ledger.file.ledger_clock import system_time
from al_core.records import CategoryTag, FrameRef, LabelRequest
from al_core.settings import Settings
from tests.toys.ledgers import chosen, ledger_with_clip, mask_answer


@pytest.fixture
def ledger(tmp_path):
    ledger = ledger_with_clip(tmp_path)
    ledger.add_categories(["car"])
    with ledger.owned():
        yield ledger


def tag(first, last, present, category=2):
    return CategoryTag(1, first, last, category, present)


def test_the_newest_word_of_a_frame_holds(ledger):
    assert ledger.category_tags() == {}
    assert ledger.newest_tag_at() is None
    assert ledger.put_category_tags([tag(0, 9, False)], "ann", 1.5) == 1
    assert ledger.put_category_tags([tag(4, 5, True), tag(8, 9, None)], "bob") == 2
    assert ledger.category_tags() == {1: (tag(0, 3, False), tag(4, 5, True), tag(6, 7, False))}
    assert ledger.newest_tag_at() is not None


def test_what_is_known_is_said_once(ledger):
    ledger.put_category_tags([tag(0, 9, False)], "ann")
    assert ledger.put_category_tags([tag(2, 4, False), tag(11, 11, None)], "ann") == 0


def test_the_seconds_of_tags_are_human_seconds_of_the_round_that_is_under_way(ledger):
    ledger.put_category_tags([tag(0, 9, False)], "ann", 1.5)
    assert ledger.human_effort() == [(0, 0, 1.5)]
    ledger.begin_round(Settings())
    ledger.put_category_tags([tag(4, 5, True)], "ann", 2.0)
    ledger.put_category_tags([tag(6, 7, True)], "imported")
    assert ledger.human_effort() == [(1, 0, 3.5)]
    assert ledger.effort_by_person() == [("ann", 0, 3.5)]
    assert ledger.coverage()[0]["human_seconds"] == 3.5


def test_a_round_sees_what_was_said_by_then(ledger):
    ledger.put_category_tags([tag(0, 9, False)], "ann")
    at = ledger.newest_tag_at()
    ledger.put_category_tags([tag(0, 9, True)], "ann")
    assert ledger.category_tags(at) == {1: (tag(0, 9, False),)}
    assert ledger.category_tags(at - timedelta(seconds=1)) == {}
    assert ledger.category_tags(system_time()) == {1: (tag(0, 9, True),)}


def test_a_merged_category_shows_what_it_is_now_and_rules_nothing_out(ledger):
    ledger.put_category_tags([tag(0, 3, True), tag(4, 9, False)], "ann")
    ledger.merge_category("car", "object", "eve")
    assert ledger.category_tags() == {1: (tag(0, 3, True, category=1),)}


def test_a_removed_category_says_nothing(ledger):
    ledger.put_category_tags([tag(0, 3, True)], "ann")
    ledger.remove_category("car", "eve")
    assert ledger.category_tags() == {}


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([tag(0, 12, False)], "has the frames 0 to 11, and a tag of 'car' goes to frame 12"),
        ([tag(0, 4, False), tag(4, 6, True)], "frame 4 is said both to show 'car' and not to"),
        (
            [tag(0, 4, False, category=1)],
            "are said to show no 'object', and somebody drew one in frame 3",
        ),
        ([tag(2, 4, True)], "frames 2 to 4 are said to show 'car', and whoever labelled frame 3 drew none"),
    ],
)
def test_what_cannot_be_so_is_refused_and_nothing_is_kept(ledger, tags, message):
    ledger.begin_round(Settings())
    request = LabelRequest.of(1, chosen(3))
    ledger.put_requests([request])
    ledger.put_answer(mask_answer(request, "a1"))
    with pytest.raises(BadLabel, match=message):
        ledger.put_category_tags([tag(8, 9, False), *tags], "ann")
    assert ledger.category_tags() == {}
    assert [label.frame for label in ledger.human_labels()] == [FrameRef(1, 3)]


def test_unknown_videos_and_categories_are_refused(ledger):
    with pytest.raises(UnknownName, match="video '7'"):
        ledger.put_category_tags([CategoryTag(7, 0, 1, 1, True)], "ann")
    with pytest.raises(UnknownName, match="category '9'"):
        ledger.put_category_tags([tag(0, 1, True, category=9)], "ann")


def test_a_stretch_does_not_run_backward():
    with pytest.raises(BadLabel, match="got 4 to 3"):
        tag(4, 3, True)


def test_runs_of_numbers_become_stretches():
    assert list(stretches([0, 1, 2, 5, 7, 8])) == [(0, 2), (5, 5), (7, 8)]
    assert list(stretches([])) == []
