"""Gestures answered by SAM 2's network with weights drawn at random: what is asked and kept to, not how good it is."""

from pathlib import Path

import numpy as np
import pytest
import torch

from al_core.errors import BadLabel
from al_core.interactive.clicks import Click
from al_core.interactive.prompted_refiner import (
    Embedding,
    Prompt,
    PromptedRefiner,
    _prompt,
    embed,
    embedding_bytes,
    prompted,
)
from al_core.interactive.refiner import PlainRefiner
from al_core.interactive.scribbles import Stroke
from al_core.masks.soft import Window
from al_core.networks.segment_anything import SegmentAnything, load_network
from tests.toys.footage.synthetic import synthetic_clip
from tests.toys.models.tiny_sam import tiny_sam

pytest.importorskip("transformers", reason="the extra sam is not installed")

SIZE = (64, 128)
IMAGE = synthetic_clip(0, n_frames=1, size=SIZE).images[0]
NOTHING = np.zeros(SIZE, np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SegmentAnything:
    return load_network(str(tiny_sam(tmp_path_factory.mktemp("weights"))), "image")


@pytest.fixture(scope="module")
def embedding(model: SegmentAnything) -> Embedding:
    return embed(model, IMAGE)


@pytest.fixture
def refiner(model: SegmentAnything, embedding: Embedding) -> PromptedRefiner:
    return PromptedRefiner(model, lambda: embedding)


@pytest.fixture
def blind(tmp_path: Path) -> PromptedRefiner:
    """One whose network finds nothing anywhere."""
    model = load_network(str(tiny_sam(tmp_path)), "image")
    for branch in model.network.mask_decoder.output_hypernetworks_mlps:
        branch.proj_out.weight.data.zero_()
        branch.proj_out.bias.data.zero_()
    return PromptedRefiner(model, lambda: embed(model, IMAGE))


def shown(x0: int, x1: int) -> np.ndarray:
    mask = NOTHING.copy()
    mask[10:40, x0:x1] = 1
    return mask


def test_an_embedding_is_held_in_half_precision_and_gives_what_the_network_gives(
    model: SegmentAnything, embedding: Embedding
) -> None:
    assert embedding_bytes(embedding) == 2 * (16 * 32**2 + 32 * 16**2 + 128 * 8**2)
    prompt = Prompt([Click(30, 20, True), Click(90, 50, False)])
    with torch.inference_mode():
        whole = model.network(
            pixel_values=model.picture(IMAGE)[None], multimask_output=False, **_prompt(model, SIZE, prompt)
        )
    logits = torch.nn.functional.interpolate(whole.pred_masks[:, 0], SIZE, mode="bilinear", align_corners=False)
    same = prompted(model, embedding, SIZE, prompt) == (logits[0, 0] > 0).numpy()
    assert same.mean() > 0.98


def test_gestures_are_told_in_pixels_of_the_square(model: SegmentAnything) -> None:
    clicks = [Click(32, 16, True), Click(0, 63, False)]
    given = _prompt(model, SIZE, Prompt(clicks, Window(0, 16, 64, 64), shown(0, 128)))
    assert given["input_points"].tolist() == [[[[32, 32], [0, 126]]]]
    assert given["input_labels"].tolist() == [[[1, 0]]]
    assert given["input_boxes"].tolist() == [[[0, 32, 64, 128]]]
    assert given["input_masks"].shape == (1, 1, 32, 32)
    assert given["input_masks"][0, 0, [0, 12, 31], 5].tolist() == pytest.approx([-10, 10, -10])


@pytest.mark.parametrize(
    ("prompt", "ambiguous"),
    [
        (Prompt([Click(1, 1, True)]), True),
        (Prompt([Click(1, 1, True), Click(2, 2, True)]), False),
        (Prompt([Click(1, 1, True)], shown=shown(0, 9)), False),
        (Prompt(box=Window(0, 0, 9, 9)), False),
    ],
)
def test_only_a_single_click_may_mean_a_part(prompt: Prompt, ambiguous: bool) -> None:
    assert prompt.ambiguous is ambiguous


def test_several_objects_are_answered_from_one_look(model: SegmentAnything, embedding: Embedding) -> None:
    looks = []

    def look() -> Embedding:
        looks.append(1)
        return embedding

    refiner = PromptedRefiner(model, look)
    masks = [refiner.with_clicks(IMAGE, NOTHING, [Click(x, 20, True)]) for x in (10, 100)]
    assert all(mask.shape == SIZE and mask.dtype == bool for mask in masks)
    assert masks[0][20, 10]
    assert masks[1][20, 100]
    assert not np.array_equal(*masks)
    assert len(looks) == 2


def test_clicked_pixels_are_on_the_side_that_the_click_says(refiner: PromptedRefiner) -> None:
    clicks = [Click(10, 20, True), Click(50, 20, False), Click(90, 20, True)]
    mask = refiner.with_clicks(IMAGE, NOTHING, clicks)
    assert [mask[20, x] for x in (10, 50, 90)] == [True, False, True]
    assert not refiner.with_clicks(IMAGE, NOTHING, [Click(10, 20, False)]).any()
    assert np.array_equal(refiner.with_clicks(IMAGE, shown(0, 9), []), shown(0, 9) > 0)


def test_a_shown_mask_only_grows_where_something_was_missing(refiner: PromptedRefiner) -> None:
    before = shown(20, 40)
    after = refiner.with_clicks(IMAGE, before, [Click(60, 20, True)])
    assert after[20, 60]
    assert after[before > 0].all()
    less = refiner.with_clicks(IMAGE, before, [Click(30, 20, False)])
    assert not less[20, 30]
    assert not less[before == 0].any()


def test_a_box_holds_all_of_its_object(refiner: PromptedRefiner) -> None:
    box = Window(20, 10, 70, 50)
    mask = refiner.with_box(IMAGE, NOTHING, box)
    assert mask.any()
    mask[box.slices] = False
    assert not mask.any()
    with pytest.raises(BadLabel, match="at least one pixel"):
        refiner.with_box(IMAGE, NOTHING, Window(200, 0, 210, 9))


def test_strokes_are_drawn_as_they_were_made(refiner: PromptedRefiner) -> None:
    line = np.stack([np.arange(20, 60), np.full(40, 30)], axis=1)
    mask = refiner.with_scribble(IMAGE, NOTHING, [Stroke(line, True)])
    assert mask[30, 20:60].all()
    less = refiner.with_scribble(IMAGE, mask.astype(np.float32), [Stroke(line, False)])
    assert not less[30, 20:60].any()


def test_what_the_network_does_not_see_is_cut_out_by_colours(blind: PromptedRefiner) -> None:
    plain = PlainRefiner()
    click = [Click(60, 30, True)]
    assert np.array_equal(blind.with_clicks(IMAGE, NOTHING, click), plain.with_clicks(IMAGE, NOTHING, click))
    box = Window(20, 10, 70, 50)
    assert np.array_equal(blind.with_box(IMAGE, NOTHING, box), plain.with_box(IMAGE, NOTHING, box))
    before = shown(20, 40)
    assert np.array_equal(blind.with_clicks(IMAGE, before, click), plain.with_clicks(IMAGE, before, click))


def test_a_gesture_that_nobody_waits_for_ends_before_its_mask_is_made(refiner: PromptedRefiner) -> None:
    class Over(Exception):
        pass

    def going_on() -> None:
        raise Over

    with pytest.raises(Over):
        refiner.with_clicks(IMAGE, NOTHING, [Click(10, 20, True)], going_on)


@pytest.mark.parametrize("clicks", [[Click(128, 0, True)], [Click(0, -1, False)]])
def test_clicks_outside_the_frame_are_refused(refiner: PromptedRefiner, clicks: list[Click]) -> None:
    with pytest.raises(BadLabel, match="inside the frame"):
        refiner.with_clicks(IMAGE, NOTHING, clicks)


def test_sam_3_answers_by_the_same_code(tmp_path: Path) -> None:
    model = load_network(str(tiny_sam(tmp_path, "sam3_tracker_video")), "image")
    refiner = PromptedRefiner(model, lambda: embed(model, IMAGE))
    assert refiner.with_clicks(IMAGE, NOTHING, [Click(10, 20, True)])[20, 10]
    assert refiner.with_clicks(IMAGE, shown(20, 40), [Click(60, 20, True)])[20, 60]
    assert refiner.with_box(IMAGE, NOTHING, Window(20, 10, 70, 50)).any()
