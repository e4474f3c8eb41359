"""A student that goes on from labels alone, with and without unlabelled frames: what every study measures, and how.

A base student learns from the labels. What it and the propagators deliver is believed as a round would believe it. Then
every arm goes on from that same base for as many steps, or the supervised one for as many processor seconds.
"""

import pickle
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
from al_core.students.semi.unlabelled import UnlabelledSample
from al_core.students.train import TrainingSample, train_student
from al_core.uncertainty.augment import views_named
from al_core.uncertainty.ensemble import predict_frames, weakest_score

NONE = "none"
SYSTEMS = (NONE, "self", "mmt_psm", "s4gan", "self + class")
"""Each a way to learn from unlabelled frames, and after a plus how these are mixed."""

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

    def measure(self, system: str, seed: int, steps: int | None = None, name: str = "") -> tuple[Figures, float]:
        """Return the figures of an arm, and the processor seconds of its training.

        Args:
            steps: by default those of every arm.
            name: of an arm in which something else is different too.
        """
        base, steps = self.base(seed), self.steps.arm if steps is None else steps
        believed = self._believed(base, seed)
        folder = self.folder / f"{self.study.name}-{seed}" / f"{name or system}-{steps}"
        trained, seconds = self._train(system, folder, 1000 * seed + 2, steps, base, believed)
        return self.study.figures(self.predicting(trained)), seconds

    def base(self, seed: int) -> Path:
        """Return the student of a seed that all arms go on from, trained now or before."""
        folder = self.folder / f"{self.study.name}-{seed}" / "base"
        return self._train(NONE, folder, 1000 * seed + 1, self.steps.base, None, ())[0]

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
    ) -> tuple[Path, float]:
        settings = self.study.settings
        way, _, mix = system.partition(" + ")
        update = {"unlabelled": way, "mix": mix or "none", **self.changes}
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
