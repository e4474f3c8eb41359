"""What we export can be imported into another project with the same footage, without loss."""

import pytest

from al_core.exchange.json_items import JsonItems
from al_core.export.contents import ExportOptions
from al_core.export.yolo import polygon, polygon_mask, polygon_text
from al_core.masks.rle import decode, encode
from al_core.stores.delivered import read_delivered
from tasks.imports.import_plan import Wish
from tasks.imports.storing import plan_files, store
from tasks.project.export import Choice, export_project
from tests.toys.labelled_project import finished_project, new_project


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("built"))


def delivered(project, ledger):
    """(frame, track, category, pixels) of each mask that the last round delivered."""
    path = project.absolute(ledger.delivered_paths(2)[1])
    return [
        (index, m.track_id, ledger.categories()[m.category_id], encode(decode(m.rle)))
        for index, masks in read_delivered(path)
        for m in masks
    ]


def imported(folder, path, category=""):
    """The same of the labels of a fresh project with this file, and what was noted."""
    _, ledger, _ = new_project(folder)
    plan = plan_files(ledger, [path], Wish("label", "kim", category=category))
    assert plan.faults == ()
    store(ledger, plan)
    return [
        (label.frame.frame_idx, m.track_id, ledger.categories()[m.category_id], m.rle)
        for label in ledger.human_labels()
        for m in label.masks
    ]


@pytest.mark.parametrize(
    ("name", "out"),
    [
        ("coco", "labels.json"),
        ("coco", "labels"),
        ("youtube-vis", "labels.json"),
        ("davis", "labels"),
        ("mots", "labels"),
    ],
)
def test_masks_numbers_and_categories_come_back(built, tmp_path, name, out):
    export_project(*built, name, tmp_path / out, ExportOptions(images=False), Choice())
    assert imported(tmp_path, tmp_path / out) == delivered(*built[:2])


def test_lines_of_mots_say_the_same_as_its_images(built, tmp_path):
    export_project(*built, "mots", tmp_path / "labels", ExportOptions(images=False), Choice())
    assert imported(tmp_path, tmp_path / "labels" / "MOTS-train" / "clip" / "gt" / "gt.txt") == delivered(*built[:2])


def test_yolo_gives_back_what_its_polygons_hold(built, tmp_path):
    export_project(*built, "yolo-seg", tmp_path / "labels", ExportOptions(images=False), Choice())
    held = []
    for index, track, category, rle in delivered(*built[:2]):
        mask = decode(rle)
        text = polygon_text(polygon(mask), *mask.shape)
        held.append((index, track, category, encode(polygon_mask(text, *mask.shape))))
    assert imported(tmp_path, tmp_path / "labels") == held


def test_a_second_export_of_coco_says_the_same(built, tmp_path):
    export_project(*built, "coco", tmp_path / "a.json", ExportOptions(images=False), Choice())
    project, ledger, frames = new_project(tmp_path)
    store(ledger, plan_files(ledger, [tmp_path / "a.json"], Wish("label", "kim")))
    options = ExportOptions(images=False, human_frames_only=True)
    export_project(project, ledger, frames, "coco", tmp_path / "b.json", options, Choice(fresh=True))
    first, second = (annotations(tmp_path / name) for name in ("a.json", "b.json"))
    assert first == second


def annotations(path):
    """(image, track, segmentation) of each annotation of a COCO file."""
    entries = JsonItems(path).entries(["annotations"])
    return [(e["image_id"], e["track_id"], e["segmentation"]) for key, e in entries if key == "annotations"]
