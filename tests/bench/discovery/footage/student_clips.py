"""What a student of the motion teacher finds in real clips that it never saw: three are held out at a time.

Arms: the teacher; the student by appearance alone, and together with motion. Masks of four frames are also carried
through the first 24 of the clip, by the encoder that never saw it and by raw colour. The losses are compared on three
clips that are held out together, in shorter trainings.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from al_core.discovery.discoverer import DiscoveryClip, FoundObject, Means
from al_core.discovery.given import NOTHING_GIVEN
from al_core.discovery.granularity.losses import USUAL, Weights
from al_core.discovery.granularity.student import MOTION, GranularityStudent
from al_core.discovery.motion import moving_in
from al_core.fingerprint import fingerprint
from al_core.footage.clips import Clip, clips_of
from al_core.settings import Settings
from al_core.stores.optical_flow import FlowStore
from tests.bench.discovery.discovered_objects import figures_of
from tests.bench.discovery.granularity_proof import COLOUR, LEARNED, LOSSES, STUDENT, TEACHER, TOGETHER, carried
from tests.bench.proofs.proof import Claim, Figures, Proof
from tests.toys.footage.movers import MoverClip

STEPS, STEPS_OF_LOSS = 200, 100
"""Of a training, and of each where the losses are compared; what a project trains is longer."""

MATCHED, LABELLED = 24, 4
"""Frames of a clip through which masks are carried, and those in which they are given."""

FOLDS = 4
FOLDERS = ("davis16_val", "davis16_train", "other")
ABSENT = ("tabletop", "cdnet-highway")
"""What lies there with several objects, and serves other proofs."""

TOLD = {"best part": "J of the best part", "recall": "recall at IoU .5", "from found": "human seconds of a first round"}
HELD_TOGETHER = ("blackswan", "dog", "soccerball")


@dataclass(frozen=True)
class HeldOut:
    """Clips that are looked at, and those that are learnt from."""

    judged: Sequence[Clip]
    learnt: Sequence[Clip]

    def student(self, folder: Path, seed: int, weights: Weights = USUAL, steps: int = STEPS) -> GranularityStudent:
        """A student that learnt from the clips; the same ones are learnt from once."""
        student = GranularityStudent(Means(FlowStore(folder / "flow"), folder / "networks", seed), weights, steps, 0.0)
        student.learn([_looked_at(clip) for clip in self.learnt], NOTHING_GIVEN, np.random.default_rng(0))
        return student


@cache
def clips(data: Path) -> Sequence[Clip]:
    """Eleven clips of DAVIS 2016 and one of SegTrack, each with one object, at the size that the product works at."""
    side = Settings().frames.working_long_side
    found = [clip for name in FOLDERS for clip in clips_of(data / "video_masks" / name)]
    return [Clip(clip.source, side) for clip in found if clip.name not in ABSENT]


def folds(data: Path) -> Callable[[int], Mapping[str, HeldOut]]:
    """Each clip, held out with two others: a training serves three clips, none of which it saw."""
    parts = [clips(data)[n::FOLDS] for n in range(FOLDS)]
    return lambda seed: {
        clip.name: HeldOut([clip], [other for other in clips(data) if other not in part])
        for part in parts
        for clip in part
    }


def together(data: Path) -> Callable[[int], Mapping[str, HeldOut]]:
    """Some clips, held out together."""
    judged = [clip for clip in clips(data) if clip.name in HELD_TOGETHER]
    learnt = [clip for clip in clips(data) if clip.name not in HELD_TOGETHER]
    return lambda seed: {", ".join(HELD_TOGETHER): HeldOut(judged, learnt)}


def figures(held: HeldOut, seed: int, folder: Path) -> Figures:
    """Every arm on the clip that is held out."""
    (clip,), student = held.judged, held.student(folder, seed)
    taught = moving_in(student.means.flow, clip)
    arms = {TEACHER: taught, STUDENT: _found(student, clip), TOGETHER: _found(student.counting(MOTION), clip)}
    told = {arm: figures_of(clip, frames) for arm, frames in arms.items()}
    images = [clip.read(i) for i in range(min(clip.n_frames, MATCHED))]
    truth = [clip.truth(i) for i in range(len(images))]
    short = MoverClip(images, truth, sha256=fingerprint([clip.sha256, MATCHED]))
    marks = [int((i + 0.5) * len(images) / LABELLED) for i in range(LABELLED)]
    return {f"{arm}: {figure}": found[figure] for arm, found in told.items() for figure in TOLD} | {
        LEARNED: carried(short, student.network.encoder, folder, marks),
        COLOUR: carried(short, None, folder, marks),
    }


def losses(held: HeldOut, seed: int, folder: Path) -> Figures:
    """The student by appearance alone with all losses, and without each: J of the best part, mean over the clips."""
    found = {}
    for arm, weights in {"all losses": USUAL, **{f"without {name}": USUAL.without(name) for name in LOSSES}}.items():
        student = held.student(folder, seed, weights, STEPS_OF_LOSS)
        found[arm] = float(np.mean([figures_of(clip, _found(student, clip))["best part"] for clip in held.judged]))
    return found


def _found(student: GranularityStudent, clip: Clip) -> Iterable[tuple[int, Sequence[FoundObject]]]:
    return student.find(_looked_at(clip), NOTHING_GIVEN, np.random.default_rng(0))


def _looked_at(clip: Clip) -> DiscoveryClip:
    return DiscoveryClip(1, clip.name, clip)


def proofs(data: Path) -> Sequence[Proof]:
    """Return the proof clip by clip, and that of the losses."""
    claims = [
        Claim(f"{arm}: {figure}", f"{TEACHER}: {figure}", what, fewer=figure == "from found")
        for arm in (STUDENT, TOGETHER)
        for figure, what in TOLD.items()
    ]
    without = [Claim("all losses", f"without {name}", "J of the best part") for name in LOSSES]
    one, held = "each clip held out", "three clips held out"
    return (
        Proof("student clips", (*claims, Claim(LEARNED, COLOUR)), folds(data), figures, 2, False, one, True),
        Proof("student losses", tuple(without), together(data), losses, 2, False, held, True),
    )
