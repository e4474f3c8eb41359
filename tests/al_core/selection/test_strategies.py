"""The table of strategies: gap, quota, ties, repeatability, and what each of them prefers."""

import json
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from al_core.errors import BadSettings, EmptyPool, UnknownName
from al_core.ledger.store import Ledger
from al_core.records import FrameRef, LabelRequest, Selected
from al_core.selection import STRATEGIES, Frames, Pool, select
from al_core.selection.error_model import Outlook
from al_core.selection.strategies.cycle_dissimilarity import dissimilarity, patches_of
from al_core.selection.strategies.least_certain import most_uncertain
from al_core.settings import SelectionSettings
from tasks.steps.select import pool_from_ledger
from tests.toys.ledgers import clip, frame_rows, times_us


def on_a_line(frames: Frames) -> np.ndarray:
    """Features that place frame f of any video at f on a line, float32 [n, 1]."""
    return frames.frame_idx[:, None].astype(np.float32)


def pool_of(lengths, labelled=(), uncertainty=None, features=on_a_line) -> Pool:
    candidates = Frames.of(
        [v for v in lengths for _ in range(lengths[v])], [f for n in lengths.values() for f in range(n)]
    )
    given_labels = [FrameRef(*f) for f in labelled]
    pool = Pool.from_arrays(lengths, given_labels, candidates, uncertainty, features)
    return replace(pool, outlooks=even_outlook(lengths, labelled), patches=brightness_patches, true_gain=few_gain_most)


def even_outlook(lengths, labelled):
    """Every frame is wrong by half, every transition loses as much as any other."""
    known = {v: frozenset(f for u, f in labelled if u == v) for v in lengths}
    return lambda v: Outlook(np.full(lengths[v], 0.5), np.ones(lengths[v] - 1), known[v])


def brightness_patches(frames: Frames) -> np.ndarray:
    """Two patches a frame that turn with its number, float32 [n, 2, 2]."""
    angle = frames.frame_idx[:, None] * 0.1 + np.array([0.0, 1.0])
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1).astype(np.float32)


def few_gain_most(frame: FrameRef, others) -> float:
    """Late frames are worth more, and the less the more labels there are."""
    return frame.frame_idx / (1 + len(others))


def run(name: str, pool: Pool, n: int, seed: int = 0, **settings) -> list[Selected]:
    chosen = SelectionSettings(**{"min_gap": 1, "control_share": 0.0} | settings)
    return select(name, pool, n, chosen, np.random.default_rng(seed))


def places(found: list[Selected]) -> list[tuple[int, int]]:
    return [(s.frame.video_id, s.frame.frame_idx) for s in found]


def as_bytes(found: list[Selected]) -> bytes:
    return json.dumps([asdict(s) for s in found]).encode()


class TestTable:
    def test_unknown_name(self):
        with pytest.raises(UnknownName, match=r"'least_sure'; known: cycle_dissimilarity, diverse, "):
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


class TestRandom:
    def test_the_seed_decides(self):
        pool = pool_of({1: 1000})
        assert places(run("random", pool, 5, seed=1)) == places(run("random", pool, 5, seed=1))
        assert places(run("random", pool, 5, seed=1)) != places(run("random", pool, 5, seed=2))

    def test_every_frame_has_the_same_chance(self):
        drawn = [places(run("random", pool_of({1: 2, 2: 2}), 1, seed=s))[0] for s in range(400)]
        counts = [drawn.count(frame) for frame in [(1, 0), (1, 1), (2, 0), (2, 1)]]
        assert min(counts) > 70


class TestLeastCertain:
    def test_ties_go_to_the_earlier_frame(self):
        uncertainty = np.array([0.5, 0.9, 0.5, 0.9, 0.5, 0.5], np.float32)
        pool = pool_of({1: 3, 2: 3}, (), uncertainty)
        assert places(run("least_certain", pool, 4)) == [(1, 1), (2, 0), (1, 0), (1, 2)]

    def test_gap_passes_over_neighbours(self):
        uncertainty = np.array([0.1, 0.9, 0.8, 0.7, 0.2], np.float32)
        found = run("least_certain", pool_of({1: 5}, (), uncertainty), 3, min_gap=2)
        assert places(found) == [(1, 1), (1, 3)]
        assert [s.score for s in found] == pytest.approx([0.9, 0.7])

    def test_before_predictions_it_spreads_evenly(self):
        assert places(run("least_certain", pool_of({1: 12}), 2)) == places(run("uniform", pool_of({1: 12}), 2))


class TestDiverse:
    def test_farthest_from_the_labels(self):
        found = run("diverse", pool_of({1: 11}, [(1, 2)]), 2)
        assert places(found) == [(1, 10), (1, 6)]
        assert found[0].reason == "unlike all labelled frames: 8.000 from the nearest, frame 2 of video 1"

    def test_the_first_of_all_is_typical(self):
        found = run("diverse", pool_of({1: 11}), 3)
        assert places(found) == [(1, 5), (1, 0), (1, 10)]

    def test_equal_frames_go_to_the_earlier(self):
        same = pool_of({1: 4, 2: 4}, [(2, 1)], features=lambda frames: np.ones((len(frames), 3), np.float32))
        assert places(run("diverse", same, 2)) == [(1, 0), (1, 1)]


class TestHybrid:
    def test_diverse_among_the_uncertain(self):
        # Uncertain are frames 4 to 7; frame 7 is least like the label in frame 0, then 4.
        uncertainty = np.array([0, 0, 0, 0, 0.7, 0.7, 0.9, 0.8, 0, 0], np.float32)
        found = run("hybrid", pool_of({1: 10}, [(1, 0)], uncertainty), 2, pool_factor=2)
        assert places(found) == [(1, 7), (1, 4)]
        assert found[0].reason.startswith("uncertainty 0.800; unlike all labelled frames: 7.000")

    def test_before_predictions_only_diversity_counts(self):
        assert places(run("hybrid", pool_of({1: 11}), 2)) == places(run("diverse", pool_of({1: 11}), 2))

    def test_a_quota_is_met_when_the_uncertain_are_in_one_video(self):
        uncertainty = np.array([0.9] * 10 + [0.1] * 10, np.float32)
        found = run("hybrid", pool_of({1: 10, 2: 10}, (), uncertainty), 4, pool_factor=2, quota_per_video=2)
        assert sorted(v for v, _ in places(found)) == [1, 1, 2, 2]


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
        with ledger._connector.session():
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
        with ledger._connector.session():
            found, scores = most_uncertain(pool_from_ledger(ledger, 2, seed), n, gap, quota)
        assert found.keys.tolist() == expected.keys.tolist()
        assert (np.diff(scores) <= 0).all()


class TestValue:
    """The plan itself is tested in test_plan.py."""

    def test_frames_are_spread_evenly_while_nothing_is_known(self):
        pool = replace(pool_of({1: 40}), outlooks=None)
        assert places(run("value", pool, 2)) == places(run("uniform", pool, 2))

    def test_the_video_that_goes_wrong_is_asked_for(self):
        def outlook(video):
            return Outlook(np.full(20, 0.05 if video == 1 else 0.5), np.ones(19), frozenset({10}))

        pool = replace(pool_of({1: 20, 2: 20}, [(1, 10), (2, 10)]), outlooks=outlook)
        found = run("value", pool, 2)
        assert {s.frame.video_id for s in found} == {2}
        assert "expected to improve frames" in found[0].reason

    def test_a_campaign_that_is_planned_ends_evenly(self):
        first = run("value", pool_of({1: 41}), 2, planned_frames=4)
        labelled = places(first)
        second = run("value", pool_of({1: 41}, labelled), 2, planned_frames=4)
        steps = np.diff(sorted(f for _, f in labelled + places(second)))
        assert steps.min() >= 8


class TestFarthestWithError:
    def test_distance_and_error_both_count(self):
        def outlook(video):
            error = np.full(21, 0.1)
            error[12] = 0.9
            return Outlook(error, np.ones(20), frozenset({0}))

        pool = replace(pool_of({1: 21}, [(1, 0)]), outlooks=outlook)
        # Frame 20 is the farthest from the labelled frame 0; frame 12 is nearer, but wrong.
        assert places(run("farthest_with_error", pool, 2)) == [(1, 12), (1, 20)]


class TestCycleDissimilarity:
    def test_the_frame_least_like_its_most_similar_label_is_chosen(self):
        def patches(frames):
            turned = np.where(frames.frame_idx == 7, np.pi / 2, 0.0)[:, None] + np.array([0.0, 0.4])
            return np.stack([np.cos(turned), np.sin(turned)], axis=-1).astype(np.float32)

        assert places(run("cycle_dissimilarity", replace(pool_of({1: 12}, [(1, 0)]), patches=patches), 1)) == [(1, 7)]

    def test_a_video_without_a_label_comes_first(self):
        assert places(run("cycle_dissimilarity", pool_of({1: 9, 2: 9}, [(1, 4)]), 1)) == [(2, 4)]

    def test_a_frame_is_like_itself_and_unlike_another(self):
        rng = np.random.default_rng(0)
        one, other = (rng.standard_normal((50, 8)).astype(np.float32) for _ in range(2))
        one, other = (p / np.linalg.norm(p, axis=1, keepdims=True) for p in (one, other))
        assert dissimilarity(one, one) < 0.05 < 0.5 < dissimilarity(one, other)

    def test_patches_of_a_picture(self):
        picture = np.zeros((27, 48, 3), np.uint8)
        picture[:3, :3] = 255
        patches = patches_of(picture)
        assert patches.shape == (144, 27)
        assert patches[0] == pytest.approx(27**-0.5)
        assert patches[1] == pytest.approx(-(27**-0.5))


class TestOracle:
    def test_what_really_helps_most_is_chosen(self):
        assert places(run("oracle", pool_of({1: 12, 2: 6}), 1)) == [(1, 10)]

    def test_only_a_simulation_knows(self):
        with pytest.raises(BadSettings, match="knows the truth"):
            run("oracle", replace(pool_of({1: 3}), true_gain=None), 1)
