"""Frames whose patches find no way to a labelled frame and back."""

from dataclasses import replace

import numpy as np
import pytest

from al_core.selection.strategies.patch_cycles import dissimilarity, patches_of
from tests.toys.pools import places, pool_of, run


def test_the_frame_least_like_its_most_similar_label_is_chosen():
    def patches(frames):
        turned = np.where(frames.frame_idx == 7, np.pi / 2, 0.0)[:, None] + np.array([0.0, 0.4])
        return np.stack([np.cos(turned), np.sin(turned)], axis=-1).astype(np.float32)

    assert places(run("patch_cycles", replace(pool_of({1: 12}, [(1, 0)]), patches=patches), 1)) == [(1, 7)]


def test_a_video_without_a_label_comes_first():
    assert places(run("patch_cycles", pool_of({1: 9, 2: 9}, [(1, 4)]), 1)) == [(2, 4)]


def test_a_frame_is_like_itself_and_unlike_another():
    rng = np.random.default_rng(0)
    one, other = (rng.standard_normal((50, 8)).astype(np.float32) for _ in range(2))
    one, other = (p / np.linalg.norm(p, axis=1, keepdims=True) for p in (one, other))
    assert dissimilarity(one, one) < 0.05 < 0.5 < dissimilarity(one, other)


def test_patches_of_a_picture():
    picture = np.zeros((27, 48, 3), np.uint8)
    picture[:3, :3] = 255
    patches = patches_of(picture)
    assert patches.shape == (144, 27)
    assert patches[0] == pytest.approx(27**-0.5)
    assert patches[1] == pytest.approx(-(27**-0.5))
