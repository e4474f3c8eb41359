"""What a specialist learns from."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from al_core.footage.clips import ClipFrames
from al_core.masks.soft import SoftMask
from al_core.propagation.base import Labels, PropagatedFrame
from al_core.propagation.flow import FlowPropagator
from al_core.propagation.specialist.examples import (
    FAR_SCALE,
    MOST_FRAMES,
    SCALE,
    ExampleFrame,
    crop_sizes,
    draw,
    labelled_frames,
    network_input,
    split,
)
from al_core.settings import PropagationSettings
from al_core.stores.optical_flow import FlowStore
from tests.toys.footage.movers import MoverClip, iou, one_mover

LEFT, RIGHT = np.array([[1, 1, 0, 0]], np.float32), np.array([[0, 0.4, 0.8, 0]], np.float32)


def examples(clip: MoverClip, marks: list[int], cache: Path) -> list[ExampleFrame]:
    flow = FlowPropagator(FlowStore(cache), PropagationSettings())
    return list(labelled_frames(clip, {i: clip.truth[i] for i in marks}, clip.size, flow))


def test_the_prior_of_a_labelled_frame_comes_from_the_others(tmp_path: Path) -> None:
    clip = one_mover()
    middle = examples(clip, [2, 6, 9], tmp_path)[1]
    assert len(middle.priors) == 2
    for prior in middle.priors:
        assert prior[1] != middle.truth[1]
        assert iou(prior[1].full() > 0.5, clip.truth[6][1]) > 0.5


def test_crops_hold_the_object_and_follow_from_the_seed(tmp_path: Path) -> None:
    frame = examples(one_mover(), [2], tmp_path)[0]
    crops = [draw(frame, np.random.default_rng(i), side=64) for i in range(12)]
    assert crops[0].inputs.shape == (64, 64, 5)
    assert sum(c.target.max() > 0.9 for c in crops) >= 8
    np.testing.assert_array_equal(crops[3].inputs, draw(frame, np.random.default_rng(3), side=64).inputs)


def test_where_one_frame_of_a_video_alone_is_labelled_objects_come_nearer(tmp_path: Path) -> None:
    assert [crop_sizes(1, trial=False), crop_sizes(2, trial=False), crop_sizes(1, trial=True)] == [
        FAR_SCALE,
        SCALE,
        SCALE,
    ]
    (usual,) = examples(one_mover(), [2], tmp_path)
    area = usual.truth[1].full().sum()
    both = (replace(usual, sizes=FAR_SCALE), usual)
    largest = [max(draw(f, np.random.default_rng(i), side=96).target.sum() for i in range(40)) for f in both]
    assert largest[0] > 2.5 * area
    assert largest[1] < 1.1 * SCALE[1] ** 2 * area


def test_the_last_label_is_asked_from_before_only_and_an_object_alone_is_known_to_be(tmp_path: Path) -> None:
    first, last = examples(one_mover(), [2, 9], tmp_path)
    assert (len(first.priors), len(last.priors)) == (1, 1)
    assert first.alone
    assert last.tracks == [1]


class Lost:
    """Carries nothing anywhere."""

    def propagate(self, frames: ClipFrames, labels: Labels) -> Iterator[PropagatedFrame]:
        return (PropagatedFrame(i, {}) for i in range(frames.n_frames))


def test_of_many_labels_evenly_spaced_ones_are_learnt_from() -> None:
    still = MoverClip([np.zeros((4, 6, 3), np.uint8)] * 200, [{}] * 200)
    labels: Labels = {i: {} for i in range(200)}
    assert len(list(labelled_frames(still, labels, (4, 6), Lost()))) == MOST_FRAMES
    assert (still.reads[0], still.reads[-1]) == (0, 199)
    assert set(np.diff(still.reads).tolist()) == {3, 4}


def test_the_network_sees_the_picture_and_both_priors() -> None:
    image = np.array([[[0, 128, 255]] * 4], np.uint8)
    seen = network_input(image, LEFT, RIGHT)
    assert seen.shape == (1, 4, 5)
    np.testing.assert_allclose(seen[0, 1], [-2, 512 / 255 - 2, 2, 1, 0.4], atol=1e-6)


def test_an_object_is_split_from_all_others() -> None:
    masks = {1: SoftMask.of(LEFT), 2: SoftMask.of(RIGHT), 3: SoftMask.of(np.array([[0, 0.2, 0, 1]]))}
    own, others = split(masks, 1, (1, 4))
    np.testing.assert_allclose(own, LEFT)
    np.testing.assert_allclose(others, [[0, 0.4, 0.8, 1]])
    assert not split(masks, 9, (1, 4))[0].any()


def test_a_crop_without_objects_teaches_what_is_none() -> None:
    empty = ExampleFrame(np.zeros((32, 32, 3), np.uint8), {}, [], False)
    for seed in range(4):
        crop = draw(empty, np.random.default_rng(seed), side=16)
        assert not crop.target.any()
        assert not crop.inputs[..., 3:].any()
