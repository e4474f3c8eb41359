"""Pools in memory, small enough to say which frame has to be chosen."""

from dataclasses import replace

import numpy as np

from al_core.records import FrameRef, Selected
from al_core.selection import Frames, Pool, select
from al_core.selection.error_model import Outlook
from al_core.settings import SelectionSettings


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
