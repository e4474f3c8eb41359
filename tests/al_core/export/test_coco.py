import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools.coco import COCO

from al_core.exchange.drawn import Asked
from al_core.exchange.label_files import read_label_file
from al_core.export.contents import ExportOptions
from al_core.export.exporters import write_export
from al_core.records import Identities
from tests.toys.footage.export_clips import CORNER, HUMAN, RING, delivered, image, make_clip, read_coco, usual_clip

NAMES = {1: "dog", 2: "cat"}


@pytest.fixture
def written(tmp_path):
    write_export("coco", [usual_clip()], NAMES, tmp_path / "out", ExportOptions(empty=True))
    return json.loads((tmp_path / "out" / "annotations.json").read_text())


def test_objects_are_no_crowds_and_counts_are_text(written):
    first = written["annotations"][0]
    assert first["iscrowd"] == 0
    assert isinstance(first["segmentation"]["counts"], str)
    assert first["segmentation"]["size"] == [5, 6]
    assert first["area"] == 8.0
    assert first["bbox"] == [1.0, 1.0, 3.0, 3.0]


def test_every_object_says_who_it_is_and_who_says_so(written):
    assert [(a["image_id"], a["track_id"], a["provenance"], a["confidence"]) for a in written["annotations"]] == [
        (1, 1, "human", 1.0),
        (2, 1, "propagated", 0.75),
        (2, 2, "teacher", 0.5),
        (4, 2, "teacher", 0.25),
    ]


def test_every_frame_is_an_image_with_its_place_in_the_video(written):
    assert [(i["file_name"], i["video"], i["frame_id"], i["human"]) for i in written["images"]] == [
        ("toy/00000.jpg", "toy", 0, True),
        ("toy/00001.jpg", "toy", 1, False),
        ("toy/00002.jpg", "toy", 2, False),
        ("toy/00003.jpg", "toy", 3, False),
    ]
    assert written["videos"] == [{"id": 1, "name": "toy", "width": 6, "height": 5, "length": 4, "fps": "25/1"}]


def test_what_is_said_of_an_object_comes_back(tmp_path):
    said = replace(delivered(0, 1, RING, HUMAN, 1.0), attributes=("occluded", "parked"))
    clip = make_clip([said, delivered(0, 2, CORNER, HUMAN, 1.0)], human=[0])
    write_export("coco", [clip], NAMES, tmp_path / "out", ExportOptions())
    path = tmp_path / "out" / "annotations.json"
    first, second = json.loads(path.read_text())["annotations"]
    assert first["attributes"] == {"occluded": True, "parked": True}
    assert "attributes" not in second
    frames = read_label_file(path, lambda name: Asked(name.stem, 5, 6, True), list(NAMES.values())).frames
    assert [m.attributes for m in frames["00000"].masks] == [("occluded", "parked"), ()]


def test_extra_fields_may_be_left_out(tmp_path):
    write_export("coco", [usual_clip()], NAMES, tmp_path / "out", ExportOptions(extra_fields=False))
    written = json.loads((tmp_path / "out" / "annotations.json").read_text())
    assert set(written["annotations"][0]) == {
        "id", "image_id", "category_id", "iscrowd", "segmentation", "area", "bbox"
    }  # fmt: skip
    assert set(written["images"][0]) == {"id", "file_name", "width", "height"}


def test_numbers_that_do_not_persist_make_no_instances(tmp_path):
    write_export("coco", [usual_clip(identities=Identities.PER_FRAME)], NAMES, tmp_path / "a.json")
    assert "instance_id" not in json.loads((tmp_path / "a.json").read_text())["annotations"][0]


def test_a_json_file_holds_the_annotations_alone(tmp_path):
    report = write_export("coco", [usual_clip()], NAMES, tmp_path / "a.json", ExportOptions(empty=True))
    assert report.files == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert len(read_coco(tmp_path / "a.json")) == 4


def test_pycocotools_reads_it(tmp_path):
    write_export("coco", [usual_clip()], NAMES, tmp_path / "out", ExportOptions(empty=True))
    coco = COCO(tmp_path / "out" / "annotations.json")
    (mask_id,) = coco.getAnnIds(imgIds=[1])
    np.testing.assert_array_equal(coco.annToMask(coco.anns[mask_id]).astype(bool), RING)
    assert coco.getAnnIds(imgIds=[3]) == []


def mmdet_dataset(folder, classes):
    """mmdet's own dataset over an export, as a training run would build it."""
    from mmdet.datasets import CocoDataset
    from mmdet.utils import register_all_modules

    register_all_modules()
    return CocoDataset(
        ann_file=str(folder / "annotations.json"),
        data_prefix={"img": str(folder / "images")},
        metainfo={"classes": classes},
        filter_cfg={"filter_empty_gt": True, "min_size": 1},
        pipeline=[
            {"type": "LoadImageFromFile"},
            {"type": "LoadAnnotations", "with_bbox": True, "with_mask": True},
            {"type": "PackDetInputs", "meta_keys": ("img_path", "ori_shape", "img_shape")},
        ],
    )


def test_mmdet_loads_every_object_for_training(tmp_path):
    write_export("coco", [usual_clip(size=(5, 6))], NAMES, tmp_path / "out", ExportOptions(empty=True))
    dataset = mmdet_dataset(tmp_path / "out", ("dog", "cat"))
    assert len(dataset) == 3, "the empty frame is filtered, no object is taken for a crowd"
    sample = dataset[1]
    truth = sample["data_samples"].gt_instances
    assert truth.labels.tolist() == [0, 1]
    np.testing.assert_array_equal(truth.masks.masks.astype(bool), np.stack([RING, CORNER]))
    assert len(sample["data_samples"].ignored_instances) == 0
    assert sample["inputs"].shape == (3, 5, 6)


@pytest.mark.filterwarnings("ignore")
def test_an_mmdet_student_learns_from_it(tmp_path):
    """Some steps on one exported frame: its loss, masks included, falls."""
    import torch
    from mmdet.registry import MODELS

    square = np.zeros((64, 64), bool)
    square[16:48, 16:48] = True
    clip = make_clip([delivered(0, 1, square, HUMAN, 1.0)], n_frames=1, human=[0], size=(64, 64))
    painted = image(0, 64, 64)
    painted[square] = 220
    clip = type(clip)(clip.video, clip.masks, lambda indices: ((i, painted) for i in indices), clip.human_frames)
    write_export("coco", [clip], {1: "dog"}, tmp_path / "out")
    dataset = mmdet_dataset(tmp_path / "out", ("dog",))
    torch.manual_seed(0)
    model = MODELS.build(_small_rtmdet())
    optimiser = torch.optim.AdamW(model.parameters(), 5e-3)
    losses = []
    for _ in range(4):
        sample = dataset[0]
        batch = model.data_preprocessor({"inputs": [sample["inputs"]], "data_samples": [sample["data_samples"]]}, True)
        parts = model(**batch, mode="loss")
        assert "loss_mask" in parts
        loss = sum(v if torch.is_tensor(v) else sum(v) for k, v in parts.items() if k.startswith("loss"))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss))
    assert losses[-1] < losses[0]


def _small_rtmdet():
    from pathlib import Path

    import mmdet
    from mmengine.config import Config

    configs = Path(mmdet.__file__).parent / ".mim" / "configs"
    model = Config.fromfile(configs / "rtmdet" / "rtmdet-ins_tiny_8xb32-300e_coco.py").model
    model.backbone.init_cfg = None
    model.bbox_head.num_classes = 1
    model.data_preprocessor.batch_augments = None
    model.backbone.update(deepen_factor=0.167, widen_factor=0.125)
    model.neck.update(in_channels=[32, 64, 128], out_channels=16)
    model.bbox_head.update(in_channels=16, feat_channels=16, stacked_convs=1)
    for part in (model.backbone, model.neck, model.bbox_head):
        part.norm_cfg = {"type": "BN"}
    return model


small_masks = st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(lambda size: hnp.arrays(bool, size))


@given(st.lists(small_masks, max_size=3), st.booleans())
def test_writing_and_reading_gives_identical_masks(tmp_path_factory, masks, human):
    masks = [m for m in masks if m.shape == masks[0].shape and m.any()]
    size = masks[0].shape if masks else (3, 3)
    objects = [delivered(1, i, m, category_id=1 + i % 2) for i, m in enumerate(masks, start=1)]
    clip = make_clip(objects, n_frames=2, human=[1] if human else [], size=size)
    path = tmp_path_factory.mktemp("coco") / "a.json"
    write_export("coco", [clip], NAMES, path, ExportOptions(empty=True))
    assert read_coco(path, size) == {
        0: [],
        1: [(m.track_id, NAMES[m.category_id], m.rle) for m in objects],
    }
