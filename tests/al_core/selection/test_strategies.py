"""The table of strategies: gap, quota, ties and repeatability hold for all of them."""

import json
from dataclasses import asdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from al_core.errors import EmptyPool, UnknownName
from al_core.ledger.store import Ledger
from al_core.records import FrameRef, LabelRequest, Selected
from al_core.selection import STRATEGIES
from al_core.selection.strategies.least_certain import most_uncertain
from tasks.steps.select import pool_from_ledger
from tests.toys.ledgers import clip, frame_rows, times_us
from tests.toys.pools import places, pool_of, run


def as_bytes(found: list[Selected]) -> bytes:
    return json.dumps([asdict(s) for s in found]).encode()


class TestTable:
    def test_unknown_name(self):
        with pytest.raises(UnknownName, match=r"'least_sure'; known: diverse, .*patch_cycles, "):
            run("least_sure", pool_of({1: 3}), 1)

    @pytest.mark.parametrize("name", STRATEGIES)
    def test_nothing_left(self, name):
        with pytest.raises(EmptyPool, match="3 frames, 1 asked for before, at least 5 frames between two"):
            run(name, pool_of({1: 3}, [(1, 1)], np.ones(3, np.float32)), 1, min_gap=5)

    @pytest.mark.parametrize("name", STRATEGIES)
    def test_nothing_wanted(self, name):
        assert run(name, pool_of({1: 3}), 0) == []

    @pytest.mark.parametrize("name", STRATEGIES)
    @given(data=st.data())
    @hypothesis_settings(max_examples=40, deadline=None)
    def test_gap_quota_and_repeatability_always_hold(self, name, data):
        lengths = data.draw(st.dictionaries(st.integers(1, 3), st.integers(1, 15), min_size=1))
        every = [(v, f) for v in lengths for f in range(lengths[v])]
        labelled = data.draw(st.lists(st.sampled_from(every), max_size=3, unique=True))
        levels = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(every), max_size=len(every))
        uncertainty = data.draw(st.none() | levels.map(lambda u: np.array(u, np.float32)))
        n, gap, quota = (data.draw(st.integers(low, 5)) for low in (1, 0, 0))
        limits = {"min_gap": gap, "quota_per_video": quota}
        free = [f for f in every if all(v != f[0] or abs(g - f[1]) >= max(gap, 1) for v, g in labelled)]
        pool = pool_of(lengths, labelled, uncertainty)
        if not free:
            with pytest.raises(EmptyPool):
                run(name, pool, n, **limits)
            return
        found = run(name, pool, n, **limits)
        assert 1 <= len(found) <= n
        assert set(places(found)) <= set(free)
        assert [s.rank for s in found] == list(range(len(found)))
        for video in lengths:
            mine = sorted(f for v, f in places(found) if v == video)
            assert not quota or len(mine) <= quota
            assert all(b - a >= max(gap, 1) for a, b in pairwise(mine))
        assert as_bytes(run(name, pool_of(lengths, labelled, uncertainty), n, **limits)) == as_bytes(found)


def waves(seed: int) -> np.ndarray:
    """Uncertainty of three videos of 40 frames, float32 [3, 40].

    Slow waves, coarse levels and one video above the others: neighbours fill the top of the order, ties
    abound.
    """
    rng = np.random.default_rng(seed)
    phase = np.arange(40) / rng.uniform(2, 9) + rng.uniform(0, 6, (3, 1))
    above = np.array([[0], [2], [0]])
    return (np.round(4 * (np.sin(phase) + above)) / 4).astype(np.float32)


class TestLeastCertainOfALedger:
    """Reading a prefix chooses what walking through everything would."""

    SEEDS = (1, 2, 3)
    LABELLED = ((1, 3), (2, 0), (2, 25), (3, 39))

    @pytest.fixture(scope="class")
    def ledger(self, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
        ledger = Ledger(tmp_path_factory.mktemp("waves") / "ledger.duckdb")
        with ledger.held():
            for video_id, name in enumerate("abc", 1):
                ledger.add_video(clip(name, 40), times_us(40))
                for seed in self.SEEDS:
                    ledger.put_predictions(seed, video_id, frame_rows(waves(seed)[video_id - 1]), "p.parquet")
            asked = [Selected(FrameRef(*frame), 0, 0.0, "") for frame in self.LABELLED]
            ledger.put_requests([LabelRequest.of(1, frame) for frame in asked])
        return ledger

    @given(seed=st.sampled_from(SEEDS), n=st.integers(1, 12), gap=st.integers(0, 9), quota=st.integers(0, 4))
    @hypothesis_settings(max_examples=40, deadline=None)
    def test_equals_the_pool_in_memory(self, ledger, seed, n, gap, quota):
        memory = pool_of({1: 40, 2: 40, 3: 40}, self.LABELLED, waves(seed).reshape(-1))
        expected, _ = most_uncertain(memory, n, gap, quota)
        with ledger.held():
            found, scores = most_uncertain(pool_from_ledger(ledger, 2, seed), n, gap, quota)
        assert found.keys.tolist() == expected.keys.tolist()
        assert (np.diff(scores) <= 0).all()
