"""Matching by tiles against matching cell by cell."""

import pytest
import torch

from al_core.propagation.affinity.local_affinity import OUTSIDE, copy, cut, joined, neighbours, scores, with_norm

SIZE = (13, 19)


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_frame_cut_into_tiles_and_joined_is_the_same(rng: torch.Generator) -> None:
    planes = torch.rand(1, 3, *SIZE, generator=rng)
    torch.testing.assert_close(joined(cut(planes), SIZE), planes[0])


def test_scores_are_minus_the_squared_distance_to_each_cell_around(rng: torch.Generator) -> None:
    query, other = torch.rand(2, 1, 5, *SIZE, generator=rng)
    found = joined(scores(query, with_norm(other), radius=2), SIZE)
    for y, x, dy, dx in [(0, 0, 0, 0), (5, 7, -2, 1), (12, 18, -1, -2), (8, 8, 2, 2)]:
        expected = -(query[0, :, y, x] - other[0, :, y + dy, x + dx]).square().sum()
        assert found[(dy + 2) * 5 + dx + 2, y, x] == pytest.approx(float(expected), abs=1e-5)


def test_what_lies_outside_the_frame_is_as_good_as_never_chosen(rng: torch.Generator) -> None:
    query = torch.rand(1, 5, *SIZE, generator=rng)
    found = joined(scores(query, with_norm(query), radius=2), SIZE)
    assert found[0, 0, 0] < OUTSIDE / 2
    assert found[0, 2, 2] > -100


def test_neighbours_come_in_the_order_of_the_scores(rng: torch.Generator) -> None:
    plane = torch.rand(1, 1, *SIZE, generator=rng)
    found = joined(neighbours(plane, radius=1), SIZE)
    assert found[0, 5, 7] == plane[0, 0, 4, 6]
    assert found[5, 5, 7] == plane[0, 0, 5, 8]


def test_copying_takes_the_mean_of_the_best_matches_of_the_whole_memory(rng: torch.Generator) -> None:
    query, first, second = torch.rand(3, 4, *SIZE, generator=rng)
    values = torch.rand(2, 3, *SIZE, generator=rng)
    keys = with_norm(torch.stack([first, second]))
    found = copy(query, keys, values, radius=1, k=3, prior=0.2)
    for y, x in [(6, 9), (1, 1), (11, 17)]:
        matches = []
        for number, key in enumerate((first, second)):
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    far = (query[:, y, x] - key[:, y + dy, x + dx]).square().sum() + 0.2 * (dy**2 + dx**2)
                    matches.append((-float(far), values[number, :, y + dy, x + dx]))
        matches.sort(key=lambda match: match[0], reverse=True)
        weights = torch.tensor([score for score, _ in matches[:3]]).softmax(dim=0)
        expected = sum(w * value for w, (_, value) in zip(weights, matches[:3], strict=True))
        torch.testing.assert_close(found[:, y, x], expected)


def test_a_key_that_costs_more_gives_way(rng: torch.Generator) -> None:
    query = torch.rand(4, *SIZE, generator=rng)
    values = torch.stack([torch.zeros(1, *SIZE), torch.ones(1, *SIZE)])
    dear = torch.cat([with_norm(query[None]), with_norm(query[None], cost=50)])
    assert copy(query, dear, values, radius=0, k=2).max() < 1e-6
    assert copy(query, dear.flip(0), values, radius=0, k=2).min() > 1 - 1e-6


def test_tiles_around_which_nothing_is_carried_stay_empty(rng: torch.Generator) -> None:
    query = torch.rand(4, 24, 24, generator=rng)
    values = torch.zeros(1, 1, 24, 24)
    values[..., 2, 2] = 1
    found = copy(query, with_norm(query[None]), values, radius=1, k=1)
    assert found[0, 2, 2] == 1
    assert found[0, 8:, 8:].abs().max() == 0
