"""How well "looks like a mask that a person drew" tells which masks of a teacher are right, beside how sure it is.

    python -m tests.bench.unlabelled.teacher_masks --data FOLDER --seeds 100 --side 192 --frames 24 --every 2

Base students of the bench on the pool, and a discriminator that learned from the same labels. For each clip the rank
correlation, over the likeliest masks of its unlabelled frames, with their J; both together by their ranks.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import click

from al_core.adversary.mask_score import DrawnMasks, MaskScorer, train_mask_scorer
from al_core.records import FrameRef
from tasks.processes.children import use_threads
from tests.bench.unlabelled.__main__ import settings_of, study_of
from tests.bench.unlabelled.clip_study import ClipStudy
from tests.bench.unlabelled.sensitivity import correlations, told
from tests.bench.unlabelled.study import Bench, Predict, Steps

SCORE, SURE = "mask score", "how sure the teachers are"


def of_clip(study: ClipStudy, predict: Predict, scorer: MaskScorer, name: str) -> dict[str, float]:
    """Return the correlations in a clip of one object."""
    masks, errors = study.likeliest(name, predict), study.errors(name, predict)
    seen = [i for i in errors if masks.get(i)]
    scores = [scorer.scores(study.read(FrameRef(study.number(name), i)), [(1, masks[i][0].rle)])[0] for i in seen]
    sure = [masks[i][0].confidence for i in seen]
    return correlations({SCORE: scores, SURE: sure}, [1 - errors[i] for i in seen])


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--work", default=Path("runs/unlabelled"), show_default=True, type=click.Path(path_type=Path))
@click.option("--proof", default="pool, 2 labels", show_default=True)
@click.option("--seeds", default="100", show_default=True)
@click.option("--base-steps", default=250, show_default=True)
@click.option("--steps", default=150, show_default=True, help="Part of the name of the base students' folder.")
@click.option("--side", default=320, show_default=True)
@click.option("--frames", default=1000, show_default=True)
@click.option("--every", default=1, show_default=True)
@click.option("--clips", default="", help="Comma-separated clips of the pool; default: all.")
def main(data: Path, work: Path, proof: str, seeds: str, clips: str, **sizes: int) -> None:
    """Measure on every clip, and print the means."""
    use_threads(1)
    side, frames, every = (sizes[name] for name in ("side", "frames", "every"))
    names = clips.split(",") if clips else ()
    study = study_of(proof, data, settings_of(side, "flow"), frames, every, work / "cache", names)
    assert isinstance(study, ClipStudy)
    folder = f"{sizes['base_steps']}-{sizes['steps']}-{side}-{frames}-{every}-flow" + (f"-{clips}" if clips else "")
    bench = Bench(study, Steps(sizes["base_steps"], sizes["steps"]), work / folder)
    found = []
    for seed in map(int, seeds.split(",")):
        labels = [DrawnMasks(sample.frame, sample.masks) for sample in study.samples]
        scorer = train_mask_scorer(labels, [1], study.read, seed)
        assert scorer is not None
        for name in study.names:
            found.append(of_clip(study, bench.predicting(bench.base(seed)), scorer, name))
            click.echo(f"{seed} {name} {found[-1]}")
    for line in told(found):
        click.echo(line)


if __name__ == "__main__":
    main()
