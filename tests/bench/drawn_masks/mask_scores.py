"""How well "looks like a mask that a person drew" tells which carried masks are right, beside their confidence.

    python -m tests.bench.drawn_masks.mask_scores --data FOLDER --labels 2,4 --seeds 100

FOLDER holds ``davis16_val`` and ``davis16_train``. The labels of each clip are carried by the flow. A discriminator
learns from the labels of all clips as one project's pool, or with ``--others`` for each clip from those of the others
alone. For each clip: the rank correlation, over the objects of its unlabelled frames, of score, confidence and both
with the true J. "Both, fitted" is a regression on labels of the *other* clips that were left out in turn; "both, as
ranks" fits nothing. What is measured is kept: the same command goes on where it stopped.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table as Printed
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import rankdata, spearmanr

from al_core.evaluation.bootstrap import mean_estimate
from al_core.footage.clips import Clip, clips_of
from al_core.fusion import combine, propagations
from al_core.fusion.held_out import tried
from al_core.masks.rle import encode, iou
from al_core.propagation import Resources
from al_core.propagation.base import PropagatedFrame
from al_core.records import FrameLabel, FrameRef
from al_core.settings import Settings
from tasks.benchmark.one_clip import evenly, labels_of
from tasks.processes.children import use_threads
from tasks.steps.propagate import Decoded
from tests.bench.drawn_masks.mask_score import DrawnMasks, MaskScorer, train_mask_scorer

METHODS = ("flow",)
GROUPS = ("davis16_val", "davis16_train")
SCORE, CONFIDENCE, FITTED, RANKS = "mask score", "confidence", "both, fitted", "both, as ranks"
WHAT = (SCORE, CONFIDENCE, FITTED, RANKS)
PULL = 0.5
"""How far the weights of the regression are expected to lie from (0, 1, 0): the confidence as it is."""


@dataclass(frozen=True)
class Row:
    """A carried mask: its score and confidence, and the true J."""

    score: float
    confidence: float
    j: float


class PoolClip:
    """A clip with a few even labels, carried by the flow."""

    def __init__(self, number: int, clip: Clip, n_labels: int, cache: Path) -> None:
        self.number, self.clip = number, clip
        self.truth = labels_of(clip, list(clip.truth_frames))
        self.marks = evenly(clip.n_frames, n_labels)
        self._resources = Resources(Settings().propagation, cache)

    @property
    def labels(self) -> dict[int, FrameLabel]:
        """What people are taken to have drawn."""
        return {i: self.truth[i] for i in self.marks}

    @property
    def drawn(self) -> list[DrawnMasks]:
        """The same as the scorer learns from it."""
        return [DrawnMasks(FrameRef(self.number, i), label.masks) for i, label in self.labels.items()]

    @cached_property
    def carried(self) -> list[PropagatedFrame]:
        """What reached the frames without a label."""
        sources = propagations(METHODS, self._resources, self.clip, Decoded(self.labels))
        return [frame for frame in combine(sources, self.labels)() if frame.frame_idx not in self.marks]

    @cached_property
    def left_out(self) -> list[PropagatedFrame]:
        """What reached labels from the others, every second one left out in turn."""
        return list(tried(METHODS[0], self._resources, self.clip, Decoded(self.labels)).found.values())

    def rows(self, scorer: MaskScorer, frames: Sequence[PropagatedFrame], every: int = 1) -> list[Row]:
        """Return what is known of each object of some frames."""
        found = []
        for frame in frames[::every]:
            truth = {mask.track_id: mask for mask in self.truth[frame.frame_idx].objects}
            tracks = {n: t for n, t in frame.tracks.items() if n in truth}
            rles = {
                n: encode(_at(t.mask.full() > 0.5, truth[n].rle.height, truth[n].rle.width)) for n, t in tracks.items()
            }
            scores = scorer.scores(self.clip.read(frame.frame_idx), [(1, rle) for rle in rles.values()])
            for (number, rle), score in zip(rles.items(), scores, strict=True):
                overlap = float(iou([rle], [truth[number].rle])[0, 0])
                found.append(Row(score, tracks[number].confidence, overlap))
        return found


def regression(rows: Sequence[Row]) -> np.ndarray:
    """Return weights (score, confidence, 1) of the logits, fitted to overlaps and drawn to the confidence as it is."""
    known = np.array([0.0, 1.0, 0.0])
    if not rows:
        return known
    x, y = _features(rows), np.array([row.j for row in rows])

    def loss(w: np.ndarray) -> float:
        z = x @ w
        return float((np.logaddexp(0, z) - y * z).sum() + 0.5 * (((w - known) / PULL) ** 2).sum())

    return np.asarray(minimize(loss, known, method="L-BFGS-B").x)


def _features(rows: Sequence[Row]) -> np.ndarray:
    values = np.clip([[row.score, row.confidence] for row in rows], 1e-3, 1 - 1e-3)
    return np.column_stack([logit(values), np.ones(len(rows))])


def estimates(rows: Sequence[Row], weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each way says of masks: higher is better."""
    score, confidence = (np.array([getattr(row, name) for row in rows]) for name in ("score", "confidence"))
    return {
        SCORE: score,
        CONFIDENCE: confidence,
        FITTED: expit(_features(rows) @ weights),
        RANKS: rankdata(score) + rankdata(confidence),
    }


def correlations(rows: Sequence[Row], weights: np.ndarray) -> dict[str, float]:
    """Return the rank correlation of each way with J; 0 where one of the two is the same everywhere."""
    j = np.array([row.j for row in rows])
    return {
        name: float(spearmanr(values, j).statistic) if np.ptp(values) and np.ptp(j) else 0.0
        for name, values in estimates(rows, weights).items()
    }


def measured(
    clips: Mapping[str, PoolClip], seed: int, steps: int, every: int, others: bool
) -> Iterator[tuple[str, dict]]:
    """Yield the correlations of each clip, and "all" over the masks of all clips together."""
    pool = {clip.number: clip for clip in clips.values()}

    def scorer_for(name: str) -> MaskScorer:
        labels = [one for other in clips.values() if not others or other is not clips[name] for one in other.drawn]
        found = train_mask_scorer(labels, [1], lambda f: pool[f.video_id].clip.read(f.frame_idx), seed, steps)
        assert found is not None
        return found

    shared = None if others else scorer_for(next(iter(clips)))
    scorers = {name: shared or scorer_for(name) for name in clips}
    rows = {name: clip.rows(scorers[name], clip.carried, every) for name, clip in clips.items()}
    left_out = {name: clip.rows(scorers[name], clip.left_out) for name, clip in clips.items()}
    whole: dict[str, list[np.ndarray]] = {name: [] for name in WHAT[:3]}
    for name in clips:
        weights = regression([row for other, found in left_out.items() if other != name for row in found])
        for what, values in estimates(rows[name], weights).items():
            if what in whole:
                whole[what].append(values)
        yield name, {**correlations(rows[name], weights), "weights": weights.tolist(), "masks": len(rows[name])}
    j = np.array([row.j for name in clips for row in rows[name]])
    yield "all", {what: float(spearmanr(np.concatenate(values), j).statistic) for what, values in whole.items()}


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", default=Path("runs/mask_scores"), show_default=True, type=click.Path(path_type=Path))
@click.option("--labels", default="2,4", show_default=True, help="Of each clip.")
@click.option("--seeds", default="100", show_default=True)
@click.option("--steps", default=300, show_default=True, help="Of the discriminator.")
@click.option("--side", default=320, show_default=True, help="Long side of the frames.")
@click.option("--every", default=1, show_default=True, help="Every so manyth unlabelled frame is measured.")
@click.option("--others", is_flag=True, help="Learn from the labels of the other clips alone.")
def main(data: Path, work: Path, labels: str, seeds: str, steps: int, side: int, every: int, others: bool) -> None:
    """Measure what is not measured yet, and print the means over clips."""
    use_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    sources = [clip for group in GROUPS for clip in clips_of(data / group, None)]
    table = Printed(
        "labels", "seed", *WHAT, "together: " + ", ".join(WHAT[:3]), "score - confidence", "fitted - confidence"
    )
    for n_labels in map(int, labels.split(",")):
        for seed in map(int, seeds.split(",")):
            path = work / f"{n_labels}-{seed}-{steps}-{side}-{every}-{'others' if others else 'pool'}.json"
            if not path.is_file():
                started = time.process_time()
                clips = {
                    c.name: PoolClip(n, Clip(c.source, side), n_labels, work / "cache")
                    for n, c in enumerate(sources, start=1)
                }
                found = dict(measured(clips, seed, steps, every, others))
                path.write_text(json.dumps({"clips": found, "seconds": time.process_time() - started}, indent=1))
            table.add_row(str(n_labels), str(seed), *_told(json.loads(path.read_text())["clips"]))
    Console(width=200).print(table)


def _told(found: dict[str, dict[str, float]]) -> Iterator[str]:
    together = found.pop("all")
    values = {what: np.array([one[what] for one in found.values()]) for what in WHAT}
    yield from (f"{values[what].mean():.3f}" for what in WHAT)
    yield ", ".join(f"{together[what]:.3f}" for what in WHAT[:3])
    for what in (SCORE, FITTED):
        apart = mean_estimate(values[what] - values[CONFIDENCE], np.random.default_rng(0), 10_000)
        yield f"{apart.value:+.3f} ({apart.low:+.3f} to {apart.high:+.3f})"


def _at(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0)


if __name__ == "__main__":
    main()
