"""Random frames."""

from tests.toys.pools import places, pool_of, run


def test_the_seed_decides():
    pool = pool_of({1: 1000})
    assert places(run("random", pool, 5, seed=1)) == places(run("random", pool, 5, seed=1))
    assert places(run("random", pool, 5, seed=1)) != places(run("random", pool, 5, seed=2))


def test_every_frame_has_the_same_chance():
    drawn = [places(run("random", pool_of({1: 2, 2: 2}), 1, seed=s))[0] for s in range(400)]
    counts = [drawn.count(frame) for frame in [(1, 0), (1, 1), (2, 0), (2, 1)]]
    assert min(counts) > 70
