"""How well a teacher's sensitivity to recolouring and mirroring tells where it errs, beside uncertainty.

    python -m tests.bench.unlabelled.sensitivity --data FOLDER --seeds 100,101 --side 192 --frames 30

Base students of the bench on the pool; for each clip the rank correlation, over its unlabelled frames, of each score
with the error 1 - J of the teachers' masks. The sensitivity of a frame is that of its most sensitive proposal.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from al_core.evaluation.bootstrap import mean_estimate
from al_core.records import FrameRef
from al_core.students.build import SIZE_DIVISOR, load_members
from al_core.students.semi.consistency import look
from al_core.uncertainty.scores import FrameScorer, combine
from tasks.processes.children import use_threads
from tests.bench.unlabelled.__main__ import settings_of, study_of
from tests.bench.unlabelled.clip_study import ClipStudy
from tests.bench.unlabelled.study import Bench, Steps

SENSITIVITY, UNCERTAINTY = "sensitivity", "uncertainty"
EVEN = "both, as ranks"


def frame_sensitivity(teacher: Any, image: NDArray[np.uint8], long_side: int) -> float:
    """Return the sensitivity of the most sensitive proposal of a frame, RGB uint8 [h, w, 3]."""
    from mmdet.structures import DetDataSample

    from al_core.footage.images import resized, working_size

    small = resized(image, working_size(*image.shape[:2], long_side))
    shape = small.shape[:2]
    meta = {"img_shape": shape, "ori_shape": shape, "scale_factor": (1.0, 1.0)}
    pixels = torch.from_numpy(np.ascontiguousarray(small)).permute(2, 0, 1)
    batch = {"inputs": [pixels], "data_samples": [DetDataSample(metainfo=meta)]}
    ready = teacher.data_preprocessor(batch, False)
    assert ready["inputs"].shape[-1] % SIZE_DIVISOR == 0
    with torch.no_grad():
        seen = look(teacher, ready["inputs"], [ready["data_samples"][0].metainfo], torch.Generator().manual_seed(0))
    return float(seen.opinion.sensitivity.max())


def correlations(scores: Mapping[str, Sequence[float]], errors: Sequence[float]) -> dict[str, float]:
    """Return the rank correlation of each score with the errors, and that of their ranks together; 0 for a score that
    is the same everywhere."""
    ranks = np.sum([np.argsort(np.argsort(values)) for values in scores.values()], axis=0)
    return {name: _rho(values, errors) for name, values in {**scores, EVEN: ranks.tolist()}.items()}


def _rho(values: Sequence[float], errors: Sequence[float]) -> float:
    if np.ptp(values) == 0 or np.ptp(errors) == 0:
        return 0.0
    return float(spearmanr(values, errors).statistic)


def of_clip(study: ClipStudy, bench: Bench, checkpoint: Path, name: str) -> dict[str, float]:
    """Return the correlations in a clip."""
    settings = study.settings
    teacher = load_members(checkpoint, settings.student.device, settings.teachers)[-1].model
    errors = study.errors(name, bench.predicting(checkpoint))
    scorer = FrameScorer()
    refs = [FrameRef(study.number(name), i) for i in errors]
    for prediction in bench.predicting(checkpoint)(refs):
        scorer.add(prediction)
    uncertain = combine(scorer.components(), settings.uncertainty)
    sensitive = [frame_sensitivity(teacher, study.read(ref), settings.student.long_side) for ref in refs]
    return correlations({SENSITIVITY: sensitive, UNCERTAINTY: uncertain.tolist()}, list(errors.values()))


def told(found: Sequence[Mapping[str, float]]) -> Iterator[str]:
    """Yield the mean correlation of each score with its 95 % interval over clips and seeds."""
    for name in found[0]:
        mean = mean_estimate(np.array([one[name] for one in found]), np.random.default_rng(0), 10_000)
        yield f"{name}: {mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f}), {len(found)} clips and seeds"


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", default=Path("runs/unlabelled"), show_default=True, type=click.Path(path_type=Path))
@click.option("--proof", default="pool, 2 labels", show_default=True)
@click.option("--seeds", default="100,101", show_default=True)
@click.option("--base-steps", default=250, show_default=True)
@click.option("--steps", default=150, show_default=True, help="Part of the name of the base students' folder.")
@click.option("--side", default=320, show_default=True)
@click.option("--frames", default=1000, show_default=True)
@click.option("--every", default=1, show_default=True)
@click.option("--clips", help="Comma-separated clips of the pool; default: all.")
def main(
    data: Path,
    work: Path,
    proof: str,
    seeds: str,
    base_steps: int,
    steps: int,
    side: int,
    frames: int,
    every: int,
    clips: str | None,
) -> None:
    """Measure on every clip, and print the means."""
    use_threads(1)
    settings = settings_of(side, "flow")
    study = study_of(proof, data, settings, frames, every, work / "cache", clips.split(",") if clips else ())
    assert isinstance(study, ClipStudy)
    name = f"{base_steps}-{steps}-{side}-{frames}-{every}-flow" + (f"-{clips}" if clips else "")
    bench = Bench(study, Steps(base_steps, steps), work / name)
    found = []
    for seed in map(int, seeds.split(",")):
        for name in study.names:
            found.append(of_clip(study, bench, bench.base(seed), name))
            click.echo(f"{seed} {name} {found[-1]}")
    for line in told(found):
        click.echo(line)


if __name__ == "__main__":
    main()
