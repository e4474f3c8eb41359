"""What masks are known again by: the same object elsewhere, and others of its kind."""

import numpy as np
import pytest

from al_core.masks.soft import SoftMask
from al_core.propagation.affinity.encoder import describing, new_encoder
from al_core.propagation.tracks.reidentification import Embed, Template, embeddings, encoded, likeness, statistics
from tests.toys.footage.crossings import crossing_clip

CLIP = crossing_clip(3, n_frames=3)
FIRST, LAST = 0, 2
SHAPE = CLIP.size


def masks(frame: int) -> dict[int, SoftMask]:
    return {t: SoftMask.of(m) for t, m in CLIP.truth[frame].items()}


def ground(frame: int) -> SoftMask:
    return SoftMask.of(~np.logical_or.reduce(list(CLIP.truth[frame].values())))


def templates(embed: Embed) -> list[Template]:
    looks = embed(CLIP.read(FIRST))
    return [Template.from_embeddings([looks(mask)], [looks(ground(FIRST))]) for mask in masks(FIRST).values()]


@pytest.mark.parametrize("embed", [statistics, encoded(describing(new_encoder(0)))], ids=["statistics", "encoder"])
def test_an_object_is_known_again_across_the_picture(embed: Embed) -> None:
    looks = embed(CLIP.read(LAST))
    found = [*(looks(mask) for mask in masks(LAST).values()), looks(ground(LAST))]
    alike = likeness(found, templates(embed))
    assert list(alike[:2].argmax(axis=1)) == [0, 1]
    assert alike[2].max() < 0.3 < alike[:2].diagonal().min() <= 1


def test_a_template_is_alike_itself_and_its_ground_is_not() -> None:
    known = templates(statistics)
    looks = statistics(CLIP.read(FIRST))
    alike = likeness([looks(masks(FIRST)[1]), looks(ground(FIRST))], known)
    assert alike[0, 0] == pytest.approx(1, abs=1e-3)
    assert alike[1, 0] == pytest.approx(0, abs=1e-3)


def test_nothing_looks_like_nothing() -> None:
    empty = SoftMask(0, 0, np.zeros((0, 0), np.uint8), SHAPE)
    assert likeness([statistics(CLIP.read(FIRST))(empty)], [*templates(statistics), None]).tolist() == [[0, 0, 0]]
    assert likeness([], [None]).shape == (0, 1)


def test_an_encoder_is_used_where_there_is_one() -> None:
    asked = []

    def features(frames, size):
        asked.append(size)
        return describing(new_encoder(0))

    mask = masks(FIRST)[1]
    vector = embeddings(features)(CLIP, SHAPE)(CLIP.read(FIRST))(mask)
    np.testing.assert_array_equal(vector, encoded(describing(new_encoder(0)))(CLIP.read(FIRST))(mask))
    assert asked == [SHAPE]
    assert embeddings()(CLIP, SHAPE) is statistics
