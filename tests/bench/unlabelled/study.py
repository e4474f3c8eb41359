"""A student that goes on from labels alone, with and without unlabelled frames: what every study measures, and how.

A base student learns from the labels. What it and the propagators deliver is believed as a round would believe it. Then
every arm goes on from that same base for as many steps, or the supervised one for as many processor seconds.
"""

import pickle
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from al_core.files import replaced
from al_core.records import FrameRef
from al_core.settings import Settings
from al_core.stores.predictions import FramePrediction
from al_core.students.build import load_members
from al_core.students.semi.mixing import Nearness
from al_core.students.semi.unlabelled import UnlabelledSample
from al_core.students.train import TrainingSample, train_student
from al_core.uncertainty.augment import views_named
from al_core.uncertainty.ensemble import predict_frames, weakest_score
from tests.bench.unlabelled.depth_arms import MOTION, DepthArms

NONE = "none"
FROM_DEPTH = "none from depth"
"""The student without unlabelled frames that starts from the encoder of depth, not from random weights."""

SYSTEMS = (NONE, "self", "mmt_psm", "s4gan", "self + class", "self + depth", f"self + {MOTION}", FROM_DEPTH)
"""Each a way to learn from unlabelled frames, and after a plus how these are mixed."""

ON_CLIPS = frozenset({"self + depth", f"self + {MOTION}", FROM_DEPTH})
"""Systems that need clips of a camera that moves."""

Figures = Mapping[str, Mapping[str, float]]
"""What was measured: figure -> case (a clip or an image) -> value."""


class Study(Protocol):
    """Footage with some labels, and how a student on it is measured."""

    name: str
    settings: Settings
    samples: Sequence[TrainingSample]

    def read(self, frame: FrameRef) -> NDArray[np.uint8]:
        """Return a frame at working size, RGB uint8."""

    def believed(self, predict: "Predict") -> list[UnlabelledSample]:
        """Return the frames that nobody labelled, with what is believed of them."""

    def figures(self, predict: "Predict") -> Figures:
        """Measure on frames that nobody labelled."""


Predict = Callable[[Sequence[FrameRef]], list[FramePrediction]]
"""What the teachers of a student say of frames, in their order; numbered from 0."""


@dataclass(frozen=True)
class Steps:
    """Training steps of the base student, and of every arm after it."""

    base: int
    arm: int


@dataclass
class Bench:
    """Trains and measures the arms of a study; students and beliefs are kept in a folder."""

    study: Study
    steps: Steps
    folder: Path
    changes: Mapping[str, float] = field(default_factory=dict)
    depth: DepthArms | None = None

    def measure(self, system: str, seed: int, steps: int | None = None, name: str = "") -> tuple[Figures, float]:
        """Return the figures of an arm, and the processor seconds of its training.

        Args:
            steps: by default those of every arm.
            name: of an arm in which something else is different too.
        """
        steps = self.steps.arm if steps is None else steps
        base = self.base(seed, from_depth=system == FROM_DEPTH)
        believed = () if system == FROM_DEPTH else self._believed(base, seed)
        folder = self.folder / f"{self.study.name}-{seed}" / f"{name or system}-{steps}"
        # What was trained before a kill would cost nothing now: the seconds would be too few.
        shutil.rmtree(folder, ignore_errors=True)
        nearness = self.depth.nearness(system.partition(" + ")[2], seed) if self.depth is not None else None
        trained, seconds = self._train(system, folder, 1000 * seed + 2, steps, base, believed, nearness)
        return self.study.figures(self.predicting(trained)), seconds

    def base(self, seed: int, from_depth: bool = False) -> Path:
        """Return the student of a seed that all arms go on from, trained now or before; it starts from random weights,
        or from the encoder of depth."""
        folder = self.folder / f"{self.study.name}-{seed}" / ("base from depth" if from_depth else "base")
        start = self.depth.encoder(seed) if from_depth and self.depth is not None else None
        return self._train(NONE, folder, 1000 * seed + 1, self.steps.base, start, ())[0]

    def _believed(self, base: Path, seed: int) -> list[UnlabelledSample]:
        path = self.folder / f"{self.study.name}-{seed}" / "believed.pickle"
        if not path.is_file():
            found = self.study.believed(self.predicting(base))
            with replaced(path) as unfinished:
                unfinished.write_bytes(pickle.dumps(found))
        beliefs: list[UnlabelledSample] = pickle.loads(path.read_bytes())
        return beliefs

    def _train(
        self,
        system: str,
        folder: Path,
        seed: int,
        steps: int,
        start: Path | None,
        believed: Sequence[UnlabelledSample],
        nearness: Nearness | None = None,
    ) -> tuple[Path, float]:
        settings = self.study.settings
        way, _, mix = system.removesuffix(" from depth").partition(" + ")
        update = {"unlabelled": way, "mix": "depth" if nearness else mix or "none", **self.changes}
        student = settings.student.model_copy(update=update)
        # Who learns from masks has nothing to learn from a frame without any.
        useful = [sample for sample in believed if sample.masks or way != "self"]
        started = time.process_time()
        trained = train_student(
            student,
            settings.teachers,
            self.study.samples,
            {1: "object"},
            self.study.read,
            folder,
            seed,
            steps,
            start,
            unlabelled=useful,
            nearness=nearness,
        )
        return trained.checkpoint, time.process_time() - started

    def predicting(self, checkpoint: Path) -> Predict:
        """Return what asks the teachers of a student."""
        settings = self.study.settings
        teachers, student = settings.teachers, settings.student
        asked = teachers.model_copy(update={"score_threshold": weakest_score(teachers)})
        members = load_members(checkpoint, student.device, asked)
        views = views_named(teachers.views)

        def predict(frames: Sequence[FrameRef]) -> list[FramePrediction]:
            images = ((i, self.study.read(frame)) for i, frame in enumerate(frames))
            return list(predict_frames(members, views, images, teachers, student.long_side, student.max_objects))

        return predict
