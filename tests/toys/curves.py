"""Records of campaigns that were never run: curves of a known form, so that ratios are known too."""

import numpy as np

from al_core.benchmark.curve_points import CurvePoint, VideoFigures

ARMS = {
    ("value", "mask"): (1.5, 80.0),
    ("value", "all"): (1.5, 20.0),
    ("uniform", "mask"): (1.0, 80.0),
    ("random", "mask"): (0.7, 80.0),
    ("random", "click"): (0.5, 12.0),
}
"""(strategy, kinds) -> (how fast it learns, human seconds a frame)."""

VIDEOS = {"dog": 4.0, "libby": 16.0, "swan": 3.0, "tennis": 10.0, "bmx": 7.0}
"""Name -> how hard it is."""


def quality(frames, hardness, speed):
    """Rises from 0 to 1 with human frames: after ``hardness / speed`` of them it is 1 - 1/e."""
    return float(1 - np.exp(-frames * speed / hardness))


def figures(video, frames, hardness, speed):
    """A video of 50 frames."""
    jf = quality(frames, hardness, speed)
    human = min(int(frames), 50)
    return VideoFigures(video, 50, human, jf, jf, jf, jf + (1 - jf) * human / 50, jf**2)


def single(arms=ARMS, videos=VIDEOS, seeds=2, frames=(1, 2, 4, 8, 16, 32)):
    """Each video a campaign of its own; seeds differ a little."""
    return [
        point("single", video, arm, seed, number, n, (figures(video, n, hardness, pace(arms[arm][0], seed)),), arms)
        for arm in arms
        for video, hardness in videos.items()
        for seed in range(seeds)
        for number, n in enumerate(frames, start=1)
    ]


def pool(arms=ARMS, videos=VIDEOS, seeds=2, frames=(5, 10, 20, 40, 80, 160), name="pool"):
    """All videos in one campaign."""
    return [
        point(
            name, "all", arm, seed, number, n,
            tuple(figures(v, n / len(videos), h, pace(arms[arm][0], seed)) for v, h in videos.items()), arms,
        )
        for arm in arms
        for seed in range(seeds)
        for number, n in enumerate(frames, start=1)
    ]  # fmt: skip


def point(set_name, campaign, arm, seed, number, n, videos, arms):
    """One record."""
    return CurvePoint(set_name, campaign, *arm, seed, number, n, n * arms[arm][1], videos, 0.5 * n)


def pace(speed, seed):
    """Seeds learn a little faster or slower."""
    return speed * (1 + 0.05 * seed)
