"""What an import would store, and what it refuses with which words."""

import pytest

from al_core.errors import UnknownName
from al_core.exchange.frame_names import Template
from al_core.masks.rle import encode
from al_core.records import FrameLabel, FrameRef, LabelRequest, MaskLabel
from al_core.settings import Settings
from tasks.imports.import_plan import Wish
from tasks.imports.storing import plan_files, store
from tests.toys.labelled_project import coco_file, mask_at, new_project
from tests.toys.ledgers import chosen, mask_answer

LABELS = Wish("label", "kim")


@pytest.fixture
def ledger(tmp_path):
    return new_project(tmp_path, names=("clip", "other"))[1]


def plan(ledger, *paths, wish=LABELS, **more):
    return plan_files(ledger, paths, wish, **more)


def test_what_would_be_taken(ledger, tmp_path):
    found = plan(ledger, coco_file(tmp_path, [0, 3]))
    assert found.counts() == {1: (2, 2)}
    assert (found.faults, found.new_categories, found.unnumbered, found.already) == ((), (), (), 0)
    assert ledger.human_labels() == []


def test_the_same_file_again_changes_nothing(ledger, tmp_path):
    store(ledger, plan(ledger, coco_file(tmp_path, [0, 3])))
    again = plan(ledger, coco_file(tmp_path, [0, 3, 4]))
    assert again.already == 2
    assert again.counts() == {1: (1, 1)}
    assert [label.frame.frame_idx for label in ledger.human_labels()] == [0, 3]


def test_a_file_that_names_a_merged_category_is_the_same_again(ledger, tmp_path):
    store(ledger, plan(ledger, coco_file(tmp_path, [0, 3], category="owl")))
    ledger.merge_category("owl", "square", "lea")
    again = plan(ledger, coco_file(tmp_path, [0, 4], category="owl"))
    assert (again.already, again.faults, again.new_categories) == (1, (), ())
    assert {mask.category for drawn in again.frames.values() for mask in drawn.objects} == {"square"}


def test_another_label_for_a_frame_is_not_taken(ledger, tmp_path):
    store(ledger, plan(ledger, coco_file(tmp_path, [0, 3])))
    found = plan(ledger, coco_file(tmp_path, [3, 4], shift=1))
    assert found.faults == (
        "clip:3: the frame has another label already; to replace it, first take that back with: fewframes rollback "
        "--frame clip:3",
    )
    assert found.counts() == {1: (1, 1)}


def test_two_files_that_say_different_things_of_a_frame(ledger, tmp_path):
    found = plan(ledger, coco_file(tmp_path, [3, 4], "a.json"), coco_file(tmp_path, [3], "b.json", shift=1))
    assert found.faults == ("clip:3: a.json and b.json say different things of this frame. Give one of them",)
    assert found.counts() == {1: (1, 1)}


def test_names_that_mean_no_frame(ledger, tmp_path):
    found = plan(ledger, coco_file(tmp_path, [1, 2], video="holiday"))
    assert len(found.faults) == 1
    assert "holiday/00001.jpg: 2 videos have a frame of this name" in found.faults[0]
    assert "(and 1 other image like it)" in found.faults[0]
    taken = plan(ledger, coco_file(tmp_path, [1, 2], video="clip_b"), template=Template("{video}_b/{index}.jpg"))
    assert taken.counts() == {1: (2, 2)}


def test_a_new_category_is_told_and_one_nearly_known_is_asked_about(ledger, tmp_path):
    assert plan(ledger, coco_file(tmp_path, [1], category="owl")).new_categories == ("owl",)
    near = plan(ledger, coco_file(tmp_path, [1], category="Square"))
    assert near.frames == {}
    assert near.faults == (
        "category 'Square' is not one of the project's (square, object). Did you mean 'square'? Say which it is "
        "with --map Square=..., or that it is a new one with --map Square=Square",
    )
    renamed = plan(ledger, coco_file(tmp_path, [1], category="Square"), wish=Wish("label", "kim", {"Square": "square"}))
    assert (renamed.faults, renamed.new_categories, len(renamed.frames)) == ((), (), 1)
    kept = plan(ledger, coco_file(tmp_path, [1], category="Square"), wish=Wish("label", "kim", {"Square": "Square"}))
    assert kept.new_categories == ("Square",)
    with pytest.raises(UnknownName, match="unknown category in these files 'Suqare'; known: Square"):
        plan(ledger, coco_file(tmp_path, [1], category="Square"), wish=Wish("label", "kim", {"Suqare": "square"}))


def test_numbers_that_collide_with_other_labels(ledger, tmp_path):
    store(ledger, plan(ledger, coco_file(tmp_path, [0], track=1)))
    found = plan(ledger, coco_file(tmp_path, [3], category="owl", track=1))
    assert found.faults == (
        "clip:3: object 1 is a owl there, and a square in the labels of the project: the same number is the same "
        "object over the whole video. Number it otherwise",
    )
    assert plan(ledger, coco_file(tmp_path, [3], category="owl")).faults == ()


def test_a_mask_of_another_size(ledger, tmp_path):
    path = coco_file(tmp_path, [3])
    path.write_text(path.read_text().replace('"height": 24, "width": 32', '"height": 48, "width": 64'))
    assert plan(ledger, path).faults == (
        "old.json: clip:3: image clip/00003.jpg is listed as 48x64 pixels (height x width), its frame is 24x32 pixels "
        "(height x width)",
    )


def test_held_out_and_learned_frames_keep_apart(ledger, tmp_path):
    ledger.hold_out(1, [3], [], "lead")
    store(ledger, plan(ledger, coco_file(tmp_path, [0])))
    found = plan(ledger, coco_file(tmp_path, [3]))
    assert found.faults == (
        "clip:3: the frame is held out, so the loop may not learn from it; import it with --as holdout",
    )
    held = plan(ledger, coco_file(tmp_path, [0, 3, 4]), wish=Wish("holdout", "kim"))
    assert held.faults == ("clip:0: the loop learns from a label of this frame, so it cannot measure; choose others",)
    ledger.begin_round(Settings())
    ledger.put_requests([LabelRequest.of(1, chosen(4))])
    asked = plan(ledger, coco_file(tmp_path, [4]), wish=Wish("holdout", "kim"))
    assert "clip:4: round 1 asks people for this frame" in asked.faults[0]


def test_prelabels_are_taken_whatever_people_said(ledger, tmp_path):
    ledger.begin_round(Settings())
    request = LabelRequest.of(1, chosen(0))
    ledger.put_requests([request])
    label = FrameLabel(FrameRef(1, 0), (MaskLabel(1, 1, encode(mask_at(1))),))
    answer = mask_answer(request)
    ledger.put_answer(type(answer)("a", request.request_id, label, answer.kind, 1.0, "ann"))
    store(ledger, plan(ledger, coco_file(tmp_path, [0, 3]), wish=Wish("prelabel", "old model")))
    assert set(ledger.prelabels([FrameRef(1, i) for i in range(6)])) == {FrameRef(1, 0), FrameRef(1, 3)}
    assert plan(ledger, coco_file(tmp_path, [0, 3]), wish=Wish("prelabel", "old model")).already == 2
