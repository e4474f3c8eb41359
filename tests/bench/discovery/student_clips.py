"""What a student of the motion teacher finds in clips, beside the teacher: trained on other clips, or on all of them.

Arms: the teacher; the student that never saw the clip, by appearance alone and together with motion; the student as
`fewframes discover --method granularity` trains it, on all clips, this one among them (nobody labelled any). A loss is
switched off by --without. For a clip that was held out, masks of four frames are also carried through its first 24 by
matching: by the encoder that never saw it, and by raw colour.

python -m tests.bench.discovery.student_clips --data DAVIS_FOLDER --held-out dog --out dog.json
python -m tests.bench.discovery.student_clips --data DAVIS_FOLDER --without video --out without_video.json

Without --held-out one student learns from all clips and looks at each of them. What is measured is kept, clip by clip.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import click
import numpy as np

from al_core.discovery.discoverer import DiscoveryClip, Means
from al_core.discovery.given import NOTHING_GIVEN
from al_core.discovery.granularity.losses import USUAL, Weights
from al_core.discovery.granularity.student import MOTION, GranularityStudent
from al_core.discovery.granularity.student_training import STEPS
from al_core.discovery.motion import moving_in
from al_core.fingerprint import fingerprint
from al_core.footage.clips import Clip, clips_of
from al_core.settings import Settings
from al_core.stores.optical_flow import FlowStore
from tasks.processes.children import use_threads
from tests.bench.discovery.discovered_objects import figures_of
from tests.bench.discovery.granularity_proof import carried
from tests.toys.footage.movers import MoverClip

MATCHED, LABELLED = 24, 4
"""Frames of a clip through which masks are carried, and those in which they are given."""

LOSSES = tuple(field.name for field in fields(Weights))


@dataclass(frozen=True)
class Study:
    """One training, and what it finds.

    Attributes:
        work: a folder for flow and networks, which may be kept.
        steps, seed, weights: of the training.
    """

    work: Path
    steps: int
    seed: int
    weights: Weights

    def student(self, motion: float, clips: Sequence[Clip]) -> GranularityStudent:
        """A student that learnt from clips; the same ones are learnt from once."""
        means = Means(FlowStore(self.work / "flow"), self.work / "networks", self.seed)
        student = GranularityStudent(means, self.weights, self.steps, motion)
        student.learn([_looked_at(clip) for clip in clips], NOTHING_GIVEN, np.random.default_rng(0))
        return student

    def arms(self, name: str, others: Sequence[Clip], clip: Clip) -> dict[str, dict[str, float]]:
        """Figures of a student that learnt from clips, by appearance alone and together with motion."""
        found = {}
        for arm, motion in ((name, 0.0), (f"{name}, with motion", MOTION)):
            student = self.student(motion, others)
            started = time.process_time()
            frames = list(student.find(_looked_at(clip), NOTHING_GIVEN, np.random.default_rng(0)))
            seconds = 1000 * (time.process_time() - started) / clip.n_frames
            found[arm] = figures_of(clip, frames) | {"seconds for 1,000": seconds}
        return found

    def matching(self, others: Sequence[Clip], clip: Clip) -> dict[str, dict[str, float]]:
        """Mean overlap of masks that are carried by the encoder that learnt from other clips, and by raw colour."""
        encoder = self.student(0.0, others).network.encoder
        images = [clip.read(i) for i in range(min(clip.n_frames, MATCHED))]
        truth = [clip.truth(i) for i in range(len(images))]
        short = MoverClip(images, truth, sha256=fingerprint([clip.sha256, MATCHED]))
        marks = [int((i + 0.5) * len(images) / LABELLED) for i in range(LABELLED)]
        return {
            "matching": {
                "student's encoder": carried(short, encoder, self.work, marks),
                "raw Lab colour": carried(short, None, self.work, marks),
            }
        }

    def teacher(self, clip: Clip) -> dict[str, dict[str, float]]:
        """Figures of the motion teacher."""
        return {"teacher": figures_of(clip, moving_in(FlowStore(self.work / "flow"), clip))}


def _looked_at(clip: Clip) -> DiscoveryClip:
    return DiscoveryClip(1, clip.name, clip)


@click.command()
@click.option("--data", "folders", multiple=True, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--sequences", help="Comma-separated; default: all.")
@click.option("--held-out", help="The clip that is not learnt from; default: all are, and all are looked at.")
@click.option("--without", type=click.Choice(LOSSES), help="A loss that is switched off.")
@click.option("--steps", default=STEPS, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--work", default=Path("runs/student_clips"), show_default=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
def main(
    folders: Sequence[Path],
    sequences: str | None,
    held_out: str | None,
    without: str | None,
    steps: int,
    seed: int,
    work: Path,
    out: Path,
) -> None:
    """Measure what is not measured yet, and print it."""
    use_threads(1)
    names = sequences.split(",") if sequences else None
    found = [clip for folder in folders for clip in clips_of(folder) if names is None or clip.name in names]
    clips = [Clip(clip.source, Settings().frames.working_long_side) for clip in found]
    study = Study(work, steps, seed, USUAL.without(without) if without else USUAL)
    known = json.loads(out.read_text()) if out.is_file() else {}
    for clip in (clip for clip in clips if held_out in (None, clip.name) and clip.name not in known):
        others = [other for other in clips if other.name != held_out]
        name = "student, all clips" if held_out is None else "student, unseen clip"
        known[clip.name] = study.teacher(clip) | study.arms(name, others, clip)
        if held_out is not None:
            known[clip.name] |= study.matching(others, clip)
        out.write_text(json.dumps(known, indent=1))
        for arm, figures in known[clip.name].items():
            told = ", ".join(f"{figure} {value:.3f}" for figure, value in figures.items())
            click.echo(f"{clip.name}, {arm}: {told}")


if __name__ == "__main__":
    main()
