"""Categories that change while labels stand."""

from datetime import timedelta

import pytest

from al_core.errors import BadSettings, UnknownName
from al_core.ledger.campaign.categories import LARGEST_EXAMPLE, Category, CategoryUse
from al_core.ledger.file.ledger_clock import system_time
from al_core.records import FrameRef, MaskLabel
from al_core.settings import Settings
from tests.toys.ledgers import asked, ledger_with_clip, mask_answer, square


@pytest.fixture
def ledger(tmp_path):
    """A clip with truth, and one frame that somebody labelled with category 1."""
    ledger = ledger_with_clip(tmp_path)
    with ledger.owned():
        ledger.begin_round(Settings())
        (request,) = asked(ledger, 3)
        ledger.put_answer(mask_answer(request))
        yield ledger


def drawn(ledger, **of):
    """Categories of the masks that people drew."""
    return [mask.category_id for label in ledger.human_labels(**of) for mask in label.masks]


class TestAdding:
    def test_what_is_said_is_kept_and_changed_bit_by_bit(self, ledger):
        assert ledger.set_category("car", "lead", colour="#3366cc", key="4") == Category(2, "car", "#3366cc", "", "4")
        ledger.set_category("car", "lead", description="no vans", example=b"\xff\xd8picture")
        ledger.set_category("car", "lead", key="5")
        assert ledger.described_categories() == [
            Category(1, "object"),
            Category(2, "car", "#3366cc", "no vans", "5", True),
        ]
        assert ledger.category_example(2) == b"\xff\xd8picture"
        assert ledger.category_example(1) is None

    @pytest.mark.parametrize(
        ("said", "message"),
        [
            ({"name": "a,b"}, "expected the name of one category, e.g. 'car', got 'a,b'"),
            ({"name": " car"}, "expected the name of one category"),
            ({"name": "Ignore"}, "'Ignore' is what the page calls regions that nobody can tell"),
            ({"name": "c" * 81}, "at most 80 letters, got 81"),
            ({"name": "Object"}, "there is a category 'object' already, which differs from 'Object' by capital"),
            ({"name": "car", "colour": "red"}, "expected a colour such as #3366cc, got 'red'"),
            ({"name": "car", "key": "c"}, "a digit from 1 to 9, got 'c'"),
            ({"name": "car", "description": "x" * 2001}, "at most 2000 letters, got 2001"),
            ({"name": "car", "example": bytes(LARGEST_EXAMPLE + 1)}, "at most 524,288 bytes, got 524,289"),
            ({"name": "car", "key": "1"}, "the key 1 is that of 'object'; choose another one"),
        ],
    )
    def test_what_cannot_be_used_stores_nothing(self, ledger, said, message):
        ledger.set_category("object", "lead", key="1")
        with pytest.raises(BadSettings, match=message):
            ledger.set_category(who="lead", **said)
        assert ledger.categories() == {1: "object"}


class TestRenaming:
    def test_labels_keep_their_category(self, ledger):
        ledger.rename_category("object", "dog", "lead")
        assert ledger.categories() == {1: "dog"}
        assert drawn(ledger) == [1]

    def test_a_name_that_is_taken_is_refused(self, ledger):
        ledger.add_categories(["car"])
        with pytest.raises(BadSettings, match="there is or was a category 'car'; merge into it with"):
            ledger.rename_category("object", "car", "lead")
        with pytest.raises(UnknownName, match="known: car, object"):
            ledger.rename_category("objekt", "bus", "lead")


class TestMerging:
    def test_labels_and_truth_have_the_new_category_and_their_rows_stay(self, ledger):
        ledger.add_categories(["car"])
        assert ledger.merge_category("object", "car", "lead") == CategoryUse(1, 1)
        assert ledger.categories() == {2: "car"}
        assert drawn(ledger) == [2]
        assert {m.category_id for label in ledger.truth(1).values() for m in label.masks} == {2}
        assert ledger.category_uses() == {2: CategoryUse(1, 1)}
        assert ledger._rows("SELECT category_id FROM label") == [(1,)]

    def test_a_chain_of_merges_ends_at_the_last(self, ledger):
        ledger.add_categories(["car", "vehicle"])
        ledger.merge_category("object", "car", "lead")
        ledger.merge_category("car", "vehicle", "lead")
        assert drawn(ledger) == [3]
        assert ledger.ended_categories() == {1: 3, 2: 3}

    def test_a_round_sees_the_categories_of_its_time(self, ledger):
        before = system_time()
        ledger.add_categories(["car"])
        ledger.merge_category("object", "car", "lead")
        assert drawn(ledger, as_of=before) == [1]
        assert drawn(ledger, as_of=system_time() + timedelta(seconds=1)) == [2]
        assert ledger.categories(before) == {1: "object", 2: "car"}

    def test_the_old_name_means_the_new_one(self, ledger):
        ledger.add_categories(["car"])
        ledger.merge_category("object", "car", "lead")
        assert ledger.add_categories(["object"])["object"] == 2
        assert ledger.category_ids() == {"object": 2, "car": 2}
        with pytest.raises(BadSettings, match="the category 'object' was merged into another one"):
            ledger.set_category("object", "lead")
        with pytest.raises(BadSettings, match="merged into another one, got 'car' twice"):
            ledger.merge_category("car", "car", "lead")


class TestRemoving:
    def test_masks_stay_stored_and_count_as_background(self, ledger):
        ledger.add_categories(["car"])
        assert ledger.remove_category("object", "lead") == CategoryUse(1, 1)
        assert ledger.categories() == {2: "car"}
        assert [label.masks for label in ledger.human_labels()] == [()]
        assert ledger.category_names() == {1: "object", 2: "car"}
        assert ledger.category_ids() == {"car": 2}

    def test_added_again_it_brings_its_masks_back(self, ledger):
        ledger.add_categories(["car"])
        ledger.remove_category("object", "lead")
        assert ledger.set_category("object", "lead").category_id == 1
        assert drawn(ledger) == [1]

    def test_the_only_one_stays(self, ledger):
        with pytest.raises(BadSettings, match="'object' is the only category; add another one first"):
            ledger.remove_category("object", "lead")

    def test_regions_to_ignore_stay(self, ledger):
        from al_core.ledger.campaign.categories import standing

        ignored, gone = MaskLabel(0, 0, square()), MaskLabel(1, 1, square())
        assert standing((ignored, gone), {1: 0}) == (ignored,)


def test_the_newest_guide_counts(ledger):
    assert ledger.guide() == ""
    ledger.put_guide("# Dogs", "lead")
    ledger.put_guide("# Cats", "lead")
    assert ledger.guide() == "# Cats"


def test_videos_follow_their_categories(ledger):
    ledger.set_video_categories(1, ["car", "object"])
    assert ledger.video_cares()[1].category_ids == (2, 1)
    ledger.merge_category("car", "object", "lead")
    assert ledger.video_cares()[1].category_ids == (1,)
    assert ledger.prelabels([FrameRef(1, 0)]) == {}
