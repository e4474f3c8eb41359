"""A project with one ingested clip of two movers, whose videos can be propagated."""

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from al_core.evaluation.calibration import Calibration
from al_core.fusion.choice import Choice
from al_core.ledger.store import Ledger
from al_core.masks.rle import decode, encode
from al_core.masks.soft import SoftMask
from al_core.project import Project
from al_core.records import FrameLabel, FrameRef, Identities, MaskLabel, Progress, Provenance, Video
from al_core.settings import Settings
from al_core.stores.delivered import Summary, read_delivered
from al_core.stores.frames import FrameStore
from al_core.stores.predictions import FramePrediction, PredictedObject, write_predictions
from tasks.steps.context import RoundContext
from tasks.steps.propagate import Unit, delivered_here
from tests.toys.footage.movers import MoverClip, line, mover_clip
from tests.toys.footage.travelling import TravellingClip
from tests.toys.ledgers import context_of, times_us

SETTINGS = Settings()


def propagate_video(
    context: RoundContext,
    video: Video,
    labels: Iterable[FrameLabel],
    predictions: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    calibrations: Mapping[str, Calibration] | None = None,
    choice: Choice | None = None,
) -> Summary:
    """Deliver one video of a round; returns what was delivered, by provenance."""
    unit = Unit(video, list(labels), predictions, choice, None, "")
    told = delivered_here(context, unit, calibrations or {}, on_progress)
    context.ledger.put_deliveries(context.round_id, [told])
    return list(told[3])


class Workplace:
    """A project with one ingested folder of frames."""

    def __init__(
        self,
        folder: Path,
        identities: Identities = Identities.PERSISTENT,
        clip: MoverClip | TravellingClip | None = None,
    ) -> None:
        self.clip = clip or mover_clip({1: line((30, 36), (4, 0)), 2: line((120, 60), (-3, 0))}, 14, (96, 160))
        self.project = Project.at(folder / "project")
        self.ledger = Ledger(self.project.ledger_path, patience=5)
        self.ledger.add_categories(["disk"])
        files = write_frames(folder / "frames", self.clip)
        height, width = self.clip.size
        video = Video(
            0, "disks", str(folder / "frames"), "folder", "d" * 64, Fraction(25), self.clip.n_frames, height, width,
            identities=identities, files=files,
        )  # fmt: skip
        stored = self.ledger.add_video(video, times_us(self.clip.n_frames))
        assert stored is not None
        self.video = stored
        self.frames = FrameStore(self.project.cache / "frames", [stored], SETTINGS.frames)

    def label(self, frame_idx: int, numbers: dict[int, int] | None = None) -> FrameLabel:
        """The truth of a frame; ``numbers`` renames its tracks."""
        truth = self.clip.truth[frame_idx]
        names = numbers or {t: t for t in truth}
        masks = tuple(MaskLabel(names[t], 1, encode(truth[t])) for t in names)
        return FrameLabel(FrameRef(self.video.video_id, frame_idx), masks)

    def propagate(
        self,
        labels: Iterable[FrameLabel],
        predictions: Path | None = None,
        told: list[Progress] | None = None,
        settings: Settings = SETTINGS,
        calibrations: Mapping[str, Calibration] | None = None,
    ) -> Summary:
        context = context_of(self.project, self.ledger, 1, settings, frames=self.frames)
        on_progress = None if told is None else told.append
        return propagate_video(context, self.video, labels, predictions, on_progress, calibrations)

    def delivered(self) -> dict[int, dict[int, tuple[Provenance, np.ndarray]]]:
        """What the ledger says was delivered, by frame and track."""
        path = self.project.absolute(self.ledger.delivered_paths(1)[self.video.video_id])
        return {i: {m.track_id: (m.provenance, decode(m.rle)) for m in masks} for i, masks in read_delivered(path)}

    def predictions(self, track: int) -> Path:
        """Teachers that see one of the objects in every frame."""
        path = self.project.root / "predictions.parquet"
        frames = [FramePrediction(i, (sighting(self.clip.truth[i][track]),), np.ones(1, np.float32)) for i in range(12)]
        write_predictions(path, frames, self.clip.size)
        return path


def write_frames(folder: Path, clip: MoverClip | TravellingClip) -> tuple[str, ...]:
    folder.mkdir()
    for i, image in enumerate(clip.images):
        cv2.imwrite(str(folder / f"{i:05d}.png"), image[..., ::-1])
    return tuple(f"{i:05d}.png" for i in range(len(clip.images)))


def sighting(mask: np.ndarray) -> PredictedObject:
    return PredictedObject(1, (0.95, 0.05), 0.95, 4, (0, 0, 1, 1), 0.0, 1.0, 0.0, 0.0, SoftMask.of(mask))
