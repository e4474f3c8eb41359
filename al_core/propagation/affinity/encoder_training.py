"""Training of the encoder on one clip or many, without labels, by rebuilding the colour of one frame from another.

After MAMP (Miao, Bennamoun, Gao, Mian: "Self-Supervised Video Object Segmentation by Motion-Aware Mask Propagation",
ICME 2022): both frames lose one of their two colour channels; the lost channel of the one is copied from the other,
where features say that both show the same thing. Features that bring the right colour tell things apart.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from al_core.errors import BadVideo
from al_core.fingerprint import fingerprint
from al_core.footage.clips import ClipFrames
from al_core.footage.images import working_size
from al_core.networks.network_state import Checkpoint, kept_or_trained
from al_core.networks.training_loop import TrainingLoop, half_cosine
from al_core.propagation.affinity.encoder import (
    STRIDE,
    Describe,
    Encoder,
    describing,
    load_encoder,
    new_encoder,
    to_lab,
)
from al_core.propagation.affinity.known_pictures import seen_in
from al_core.propagation.affinity.local_affinity import cut, neighbours, scores, with_norm
from al_core.propagation.base import Resources
from al_core.propagation.labelled_clip import reader
from al_core.records import Progress
from al_core.stores.disk_cache import DiskCache

APART = (2, 5, 8)
"""Frames from the one that is rebuilt to the one that it is rebuilt from."""

RADIUS = 6
"""Cells to look at in each direction."""

CROP = 128
"""Height and width of what is rebuilt, in pixels."""

BATCH = 4

LEARNING_RATE = 2e-3

MOST_PAIRS = 48
"""Pairs of frames of one clip that are learnt from, drawn at random."""

MOST_CLIPS = 64
"""Clips that one encoder learns from, evenly spaced among those that are there."""

PAIRS_OF_ALL = 384
"""Pairs of all these clips together, the same number of each; no fewer than :data:`LEAST_PAIRS` of one."""

LEAST_PAIRS = 6

CACHE_BYTES = 1_000_000_000

_LOSS_SCALE = 20.0
"""Factor on colours before they are compared, as in MAMP."""

_FORMAT = "encoder1"


Picture = NDArray[np.uint8]


class Pair(NamedTuple):
    """Two frames of one clip, RGB uint8 [h, w, 3] each, height and width multiples of 4."""

    target: Picture
    source: Picture


def learned_features(resources: Resources) -> Callable[[ClipFrames, tuple[int, int]], Describe]:
    """Return what gives the features of a clip: the encoder of ``propagation.encoder``, or one trained on the clip.

    Raises:
        BadCheckpoint: the encoder's file is not there or does not fit.
    """
    settings = resources.settings
    if settings.encoder:
        given = describing(load_encoder(Path(settings.encoder)))
        return lambda frames, size: given
    disk = DiskCache(resources.cache / "affinity", CACHE_BYTES)

    def features(frames: ClipFrames, size: tuple[int, int]) -> Describe:
        steps = settings.encoder_steps
        return describing(trained_encoder(frames, size, disk, steps, resources.seed, resources.on_progress))

    return features


def features_of(resources: Resources) -> Callable[[ClipFrames, tuple[int, int]], Describe]:
    """Return what gives the features by which pixels are matched: those that were learnt, and what a network that knows
    pictures sees, unless ``propagation.backbone`` does without.

    Raises:
        BadCheckpoint: the encoder's file is not there or does not fit.
    """
    learned = learned_features(resources)
    if not resources.settings.on_backbone:
        return learned

    def features(frames: ClipFrames, size: tuple[int, int]) -> Describe:
        describe, see = learned(frames, size), seen_in(frames, size)
        return lambda image: torch.cat([describe(image), see(image)])

    return features


def training_key(frames: ClipFrames, size: tuple[int, int], steps: int, seed: int) -> str:
    """Return the name of the trained encoder: equal clips and settings share one."""
    what = [_FORMAT, frames.sha256, list(frames.size), list(size), steps, seed, APART, RADIUS, CROP, BATCH, MOST_PAIRS]
    return fingerprint(what)


def trained_encoder(
    frames: ClipFrames,
    size: tuple[int, int],
    disk: DiskCache,
    steps: int,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Encoder:
    """Return the encoder of a clip: from the cache, or trained now; a training that was killed is continued.

    Args:
        size: (height, width) of the frames as they are learnt from, in pixels.
        steps: of the training; 0 gives random weights.
        seed: of the weights and of everything that is drawn.
    """
    key = training_key(frames, size, steps, seed)
    encoder = new_encoder(seed)
    if steps == 0 or frames.n_frames < 2:
        return encoder.eval()
    return kept_or_trained(
        disk, key, encoder, lambda keep: train(encoder, pairs_of(frames, size, seed), steps, seed, keep, on_progress)
    )


def trained_on_all(
    clips: Sequence[ClipFrames],
    long_side: int,
    disk: DiskCache,
    steps: int,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> Encoder:
    """Return one encoder for many clips: from the cache, or trained now; a training that was killed is continued.

    Args:
        clips: at least one of two frames and more; shorter ones are passed over. Over a cut a clip ends.
        long_side: of the frames as they are learnt from, in pixels.

    Raises:
        BadVideo: there is no clip of two frames.
    """
    chosen = most_of([clip for clip in clips if clip.n_frames > 1])
    if not chosen:
        raise BadVideo("an encoder is trained on videos of two frames and more, got none; take some in first")
    encoder = new_encoder(seed)

    def learn(keep: Checkpoint) -> None:
        pairs, of_each = [], max(LEAST_PAIRS, PAIRS_OF_ALL // len(chosen))
        for number, clip in enumerate(chosen, start=1):
            pairs += pairs_of(clip, working_size(*clip.size, long_side), seed, min(of_each, MOST_PAIRS))
            if on_progress is not None:
                on_progress(Progress(0, steps, f"clip {number} of {len(chosen)} is read"))
        train(encoder, pairs, steps, seed, keep, on_progress)

    return kept_or_trained(disk, key_of_all(chosen, long_side, steps, seed), encoder, learn)


def most_of(clips: Sequence[ClipFrames]) -> list[ClipFrames]:
    """Return the clips that are learnt from: all, or :data:`MOST_CLIPS` evenly spaced ones."""
    at = np.linspace(0, len(clips) - 1, min(len(clips), MOST_CLIPS)).round()
    return [clips[int(i)] for i in at]


def key_of_all(clips: Sequence[ClipFrames], long_side: int, steps: int, seed: int) -> str:
    """Return the name of an encoder of many clips: equal clips and settings share one."""
    what = [_FORMAT, [c.sha256 for c in clips], [list(c.size) for c in clips], long_side, steps, seed]
    return fingerprint([*what, APART, RADIUS, CROP, BATCH, MOST_PAIRS, PAIRS_OF_ALL, LEAST_PAIRS])


def pairs_of(frames: ClipFrames, size: tuple[int, int], seed: int, most: int = MOST_PAIRS) -> list[Pair]:
    """Draw pairs of frames some frames apart; at most ``most``, so memory does not grow with the clip."""
    rng = np.random.default_rng(seed)
    n = frames.n_frames
    targets = np.sort(rng.choice(n, min(n, most), replace=False)).tolist()
    partners = [_partner(t, n, rng) for t in targets]
    read = reader(frames, size)
    below, right = -size[0] % STRIDE, -size[1] % STRIDE
    seen = {i: np.pad(read(i), ((0, below), (0, right), (0, 0)), mode="edge") for i in sorted({*targets, *partners})}
    return [Pair(seen[t], seen[p]) for t, p in zip(targets, partners, strict=True)]


def train(
    encoder: Encoder,
    pairs: Sequence[Pair],
    steps: int,
    seed: int,
    keep: Checkpoint,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """Train in place. What a step draws follows from the seed and its number alone, so that a training can go on.

    Args:
        keep: where the training stands is kept there, every 50 steps.
    """
    side = min(CROP, *(min(pair.target.shape[:2]) for pair in pairs))

    def loss(rng: np.random.Generator) -> Tensor:
        target, source = _crops(pairs, side, rng)
        return reconstruction_loss(encoder, target, source, dropped=int(rng.integers(1, 3)))

    optimizer = torch.optim.Adam(encoder.parameters(), LEARNING_RATE)
    TrainingLoop("encoder", optimizer, steps, seed, half_cosine, 5.0, keep, on_progress).train(encoder, loss)


def reconstruction_loss(encoder: Encoder, target: Tensor, source: Tensor, dropped: int) -> Tensor:
    """Return the smooth L1 loss between a colour channel and what is copied of it from another frame, scalar.

    Args:
        target: float32 [n, 3, h, w], h and w multiples of 4.
        source: the other frames, of the same shape.
        dropped: the channel that the encoder does not see, 1 (a) or 2 (b).
    """
    seen = torch.full((1, 3, 1, 1), 1.0)
    seen[:, 3 - dropped] = 1.5
    seen[:, dropped] = 0.0
    features = encoder((torch.cat([target, source]) * seen).contiguous(memory_format=torch.channels_last))
    queries, keys = features.chunk(2)
    weights = scores(queries, with_norm(keys), RADIUS).softmax(dim=2)
    colours = functional.avg_pool2d(torch.cat([target, source])[:, dropped : dropped + 1], STRIDE)
    wanted, known = colours.chunk(2)
    rebuilt = (weights * neighbours(known, RADIUS)).sum(dim=2)
    return functional.smooth_l1_loss(rebuilt * _LOSS_SCALE, cut(wanted)[..., 0] * _LOSS_SCALE)


def _partner(target: int, n_frames: int, rng: np.random.Generator) -> int:
    apart = int(rng.choice(APART)) * int(rng.choice([-1, 1]))
    for partner in (target + apart, target - apart):
        if 0 <= partner < n_frames:
            return partner
    return 0 if target else 1


def _crops(pairs: Sequence[Pair], side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Cut the same square out of both frames of some pairs: float32 [n, 3, side, side] each, in Lab."""
    targets, sources = [], []
    for _ in range(BATCH):
        pair = pairs[int(rng.integers(len(pairs)))]
        y, x = (STRIDE * int(rng.integers((n - side) // STRIDE + 1)) for n in pair.target.shape[:2])
        targets.append(to_lab(pair.target[y : y + side, x : x + side]))
        sources.append(to_lab(pair.source[y : y + side, x : x + side]))
    return torch.stack(targets), torch.stack(sources)
